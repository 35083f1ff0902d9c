#define _GNU_SOURCE
#include "serving-layer/batch_store.h"

#include <fcntl.h>
#include <inttypes.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/random.h"
#include "handover/database.h"
#include "serving-layer/batch_load.h"

enum {
    POLL_MS = 1000,
    LEASE_RENEW_US = 2000000,
    BACKOFF_FIRST_MS = 100,
    BACKOFF_LAST_MS = 2000,
    INSTANCE_BYTES = 16
};

struct version {
    struct batch_view *batch;
    unsigned held; /* by loops */
    struct version *older;
};

struct batch_store {
    struct batch_store_settings settings;
    char instance[2 * INSTANCE_BYTES + 1]; /* our lease's name */
    pthread_t thread;
    int wake[2];

    pthread_mutex_t lock;   /* over what follows */
    struct version *newest; /* and older ones that are still held */
    struct batch_store_figures figures;
    bool stopping;

    /* The thread's own. */
    PGconn *db;    /* watches and loads */
    PGconn *lease; /* renews the lease, also while `db` loads */
    int64_t lease_n, lease_renewed_us;
    bool lease_failed;
};

static void store_wake(struct batch_store *store)
{
    ssize_t ignored = write(store->wake[1], "", 1); /* a full pipe is readable already */
    (void)ignored;
}

/* ---- versions ---- */

bool batch_store_ready(struct batch_store *store)
{
    pthread_mutex_lock(&store->lock);
    bool ready = store->newest;
    pthread_mutex_unlock(&store->lock);
    return ready;
}

const struct batch_view *batch_store_acquire(struct batch_store *store)
{
    pthread_mutex_lock(&store->lock);
    const struct batch_view *batch = store->newest ? store->newest->batch : NULL;
    if (batch)
        store->newest->held++;
    pthread_mutex_unlock(&store->lock);
    return batch;
}

void batch_store_release(struct batch_store *store, const struct batch_view *batch)
{
    if (!batch)
        return;
    pthread_mutex_lock(&store->lock);
    struct version *version = store->newest;
    while (version->batch != batch)
        version = version->older;
    bool last = --version->held == 0 && version != store->newest;
    pthread_mutex_unlock(&store->lock);
    if (last) /* the lease can move on, and the thread frees it */
        store_wake(store);
}

void batch_store_refresh(struct batch_store *store)
{
    store_wake(store);
}

/* Unlinks the older versions that nobody holds. */
static struct version *versions_unheld(struct batch_store *store)
{
    struct version *unheld = NULL;
    pthread_mutex_lock(&store->lock);
    struct version **at = store->newest ? &store->newest->older : NULL;
    while (at && *at) {
        struct version *version = *at;
        if (version->held) {
            at = &version->older;
            continue;
        }
        *at = version->older;
        version->older = unheld;
        unheld = version;
    }
    pthread_mutex_unlock(&store->lock);
    return unheld;
}

/* Blocks are counted without atomics: only the thread frees versions. */
static void versions_free(struct version *version)
{
    if (!version)
        return;
    while (version) {
        struct version *older = version->older;
        batch_view_free(version->batch);
        free(version);
        version = older;
    }
    malloc_trim(0);
}

static int64_t oldest_in_use(struct batch_store *store)
{
    int64_t oldest = -1;
    pthread_mutex_lock(&store->lock);
    for (const struct version *version = store->newest; version; version = version->older) {
        int64_t n = batch_view_edition(version->batch)->n;
        if ((version->held || version == store->newest) && (oldest < 0 || n < oldest))
            oldest = n;
    }
    store->figures.oldest_in_use = oldest;
    pthread_mutex_unlock(&store->lock);
    return oldest;
}

static void version_swap(struct batch_store *store, struct batch_view *batch, int64_t took_us)
{
    struct version *version = xcalloc(1, sizeof *version);
    struct batch_view_figures view;
    const struct batch_edition *edition = batch_view_edition(batch);
    batch_view_figures(batch, &view);
    version->batch = batch;
    pthread_mutex_lock(&store->lock);
    version->older = store->newest;
    store->newest = version;
    store->figures.n = edition->n;
    store->figures.published_ms = edition->published_ms;
    store->figures.loaded_ms = clock_unix_ms();
    store->figures.load_took_us = took_us;
    store->figures.loads++;
    store->figures.view = view;
    pthread_mutex_unlock(&store->lock);
    log_info("batch_store",
             "answers from batch view n=%" PRId64 " rows=%" PRIu64 " counters=%" PRIu64
             " users=%" PRIu64 " bytes=%zu loaded_in_ms=%" PRId64,
             edition->n, view.rows, view.counters, view.users, view.bytes, took_us / 1000);
}

