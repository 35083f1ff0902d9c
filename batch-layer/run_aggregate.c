/*
 * Step 3: folds the events between the boundaries, partition by partition, in chunks.
 *
 * A chunk is one transaction: a part of one partition, or of several where they are short, so that a small run is one chunk.
 * It has what the parts add to rows, the users' states behind them, and the partitions' checkpoints, moved by compare-and-set
 * from where the parts began. So after a kill the checkpoints say exactly which events are in what is staged, and
 * the states to go on from are those staged by the chunk before: first staged_state of this run, then the newest version
 * of user_state before it. Within a process the fold keeps a partition's states from chunk to chunk, so most are never read back.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "batch-layer/copy.h"
#include "batch-layer/master_dataset.h"
#include "batch-layer/run_figures.h"
#include "batch-layer/run_steps.h"
#include "batch-layer/statement.h"
#include "common/clock.h"
#include "common/failpoint.h"
#include "common/log.h"
#include "common/stop.h"
#include "views/fold.h"
#include "views/row.h"

enum { PROGRESS_EVENTS = 4096 };

struct forgotten {
    int64_t offset;
    size_t at, n; /* the user, in aggregate.forgotten_users */
};

struct aggregate {
    struct run *run;
    /* the part under way */
    int partition;
    int64_t from, to;
    bool first;   /* nothing of this partition is staged yet */
    bool look_up; /* a user that the fold does not know may have a state in Postgres */
    struct names *names;
    struct fold *fold;
    struct deltas *deltas;
    struct run_figures *figures; /* of the chunk; NULL: not a run (run_aggregate_stage) */
    struct forgotten *forgotten;
    size_t n_forgotten, forgotten_cap;
    struct bytes forgotten_users, packed, row;
    int64_t events;       /* of the part */
    int64_t chunk_events; /* of the chunk so far */
    int64_t chunk_ms;     /* when it began */
    int64_t all_events, duplicates, chunks;
    int64_t offsets_done, offsets_all; /* of this attempt */
};

static void fold_begin(struct aggregate *a)
{
    a->names = names_new();
    a->fold = fold_new(a->names);
    a->deltas = deltas_new();
}

static void fold_end(struct aggregate *a)
{
    deltas_free(a->deltas);
    fold_free(a->fold);
    names_free(a->names);
}

static void aggregate_free(struct aggregate *a)
{
    fold_end(a);
    run_figures_free(a->figures);
    free(a->forgotten);
    bytes_free(&a->forgotten_users);
    bytes_free(&a->packed);
    bytes_free(&a->row);
}

/* ---- reading ---- */

/* Brings the states of the part's users that the fold does not know. Subqueries, not joins: those are always looked up by
 * key, where a join with a table that has just been filled may read all of it for each user. */
static int states_bring(struct aggregate *a, struct err *err)
{
    enum { USER, STATE, FIELDS };
    char sql[1024];
    const struct run *run = a->run;
    char staged[128] = "NULL"; /* nothing of this partition is */
    if (!a->first)
        snprintf(staged, sizeof staged,
                 "(SELECT s.state FROM staged_state s WHERE s.n = %" PRId64
                 " AND s.partition = %d AND s.\"user\" = u.\"user\")",
                 run->n, a->partition);
    snprintf(sql, sizeof sql,
             "COPY (SELECT u.\"user\", coalesce(%s,"
             " (SELECT o.state FROM user_state o WHERE o.partition = %d AND o.\"user\" = u.\"user\""
             " AND o.n < %" PRId64 " ORDER BY o.n DESC LIMIT 1))"
             " FROM (SELECT DISTINCT \"user\" FROM event_rows(%d::int2, %" PRId64 ", %" PRId64
             ")) u) TO STDOUT (FORMAT binary)",
             staged, a->partition, run->rebuild ? 0 : run->n, a->partition, a->from, a->to);
    struct copy_out rows = {0};
    struct text field[FIELDS];
    int more = copy_out_begin(&rows, run->db, sql, err) ? -1 : 1;
    while (more > 0 && (more = copy_out_row(&rows, field, FIELDS, err)) > 0)
        if (!fold_knows(a->fold, field[USER]) && fold_put_state(a->fold, field[USER], field[STATE]))
            more = err_set(err, ERR_DATA,
                           "partition %d: a stored user state is damaged: `tandem-batch rebuild`",
                           a->partition);
    copy_out_end(&rows);
    return more;
}

