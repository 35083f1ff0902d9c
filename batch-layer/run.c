/*
 * The order of a run's steps, the lock, and what becomes of a run that an earlier start has left. `tandem-batch run` and
 * `rebuild` differ in the kind of the run that they open.
 */
#include "batch-layer/run.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "batch-layer/commands.h"
#include "batch-layer/run_views.h"
#include "batch-layer/statement.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/stop.h"
#include "handover/event_log.h"

enum { RETRY_MS = 500 };

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

static const struct {
    const char *state;
    int (*work)(struct run *run, struct err *err);
} steps[] = {
    {"barrier", run_barrier}, {"aggregate", run_aggregate}, {"check", run_check},
    {"publish", run_publish}, {"retire", run_retire},
};

/* From the step at which the run stands to the last. */
static int steps_work(struct run *run, struct err *err)
{
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        if (strcmp(run->state, steps[i].state) == 0 && steps[i].work(run, err))
            return err_prefix(err, "run %" PRId64 ", step %s: ", run->n, steps[i].state);
    log_info(RUN_LOG, "done n=%" PRId64 " kind=%s", run->n, run->rebuild ? "rebuild" : "run");
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
        if (err->kind == ERR_RETRY || is_published(run) || PQstatus(run->db) != CONNECTION_OK)
            return -1;
        log_warn(RUN_LOG, "%s", err->message);
        if (statement_run(run->db, err, "ROLLBACK") < 0)
            return -1;
    }
    log_info(RUN_LOG, "beginning again, from the first event, n=%" PRId64, run->n);
    return run_take_over(run, err) || steps_work(run, err) ? -1 : 0;
}

/*
 * Finishes what an earlier start has left. *more: there is still a run to do after it, because what was left had been
 * published already or was a rebuild. A retiring that fails again is left to the new run, which retires for both.
 */
static int left_work(struct run *run, uint64_t views, bool *more, struct err *err)
{
    struct publication publication;
    bool rebuild = views == catalogue_all();
    *more = true;
    if (publication_now(run, &publication, err) || run_find(run, &publication, err))
        return -1;
    if (!run->n)
        return 0;
    bool published = is_published(run);
    log_info(RUN_LOG, "going on n=%" PRId64 " kind=%s step=%s", run->n,
             run->rebuild ? "rebuild" : "run", run->state);
    *more = published || (!rebuild && run->rebuilt != views);
    if ((rebuild && !published ? rebuild_left_work(run, err) : steps_work(run, err)) == 0)
        return 0;
    if (!published || err->kind != ERR_RETRY || PQstatus(run->db) != CONNECTION_OK || stop_asked())
        return -1;
    log_warn(RUN_LOG, "left to the new run: %s", err->message);
    return 0;
}

static int new_work(struct run *run, uint64_t views, struct err *err)
{
    struct publication publication;
    if (publication_now(run, &publication, err) ||
        event_log_check_deployment(run->settings->deployment.kafka, run->settings->deployment.topic,
                                   run->partitions, run->deployment, err))
        return -1;
    run->rebuilt = views;
    if (views && views != catalogue_all() && run_views_counted(run, publication.n, err))
        return -1;
    return run_open(run, &publication, err) || steps_work(run, err) ? -1 : 0;
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

/* 1: the lock is ours, until the connection ends; 0: another run holds it. */
static int lock_take(PGconn *db, struct err *err)
{
    int64_t taken;
    return statement_number(db, err, &taken, "SELECT pg_try_advisory_lock(%" PRId64 ")::int",
                            RUN_LOCK)
               ? -1
               : (int)taken;
}

static int failed_with(const struct err *err)
{
    log_error(RUN_LOG, "%s", err->message);
    return BATCH_FAILED;
}

static int work_locked(struct run *run, uint64_t views)
{
    struct err err = {0};
    bool more, drifted;
    if (left_work(run, views, &more, &err))
        return failed_with(&err);
    drifted = run->n && run->drift > 0;
    if (more && new_work(run, views, &err))
        return failed_with(&err);
    return drifted || run->drift > 0 ? BATCH_DRIFTED : BATCH_DONE;
}

static int work(const struct run_settings *settings, uint64_t views)
{
    struct err err = {0};
    struct run run = {.settings = settings, .partitions = (int)settings->deployment.partitions};
    run.db = connect_patiently(settings, &err);
    if (!run.db)
        return failed_with(&err);
    int exit_code, locked = lock_take(run.db, &err);
    if (locked < 0)
        exit_code = failed_with(&err);
    else if (locked)
        exit_code = work_locked(&run, views);
    else {
        log_error(RUN_LOG, "another run is under way (advisory lock): nothing done");
        exit_code = BATCH_LOCKED;
    }
    PQfinish(run.db);
    return exit_code;
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

static int settings_read(struct run_settings *settings, bool rebuild, int argc, char **argv)
{
    const struct option_row own[] = {
        {.name = "chunk_events",
         .type = OPTION_INT,
         .initial = "300000",
         .unit = "events",
         .sentence = "most events aggregated in one transaction; a kill loses at most so much work",
         .into = &settings->chunk_events,
         .min = 1,
         .max = 100000000},
        {.name = "memory_bytes",
         .type = OPTION_INT,
         .initial = "1073741824",
         .unit = "bytes",
         .sentence = "users' states kept from chunk to chunk; the others are looked up again",
         .into = &settings->memory_bytes,
         .min = 1 << 20,
         .max = INT64_C(1) << 40},
        {.name = "wait_s",
         .type = OPTION_INT,
         .initial = "600",
         .unit = "s",
         .sentence = "how long to wait for Kafka, Postgres and the archive before giving up",
         .into = &settings->wait_s,
         .max = 86400},
        {.name = "check_wait_s",
         .type = OPTION_INT,
         .initial = "30",
         .unit = "s",
         .sentence = "how long the check waits for a speed layer that does not move",
         .into = &settings->check_wait_s,
         .max = 86400},
        {.name = "retire_wait_s",
         .type = OPTION_INT,
         .initial = "60",
         .unit = "s",
         .sentence = "how long to wait for serving instances and Redis before segments are retired",
         .into = &settings->retire_wait_s,
         .max = 86400},
    };
    enum { OWN = sizeof own / sizeof *own };
    struct option_row rows[OPTIONS_DEPLOYMENT + OWN + 1];
    size_t n = options_deployment(rows, &settings->deployment);
    memcpy(rows + n, own, sizeof own);
    n += OWN;
    if (rebuild)
        rows[n++] = (struct option_row){.name = "view",
                                        .type = OPTION_LIST,
                                        .initial = "",
                                        .unit = "name",
                                        .sentence = "only this view; may be given more than once",
                                        .into = &settings->views};
    return options_read(&usage, rows, n, argc, argv);
}

static int kind_main(int argc, char **argv, bool rebuild)
{
    struct run_settings settings = {0};
    struct err err = {0};
    uint64_t views = 0;
    settings_read(&settings, rebuild, argc, argv);
    if (speed_servers_parse(settings.deployment.redis, &settings.servers, &err)) {
        log_error(RUN_LOG, "%s", err.message);
        return BATCH_WRONG_USE;
    }
    if (rebuild && run_views_parse(settings.views, &views, &err)) {
        log_error(RUN_LOG, "%s", err.message);
        return BATCH_WRONG_USE;
    }
    if (rebuild && !views)
        views = catalogue_all();
    stop_install();
    return work(&settings, views);
}

int run_main(int argc, char **argv)
{
    return kind_main(argc, argv, false);
}

int rebuild_main(int argc, char **argv)
{
    return kind_main(argc, argv, true);
}
