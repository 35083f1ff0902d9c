/*
 * Step 5: batch view n, the users' states at n and the publication, in one transaction: before it everything is as it was,
 * after it everything is new. What is read of the old view comes over a second connection, because a connection that is in a
 * COPY can do nothing else; nobody but the holder of the lock writes these tables, so both see the same old view.
 */
#include <inttypes.h>
#include <stdio.h>

#include "batch-layer/forget.h"
#include "batch-layer/run_views.h"
#include "batch-layer/statement.h"
#include "batch-layer/view_changes.h"
#include "common/failpoint.h"
#include "common/log.h"
#include "common/stop.h"
#include "handover/view_state.h"

static int write_piece(struct run *run, struct copy_in *in, const struct view_change *change,
                       struct err *err)
{
    if (copy_in_row(in, 8, err))
        return -1;
    copy_in_text(in, change->view);
    copy_in_text(in, change->group);
    copy_in_int8(in, run->n);
    copy_in_bool(in, change->rewrite);
    copy_in_text(in, change->rewrite ? change->whole : change->change);
    copy_in_int4(in, change->pieces);
    copy_in_int8(in, change->whole_bytes);
    copy_in_int8(in, change->increment_bytes);
    return 0;
}

/* A group that has become empty keeps its row, so that readers learn of it; one that never had counters needs none. */
static bool is_written(const struct view_change *change)
{
    return change->there ? change->rewrite || change->change.n : change->whole.n;
}

static int write_changed(struct run *run, struct view_changes *changes, struct copy_in *in,
                         struct err *err)
{
    struct view_change change;
    int more;
    while ((more = view_changes_next(changes, &change, err)) > 0) {
        if (change.damaged)
            log_warn(RUN_LOG, "a damaged row is written anew: view=%.*s group=%.*s",
                     (int)change.view.n, change.view.at, (int)change.group.n, change.group.at);
        if (is_written(&change) && write_piece(run, in, &change, err))
            return -1;
    }
    return more;
}

/* What the whole pieces that were just written have in them. */
static int remove_summed(struct run *run, struct err *err)
{
    char names[VIEW_NAMES_BYTES];
    if (run->rebuilt == catalogue_all()) /* also of views that are in no catalogue any more */
        return statement_run(run->db, err, "DELETE FROM view_row WHERE n < %" PRId64, run->n) < 0
                   ? -1
                   : 0;
    if (run->rebuilt &&
        statement_run(run->db, err, "DELETE FROM view_row WHERE n < %" PRId64 " AND view IN ('%s')",
                      run->n, view_names(run->rebuilt, "','", names)) < 0)
        return -1;
    return statement_plan_by_keys(run->db, err) ||
                   statement_run(run->db, err,
                                 "DELETE FROM view_row v USING view_row w"
                                 " WHERE w.n = %" PRId64 " AND w.whole AND v.view = w.view"
                                 " AND v.\"group\" = w.\"group\" AND v.n < w.n",
                                 run->n) < 0
               ? -1
               : 0;
}

/* How many rows of these views were written. */
static int64_t publish_views(struct run *run, PGconn *reader, uint64_t views,
                             enum view_changes_of of, struct err *err)
{
    struct view_changes changes;
    struct copy_in in = {0};
    if (!views)
        return 0;
    int failed = view_changes_begin(&changes, reader, run->n, of, views, err);
    if (!failed)
        failed = copy_in_begin(
            &in, run->db,
            "COPY view_row (view, \"group\", n, whole, counters, pieces, whole_bytes, increment_bytes)"
            " FROM STDIN (FORMAT binary)",
            err);
    if (!failed) {
        failed = write_changed(run, &changes, &in, err);
        if (failed)
            copy_in_abandon(&in);
        else
            failed = copy_in_end(&in, err);
    }
    view_changes_end(&changes);
    return failed ? -1 : in.rows;
}

