/*
 * The order of a run's steps, the lock, the attempts, and what becomes of a run that an earlier start has left. `tandem-batch
 * run` and `rebuild` differ in the kind of the run that they open.
 * Waiting has one place each: a step waits for what it needs (--wait-s and its like) and says ERR_RETRY when it did not come,
 * or when a connection broke; here, and only here, is decided whether the step is tried again. Another attempt is like
 * another start: a new connection, the lock, and on from where Postgres says that the run stands.
 */
#include "batch-layer/run.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "batch-layer/backoff.h"
#include "batch-layer/commands.h"
#include "batch-layer/run_views.h"
#include "batch-layer/statement.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/random.h"
#include "common/stop.h"
#include "handover/event_log.h"
#include "handover/view_state.h"

enum { RETRY_MS = 500, BEYOND_DEADLINE_MS = 500 };

/* How often the step at which the run stands was tried again. */
struct retried {
    int64_t n, times;
    char state[16];
};

const char *const run_failpoints[] = {
    "run:barrier:opened",       "run:barrier:produced",
    "run:archive:reached",      "run:archive:stored",
    "run:aggregate:begin",      "run:aggregate:staged",
    "run:aggregate:chunk",      "run:aggregate:done",
    "run:check:begin",          "run:check:compared",
    "run:check:done",           "run:publish:begin",
    "run:publish:rows",         "run:publish:before-commit",
    "run:publish:after-commit", "run:retire:begin",
    "run:retire:dropped",       "run:retire:before-commit",
    "run:retire:pruned",        NULL,
};

/* In the order of run_step_names. */
static const struct {
    const char *state;
    int (*work)(struct run *run, struct err *err);
} steps[RUN_STEPS] = {
    {"barrier", run_barrier}, {"aggregate", run_aggregate}, {"check", run_check},
    {"publish", run_publish}, {"retire", run_retire},
};

/* With a deadline, no statement of the step goes on beyond it. A little later, so that it is the deadline that is told. */
static int step_bound(struct run *run, struct err *err)
{
    int64_t deadline_s = run->settings->deadline_s;
    if (stop_asked())
        return err_set(err, ERR_RETRY, "stopped before it was begun: the next start goes on");
    if (deadline_s == 0)
        return 0;
    int64_t left_ms = deadline_s * 1000 - (clock_monotonic_us() - run->began_us) / 1000;
    return statement_run(run->db, err, "SET statement_timeout = %" PRId64,
                         (left_ms > 0 ? left_ms : 0) + BEYOND_DEADLINE_MS) < 0
               ? -1
               : 0;
}

static int step_work(struct run *run, int i, struct err *err)
{
    run_progress_begin(&run->progress, "run %" PRId64 ", step %d of %d, %s", run->n, i + 1,
                       RUN_STEPS, run_step_names[i]);
    int failed = step_bound(run, err) || steps[i].work(run, err);
    run_progress_clear(&run->progress);
    return failed ? err_prefix(err, "run %" PRId64 ", step %s: ", run->n, run_step_names[i]) : 0;
}

/* From the step at which the run stands to the last, or to the one that was asked for. */
static int steps_work(struct run *run, struct err *err)
{
    for (int i = 0; i <= run->settings->last_step; i++)
        if (strcmp(run->state, steps[i].state) == 0 && step_work(run, i, err))
            return -1;
    bool done = strcmp(run->state, "done") == 0;
    run->drifted |= done && run->drift > 0; /* told at the end: publishing heals it */
    log_info(RUN_LOG, "%s n=%" PRId64 " kind=%s%s%s", done ? "done" : "as far as asked", run->n,
             run->rebuild ? "rebuild" : "run", done ? "" : " state=", done ? "" : run->state);
    return 0;
}

static int publication_now(struct run *run, struct publication *publication, struct err *err)
{
    if (publication_read(run->db, run->partitions, publication, err))
        return -1;
    snprintf(run->deployment, sizeof run->deployment, "%s", publication->deployment);
    return 0;
}

static bool is_published(const struct run *run)
{
    return strcmp(run->state, "retire") == 0;
}

/*
 * A `rebuild` that finds a run which is not published makes it its own, from the first event: what is damaged may be what
 * that run would go on from. A rebuild that was left goes on; when it cannot, it, too, is begun again.
 */
