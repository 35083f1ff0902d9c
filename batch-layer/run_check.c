/*
 * Step 4: before anybody sees it, what was aggregated is held against the master dataset (every row once) and against the
 * speed layer's segment n-1 (every counter): two executions of the same definition that share nothing but the log.
 *
 * The comparison is exact although rows are read by SCAN, without a snapshot: segment n-1 of a partition never changes again
 * once its offset has reached B_n (compaction keeps sums), and offsets and epochs are looked at before and after: a server
 * that was flushed meanwhile shows another epoch, one that went back to an earlier state broke the connection. A segment
 * is always counted from its start B_{n-1}: whoever claims an empty server or one behind the boundary begins there.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "batch-layer/run_steps.h"
#include "batch-layer/segment_rows.h"
#include "batch-layer/speed_state.h"
#include "batch-layer/statement.h"
#include "batch-layer/view_changes.h"
#include "common/clock.h"
#include "common/failpoint.h"
#include "common/log.h"
#include "common/stop.h"
#include "views/row.h"

enum { REPORTED = 10, RETRY_MS = 200 };

/* ---- against the master dataset ---- */

struct totals {
    int64_t offsets, events, bad, barriers;
};

static int partition_totals(const struct run *run, int p, struct totals *totals, struct err *err)
{
    int64_t from = run->rebuild ? 0 : run->before[p], to = run->boundary[p];
    PGresult *result = statement_query(
        run->db, err,
        "SELECT (SELECT count(*) FROM events WHERE partition = %d AND \"offset\" >= %" PRId64
        " AND \"offset\" < %" PRId64 "),"
        " (SELECT count(*) FROM bad_events WHERE partition = %d AND \"offset\" >= %" PRId64
        " AND \"offset\" < %" PRId64 "),"
        " (SELECT count(*) FROM barrier WHERE partition = %d AND \"offset\" >= %" PRId64
        " AND \"offset\" < %" PRId64 ")",
        p, from, to, p, from, to, p, from, to);
    if (!result)
        return -1;
    totals->offsets += to - from;
    totals->events += result_number(result, 0, 0);
    totals->bad += result_number(result, 0, 1);
    totals->barriers += result_number(result, 0, 2);
    PQclear(result);
    return 0;
}