static void forget_keep(struct aggregate *a, int64_t offset, struct text user)
{
    if (offset < a->run->before[a->partition])
        return; /* a rebuild comes by forgets that an earlier run has replaced */
    a->forgotten = grown(a->forgotten, &a->forgotten_cap, a->n_forgotten + 1, sizeof *a->forgotten);
    a->forgotten[a->n_forgotten++] = (struct forgotten){offset, a->forgotten_users.n, user.n};
    bytes_put_text(&a->forgotten_users, user);
}

static int event_take(struct aggregate *a, const struct event *event, int64_t offset,
                      struct err *err)
{
    if (!fold_knows(a->fold, event->user)) {
        if (a->look_up)
            return err_set(err, ERR_FATAL,
                           "partition %d offset %" PRId64 ": an event appeared below the boundary "
                           "while it was folded: only the archive may write `events`",
                           a->partition, offset);
        fold_put_state(a->fold, event->user, (struct text){"", 0});
    }
    a->events++;
    bool changed = fold_event(a->fold, event, a->deltas);
    if (!changed)
        a->duplicates++;
    else if (event->type == EVENT_FORGET)
        forget_keep(a, offset, event->user);
    if (a->figures)
        run_figures_take(a->figures, a->partition, event, !changed, a->chunk_ms);
    if (a->events % PROGRESS_EVENTS == 0)
        run_progress_show(&a->run->progress, a->offsets_done + offset - a->from, a->offsets_all,
                          "records");
    return 0;
}

static int part_fold(struct aggregate *a, struct err *err)
{
    a->events = 0;
    a->n_forgotten = 0;
    bytes_clear(&a->forgotten_users);
    if (a->look_up && states_bring(a, err))
        return -1;
    const struct run *run = a->run;
    fold_views(a->fold,
               a->from < run->before[a->partition] ? run->rebuilt : run->complete | run->rebuilt);
    struct master_rows *rows = master_rows_open(run->db, a->partition, a->from, a->to, err);
    struct event event;
    int64_t offset;
    int more = rows ? 1 : -1;
    while (more > 0 && (more = master_rows_next(rows, &offset, &event, err)) > 0)
        if (event_take(a, &event, offset, err))
            more = -1;
    master_rows_close(rows);
    fold_settle(a->fold, a->deltas);
    return more;
}

/* ---- staging ---- */

static int stage_rows(struct aggregate *a, struct err *err)
{
    struct copy_in in = {0};
    if (copy_in_begin(&in, a->run->db,
                      "COPY staged_row (n, view, \"group\", counters) FROM STDIN (FORMAT binary)",
                      err))
        return -1;
    for (size_t r = 0; r < deltas_rows(a->deltas); r++) {
        unsigned view;
        uint32_t group;
        bytes_clear(&a->packed);
        if (deltas_row_pack(a->deltas, r, a->names, &a->packed) == 0)
            continue;
        if (copy_in_row(&in, 4, err)) {
            copy_in_abandon(&in);
            return -1;
        }
        deltas_row_key(a->deltas, r, &view, &group);
        copy_in_int8(&in, a->run->n);
        copy_in_text(&in, text_of(catalogue[view].name));
        copy_in_text(&in, names_text(a->names, group));
        bytes_clear(&a->row); /* sorted once, here: it is read by the check and by publishing */
        row_canonical(bytes_text(&a->packed), &a->row);
        copy_in_text(&in, bytes_text(&a->row));
    }
    return copy_in_end(&in, err);
}

static int copy_states(struct aggregate *a, const char *sql, struct err *err)
{
    struct copy_in in = {0};
    struct text user;
    size_t cursor = 0;
    if (copy_in_begin(&in, a->run->db, sql, err))
        return -1;
    while (fold_next_touched(a->fold, &cursor, &user, &a->packed)) {
        if (copy_in_row(&in, 4, err)) {
            copy_in_abandon(&in);
            return -1;
        }
        copy_in_int8(&in, a->run->n);
        copy_in_int2(&in, a->partition);
        copy_in_text(&in, user);
        copy_in_text(&in, bytes_text(&a->packed));
    }
    return copy_in_end(&in, err);
}

