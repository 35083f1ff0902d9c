#include "speed-layer/worker.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/failpoint.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/stop.h"
#include "handover/event_log.h"
#include "handover/view_state.h"
#include "speed-layer/figures.h"
#include "speed-layer/user_states.h"

enum { PAUSE_MS = 100, PAUSE_MAX_MS = 5000, IDLE_MS = 100 };
enum { CHECK_US = 1000000, HINT_US = 5000000, FIGURES_US = 1000000 };

/* Longer than two heartbeats: whoever has lost its membership has heard of it by then. */
enum { PAUSE_FENCED_MS = 2500 };

/* Micro-batches that are collected in one turn, at most: what is held is bounded whatever the number of partitions. */
enum { BATCHES_A_TURN = 2 };

struct worker {
    struct worker_settings settings;
    int partitions;
    struct consumer *consumer; /* NULL: not in the group yet */
    struct speed_store *store;
    PGconn *db;
    struct publication publication;
    char deployment[DEPLOYMENT_BYTES + 1]; /* as first read */
    struct event_decoder *decoder;
    struct deltas *deltas;
    struct names *names;                       /* of all micro-batches */
    struct micro_batch *batch[PARTITIONS_MAX]; /* of the assigned partitions */
    int64_t next[PARTITIONS_MAX];              /* claimed or sent offsets */
    int64_t doubted[PARTITIONS_MAX];           /* micro_batch_new */
    uint64_t changes;                          /* of the assignment that is claimed */
    bool claimed;
    long pause_ms;
    int64_t resume_us; /* nothing is tried before */
    bool fenced;       /* ... unless the group gives a new assignment before */
    char complaint[512];
    int64_t checked_us, hinted_us, figured_us;
    struct figures figures;
};

struct worker *worker_new(const struct worker_settings *settings, struct err *err)
{
    if (settings->deployment.partitions > PARTITIONS_MAX) {
        err_set(err, ERR_FATAL, "partitions: at most %d", PARTITIONS_MAX);
        return NULL;
    }
    struct worker *worker = xcalloc(1, sizeof *worker);
    worker->settings = *settings;
    worker->partitions = (int)settings->deployment.partitions; /* at most PARTITIONS_MAX */
    worker->decoder = event_decoder_new();
    worker->deltas = deltas_new();
    worker->names = names_new();
    for (int p = 0; p < PARTITIONS_MAX; p++)
        worker->doubted[p] = -1;
    figures_begin(&worker->figures);
    worker->store =
        speed_store_new(settings->deployment.redis, (int)settings->redis_timeout_ms, err);
    if (!worker->store) {
        worker_free(worker);
        return NULL;
    }
    return worker;
}

/* Drops all that depends on what the servers said before: connections, claims, records, states. */
static void worker_forget(struct worker *worker)
{
    speed_store_disconnect(worker->store);
    PQfinish(worker->db);
    worker->db = NULL;
    worker->claimed = false;
    for (int p = 0; p < worker->partitions; p++) {
        micro_batch_free(worker->batch[p]);
        worker->batch[p] = NULL;
    }
    names_free(worker->names);
    worker->names = names_new();
}

void worker_free(struct worker *worker)
{
    if (!worker)
        return;
    worker_forget(worker);
    consumer_close(worker->consumer);
    speed_store_free(worker->store);
    deltas_free(worker->deltas);
    names_free(worker->names);
    event_decoder_free(worker->decoder);
    free(worker);
}

/* ---- waiting, and trying again ---- */

/* Stays a member of the group; records that come before the claim are of no use. */
static int worker_wait(struct worker *worker, long ms, struct err *err)
{
    struct record record;
    if (!worker->consumer)
        return stop_sleep_ms(ms), 0;
    int got = consumer_poll(worker->consumer, (int)ms, &record, err);
    if (got > 0)
        record_release(&record);
    return got < 0 ? -1 : 0;
}

/*
 * After any failure: whatever was sent may have been done or not, the server may hold an earlier state, another instance may
 * own the partition. So nothing is kept, and the claim's answer says where to go on. All partitions go the same way,
 * whichever failed: simple, and a claim is cheap. Who was fenced does not fight: it leaves the group time to tell it that
 * the partition is another's, and claims again only what is still assigned to it then.
 */
