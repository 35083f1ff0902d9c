/*
 * One read batch at a time: the requests that wait are collected, every server is asked once (again by itself when something
 * moved, speed_reader.c), and only when all have answered or are away the requests are answered, all from batch view N and
 * each server's one moment. In between nothing else is read, so what is kept does not move under the answers.
 */
#include "serving-layer/reader.h"

#include <event2/event.h>
#include <malloc.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/err.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "serving-layer/batch_store.h"
#include "serving-layer/read_batch.h"
#include "serving-layer/speed_reader.h"

enum {
    BATCH_ROWS = 4000,                 /* rows asked for that begin no further request in a batch */
    KEPT_BYTES_MAX = 64 * 1024 * 1024, /* a reader's; half of it stays */
    EXTRA_NAMES_BYTES_MAX = 24 * 1024 * 1024,
    TRIM_BYTES = 8 * 1024 * 1024, /* so much freed at once goes back to the system */
    SPARE_ASKS = 64,
    VIEW_POLL_MS = 10,
};

static const struct timeval view_poll_time = {0, VIEW_POLL_MS * 1000};

enum phase { IDLE, READING, WAITING_FOR_VIEW };

struct reader {
    struct reader_settings settings;
    struct batch_store *store;
    struct event *begin, *finish; /* made active: what they do never runs inside a caller */
    struct event *deadline, *view_poll;

    struct speed_servers servers;
    struct speed_reader *server[SPEED_SERVERS_MAX];
    enum speed_outcome outcome[SPEED_SERVERS_MAX];
    bool server_ok[SPEED_SERVERS_MAX];
    int n_pending;

    enum phase phase;
    const struct batch_view *view; /* held while a batch is under way */
    uint64_t serial;               /* of the version that `symbols` and `kept` belong to */
    uint64_t
        gave_up_serial; /* version whose segments are retired and that had no successor in time */
    int64_t wait_until_us;
    struct symbols symbols;
    struct kept_rows kept;

    struct asks waiting, spare;
    struct read_batch batch;
    struct speed_read read;
    _Atomic uint64_t reads;
};

/* ---- a batch ends ---- */

static void ask_done(struct reader *reader, struct ask *ask, const struct snapshot *snapshot)
{
    ask->done(snapshot, ask->context);
    if (reader->spare.n < SPARE_ASKS)
        asks_put(&reader->spare, ask);
    else
        ask_free(ask);
}

static void batch_answer(struct reader *reader)
{
    for (int s = 0; s < reader->servers.n; s++)
        reader->server_ok[s] = reader->outcome[s] == SPEED_OK;
    const struct read_sources sources = {reader->view, &reader->symbols, reader->server_ok,
                                         reader->servers.n};
    if (reader->view)
        read_batch_merge(&reader->batch, &sources);
    struct ask *ask;
    while ((ask = asks_take(&reader->batch.asks))) {
        struct snapshot snapshot;
        if (reader->view)
            snapshot = read_batch_show(&reader->batch, &sources, ask);
        ask_done(reader, ask, reader->view ? &snapshot : NULL);
    }
}

/* A version is not held between batches: an idle loop must not keep segments from being retired. */
static void batch_end(struct reader *reader)
{
    evtimer_del(reader->deadline);
    batch_answer(reader);
    batch_store_release(reader->store, reader->view);
    reader->view = NULL;
    reader->phase = IDLE;
    if (reader->kept.bytes > KEPT_BYTES_MAX)
        kept_rows_evict(&reader->kept, KEPT_BYTES_MAX / 2, reader->batch.number);
    if (reader->waiting.first)
        event_active(reader->begin, 0, 0);
}

/* ---- a batch begins ---- */

/* Symbols and kept rows belong to one version of the batch view (and segments below its N are never read again). */
static void view_take(struct reader *reader, const struct batch_view *view)
{
    const struct batch_edition *edition = batch_view_edition(view);
    reader->view = view;
    if (reader->serial == edition->serial &&
        names_bytes(reader->symbols.extra) < EXTRA_NAMES_BYTES_MAX)
        return;
    bool much = reader->kept.bytes > TRIM_BYTES;
    kept_rows_clear(&reader->kept);
    symbols_begin(&reader->symbols, batch_view_names(view));
    if (much)
        malloc_trim(0);
    reader->serial = edition->serial;
}