/* COPY cannot replace rows: only the first chunk of a partition may go straight into the table. */
static int stage_states(struct aggregate *a, struct err *err)
{
    if (a->first)
        return copy_states(
            a, "COPY staged_state (n, partition, \"user\", state) FROM STDIN (FORMAT binary)", err);
    if (statement_run(a->run->db, err,
                      "CREATE TEMPORARY TABLE IF NOT EXISTS chunk_state (LIKE staged_state)"
                      " ON COMMIT DELETE ROWS") < 0 ||
        statement_run(a->run->db, err, "TRUNCATE chunk_state") < 0 || /* an earlier part's */
        copy_states(
            a, "COPY chunk_state (n, partition, \"user\", state) FROM STDIN (FORMAT binary)", err))
        return -1;
    return statement_run(
               a->run->db, err,
               "INSERT INTO staged_state SELECT * FROM chunk_state"
               " ON CONFLICT (n, partition, \"user\") DO UPDATE SET state = excluded.state") < 0
               ? -1
               : 0;
}

static int stage_forgets(struct aggregate *a, struct err *err)
{
    struct copy_in in = {0};
    if (a->n_forgotten == 0)
        return 0;
    if (copy_in_begin(
            &in, a->run->db,
            "COPY staged_forget (n, partition, \"offset\", \"user\") FROM STDIN (FORMAT binary)",
            err))
        return -1;
    for (size_t i = 0; i < a->n_forgotten; i++) {
        const struct forgotten *f = &a->forgotten[i];
        if (copy_in_row(&in, 4, err)) {
            copy_in_abandon(&in);
            return -1;
        }
        copy_in_int8(&in, a->run->n);
        copy_in_int2(&in, a->partition);
        copy_in_int8(&in, f->offset);
        copy_in_text(&in, (struct text){a->forgotten_users.at + f->at, f->n});
    }
    return copy_in_end(&in, err);
}

static int checkpoint_move(struct aggregate *a, struct err *err)
{
    int64_t moved =
        statement_run(a->run->db, err,
                      "UPDATE checkpoint SET \"offset\" = %" PRId64 " WHERE n = %" PRId64
                      " AND partition = %d AND \"offset\" = %" PRId64,
                      a->to, a->run->n, a->partition, a->from);
    if (moved == 0)
        return err_set(err, ERR_FATAL,
                       "run %" PRId64 ": the checkpoint of partition %d is not at %" PRId64
                       ": somebody else works on it",
                       a->run->n, a->partition, a->from);
    return moved < 0 ? -1 : 0;
}

/* ---- the step ---- */

static int part(struct aggregate *a, struct err *err)
{
    struct run *run = a->run;
    if (checkpoint_move(a, err) || part_fold(a, err) || stage_states(a, err) ||
        stage_forgets(a, err))
        return -1;
    fold_forget_touched(a->fold);
    a->first = false;
    a->chunk_events += a->events;
    a->offsets_done += a->to - a->from;
    run_progress_clear(&run->progress);
    log_info(RUN_LOG,
             "aggregated n=%" PRId64 " partition=%d offset=%" PRId64 " of=%" PRId64
             " events=%" PRId64,
             run->n, a->partition, a->to, run->boundary[a->partition], a->events);
    return 0;
}

/* On to the first offset of `p` that is not staged yet; none of the states known is of this partition. */
static int partition_begin(struct aggregate *a, int p, struct err *err)
{
    const struct run *run = a->run;
    a->partition = p;
    if (p >= run->partitions)
        return 0;
    if (statement_number(run->db, err, &a->to,
                         "SELECT \"offset\" FROM checkpoint WHERE n = %" PRId64
                         " AND partition = %d",
                         run->n, p))
        return -1;
    a->first = a->to == (run->rebuild ? 0 : run->before[p]);
    a->look_up = !a->first || (!run->rebuild && run->n > 1);
    fold_reset(a->fold);
    return 0;
}