static void worker_pause(struct worker *worker, const struct err *why)
{
    worker->fenced = speed_store_was_fenced(worker->store);
    metrics_add(&worker->figures.pauses, 1);
    metrics_add(&worker->figures.fenced, worker->fenced);
    worker->pause_ms = worker->pause_ms * 2 < PAUSE_MS ? PAUSE_MS : worker->pause_ms * 2;
    if (worker->fenced && worker->pause_ms < PAUSE_FENCED_MS)
        worker->pause_ms = PAUSE_FENCED_MS;
    if (worker->pause_ms > PAUSE_MAX_MS)
        worker->pause_ms = PAUSE_MAX_MS;
    worker->resume_us = clock_monotonic_us() + worker->pause_ms * 1000;
    if (strcmp(worker->complaint, why->message) != 0)
        log_warn("speed", "waits and tries again: %s", why->message);
    snprintf(worker->complaint, sizeof worker->complaint, "%s", why->message);
    bool fetching = worker->claimed;
    worker_forget(worker);
    struct err ignored; /* what still comes is released unread, until the claim */
    if (fetching && consumer_assignment(worker->consumer)->n > 0 &&
        consumer_stop(worker->consumer, &ignored))
        log_debug("speed", "%s", ignored.message);
}

static void worker_goes_on(struct worker *worker)
{
    if (worker->complaint[0])
        log_info("speed", "goes on");
    worker->complaint[0] = 0;
    worker->pause_ms = 0;
}

/* ---- connecting and claiming ---- */

static int worker_read_publication(struct worker *worker, struct err *err)
{
    worker->db = database_open(worker->settings.deployment.postgres, "tandem-speed", err);
    if (!worker->db || publication_read(worker->db, worker->partitions, &worker->publication, err))
        return -1;
    if (worker->deployment[0] && strcmp(worker->deployment, worker->publication.deployment) != 0)
        return err_set(err, ERR_FATAL, "postgres: was deployment %s and is now %s: start again",
                       worker->deployment, worker->publication.deployment);
    struct view_state views;
    if (view_state_read(worker->db, worker->publication.n, &views, err))
        return -1;
    if (views.foreign[0])
        return err_set(err, ERR_FATAL,
                       "view %s is served and this program does not count it: start a newer "
                       "tandem-speed",
                       views.foreign);
    return 0;
}

/* Once: the three servers must belong together. Redis is asked by each claim. */
static int worker_join(struct worker *worker, struct err *err)
{
    const struct deployment_options *at = &worker->settings.deployment;
    if (worker_read_publication(worker, err) ||
        event_log_check_deployment(at->kafka, at->topic, worker->partitions,
                                   worker->publication.deployment, err))
        return -1;
    snprintf(worker->deployment, sizeof worker->deployment, "%s", worker->publication.deployment);
    struct consumer_settings group = {at->kafka, at->topic, worker->settings.group,
                                      worker->partitions};
    worker->consumer = consumer_open(&group, err);
    if (!worker->consumer)
        return -1;
    worker_forget(worker);
    return 0;
}

/*
 * Connect, then read the publication, then claim on that same connection, and nothing else in between: a server that is
 * flushed or comes back later breaks the connection or has lost the token; a publication that was read before the connect
 * could be older than what the server had when it was lost.
 */
static int worker_claim(struct worker *worker, struct err *err)
{
    const struct assignment *mine = consumer_assignment(worker->consumer);
    worker_forget(worker);
    worker->changes = mine->changes;
    if (speed_store_connect(worker->store, mine->partition, mine->n, err) ||
        worker_read_publication(worker, err))
        return -1;
    failpoint("speed-before-claim");
    for (int i = 0; i < mine->n; i++) {
        int p = mine->partition[i];
        int64_t segment;
        if (speed_store_claim(worker->store, p, &worker->publication, &worker->next[p], &segment,
                              err))
            return -1;
        worker->batch[p] = micro_batch_new(p, worker->names, &worker->doubted[p]);
        micro_batch_begin(worker->batch[p], worker->next[p], segment);
    }
    failpoint("speed-after-claim");
    if (consumer_start(worker->consumer, worker->next, err))
        return -1;
    worker->claimed = true;
    metrics_add(&worker->figures.claims, 1);
    worker->resume_us = 0; /* also when a new assignment has cut the pause short */
    worker->fenced = false;
    log_info("speed", "claimed partitions=%d batch=%" PRId64, mine->n, worker->publication.n);
    return 0;
}

/* ---- the work ---- */

static size_t worker_batches(const struct worker *worker, struct micro_batch **batch, bool waiting)
{
    const struct assignment *mine = consumer_assignment(worker->consumer);
    size_t n = 0;
    for (int i = 0; i < mine->n; i++) {
        struct micro_batch *of = worker->batch[mine->partition[i]];
        if (!waiting || micro_batch_waiting(of))
            batch[n++] = of;
    }
    return n;
}

