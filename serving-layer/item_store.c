#define _GNU_SOURCE
#include "serving-layer/item_store.h"

#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "handover/database.h"
#include "serving-layer/item_rows.h"
#include "serving-layer/item_table.h"

enum {
    LOOK_MS = 1000,
    FETCH_ROWS = 5000,
    APPLY_ROWS = 200, /* under the write lock at once: about a millisecond */
    BUSY_S = 5,       /* how long one who wants to catch up waits for another */
    ABSENT_S = 3600   /* a day is how long tombstones are kept */
};

struct item_store {
    const char *postgres;
    pthread_t thread;
    int stop; /* eventfd */
    _Atomic bool ready;
    pthread_rwlock_t lock; /* over the table */
    struct item_table *table;
    pthread_mutex_t loading; /* who holds it loads; over all below */
    _Atomic int64_t seen;    /* every write up to this version is in the table */
    int64_t looked_us;
    bool in_doubt; /* a comparison with the whole is due */
    _Atomic uint64_t loads;
    char complaint[512]; /* the thread's own: each is logged once a change */
};

/* ---- the table ---- */

void item_store_lock(struct item_store *store)
{
    pthread_rwlock_rdlock(&store->lock);
}

void item_store_unlock(struct item_store *store)
{
    pthread_rwlock_unlock(&store->lock);
}

const struct item *item_store_find(const struct item_store *store, struct text item)
{
    return item_table_find(store->table, item);
}

struct item_place item_store_place(const struct item_store *store, int64_t created_ms,
                                   struct text item)
{
    return item_list_place(item_table_list(store->table), created_ms, item);
}

const struct item *item_store_next(const struct item_store *store, struct item_place *place)
{
    return item_list_next(item_table_list(store->table), place);
}

bool item_store_ready(const struct item_store *store)
{
    return store->ready;
}

/* ---- what is new ---- */

/* A deleted item's row has no created_at. */
static void row_apply(struct item_store *store, const PGresult *rows, int r)
{
    struct item item = item_of_row(rows, r);
    if (PQgetisnull(rows, r, 8))
        item_table_remove(store->table, item.item);
    else if (!item_table_confirm(store->table, &item))
        item_table_put(store->table, &item);
}

static void rows_apply(struct item_store *store, const PGresult *rows)
{
    for (int r = 0, n = PQntuples(rows); r < n;) {
        pthread_rwlock_wrlock(&store->lock);
        for (int end = r + APPLY_ROWS; r < n && r < end; r++)
            row_apply(store, rows, r);
        pthread_rwlock_unlock(&store->lock);
    }
}

/* Versions are in the order of commits (002-catalogue.sql), so what is newer than what was seen is all there is. */
static int news_load(struct item_store *store, PGconn *db, struct err *err)
{
    int n;
    do {
        char seen[24];
        const char *const params[] = {seen};
        snprintf(seen, sizeof seen, "%" PRId64, (int64_t)store->seen);
        PGresult *rows = database_query(
            db, err,
            "(SELECT " ITEM_COLUMNS " FROM item i WHERE i.version > $1::int8"
            " ORDER BY i.version LIMIT 5000)"
            " UNION ALL (SELECT d.item, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,"
            " d.version, NULL, NULL FROM item_deleted d WHERE d.version > $1::int8"
            " ORDER BY d.version LIMIT 5000) ORDER BY 11 LIMIT 5000",
            1, params);
        if (!rows)
            return -1;
        n = PQntuples(rows);
        rows_apply(store, rows);
        if (n > 0)
            store->seen = item_of_row(rows, n - 1).version;
        PQclear(rows);
    } while (n == FETCH_ROWS);
    return 0;
}

/* ---- the whole ---- */

static int whole_fetch(struct item_store *store, PGconn *db, struct err *err)
{
    int n;
    if (database_run(db, err,
                     "DECLARE whole NO SCROLL CURSOR FOR SELECT " ITEM_COLUMNS " FROM item i", 0,
                     NULL))
        return -1;
    do {
        PGresult *rows = database_query(db, err, "FETCH 5000 FROM whole", 0, NULL);
        if (!rows)
            return -1;
        n = PQntuples(rows);
        rows_apply(store, rows);
        PQclear(rows);
    } while (n > 0);
    return database_run(db, err, "CLOSE whole", 0, NULL);
}

/* Old items stay until the new ones are there: a reader never finds less than there was. */
static int whole_load(struct item_store *store, PGconn *db, int64_t newest, struct err *err)
{
    int64_t began_us = clock_monotonic_us();
    item_table_round(store->table);
    if (whole_fetch(store, db, err))
        return -1;
    for (bool more = true; more;) {
        pthread_rwlock_wrlock(&store->lock);
        more = item_table_sweep(store->table);
        pthread_rwlock_unlock(&store->lock);
    }
    store->seen = newest;
    store->loads++;
    log_info("items", "catalogue loaded n=%" PRIu64 " version=%" PRId64 " took_ms=%" PRId64,
             item_table_digest(store->table).n, newest, (clock_monotonic_us() - began_us) / 1000);
    return 0;
}

