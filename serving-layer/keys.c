#define _GNU_SOURCE
#include "serving-layer/keys.h"

#include <libpq-fe.h>
#include <poll.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "handover/database.h"

enum { POLL_MS = 500, USED_EVERY_US = 10000000, KEYS_MAX = 100000 };

struct known_key {
    char id[KEY_ID_BYTES + 1];
    unsigned char hash[KEY_HASH_BYTES];
    enum role role;
    struct bucket_size size;
    _Atomic int64_t full_at_ns;
    _Atomic bool used; /* since used_at was last written */
};

struct keys {
    const char *postgres;
    pthread_t thread;
    int stop_fd;
    /* the thread's own */
    PGconn *db;
    int64_t used_us; /* when used_at was last written */
    char complaint[512];
    /* under the lock */
    pthread_rwlock_t lock;
    bool loaded, any; /* any: a key was ever made */
    struct known_key *known;
    size_t n;
};

/* ---- asking ---- */

static int compare_ids(const void *id, const void *key)
{
    return strcmp(id, ((const struct known_key *)key)->id);
}

static struct known_key *known_find(const struct known_key *known, size_t n, const char *id)
{
    return n ? bsearch(id, known, n, sizeof *known, compare_ids) : NULL;
}

static enum keys_verdict key_take(struct known_key *key, int64_t now_us, struct keys_answer *answer)
{
    bool taken = true;
    answer->role = key->role;
    answer->size = key->size;
    memcpy(answer->id, key->id, sizeof answer->id);
    if (key->size.rate)
        taken = bucket_take(&key->full_at_ns, key->size, now_us * 1000, &answer->told);
    if (!atomic_load_explicit(&key->used, memory_order_relaxed))
        atomic_store_explicit(&key->used, true, memory_order_relaxed);
    return taken ? KEYS_TAKEN : KEYS_TOO_FAST;
}

enum keys_verdict keys_ask(struct keys *keys, struct text presented, int64_t now_us,
                           struct keys_answer *answer)
{
    unsigned char hash[KEY_HASH_BYTES];
    char id[KEY_ID_BYTES + 1];
    bool is_key = key_parse(presented, id);
    if (is_key)
        key_hash(presented, hash);
    pthread_rwlock_rdlock(&keys->lock);
    struct known_key *key = is_key ? known_find(keys->known, keys->n, id) : NULL;
    enum keys_verdict verdict = !keys->loaded ? KEYS_UNREAD
                                : !keys->any  ? KEYS_OPEN
                                : !key || !key_hash_equal(hash, key->hash)
                                    ? KEYS_REFUSED
                                    : key_take(key, now_us, answer);
    pthread_rwlock_unlock(&keys->lock);
    return verdict;
}

bool keys_are_read(struct keys *keys)
{
    pthread_rwlock_rdlock(&keys->lock);
    bool loaded = keys->loaded;
    pthread_rwlock_unlock(&keys->lock);
    return loaded;
}

/* ---- the thread: reading ---- */

/* A row: id, hash in hex, role, rate, burst. -1: it is none that this program writes. */
static int row_take(const PGresult *rows, int r, struct known_key *key)
{
    struct text role = {PQgetvalue(rows, r, 2), (size_t)PQgetlength(rows, r, 2)};
    const char *hex = PQgetvalue(rows, r, 1);
    size_t n;
    snprintf(key->id, sizeof key->id, "%s", PQgetvalue(rows, r, 0));
    key->size = (struct bucket_size){atoll(PQgetvalue(rows, r, 3)), atoll(PQgetvalue(rows, r, 4))};
    return sodium_hex2bin(key->hash, sizeof key->hash, hex, strlen(hex), NULL, &n, NULL) ||
                   n != sizeof key->hash || !role_parse(role, &key->role) || key->size.rate < 0 ||
                   key->size.rate > BUCKET_RATE_MAX || key->size.burst < 1 ||
                   key->size.burst > BUCKET_BURST_MAX
               ? -1
               : 0;
}

/* In place of what was known; buckets stay as full as they were. */
static void known_replace(struct keys *keys, struct known_key *fresh, size_t n, bool any)
{
    bool changed = !keys->loaded || keys->any != any || keys->n != n;
    pthread_rwlock_wrlock(&keys->lock);
    for (size_t i = 0; i < n; i++) {
        struct known_key *before = known_find(keys->known, keys->n, fresh[i].id);
        if (!before)
            continue;
        fresh[i].full_at_ns = before->full_at_ns;
        fresh[i].used = before->used;
    }
    struct known_key *old = keys->known;
    keys->known = fresh;
    keys->n = n;
    keys->loaded = true;
    keys->any = any;
    pthread_rwlock_unlock(&keys->lock);
    free(old);
    if (changed && any)
        log_info("keys", "requests need an API key keys=%zu", n);
    else if (changed)
        log_warn("keys",
                 "there are no API keys: only this machine (loopback) is answered; make one with "
                 "`tandem-serve key add --role admin`");
}