static size_t worker_held(const struct worker *worker)
{
    struct micro_batch *batch[PARTITIONS_MAX];
    size_t held = 0;
    for (size_t n = worker_batches(worker, batch, true); n > 0; n--)
        held += micro_batch_waiting(batch[n - 1]);
    return held;
}

/*
 * Takes records until there are enough for this turn, or none came for a moment. Waits for the first one only when nothing
 * else is to be done. Stops when the assignment changes: then everything held is void.
 */
static int worker_collect(struct worker *worker, struct err *err)
{
    size_t held = worker_held(worker);
    size_t enough = BATCHES_A_TURN * (size_t)worker->settings.batch_events;
    int wait_ms = held || !speed_store_idle(worker->store) ? 0 : IDLE_MS;
    int64_t until_us = 0;
    while (held < enough) {
        struct record record;
        int got = consumer_poll(worker->consumer, wait_ms, &record, err);
        if (got < 0)
            return -1;
        if (consumer_assignment(worker->consumer)->changes != worker->changes) {
            if (got)
                record_release(&record);
            return 0;
        }
        if (!got)
            break;
        if (micro_batch_put(worker->batch[record.partition], record, err))
            return -1;
        held++;
        int64_t now_us = clock_monotonic_us();
        if (!until_us)
            until_us = now_us + worker->settings.batch_wait_ms * 1000;
        wait_ms = now_us < until_us ? (int)worker->settings.batch_wait_ms : 0;
    }
    return 0;
}

/* Redis knows the users of the segments that the batch layer has not published; Postgres knows those before. */
static int worker_learn(struct worker *worker, struct micro_batch *const *batch, size_t n,
                        struct err *err)
{
    if (speed_store_states(worker->store, batch, n, err))
        return -1;
    failpoint("speed-states-asked");
    for (size_t i = 0; i < n; i++)
        if (user_states_find(worker->db, batch[i], err))
            return -1;
    return 0;
}

static void worker_applied(struct worker *worker, struct micro_batch *batch)
{
    const struct cut *cut = micro_batch_is(batch);
    worker->next[micro_batch_partition(batch)] = cut->to;
    figures_sent(&worker->figures, cut);
    micro_batch_done(batch);
}

static int worker_apply(struct worker *worker, struct micro_batch *const *batch, size_t n,
                        struct err *err)
{
    const struct apply apply = {(size_t)worker->settings.compact_bytes, batch, n, worker->deltas,
                                worker->names};
    deltas_clear(worker->deltas);
    for (size_t i = 0; i < n; i++)
        micro_batch_fold(batch[i], worker->decoder, worker->deltas);
    failpoint("speed-before-apply");
    if (speed_store_apply(worker->store, &apply, err) || speed_store_send(worker->store, err))
        return -1;
    for (size_t i = 0; i < n; i++)
        worker_applied(worker, batch[i]);
    return 0;
}

/* Moves to the front those that are applied with the first; returns how many they are. */
static size_t worker_group(const struct worker *worker, struct micro_batch **batch, size_t n)
{
    size_t group = 1;
    for (size_t i = 1; i < n; i++)
        if (speed_store_goes_with(worker->store, batch[0], batch[i])) {
            struct micro_batch *moved = batch[i];
            batch[i] = batch[group];
            batch[group++] = moved;
        }
    return group;
}

/* Memory is bounded: states that were thrown away are looked up again. */
static void worker_forget_much(struct worker *worker)
{
    struct micro_batch *batch[PARTITIONS_MAX];
    size_t n = worker_batches(worker, batch, false), held = names_bytes(worker->names);
    for (size_t i = 0; i < n; i++)
        held += micro_batch_bytes(batch[i]);
    if (held <= (size_t)worker->settings.cache_bytes)
        return;
    struct names *names = names_new();
    for (size_t i = 0; i < n; i++)
        micro_batch_forget_states(batch[i], names);
    names_free(worker->names);
    worker->names = names;
}

/*
 * One micro-batch of each partition that has records; those of one server and segment go in one call, so that a row that
 * several of them change is written once. Redis works on it while the next turn collects and folds. That is safe without
 * its answer: were it refused, the one after it would be, too, for its `from`.
 */
static int worker_fold_and_apply(struct worker *worker, struct err *err)
{
    struct micro_batch *batches[PARTITIONS_MAX], **batch = batches;
    size_t n = worker_batches(worker, batch, true), unknown = 0;
    size_t most = n ? (size_t)worker->settings.batch_events / n : 0;
    for (size_t i = 0; i < n; i++)
        unknown += micro_batch_cut(batch[i], worker->decoder, most ? most : 1);
    if (unknown && worker_learn(worker, batch, n, err))
        return -1;
    for (size_t group; n > 0; batch += group, n -= group) {
        group = worker_group(worker, batch, n);
        if (worker_apply(worker, batch, group, err))
            return -1;
    }
    worker_forget_much(worker);
    return speed_store_settle(worker->store, batch == batches, err);
}