/* ---- the lease ---- */

static void lease_close(struct batch_store *store)
{
    PQfinish(store->lease);
    store->lease = NULL;
    store->lease_renewed_us = 0;
}

static int lease_write(struct batch_store *store, int64_t n, struct err *err)
{
    if (!store->lease &&
        (!(store->lease = database_open(store->settings.postgres, "tandem-serve lease", err)) ||
         /* a lease is renewed all the while: none is worth waiting for the disk */
         database_run(store->lease, err, "SET synchronous_commit = off", 0, NULL)))
        return -1;
    char number[24];
    snprintf(number, sizeof number, "%" PRId64, n);
    return database_run(
        store->lease, err,
        "INSERT INTO serving_lease (instance, n, expires_at) VALUES ($1, $2, now() + interval '10 seconds')"
        " ON CONFLICT (instance) DO UPDATE SET n = excluded.n, expires_at = excluded.expires_at",
        2, (const char *[]){store->instance, number});
}

/*
 * The lease says the oldest version that a loop may answer from. What it says may be too old, never too new: versions are
 * acquired under the lock and only the newest, so none below `oldest` can come into use after oldest_in_use() looked.
 * A lease that ran out (Postgres away) costs no exactness: who reads from retired segments is told so by Redis.
 */
static void lease_keep(struct batch_store *store)
{
    int64_t oldest = oldest_in_use(store), now_us = clock_monotonic_us();
    bool due = now_us - store->lease_renewed_us >= LEASE_RENEW_US;
    if (oldest < 0 || (!due && (oldest == store->lease_n || store->lease_failed)))
        return;
    struct err err;
    bool failed = lease_write(store, oldest, &err);
    if (failed)
        lease_close(store);
    if (failed && !store->lease_failed)
        log_warn("batch_store", "lease not renewed: %s", err.message);
    store->lease_failed = failed;
    store->lease_n = oldest;
    store->lease_renewed_us = now_us;
}

static void lease_keep_meanwhile(void *context)
{
    lease_keep(context);
}

static void lease_remove(struct batch_store *store)
{
    struct err err;
    if (store->lease &&
        database_run(store->lease, &err, "DELETE FROM serving_lease WHERE instance = $1", 1,
                     (const char *[]){store->instance}))
        log_warn("batch_store", "lease not removed, it runs out by itself: %s", err.message);
    lease_close(store);
}

/* ---- the thread ---- */

/* After a failure: anew. */
static int store_connect(struct batch_store *store, struct err *err)
{
    store->db = database_open(store->settings.postgres, "tandem-serve", err);
    if (!store->db)
        return -1;
    return database_run(store->db, err, "LISTEN tandem_publication", 0, NULL);
}

/* Looks at the publication; loads and swaps when there is a newer one. */
static int store_look(struct batch_store *store, struct err *err)
{
    if (!store->db && store_connect(store, err))
        return -1;
    /* Only this thread changes `newest`. */
    const struct batch_view *before = store->newest ? store->newest->batch : NULL;
    const struct batch_load load = {store->db,
                                    store->settings.partitions,
                                    before,
                                    store->figures.loads + 1,
                                    lease_keep_meanwhile,
                                    store};
    struct batch_view *loaded;
    int64_t began_us = clock_monotonic_us();
    if (batch_load(&load, &loaded, err))
        return -1;
    if (loaded) {
        version_swap(store, loaded, clock_monotonic_us() - began_us);
        lease_keep(store); /* a run waits for it */
        malloc_trim(0);
    }
    return 0;
}

/* Logged once, when it begins and when it is over. */
static void look_note(struct batch_store *store, const struct err *err)
{
    pthread_mutex_lock(&store->lock);
    struct batch_store_figures *figures = &store->figures;
    const char *message = err ? err->message : "";
    bool news = strcmp(figures->message, message) != 0;
    figures->connected = !err;
    figures->fatal = err && err->kind == ERR_FATAL;
    figures->failures += err ? 1 : 0;
    snprintf(figures->message, sizeof figures->message, "%s", message);
    pthread_mutex_unlock(&store->lock);
    if (news && err)
        log_warn("batch_store", "publication not read, trying again: %s", message);
    else if (news)
        log_info("batch_store", "Postgres is there again");
}