static int64_t publish_rows(struct run *run, PGconn *reader, struct err *err)
{
    int64_t added =
        publish_views(run, reader, run->complete & ~run->rebuilt, CHANGES_TO_WRITE, err);
    int64_t whole =
        added < 0 ? -1 : publish_views(run, reader, run->rebuilt, CHANGES_OF_REBUILD, err);
    return whole < 0 || statement_count_anew(run->db, "view_row", added + whole, err) ||
                   remove_summed(run, err)
               ? -1
               : added + whole;
}

/*
 * Version n of each user that the run met. A rebuild replaces what it finds: who has a state and was not met has none any
 * more. An empty state is written only over an older one.
 */
static int64_t publish_states(struct run *run, struct err *err)
{
    if (run->rebuild && statement_run(run->db, err,
                                      "INSERT INTO staged_state (n, partition, \"user\", state)"
                                      " SELECT DISTINCT %" PRId64
                                      "::int8, partition, \"user\", ''::bytea FROM user_state"
                                      " ON CONFLICT DO NOTHING",
                                      run->n) < 0)
        return -1;
    return statement_run(
        run->db, err,
        "INSERT INTO user_state (partition, \"user\", n, state)"
        " SELECT partition, \"user\", n, state FROM staged_state s WHERE n = %" PRId64
        " AND (state <> '' OR EXISTS (SELECT FROM user_state u"
        " WHERE u.partition = s.partition AND u.\"user\" = s.\"user\"))",
        run->n);
}

static int publish_number(struct run *run, int64_t rows, int64_t states, int64_t forgotten,
                          struct err *err)
{
    if (statement_run(run->db, err,
                      "UPDATE publication SET n = r.n, boundary = r.boundary, published_at = now()"
                      " FROM run r WHERE r.n = %" PRId64,
                      run->n) < 0 ||
        statement_run(run->db, err, "UPDATE run SET published_at = now() WHERE n = %" PRId64,
                      run->n) < 0 ||
        run_views_publish(run, err) || run_move(run, "retire", err) ||
        run_step_end(run, rows, err,
                     "rows %" PRId64 ", user states %" PRId64
                     ", events of forgotten users %" PRId64,
                     rows, states, forgotten))
        return -1;
    return statement_run(run->db, err, "NOTIFY tandem_publication") < 0 ? -1 : 0;
}

/* Whoever is asked to end does so here, with everything as it was. */
static int go_on(struct err *err)
{
    return stop_asked()
               ? err_set(err, ERR_RETRY, "stopped before it was published: the next start goes on")
               : 0;
}

static int publish(struct run *run, PGconn *reader, struct err *err)
{
    if (statement_run(run->db, err, "BEGIN") < 0 || forget_index(run, err))
        return -1;
    int64_t forgotten = forget_replace(run, err);
    int64_t rows = forgotten < 0 || go_on(err) ? -1 : publish_rows(run, reader, err);
    failpoint("run:publish:rows");
    int64_t states = rows < 0 || go_on(err) ? -1 : publish_states(run, err);
    if (states < 0 || statement_count_anew(run->db, "user_state", states, err) ||
        publish_number(run, rows, states, forgotten, err))
        return -1;
    failpoint("run:publish:before-commit");
    if (statement_run(run->db, err, "COMMIT") < 0)
        return -1;
    failpoint("run:publish:after-commit");
    progress_clear(&run->progress);
    log_info(RUN_LOG, "published n=%" PRId64 " rows=%" PRId64 " user_states=%" PRId64, run->n, rows,
             states);
    return 0;
}

int run_publish(struct run *run, struct err *err)
{
    failpoint("run:publish:begin");
    if (statement_run(run->db, err, "SET synchronous_commit = on") < 0 ||
        run_step_begin(run, "publish", err))
        return -1;
    PGconn *reader = database_open(run->settings->deployment.postgres, "tandem-batch", err);
    int failed = reader ? publish(run, reader, err) : -1;
    PQfinish(reader);
    return failed;
}