/* Is the whole the same here and there? Postgres may have come back as it was earlier, or tombstones may be gone. */
static int whole_compare(struct item_store *store, PGconn *db, struct err *err)
{
    PGresult *row =
        database_query(db, err,
                       "SELECT count(*), coalesce(mod(sum(version), 4611686018427387904), 0)::int8,"
                       " coalesce(bit_xor(updated_at), 0), greatest(coalesce(max(version), 0),"
                       " (SELECT coalesce(max(version), 0) FROM item_deleted)) FROM item",
                       0, NULL);
    if (!row)
        return -1;
    uint64_t there[4];
    for (int c = 0; c < 4; c++)
        there[c] = strtoull(PQgetvalue(row, 0, c), NULL, 10);
    PQclear(row);
    struct item_digest here = item_table_digest(store->table);
    if (store->ready && there[0] == here.n && there[1] == here.sum &&
        there[2] == here.xor &&(int64_t)there[3] == store->seen)
        return 0;
    return whole_load(store, db, (int64_t)there[3], err);
}

static int doubt_end(struct item_store *store, PGconn *db, struct err *err)
{
    if (database_run(db, err, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", 0, NULL) ||
        (store->ready && news_load(store, db, err)) || whole_compare(store, db, err) ||
        database_run(db, err, "COMMIT", 0, NULL))
        return -1;
    store->in_doubt = false;
    store->ready = true;
    return 0;
}

static int loading_begin(struct item_store *store, struct err *err)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += BUSY_S;
    return pthread_mutex_timedlock(&store->loading, &until)
               ? err_set(err, ERR_RETRY, "the catalogue is being loaded")
               : 0;
}

int item_store_catch_up(struct item_store *store, PGconn *db, struct err *err)
{
    if (loading_begin(store, err))
        return -1;
    int64_t now_us = clock_monotonic_us();
    if (now_us - store->looked_us > (int64_t)ABSENT_S * 1000000)
        store->in_doubt = true;
    int failed = store->in_doubt ? doubt_end(store, db, err) : news_load(store, db, err);
    if (!failed)
        store->looked_us = now_us;
    pthread_mutex_unlock(&store->loading);
    return failed;
}

void item_store_figures(struct item_store *store, struct item_store_figures *figures)
{
    size_t texts, rest;
    item_store_lock(store);
    item_table_bytes(store->table, &texts, &rest);
    *figures = (struct item_store_figures){item_table_digest(store->table).n, texts, rest,
                                           store->seen, store->loads};
    item_store_unlock(store);
}

/* ---- the thread ---- */

static void complain(struct item_store *store, const struct err *err)
{
    if (strcmp(store->complaint, err->message) != 0)
        log_warn("items", "waits and tries again: %s", err->message);
    snprintf(store->complaint, sizeof store->complaint, "%s", err->message);
}

static PGconn *listen_open(struct item_store *store, struct err *err)
{
    PGconn *db = database_open(store->postgres, "tandem-serve-items", err);
    if (db && database_run(db, err, "LISTEN tandem_items", 0, NULL)) {
        PQfinish(db);
        return NULL;
    }
    pthread_mutex_lock(&store->loading);
    store->in_doubt = true; /* what was it that came back? */
    pthread_mutex_unlock(&store->loading);
    return db;
}

/* NULL: the connection is lost, and closed. */
static PGconn *look(struct item_store *store, PGconn *db)
{
    struct err err;
    if (!db && !(db = listen_open(store, &err))) {
        complain(store, &err);
        return NULL;
    }
    if (item_store_catch_up(store, db, &err) == 0) {
        if (store->complaint[0])
            log_info("items", "goes on");
        store->complaint[0] = 0;
        return db;
    }
    complain(store, &err);
    PQfinish(db);
    return NULL;
}

/* Until a notification, a second, or the stop: false. */
static bool wait_for_news(struct item_store *store, PGconn *db)
{
    struct pollfd on[2] = {{.fd = store->stop, .events = POLLIN},
                           {.fd = db ? PQsocket(db) : -1, .events = POLLIN}};
    if (poll(on, 2, LOOK_MS) > 0 && on[0].revents)
        return false;
    if (db && PQconsumeInput(db)) /* that it failed shows when the connection is used */
        for (PGnotify *news; (news = PQnotifies(db));)
            PQfreemem(news);
    return true;
}

static void *item_store_run(void *context)
{
    struct item_store *store = context;
    PGconn *db = NULL;
    do
        db = look(store, db);
    while (wait_for_news(store, db));
    PQfinish(db);
    return NULL;
}

struct item_store *item_store_new(const char *postgres)
{
    struct item_store *store = xcalloc(1, sizeof *store);
    pthread_rwlockattr_t writers_first; /* else readers that take turns would keep the loader out */
    pthread_rwlockattr_init(&writers_first);
    pthread_rwlockattr_setkind_np(&writers_first, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&store->lock, &writers_first);
    pthread_rwlockattr_destroy(&writers_first);
    pthread_mutex_init(&store->loading, NULL);
    store->postgres = postgres;
    store->table = item_table_new();
    store->in_doubt = true;
    store->stop = eventfd(0, EFD_CLOEXEC);
    if (store->stop < 0 || pthread_create(&store->thread, NULL, item_store_run, store)) {
        log_error("items", "no thread");
        exit(1); /* at the start, before anything was answered */
    }
    return store;
}

void item_store_free(struct item_store *store)
{
    const uint64_t one = 1;
    if (write(store->stop, &one, sizeof one) != sizeof one)
        abort();
    pthread_join(store->thread, NULL);
    close(store->stop);
    item_table_free(store->table);
    pthread_mutex_destroy(&store->loading);
    pthread_rwlock_destroy(&store->lock);
    free(store);
}