static int rebuild_left_work(struct run *run, struct err *err)
{
    if (run->rebuild) {
        if (steps_work(run, err) == 0)
            return 0;
        if (err->kind == ERR_RETRY || run->refused || is_published(run) ||
            PQstatus(run->db) != CONNECTION_OK)
            return -1;
        log_warn(RUN_LOG, "%s", err->message);
        if (statement_run(run->db, err, "ROLLBACK") < 0)
            return -1;
    }
    log_info(RUN_LOG, "beginning again, from the first event, n=%" PRId64, run->n);
    return run_take_over(run, err) || steps_work(run, err) ? -1 : 0;
}

/* Whether a new run is to be opened where none is under way. */
static bool may_open(const struct run *run)
{
    return !*run->settings->step || run->settings->last_step == 0;
}

/* Nothing that an earlier start has left is to be done by the steps that were asked for. */
static bool is_past(const struct run *run)
{
    return !run->n || (is_published(run) && run->settings->last_step < RUN_STEPS - 1);
}

/*
 * Goes on with what an earlier start, or attempt, has left. *more: there is still a run to do after it, because what was left
 * had been published already or was a rebuild. A retiring that fails again is left to the new run, which retires for both.
 */
static int left_work(struct run *run, uint64_t views, bool *more, struct err *err)
{
    struct publication publication;
    bool rebuild = views == catalogue_all();
    if (publication_now(run, &publication, err) || run_find(run, &publication, err))
        return -1;
    *more = may_open(run);
    if (is_past(run)) { /* extract opens the next, which retires for both */
        if (!*more)
            log_info(RUN_LOG, "nothing to do: no run is open that has not come past step %s",
                     run->settings->step);
        return 0;
    }
    bool ours = run->n == run->opened, published = is_published(run);
    *more = !ours && !*run->settings->step && (published || (!rebuild && run->rebuilt != views));
    log_info(RUN_LOG, "going on n=%" PRId64 " kind=%s step=%s", run->n,
             run->rebuild ? "rebuild" : "run", run->state);
    if ((rebuild && !published ? rebuild_left_work(run, err) : steps_work(run, err)) == 0)
        return 0;
    if (!*more || !published || err->kind != ERR_RETRY || PQstatus(run->db) != CONNECTION_OK ||
        stop_asked())
        return -1;
    log_warn(RUN_LOG, "left to the new run: %s", err->message);
    return run_step_fail(run, err->message, err);
}

static int new_work(struct run *run, uint64_t views, struct err *err)
{
    struct publication publication;
    if (publication_now(run, &publication, err) ||
        event_log_check_deployment(run->settings->deployment.kafka, run->settings->deployment.topic,
                                   run->partitions, run->deployment, err))
        return -1;
    run->rebuilt = views;
    if ((views && views != catalogue_all() && run_views_counted(run, publication.n, err)) ||
        run_open(run, &publication, err))
        return -1;
    run->opened = run->n;
    return steps_work(run, err);
}

/* Postgres may be away for a moment: tries for wait_s. */
static PGconn *connect_patiently(const struct run_settings *settings, struct err *err)
{
    int64_t until_us = clock_monotonic_us() + settings->wait_s * 1000000;
    for (;;) {
        PGconn *db = database_open(settings->deployment.postgres, "tandem-batch", err);
        if (db || err->kind != ERR_RETRY || clock_monotonic_us() > until_us)
            return db;
        log_warn(RUN_LOG, "%s", err->message);
        if (!stop_sleep_ms(RETRY_MS))
            return NULL;
    }
}

/*
 * The lock is ours until the connection ends. Where an attempt lost its connection, its session may live on in Postgres for a
 * moment, or another start has gone on meanwhile: then it is worth waiting for, at the first attempt it is not.
 */
static int lock_take(struct run *run, bool first, struct err *err)
{
    int64_t taken;
    if (statement_number(run->db, err, &taken, "SELECT pg_try_advisory_lock(%" PRId64 ")::int",
                         RUN_LOCK))
        return -1;
    run->locked = !taken;
    return taken ? 0
                 : err_set(err, first ? ERR_FATAL : ERR_RETRY,
                           "another run is under way (advisory lock): nothing done");
}

/* Connection and lock, and a word about the attempt before. */
static int session_begin(struct run *run, bool first, struct err *err)
{
    run->locked = false;
    run->db = connect_patiently(run->settings, err);
    if (!run->db || lock_take(run, first, err))
        return -1;
    if (*run->failure && run_step_fail(run, run->failure, err))
        return -1;
    run->failure[0] = 0;
    return 0;
}