static int worker_look_after(struct worker *worker, struct err *err)
{
    int64_t now_us = clock_monotonic_us();
    if (now_us - worker->checked_us >= CHECK_US) {
        struct micro_batch *batch[PARTITIONS_MAX];
        worker->checked_us = now_us;
        if (speed_store_check(worker->store, batch, worker_batches(worker, batch, false), err))
            return -1;
        worker_goes_on(worker);
    }
    if (now_us - worker->hinted_us >= HINT_US) {
        worker->hinted_us = now_us;
        consumer_hint(worker->consumer, worker->next);
    }
    return 0;
}

static int worker_work(struct worker *worker, struct err *err)
{
    if (worker_collect(worker, err))
        return -1;
    if (consumer_assignment(worker->consumer)->changes != worker->changes) {
        struct err lost; /* the next owner's claim says what was done */
        if (speed_store_settle(worker->store, true, &lost))
            log_debug("speed", "%s", lost.message);
        worker_forget(worker);
        return 0;
    }
    if (worker_fold_and_apply(worker, err) || speed_store_compact(worker->store, err) ||
        speed_store_send(worker->store, err))
        return -1;
    return worker_look_after(worker, err);
}

/* What figures say of a partition, claimed or not. */
static void worker_figure_partition(struct worker *worker, int p)
{
    const struct micro_batch *batch = worker->claimed ? worker->batch[p] : NULL;
    int64_t next = worker->next[p], end = batch ? consumer_log_end(worker->consumer, p) : -1;
    metrics_set(&worker->figures.next[p], batch ? (uint64_t)next : FIGURES_NONE);
    metrics_set(&worker->figures.lag[p], end < 0      ? FIGURES_NONE
                                         : end > next ? (uint64_t)(end - next)
                                                      : 0);
}

static void worker_figure(struct worker *worker)
{
    struct figures *figures = &worker->figures;
    struct micro_batch *batch[PARTITIONS_MAX];
    size_t n = worker->claimed ? worker_batches(worker, batch, false) : 0, users = 0;
    size_t bytes = names_bytes(worker->names);
    for (int p = 0; p < worker->partitions; p++)
        worker_figure_partition(worker, p);
    for (size_t i = 0; i < n; i++) {
        users += micro_batch_users(batch[i]);
        bytes += micro_batch_bytes(batch[i]);
    }
    int assigned = worker->consumer ? consumer_assignment(worker->consumer)->n : 0;
    metrics_set(&figures->assigned, (uint64_t)assigned);
    metrics_set(&figures->claimed, n);
    metrics_set(&figures->users, users);
    metrics_set(&figures->bytes, bytes);
    metrics_set(&figures->due, speed_store_due(worker->store));
    worker->figured_us = clock_monotonic_us();
}

static void worker_report(struct worker *worker)
{
    if (figures_are_due(&worker->figures))
        figures_log(&worker->figures, worker->store);
    if (clock_monotonic_us() - worker->figured_us >= FIGURES_US)
        worker_figure(worker);
}

void worker_metrics(const struct worker *worker, struct metrics *into)
{
    figures_print(&worker->figures, worker->store, worker->partitions, into);
}

static bool worker_pauses(const struct worker *worker)
{
    if (clock_monotonic_us() >= worker->resume_us)
        return false;
    return !worker->fenced || consumer_assignment(worker->consumer)->changes == worker->changes;
}

int worker_turn(struct worker *worker, struct err *err)
{
    int failed;
    bool pauses = worker_pauses(worker);
    if (!pauses && !worker->consumer)
        failed = worker_join(worker, err);
    else if (!pauses && worker->claimed)
        failed = worker_work(worker, err);
    else if (!pauses && consumer_assignment(worker->consumer)->n > 0)
        failed = worker_claim(worker, err);
    else
        failed = worker_wait(worker, IDLE_MS, err);
    if (failed && err->kind == ERR_RETRY) {
        worker_pause(worker, err);
        failed = 0;
    }
    worker_report(worker);
    return failed;
}

int worker_finish(struct worker *worker, struct err *err)
{
    while (worker->claimed && worker_held(worker) > 0)
        if (worker_fold_and_apply(worker, err))
            return -1;
    if (worker->claimed && speed_store_settle(worker->store, true, err))
        return -1;
    if (worker->claimed)
        consumer_hint(worker->consumer, worker->next);
    worker_figure(worker);
    figures_log(&worker->figures, worker->store);
    return 0;
}