static void servers_read(struct reader *reader)
{
    const struct batch_edition *edition = batch_view_edition(reader->view);
    struct read_batch *batch = &reader->batch;
    const char *deployment =
        reader->settings.deployment ? reader->settings.deployment : edition->deployment;
    read_batch_collect(batch, &reader->kept, edition);
    reader->read = (struct speed_read){edition,          deployment,     &reader->kept,
                                       &reader->symbols, batch->rows,    batch->n_rows,
                                       batch->users,     batch->n_users, batch->as_of};
    reader->phase = READING;
    metrics_add(&reader->reads, 1);
    reader->n_pending = 0;
    for (int s = 0; s < reader->servers.n; s++) {
        reader->outcome[s] =
            speed_reader_read(reader->server[s], &reader->read) ? SPEED_AWAY : SPEED_PENDING;
        reader->n_pending += reader->outcome[s] == SPEED_PENDING;
    }
    struct timeval timeout = {reader->settings.timeout_ms / 1000,
                              reader->settings.timeout_ms % 1000 * 1000};
    if (reader->n_pending)
        evtimer_add(reader->deadline, &timeout);
    else
        event_active(reader->finish, 0, 0);
}

static void on_begin(evutil_socket_t fd, short what, void *context)
{
    (void)fd, (void)what;
    struct reader *reader = context;
    if (reader->phase != IDLE || !reader->waiting.first)
        return;
    do
        asks_put(&reader->batch.asks, asks_take(&reader->waiting));
    while (reader->waiting.first && reader->batch.asks.n_rows < BATCH_ROWS);
    const struct batch_view *view = batch_store_acquire(reader->store);
    if (!view) {
        batch_end(reader);
        return;
    }
    view_take(reader, view);
    servers_read(reader);
}

/* ---- a batch is under way ---- */

static void on_server_done(void *context, int server, enum speed_outcome outcome)
{
    struct reader *reader = context;
    reader->outcome[server] = outcome;
    if (--reader->n_pending == 0)
        event_active(reader->finish, 0, 0);
}

/*
 * Segments of this version are retired: a newer one is published, for that comes first. Its requests wait for it; when it does
 * not come in time (Postgres away), they are answered from the batch view alone, which is exact at its boundary.
 */
static void view_wait(struct reader *reader)
{
    reader->phase = WAITING_FOR_VIEW;
    reader->wait_until_us = clock_monotonic_us() + (int64_t)reader->settings.timeout_ms * 1000;
    batch_store_refresh(reader->store);
    event_add(reader->view_poll, &view_poll_time);
}

static void on_view_poll(evutil_socket_t fd, short what, void *context)
{
    (void)fd, (void)what;
    struct reader *reader = context;
    const struct batch_view *view = batch_store_acquire(reader->store);
    if (batch_view_edition(view)->serial != reader->serial) {
        batch_store_release(reader->store, reader->view);
        view_take(reader, view);
        servers_read(reader);
        return;
    }
    batch_store_release(reader->store, view);
    if (clock_monotonic_us() < reader->wait_until_us) {
        batch_store_refresh(reader->store);
        event_add(reader->view_poll, &view_poll_time);
        return;
    }
    log_warn(
        "reader",
        "segments are retired and no newer batch view came in time: answers stand at the boundary");
    reader->gave_up_serial = reader->serial;
    batch_end(reader);
}

static void on_finish(evutil_socket_t fd, short what, void *context)
{
    (void)fd, (void)what;
    struct reader *reader = context;
    if (reader->phase != READING || reader->n_pending)
        return;
    evtimer_del(reader->deadline);
    bool dropped = false;
    for (int s = 0; s < reader->servers.n; s++)
        dropped |= reader->outcome[s] == SPEED_DROPPED;
    if (dropped && reader->gave_up_serial != reader->serial)
        view_wait(reader);
    else
        batch_end(reader);
}

