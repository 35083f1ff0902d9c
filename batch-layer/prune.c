/*
 * `tandem-batch prune --keep-days N`: packs the events that a run older than N days has folded, a few hundred to one compressed
 * value (schema: events_packed). Nothing is lost: rebuild, audit, `forget` and a user's events read them there.
 *
 * Some chunks are one transaction, which puts them there and takes the rows away: killed anywhere, the next start goes on.
 * No run works beside it (its lock), and each transaction waits for audits (forget.h), whose reads are several statements.
 */
#include <inttypes.h>
#include <stdio.h>

#include "batch-layer/audit_report.h"
#include "batch-layer/commands.h"
#include "batch-layer/forget.h"
#include "batch-layer/master_dataset.h"
#include "batch-layer/run.h"
#include "batch-layer/run_progress.h"
#include "batch-layer/statement.h"
#include "common/clock.h"
#include "common/failpoint.h"
#include "common/log.h"
#include "common/options.h"
#include "common/stop.h"
#include "handover/database.h"

#define LOG "prune"

enum { CHUNK_ROWS = 256, CHUNKS_AT_ONCE = 100 };

struct prune {
    PGconn *db;
    int partitions;
    int64_t keep_days;
    int64_t n; /* the run below whose boundary is packed */
    int64_t upto[PARTITIONS_MAX], from[PARTITIONS_MAX];
    int64_t total, done; /* offsets */
    int64_t rows, start_us;
    struct run_progress progress;
};

/* 1; 0: no run is as old as that. */
static int boundary_find(struct prune *prune, struct err *err)
{
    PGresult *result = statement_query(
        prune->db, err,
        "SELECT n, boundary FROM run WHERE published_at < now() - interval '1 day' * %" PRId64
        " AND boundary IS NOT NULL ORDER BY n DESC LIMIT 1",
        prune->keep_days);
    if (!result)
        return -1;
    int found = PQntuples(result);
    if (found) {
        prune->n = result_number(result, 0, 0);
        if (vector_parse(PQgetvalue(result, 0, 1), prune->upto, PARTITIONS_MAX) !=
            prune->partitions)
            found =
                err_set(err, ERR_DATA,
                        "run %" PRId64 ": its boundary has another number of partitions", prune->n);
    }
    PQclear(result);
    return found;
}

static int packed_find(struct prune *prune, struct err *err)
{
    for (int p = 0; p < prune->partitions; p++) {
        if (master_packed_upto(prune->db, p, &prune->from[p], err))
            return -1;
        if (prune->upto[p] > prune->from[p])
            prune->total += prune->upto[p] - prune->from[p];
    }
    return 0;
}

/* The rows from prune->from on, so many chunks of them, and no further than prune->upto. -1: err. */
static int64_t chunks_pack(struct prune *prune, int p, struct err *err)
{
    int64_t packed = statement_run(
        prune->db, err,
        "INSERT INTO events_packed (partition, first, upto, n, rows)"
        " SELECT %d, min(\"offset\"), max(\"offset\") + 1, count(*), array_agg(ROW(\"offset\", type,"
        " event_id, \"user\", item, ts, quantity, price, currency, country, device, \"order\", list)"
        "::packed_event ORDER BY \"offset\") FROM (SELECT e.*,"
        " (row_number() OVER (ORDER BY \"offset\") - 1) / %d AS chunk FROM events e"
        " WHERE partition = %d AND \"offset\" < %" PRId64
        " ORDER BY \"offset\" LIMIT %d) c GROUP BY chunk",
        p, CHUNK_ROWS, p, prune->upto[p], CHUNK_ROWS * CHUNKS_AT_ONCE);
    if (packed <= 0)
        return packed;
    failpoint("prune:packed");
    return statement_run(prune->db, err,
                         "DELETE FROM events WHERE partition = %d AND \"offset\" <"
                         " (SELECT max(upto) FROM events_packed WHERE partition = %d)",
                         p, p);
}