/* Every event of the range was folded (or found a duplicate) once, and no offset holds two things. */
static int check_totals(const struct run *run, struct totals *totals, struct err *err)
{
    int64_t folded;
    for (int p = 0; p < run->partitions; p++)
        if (partition_totals(run, p, totals, err))
            return -1;
    if (statement_number(run->db, err, &folded, "SELECT events FROM run WHERE n = %" PRId64,
                         run->n))
        return -1;
    if (folded != totals->events)
        return err_set(
            err, ERR_FATAL,
            "run %" PRId64 " folded %" PRId64 " events, the master dataset has %" PRId64
            " there: not published; `tandem-batch status`, then a report to the developers",
            run->n, folded, totals->events);
    if (totals->events + totals->bad + totals->barriers > totals->offsets)
        return err_set(
            err, ERR_FATAL,
            "the master dataset has more rows than offsets below the boundary of run %" PRId64
            ": not published",
            run->n);
    return 0;
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

static int speed_side_attempt(struct run *run, struct speed_side *side, struct err *err)
{
    int n = run->settings->servers.n, failed = 0, i = 0;
    side->seen = 0;
    for (i = 0; !failed && i < n; i++)
        failed = server_ready(run, side, i, err);
    segment_rows_free(side->rows);
    side->rows = segment_rows_new();
    for (i = 0; !failed && i < n; i++)
        failed = segment_rows_read(side->rows, side->redis[i], run->n - 1, err) ||
                         server_stood_still(run, side, i, err)
                     ? -1
                     : 0;
    for (i = 0; failed && i < n; i++)
        if (side->redis[i] && side->redis[i]->err) {
            redisFree(side->redis[i]);
            side->redis[i] = NULL;
        }
    return failed;
}

/* Tries until it has all rows, or nothing has moved for check_wait_s. -1: err is why there is nothing to compare with. */
static int speed_side_read(struct run *run, struct speed_side *side, struct err *err)
{
    int64_t moved_us = clock_monotonic_us(), best = -1;
    while (speed_side_attempt(run, side, err)) {
        int64_t now_us = clock_monotonic_us();
        if (side->seen > best) {
            best = side->seen;
            moved_us = now_us;
        }
        if (err->kind != ERR_RETRY || now_us - moved_us >= run->settings->check_wait_s * 1000000)
            return -1;
        if (!stop_sleep_ms(RETRY_MS))
            return -1;
    }
    return 0;
}

/* ---- counter by counter ---- */

struct comparison {
    int64_t drift; /* counters that differ */
    int64_t groups;
    struct bytes speed, difference;
};

static int64_t row_value(struct text row, struct text member)
{
    struct counter counter;
    while (row_next(&row, &counter) > 0)
        if (text_equal(counter.member, member))
            return counter.value;
    return 0;
}

static void compare_group(struct comparison *c, struct text view, struct text group,
                          struct text batch, struct text speed_log)
{
    bytes_clear(&c->speed);
    bytes_clear(&c->difference);
    c->groups++;
    if (row_canonical(speed_log, &c->speed) < 0 ||
        row_merge(batch, bytes_text(&c->speed), -1, &c->difference) < 0) {
        c->drift++;
        log_error(RUN_LOG, "drift view=%.*s group=%.*s: the speed layer's bytes are no row",
                  (int)view.n, view.at, (int)group.n, group.at);
        return;
    }
    struct text rest = bytes_text(&c->difference);
    struct counter differing;
    for (; row_next(&rest, &differing) > 0; c->drift++)
        if (c->drift < REPORTED)
            log_error(RUN_LOG,
                      "drift view=%.*s group=%.*s member=%.*s batch=%" PRId64 " speed=%" PRId64,
                      (int)view.n, view.at, (int)group.n, group.at, (int)differing.member.n,
                      differing.member.at, row_value(batch, differing.member),
                      row_value(bytes_text(&c->speed), differing.member));
}

/* What a damaged row of the old view would have had in it nobody knows: its group is one difference. */
static void compare_change(struct comparison *c, const struct view_change *change,
                           struct text speed_log)
{
    if (!change->damaged) {
        compare_group(c, change->view, change->group, change->change, speed_log);
        return;
    }
    c->groups++;
    if (c->drift++ < REPORTED)
        log_error(RUN_LOG, "drift view=%.*s group=%.*s: the old batch view's bytes are no row",
                  (int)change->view.n, change->view.at, (int)change->group.n, change->group.at);
}

static int compare_all(struct run *run, struct segment_rows *rows, struct comparison *c,
                       struct err *err)
{
    struct view_changes changes;
    struct view_change change;
    int more = view_changes_begin(&changes, run->db, run->n,
                                  run->rebuild ? CHANGES_OF_REBUILD : CHANGES_OF_RUN, err)
                   ? -1
                   : 1;
    while (more > 0 && (more = view_changes_next(&changes, &change, err)) > 0)
        compare_change(c, &change, segment_rows_take(rows, change.view, change.group));
    view_changes_end(&changes);
    struct text view, group, log;
    size_t cursor = 0;
    while (more == 0 && segment_rows_left(rows, &cursor, &view, &group, &log))
        compare_group(c, view, group, (struct text){"", 0}, log);
    bytes_free(&c->speed);
    bytes_free(&c->difference);
    return more;
}

/* run->drift, and in `detail` how it was found. Only Postgres can make this fail. */
static int check_speed(struct run *run, char *detail, size_t detail_bytes, struct err *err)
{
    struct speed_side *side = calloc(1, sizeof *side);
    struct comparison comparison = {0};
    struct err why = {0};
    int failed = 0;
    run->drift = -1;
    if (!side)
        abort();
    if (speed_side_read(run, side, &why)) {
        log_warn(RUN_LOG, "not compared with the speed layer: %s", why.message);
        snprintf(detail, detail_bytes, "not compared: %.250s", why.message);
    } else if (compare_all(run, side->rows, &comparison, err)) {
        failed = -1;
    } else {
        run->drift = comparison.drift;
        snprintf(detail, detail_bytes, "%" PRId64 " groups compared", comparison.groups);
    }
    if (run->drift > 0)
        log_error(RUN_LOG,
                  "drift n=%" PRId64 " counters=%" PRId64 ": %s; batch view %" PRId64
                  " replaces both, readers are right from then on",
                  run->n, run->drift,
                  run->rebuild ? "the old batch view or the speed layer's segment was wrong"
                               : "the speed layer counted its segment differently",
                  run->n);
    speed_side_free(side);
    return failed;
}

int run_check(struct run *run, struct err *err)
{
    struct totals totals = {0};
    char speed[300] = "", drift[24] = "NULL";
    failpoint("run:check:begin");
    if (run_step_begin(run, "check", err) || check_totals(run, &totals, err) ||
        check_speed(run, speed, sizeof speed, err))
        return -1;
    if (stop_asked())
        return err_set(err, ERR_RETRY, "stopped in the check: the next start goes on");
    failpoint("run:check:compared");
    if (run->drift >= 0)
        snprintf(drift, sizeof drift, "%" PRId64, run->drift);
    int64_t others = totals.offsets - totals.events - totals.bad - totals.barriers;
    if (statement_run(run->db, err, "BEGIN") < 0 ||
        statement_run(run->db, err, "UPDATE run SET drift = %s WHERE n = %" PRId64, drift, run->n) <
            0 ||
        run_move(run, "publish", err) ||
        run_step_end(run, "check", totals.events, err,
                     "events %" PRId64 ", bad %" PRId64 ", barriers %" PRId64
                     ", other records %" PRId64 "; %s; drift %s",
                     totals.events, totals.bad, totals.barriers, others, speed, drift) ||
        statement_run(run->db, err, "COMMIT") < 0)
        return -1;
    failpoint("run:check:done");
    return 0;
}
