/*
 * Step 4: before anybody sees it, what was aggregated is held against the master dataset (every row once), against what is
 * expected of the data (quality.h), and against the speed layer's segment n-1 (every counter): two executions of the same definition that share nothing but the log.
 *
 * The comparison is exact although rows are read a few at a time, without a snapshot: segment n-1 of a partition never changes
 * again once its offset has reached B_n (compaction keeps sums), and offsets and epochs are looked at before and after: a server
 * that was flushed meanwhile shows another epoch, one that went back to an earlier state broke the connection. A segment
 * is always counted from its start B_{n-1}: whoever claims an empty server or one behind the boundary begins there.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "batch-layer/quality.h"
#include "batch-layer/run_steps.h"
#include "batch-layer/segment_check.h"
#include "batch-layer/speed_state.h"
#include "batch-layer/statement.h"
#include "common/clock.h"
#include "common/failpoint.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/stop.h"

enum { RETRY_MS = 200 };

/* ---- against the master dataset ---- */

static int partition_totals(const struct run *run, int p, struct quality_totals *totals,
                            struct err *err)
{
    int64_t from = run->rebuild ? 0 : run->before[p], to = run->boundary[p];
    PGresult *result = statement_query(
        run->db, err,
        "SELECT (SELECT count(*) FROM events WHERE partition = %d AND \"offset\" >= %" PRId64
        " AND \"offset\" < %" PRId64
        ") + (SELECT coalesce(sum(n), 0)::int8 FROM events_packed WHERE partition = %d"
        " AND first >= %" PRId64 " AND upto <= %" PRId64 "),"
        " (SELECT count(*) FROM bad_events WHERE partition = %d AND \"offset\" >= %" PRId64
        " AND \"offset\" < %" PRId64 "),"
        " (SELECT count(*) FROM barrier WHERE partition = %d AND \"offset\" >= %" PRId64
        " AND \"offset\" < %" PRId64 ")",
        p, from, to, p, from, to, p, from, to, p, from, to);
    if (!result)
        return -1;
    totals->offsets += to - from;
    totals->events += result_number(result, 0, 0);
    totals->bad += result_number(result, 0, 1);
    totals->barriers += result_number(result, 0, 2);
    PQclear(result);
    return 0;
}

/* Every event of the range is to be folded (or found a duplicate) once, and no offset to hold two things. */
static int totals_read(const struct run *run, struct quality_totals *totals, struct err *err)
{
    for (int p = 0; p < run->partitions; p++)
        if (partition_totals(run, p, totals, err))
            return -1;
    return statement_number(run->db, err, &totals->folded,
                            "SELECT events FROM run WHERE n = %" PRId64, run->n);
}

/* ---- the speed layer's segment ---- */

struct speed_side {
    redisContext *redis[SPEED_SERVERS_MAX]; /* NULL: not connected */
    struct speed_state state[SPEED_SERVERS_MAX];
    struct segment_rows *rows;
    int64_t seen; /* sum of the offsets: whether it moves */
};

static void speed_side_free(struct speed_side *side)
{
    for (int i = 0; i < SPEED_SERVERS_MAX; i++)
        if (side->redis[i])
            redisFree(side->redis[i]);
    segment_rows_free(side->rows);
    free(side);
}

/* Connects where needed and reads a server's offsets; ERR_RETRY while it has not yet applied all of segment n-1. */
static int server_ready(struct run *run, struct speed_side *side, int i, struct err *err)
{
    const struct speed_servers *servers = &run->settings->servers;
    struct speed_state *state = &side->state[i];
    if (!side->redis[i])
        side->redis[i] = speed_view_open(servers, i, 5000, err);
    if (!side->redis[i] || speed_state_read(side->redis[i], run->partitions, state, err) ||
        speed_state_check(side->redis[i], state, run->deployment, i, servers->n, err))
        return -1;
    if (state->there && state->retired >= run->n)
        return err_set(err, ERR_FATAL, "redis server %d has retired segment %" PRId64, i,
                       run->n - 1);
    for (int p = i; p < run->partitions; p += servers->n) {
        if (state->offset[p] > 0)
            side->seen += state->offset[p];
        if (state->offset[p] < run->boundary[p])
            return err_set(err, ERR_RETRY,
                           "the speed layer is at offset %" PRId64
                           " of partition %d, not yet at %" PRId64,
                           state->offset[p], p, run->boundary[p]);
    }
    return 0;
}

/* Nothing of what was read can have changed: see the top of this file. */
static int server_stood_still(struct run *run, struct speed_side *side, int i, struct err *err)
{
    struct speed_state now;
    if (speed_state_read(side->redis[i], run->partitions, &now, err))
        return -1;
    if (strcmp(now.epoch, side->state[i].epoch) != 0 || now.retired >= run->n)
        return err_set(err, ERR_RETRY, "redis server %d was flushed while it was read", i);
    return 0;
}

static void connections_close_broken(struct run *run, struct speed_side *side)
{
    for (int i = 0; i < run->settings->servers.n; i++)
        if (side->redis[i] && side->redis[i]->err) {
            redisFree(side->redis[i]);
            side->redis[i] = NULL;
        }
}