/* Who has not answered in time is away: its connection goes, its partitions stand at the boundary. */
static void on_deadline(evutil_socket_t fd, short what, void *context)
{
    (void)fd, (void)what;
    struct reader *reader = context;
    for (int s = 0; s < reader->servers.n; s++)
        if (reader->outcome[s] == SPEED_PENDING)
            speed_reader_abort(reader->server[s]);
}

/* ---- the interface ---- */

struct reader *reader_new(struct event_base *base, struct batch_store *store,
                          const struct reader_settings *settings)
{
    struct reader *reader = xcalloc(1, sizeof *reader);
    struct err err;
    reader->settings = *settings;
    reader->settings.redis = NULL;
    if (settings->deployment)
        reader->settings.deployment = xstrdup(settings->deployment);
    reader->store = store;
    reader->symbols.extra = names_new();
    if (speed_servers_parse(settings->redis, &reader->servers, &err)) {
        log_error("reader", "%s", err.message); /* main has checked the list */
        abort();
    }
    reader->begin = event_new(base, -1, 0, on_begin, reader);
    reader->finish = event_new(base, -1, 0, on_finish, reader);
    reader->deadline = evtimer_new(base, on_deadline, reader);
    reader->view_poll = evtimer_new(base, on_view_poll, reader);
    for (int s = 0; s < reader->servers.n; s++) {
        const struct speed_reader_settings speed = {base, &reader->servers, s, on_server_done,
                                                    reader};
        reader->server[s] = speed_reader_new(&speed);
    }
    return reader;
}

/* All that waits, and what its answers ask in turn, from the batch view. */
static void answer_the_rest(struct reader *reader)
{
    for (int s = 0; s < reader->servers.n; s++)
        reader->outcome[s] = SPEED_AWAY;
    do {
        while (reader->waiting.first)
            asks_put(&reader->batch.asks, asks_take(&reader->waiting));
        if (!reader->view) {
            const struct batch_view *view = batch_store_acquire(reader->store);
            if (view)
                view_take(reader, view);
        }
        if (reader->view)
            read_batch_collect(&reader->batch, &reader->kept, batch_view_edition(reader->view));
        batch_end(reader);
    } while (reader->waiting.first);
}

static void asks_free(struct asks *asks)
{
    struct ask *ask;
    while ((ask = asks_take(asks)))
        ask_free(ask);
}

void reader_free(struct reader *reader)
{
    if (!reader)
        return;
    for (int s = 0; s < reader->servers.n; s++)
        speed_reader_free(reader->server[s]);
    answer_the_rest(reader);
    asks_free(&reader->spare);
    read_batch_free(&reader->batch);
    kept_rows_clear(&reader->kept);
    symbols_free(&reader->symbols);
    event_free(reader->begin);
    event_free(reader->finish);
    event_free(reader->deadline);
    event_free(reader->view_poll);
    free((void *)reader->settings.deployment);
    free(reader);
}

void reader_ask(struct reader *reader, const struct row_ref *rows, size_t n, struct text user,
                reader_done done, void *context)
{
    struct ask *ask = ask_make(asks_take(&reader->spare), rows, n, user);
    ask->done = done;
    ask->context = context;
    asks_put(&reader->waiting, ask);
    if (reader->phase == IDLE)
        event_active(reader->begin, 0, 0);
}

void reader_server(const struct reader *reader, int server, struct reader_server *into)
{
    *into = (struct reader_server){reader->servers.server[server].host,
                                   reader->servers.server[server].port,
                                   speed_reader_up(reader->server[server])};
}

uint64_t reader_reads(const struct reader *reader)
{
    return metrics_get(&reader->reads);
}

void reader_figures(const struct reader *reader, struct reader_figures *figures)
{
    *figures = (struct reader_figures){.servers = reader->servers.n,
                                       .reads = reader_reads(reader),
                                       .rows_kept = reader->kept.table.n,
                                       .bytes_kept =
                                           reader->kept.bytes + names_bytes(reader->symbols.extra)};
    for (int s = 0; s < reader->servers.n; s++) {
        figures->servers_up += speed_reader_up(reader->server[s]);
        figures->reads_repeated += speed_reader_repeats(reader->server[s]);
    }
}