static int64_t transaction(struct prune *prune, int p, struct err *err)
{
    if (statement_run(prune->db, err, "BEGIN") < 0 ||
        statement_run(prune->db, err, "SELECT pg_advisory_xact_lock(%" PRId64 ")", FORGET_LOCK) < 0)
        return -1;
    int64_t rows = chunks_pack(prune, p, err);
    if (rows < 0 || statement_run(prune->db, err, "COMMIT") < 0)
        return -1;
    failpoint("prune:after-commit");
    return rows;
}

static int partition_prune(struct prune *prune, int p, struct err *err)
{
    int64_t rows, at;
    while ((rows = transaction(prune, p, err)) > 0) {
        prune->rows += rows;
        if (master_packed_upto(prune->db, p, &at, err))
            return -1;
        prune->done += at - prune->from[p];
        prune->from[p] = at;
        run_progress_show(&prune->progress, prune->done, prune->total, "records");
        if (stop_asked())
            return err_set(err, ERR_RETRY, "stopped between two chunks: the next start goes on");
    }
    /* the room of what went away can be used again from here on */
    return rows < 0 || statement_run(prune->db, err, "VACUUM ANALYZE events_%d", p) < 0 ? -1 : 0;
}

static int prune_all(struct prune *prune, struct err *err)
{
    int found = boundary_find(prune, err);
    if (found < 0 || (found && packed_find(prune, err)))
        return -1;
    if (!found) {
        log_info(LOG, "nothing to do: no run was published more than %" PRId64 " days ago",
                 prune->keep_days);
        return 0;
    }
    int failed = 0;
    run_progress_begin(&prune->progress, "prune");
    for (int p = 0; p < prune->partitions && !failed; p++)
        failed = prune->upto[p] > prune->from[p] ? partition_prune(prune, p, err) : 0;
    run_progress_clear(&prune->progress);
    if (failed)
        return -1;
    log_info(LOG, "packed events=%" PRId64 " below_run=%" PRId64 " ms=%" PRId64, prune->rows,
             prune->n, (clock_monotonic_us() - prune->start_us) / 1000);
    return statement_run(prune->db, err, "ANALYZE events_packed") < 0 ? -1 : 0;
}

static int work_locked(struct prune *prune, struct err *err)
{
    struct publication publication;
    int64_t taken;
    if (publication_read(prune->db, prune->partitions, &publication, err) ||
        statement_number(prune->db, err, &taken, "SELECT pg_try_advisory_lock(%" PRId64 ")::int",
                         RUN_LOCK))
        return BATCH_FAILED;
    if (!taken) {
        err_set(err, ERR_RETRY, "a run is under way (advisory lock): nothing done");
        return BATCH_LOCKED;
    }
    return prune_all(prune, err) ? BATCH_FAILED : BATCH_DONE;
}

int prune_main(int argc, char **argv)
{
    static const struct options_usage usage = {
        .program = "tandem-batch",
        .synopsis = "prune --keep-days N [options]",
        .about =
            "Packs the events of the master dataset that a run older than N days has folded: a few\n"
            "hundred in one compressed value. Views stay as they are; rebuild, audit, forget and a\n"
            "user's events read them there. Killed at any point, the next start goes on.",
        .commands = "",
    };
    struct deployment_options deployment;
    struct prune prune = {.start_us = clock_monotonic_us()};
    struct err err = {0};
    struct option_row rows[OPTIONS_DEPLOYMENT + 1];
    size_t n = options_deployment(rows, &deployment);
    rows[n++] =
        (struct option_row){.name = "keep_days",
                            .type = OPTION_INT,
                            .initial = NULL,
                            .unit = "days",
                            .sentence = "events folded by a run since then stay as they are",
                            .into = &prune.keep_days,
                            .max = 100000};
    options_read(&usage, rows, n, argc, argv);
    stop_install();
    prune.partitions = (int)deployment.partitions;
    prune.db = database_open(deployment.postgres, "tandem-batch prune", &err);
    int exit_code = prune.db ? work_locked(&prune, &err) : BATCH_FAILED;
    if (exit_code != BATCH_DONE)
        log_error(LOG, "%s", err.message);
    PQfinish(prune.db);
    return exit_code;
}