static bool store_stopping(struct batch_store *store)
{
    pthread_mutex_lock(&store->lock);
    bool stopping = store->stopping;
    pthread_mutex_unlock(&store->lock);
    return stopping;
}

/* Waits for a wake, the time, or (fd >= 0) what comes over the connection. */
static void wait_once(struct batch_store *store, int fd, int timeout_ms)
{
    struct pollfd fds[2] = {{store->wake[0], POLLIN, 0}, {fd, POLLIN, 0}};
    poll(fds, 2, timeout_ms);
    char bytes[64];
    while (read(store->wake[0], bytes, sizeof bytes) > 0)
        ;
}

static void store_wait(struct batch_store *store)
{
    wait_once(store, PQsocket(store->db), POLL_MS);
    PQconsumeInput(store->db); /* a connection that is gone shows at the next look */
    PGnotify *notify;
    while ((notify = PQnotifies(store->db)))
        PQfreemem(notify);
}

/* After a failure: readers that ask for a refresh do not shorten the wait, a stop does. */
static void store_back_off(struct batch_store *store, int ms)
{
    int64_t until_us = clock_monotonic_us() + (int64_t)ms * 1000, left_us;
    while (!store_stopping(store) && (left_us = until_us - clock_monotonic_us()) > 0)
        wait_once(store, -1, (int)(left_us / 1000) + 1);
}

static void *store_run(void *context)
{
    struct batch_store *store = context;
    int backoff_ms = BACKOFF_FIRST_MS;
    while (!store_stopping(store)) {
        struct err err = {0};
        bool failed = store_look(store, &err);
        look_note(store, failed ? &err : NULL);
        if (failed) {
            PQfinish(store->db);
            store->db = NULL;
        }
        versions_free(versions_unheld(store));
        lease_keep(store);
        if (failed)
            store_back_off(store, backoff_ms);
        else
            store_wait(store);
        backoff_ms = !failed                            ? BACKOFF_FIRST_MS
                     : 2 * backoff_ms < BACKOFF_LAST_MS ? 2 * backoff_ms
                                                        : BACKOFF_LAST_MS;
    }
    lease_remove(store);
    PQfinish(store->db);
    return NULL;
}

struct batch_store *batch_store_new(const struct batch_store_settings *settings)
{
    struct batch_store *store = xcalloc(1, sizeof *store);
    store->settings = *settings;
    store->settings.postgres = xstrdup(settings->postgres);
    store->figures = (struct batch_store_figures){.n = -1, .oldest_in_use = -1};
    store->lease_n = -1;
    random_hex(store->instance, INSTANCE_BYTES);
    pthread_mutex_init(&store->lock, NULL);
    if (pipe2(store->wake, O_CLOEXEC | O_NONBLOCK) ||
        pthread_create(&store->thread, NULL, store_run, store)) {
        log_error("batch_store", "no thread or pipe");
        exit(1);
    }
    return store;
}

void batch_store_free(struct batch_store *store)
{
    if (!store)
        return;
    pthread_mutex_lock(&store->lock);
    store->stopping = true;
    pthread_mutex_unlock(&store->lock);
    store_wake(store);
    pthread_join(store->thread, NULL);
    versions_free(store->newest);
    close(store->wake[0]);
    close(store->wake[1]);
    pthread_mutex_destroy(&store->lock);
    free((void *)store->settings.postgres);
    free(store);
}

/* ---- figures ---- */

void batch_store_figures(struct batch_store *store, struct batch_store_figures *figures)
{
    pthread_mutex_lock(&store->lock);
    *figures = store->figures;
    pthread_mutex_unlock(&store->lock);
}

bool batch_store_deployment(struct batch_store *store, char *id, size_t bytes)
{
    pthread_mutex_lock(&store->lock);
    bool known = store->newest;
    if (known)
        snprintf(id, bytes, "%s", batch_view_edition(store->newest->batch)->deployment);
    pthread_mutex_unlock(&store->lock);
    return known;
}