/* All servers have the segment, and which rows are in it is known. */
static int speed_side_begin(struct run *run, struct speed_side *side, struct err *why)
{
    int n = run->settings->servers.n, failed = 0, i;
    side->seen = 0;
    for (i = 0; !failed && i < n; i++)
        failed = server_ready(run, side, i, why);
    segment_rows_free(side->rows);
    side->rows = segment_rows_new(run->n - 1);
    for (i = 0; !failed && i < n; i++)
        failed = segment_rows_name(side->rows, side->redis[i], i, why);
    return failed;
}

/* 0; 1: `why` there is nothing to compare with, yet; -1: `err`, which is Postgres'. */
static int compare_attempt(struct run *run, struct speed_side *side, struct segment_check *check,
                           struct err *why, struct err *err)
{
    segment_check_free(check);
    int failed = speed_side_begin(run, side, why) ? 1 : 0;
    if (!failed)
        failed = segment_check_all(check, run, side->rows, side->redis, why, err);
    for (int i = 0; !failed && i < run->settings->servers.n; i++)
        failed = server_stood_still(run, side, i, why) ? 1 : 0;
    if (failed > 0)
        connections_close_broken(run, side);
    return failed;
}

/* Tries until all is compared, or nothing has moved for check_wait_s. 1, 0 and -1 as above. */
static int compare(struct run *run, struct speed_side *side, struct segment_check *check,
                   struct err *why, struct err *err)
{
    int64_t moved_us = clock_monotonic_us(), best = -1;
    int failed;
    while ((failed = compare_attempt(run, side, check, why, err)) > 0) {
        int64_t now_us = clock_monotonic_us();
        if (side->seen > best) {
            best = side->seen;
            moved_us = now_us;
        }
        if (why->kind != ERR_RETRY || now_us - moved_us >= run->settings->check_wait_s * 1000000)
            return 1;
        if (!stop_sleep_ms(RETRY_MS))
            return 1;
    }
    return failed;
}

static void drift_report(struct run *run, const struct segment_check *check)
{
    progress_clear(&run->progress);
    for (size_t i = 0; i < check->n_lines; i++)
        log_error(RUN_LOG, "%s", check->line[i]);
    log_error(RUN_LOG,
              "drift n=%" PRId64 " counters=%" PRId64 ": %s; batch view %" PRId64
              " replaces both, readers are right from then on",
              run->n, run->drift,
              run->rebuild ? "the old batch view or the speed layer's segment was wrong"
                           : "the speed layer counted its segment differently",
              run->n);
}

/* run->drift, and in `detail` how it was found. Only Postgres can make this fail. */
static int check_speed(struct run *run, char *detail, size_t detail_bytes, struct err *err)
{
    struct speed_side *side = xcalloc(1, sizeof *side);
    struct segment_check check = {0};
    struct err why = {0};
    int failed = compare(run, side, &check, &why, err);
    run->drift = failed ? -1 : check.drift;
    if (failed > 0) {
        progress_clear(&run->progress);
        log_warn(RUN_LOG, "not compared with the speed layer: %s", why.message);
        snprintf(detail, detail_bytes, "not compared: %.250s", why.message);
    } else if (!failed)
        snprintf(detail, detail_bytes, "%" PRId64 " groups compared", check.groups);
    if (run->drift > 0)
        drift_report(run, &check);
    segment_check_free(&check);
    speed_side_free(side);
    return failed < 0 ? -1 : 0;
}

/* What failed is written down at once: the run goes no further. */
static int check_quality(struct run *run, struct quality *quality, struct quality_totals *totals,
                         struct err *err)
{
    if (totals_read(run, totals, err) || quality_measure(quality, run, totals, err))
        return -1;
    progress_clear(&run->progress);
    if (quality->failed && quality_store(quality, run, err))
        return -1;
    run->refused = quality->failed > 0;
    return quality_tell(quality, run, err);
}

static int check_done(struct run *run, const struct quality *quality,
                      const struct quality_totals *totals, const char *speed, struct err *err)
{
    char drift[24] = "NULL";
    if (run->drift >= 0)
        snprintf(drift, sizeof drift, "%" PRId64, run->drift);
    int64_t others = totals->offsets - totals->events - totals->bad - totals->barriers;
    if (statement_run(run->db, err, "BEGIN") < 0 ||
        statement_run(run->db, err, "UPDATE run SET drift = %s WHERE n = %" PRId64, drift, run->n) <
            0 ||
        quality_store(quality, run, err) || run_move(run, "publish", err) ||
        run_step_end(run, totals->events, err,
                     "events %" PRId64 ", bad %" PRId64 ", barriers %" PRId64
                     ", other records %" PRId64 "; %s; drift %s",
                     totals->events, totals->bad, totals->barriers, others, speed, drift))
        return -1;
    return statement_run(run->db, err, "COMMIT") < 0 ? -1 : 0;
}

int run_check(struct run *run, struct err *err)
{
    struct quality_totals totals = {0};
    struct quality quality = {0};
    char speed[300] = "";
    failpoint("run:check:begin");
    if (run_step_begin(run, "check", err) || check_quality(run, &quality, &totals, err) ||
        check_speed(run, speed, sizeof speed, err))
        return -1;
    if (stop_asked())
        return err_set(err, ERR_RETRY, "stopped in the check: the next start goes on");
    failpoint("run:check:compared");
    quality_drift(&quality, run->drift, speed);
    if (check_done(run, &quality, &totals, speed, err))
        return -1;
    failpoint("run:check:done");
    return 0;
}