/* As many parts as chunk_events allow. */
static int chunk_parts(struct aggregate *a, struct err *err)
{
    const struct run *run = a->run;
    int64_t left = run->settings->chunk_events;
    while (left > 0 && a->partition < run->partitions) {
        int64_t behind = run->boundary[a->partition] - a->to;
        a->from = a->to;
        a->to += behind < left ? behind : left;
        /* below the old boundary a rebuild of some views adds to those alone */
        if (a->from < run->before[a->partition] && a->to > run->before[a->partition])
            a->to = run->before[a->partition];
        left -= a->to - a->from;
        if (a->to > a->from && part(a, err))
            return -1;
        if (a->to >= run->boundary[a->partition] && partition_begin(a, a->partition + 1, err))
            return -1;
    }
    return 0;
}

static int chunk_stage(struct aggregate *a, struct err *err)
{
    PGconn *db = a->run->db;
    a->chunk_events = 0;
    a->chunk_ms = clock_unix_ms();
    if (statement_run(db, err, "BEGIN") < 0 || statement_plan_by_keys(db, err) ||
        chunk_parts(a, err) || stage_rows(a, err) ||
        (a->figures && run_figures_store(a->figures, db, a->run->n, err)) ||
        statement_run(db, err, "UPDATE run SET events = events + %" PRId64 " WHERE n = %" PRId64,
                      a->chunk_events, a->run->n) < 0)
        return -1;
    failpoint("run:aggregate:staged");
    return statement_run(db, err, "COMMIT") < 0 ? -1 : 0;
}

/* Memory is bounded: what was thrown away is looked up again. */
static void forget_much(struct aggregate *a)
{
    size_t held = fold_bytes(a->fold) + names_bytes(a->names) + deltas_bytes(a->deltas);
    if (held <= (size_t)a->run->settings->memory_bytes)
        return;
    fold_end(a);
    fold_begin(a);
    a->look_up = true;
}

static int chunk(struct aggregate *a, struct err *err)
{
    if (stop_asked())
        return err_set(err, ERR_RETRY, "stopped between two chunks: the next start goes on");
    if (chunk_stage(a, err))
        return -1;
    failpoint("run:aggregate:chunk");
    deltas_clear(a->deltas);
    a->all_events += a->chunk_events;
    a->chunks++;
    forget_much(a);
    return 0;
}

static int all_chunks(struct aggregate *a, struct err *err)
{
    if (statement_number(a->run->db, err, &a->offsets_all,
                         "SELECT coalesce(sum(r.boundary[c.partition + 1] - c.\"offset\"), 0)::int8"
                         " FROM checkpoint c JOIN run r USING (n) WHERE n = %" PRId64,
                         a->run->n))
        return -1;
    if (partition_begin(a, 0, err))
        return -1;
    while (a->partition < a->run->partitions)
        if (chunk(a, err))
            return -1;
    return 0;
}

int run_aggregate_stage(struct run *run, struct err *err)
{
    struct aggregate a = {.run = run};
    fold_begin(&a);
    int failed = all_chunks(&a, err);
    aggregate_free(&a);
    return failed;
}

int run_aggregate(struct run *run, struct err *err)
{
    struct aggregate a = {.run = run};
    failpoint("run:aggregate:begin");
    /* Until it is published nothing waits for the disk: what a crash of Postgres may lose is the end of this work. */
    if (statement_run(run->db, err, "SET synchronous_commit = off") < 0 ||
        run_step_begin(run, "aggregate", err))
        return -1;
    fold_begin(&a);
    a.figures = run_figures_new();
    int failed = all_chunks(&a, err);
    aggregate_free(&a);
    if (failed || statement_run(run->db, err, "BEGIN") < 0 || run_move(run, "check", err) ||
        run_step_end(run, a.all_events, err, "chunks %" PRId64 ", duplicates %" PRId64, a.chunks,
                     a.duplicates) ||
        statement_run(run->db, err, "COMMIT") < 0)
        return -1;
    failpoint("run:aggregate:done");
    return 0;
}