/* Everything from where the run stands to its end. */
static int attempt(struct run *run, uint64_t views, bool first, struct err *err)
{
    bool more;
    if (session_begin(run, first, err) || left_work(run, views, &more, err))
        return -1;
    return more ? new_work(run, views, err) : 0;
}

/* The step's row says why, if Postgres can be told; else the next attempt tells it. */
static void attempt_failed(struct run *run, const struct err *err)
{
    struct err unheard = {0};
    bool ours = run->db && !run->locked && run->n;
    if (ours)
        snprintf(run->failure, sizeof run->failure, "%s", err->message);
    if (ours && PQstatus(run->db) == CONNECTION_OK &&
        run_step_fail(run, run->failure, &unheard) == 0)
        run->failure[0] = 0;
    PQfinish(run->db);
    run->db = NULL;
}

/* Whether there is to be another attempt: waits for it. Each step has its own count. */
static bool attempt_again(struct run *run, struct retried *retried, const struct err *err)
{
    const struct run_settings *settings = run->settings;
    uint32_t chance;
    if (err->kind != ERR_RETRY || stop_asked())
        return false;
    if (retried->n != run->n || strcmp(retried->state, run->state) != 0) {
        *retried = (struct retried){.n = run->n};
        snprintf(retried->state, sizeof retried->state, "%s", run->state);
    }
    if (retried->times >= settings->retries)
        return false;
    random_bytes(&chance, sizeof chance);
    int64_t wait_ms = backoff_ms(settings->backoff_s, ++retried->times, chance);
    log_warn(RUN_LOG, "%s; tries again in %" PRId64 ".%" PRId64 " s, retry %" PRId64 " of %" PRId64,
             err->message, wait_ms / 1000, wait_ms / 100 % 10, retried->times, settings->retries);
    return stop_sleep_ms((long)wait_ms);
}

static int failed_with(const struct run *run, const struct err *err)
{
    if (err->kind == ERR_RETRY && stop_deadline_over()) {
        log_error(RUN_LOG,
                  "the deadline of %" PRId64 " s is over: %s; the next start goes on there",
                  run->settings->deadline_s, err->message);
        return BATCH_DEADLINE;
    }
    log_error(RUN_LOG, "%s", err->message);
    if (run->locked)
        return BATCH_LOCKED;
    return run->refused ? BATCH_REFUSED : BATCH_FAILED;
}

int run_work(const struct run_settings *settings, uint64_t views)
{
    struct err err = {0};
    struct run run = {.settings = settings,
                      .partitions = (int)settings->deployment.partitions,
                      .began_us = clock_monotonic_us()};
    struct retried retried = {0};
    bool first = true;
    if (settings->deadline_s)
        stop_after_s(settings->deadline_s);
    for (; attempt(&run, views, first, &err); first = false) {
        attempt_failed(&run, &err);
        if (!attempt_again(&run, &retried, &err))
            return failed_with(&run, &err);
    }
    PQfinish(run.db);
    return run.drifted ? BATCH_DRIFTED : BATCH_DONE;
}

static const struct options_usage usage = {
    .program = "tandem-batch",
    .synopsis = "run|rebuild [options]",
    .about =
        "run: folds the events since the last run into the batch view and publishes it.\n"
        "rebuild: the same from the first event, replacing the batch view; with --view only that\n"
        "view, beside live traffic: how a view that a release has added becomes whole.\n"
        "Killed at any point, the next start goes on there. One at a time.",
    .commands = "",
};

/* The catalogue's names, as an option has its choices. */
static const char *view_choices(void)
{
    static char choices[VIEW_NAMES_BYTES];
    return view_names(catalogue_all(), "|", choices);
}

int run_main(int argc, char **argv)
{
    struct run_settings settings = {0};
    run_options_read(&settings, &usage, NULL, 0, argc, argv);
    stop_install();
    return run_work(&settings, 0);
}

int rebuild_main(int argc, char **argv)
{
    struct run_settings settings = {0};
    struct option_list names = {0};
    struct err err;
    uint64_t views;
    const struct option_row view = {.name = "view",
                                    .type = OPTION_LIST,
                                    .initial = "",
                                    .unit = "",
                                    .sentence = "only this view; may be given more than once",
                                    .into = &names,
                                    .choices = view_choices()};
    run_options_read(&settings, &usage, &view, 1, argc, argv);
    if (run_views_parse(names.names, &views, &err)) {
        log_error(RUN_LOG, "%s", err.message);
        return BATCH_WRONG_USE;
    }
    stop_install();
    return run_work(&settings, views ? views : catalogue_all());
}