static int keys_load(struct keys *keys, struct err *err)
{
    PGresult *rows =
        database_query(keys->db, err,
                       "SELECT k.id, encode(k.hash, 'hex'), k.role, k.rate, k.burst, e.made"
                       " FROM (SELECT EXISTS (SELECT FROM api_key)) e (made)"
                       " LEFT JOIN api_key k ON k.revoked_at IS NULL ORDER BY k.id COLLATE \"C\"",
                       0, NULL);
    if (!rows)
        return -1;
    int n = PQgetisnull(rows, 0, 0) ? 0 : PQntuples(rows);
    bool any = PQgetvalue(rows, 0, 5)[0] == 't';
    struct known_key *fresh = xcalloc((size_t)n + 1, sizeof *fresh);
    int failed =
        n > KEYS_MAX ? err_set(err, ERR_DATA, "table api_key has more than %d keys", KEYS_MAX) : 0;
    for (int r = 0; r < n && !failed; r++)
        if (row_take(rows, r, &fresh[r]))
            failed = err_set(err, ERR_DATA, "table api_key holds a key that is none, id %s",
                             PQgetvalue(rows, r, 0));
    PQclear(rows);
    if (failed)
        free(fresh);
    else
        known_replace(keys, fresh, (size_t)n, any);
    return failed;
}

/* ---- the thread: when a key was used ---- */

static int used_write(struct keys *keys, struct err *err)
{
    struct bytes ids = {0};
    int64_t now_us = clock_monotonic_us();
    if (now_us - keys->used_us < USED_EVERY_US)
        return 0;
    keys->used_us = now_us;
    for (size_t i = 0; i < keys->n; i++) /* nobody but this thread replaces the table */
        if (atomic_exchange(&keys->known[i].used, false))
            text_array_put(&ids, text_of(keys->known[i].id));
    size_t n = ids.n;
    text_array_end(&ids);
    int failed = n ? database_run(keys->db, err,
                                  "UPDATE api_key SET used_at = now() WHERE id = ANY ($1::text[])",
                                  1, (const char *const[]){ids.at})
                   : 0;
    bytes_free(&ids);
    return failed;
}

/* ---- the thread: its loop ---- */

static int keys_look(struct keys *keys, struct err *err)
{
    if (!keys->db) {
        keys->db = database_open(keys->postgres, "tandem-serve-keys", err);
        if (!keys->db || database_run(keys->db, err, "LISTEN " KEYS_CHANNEL, 0, NULL))
            return -1;
    }
    return keys_load(keys, err) || used_write(keys, err) ? -1 : 0;
}

static void complain(struct keys *keys, const struct err *err)
{
    if (strcmp(keys->complaint, err->message) != 0)
        log_warn("keys", "what was known stays valid: %s", err->message);
    snprintf(keys->complaint, sizeof keys->complaint, "%s", err->message);
    PQfinish(keys->db);
    keys->db = NULL;
}

/* Until Postgres has something to tell, or it is time. false: stop. */
static bool keys_wait(struct keys *keys)
{
    struct pollfd wait[] = {{keys->stop_fd, POLLIN, 0},
                            {keys->db ? PQsocket(keys->db) : -1, POLLIN, 0}};
    if (poll(wait, 2, POLL_MS) > 0 && wait[0].revents)
        return false;
    if (wait[1].revents) {
        PQconsumeInput(keys->db); /* a lost connection is met by the next look */
        for (PGnotify *told; (told = PQnotifies(keys->db));)
            PQfreemem(told);
    }
    return true;
}

static void *keys_run(void *context)
{
    struct keys *keys = context;
    struct err err;
    do
        if (keys_look(keys, &err))
            complain(keys, &err);
        else
            keys->complaint[0] = 0;
    while (keys_wait(keys));
    PQfinish(keys->db);
    return NULL;
}

struct keys *keys_new(const char *postgres)
{
    struct keys *keys = xcalloc(1, sizeof *keys);
    keys->postgres = postgres;
    keys->stop_fd = eventfd(0, EFD_CLOEXEC);
    pthread_rwlock_init(&keys->lock, NULL);
    if (keys->stop_fd < 0 || pthread_create(&keys->thread, NULL, keys_run, keys))
        abort(); /* at the start, before anything was answered */
    return keys;
}

void keys_free(struct keys *keys)
{
    if (!keys)
        return;
    if (eventfd_write(keys->stop_fd, 1))
        abort();
    pthread_join(keys->thread, NULL);
    close(keys->stop_fd);
    pthread_rwlock_destroy(&keys->lock);
    free(keys->known);
    free(keys);
}
