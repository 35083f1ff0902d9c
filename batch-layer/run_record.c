#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "batch-layer/run_views.h"
#include "batch-layer/statement.h"
#include "common/failpoint.h"
#include "handover/view_state.h"

static int record_take(struct run *run, const PGresult *result, struct err *err)
{
    run->n = result_number(result, 0, 0);
    run->rebuild = strcmp(PQgetvalue(result, 0, 1), "rebuild") == 0;
    run->rebuilt = run->rebuild ? catalogue_all() : 0;
    snprintf(run->state, sizeof run->state, "%s", PQgetvalue(result, 0, 2));
    run->drift = PQgetisnull(result, 0, 4) ? -1 : result_number(result, 0, 4);
    if (!PQgetisnull(result, 0, 3) &&
        vector_parse(PQgetvalue(result, 0, 3), run->boundary, PARTITIONS_MAX) != run->partitions)
        return err_set(err, ERR_FATAL,
                       "run %" PRId64 ": its boundary has another number of partitions", run->n);
    return PQgetisnull(result, 0, 5)
               ? 0
               : run_views_parse(PQgetvalue(result, 0, 5), &run->rebuilt, err);
}

int run_find(struct run *run, const struct publication *publication, struct err *err)
{
    PGresult *result = statement_query(
        run->db, err,
        "SELECT n, kind, state, boundary, drift, array_to_string(views, ',') FROM run WHERE state <> 'done' ORDER BY n DESC LIMIT 1");
    if (!result)
        return -1;
    run->n = 0;
    int failed = PQntuples(result) ? record_take(run, result, err) : 0;
    PQclear(result);
    if (failed || !run->n)
        return failed;
    bool published = strcmp(run->state, "retire") == 0;
    if (run->n != publication->n + !published)
        return err_set(err, ERR_FATAL,
                       "run %" PRId64 " is in state %s, but batch view %" PRId64
                       " is published: the tables are not those of one deployment",
                       run->n, run->state, publication->n);
    memcpy(run->before, publication->boundary, sizeof run->before);
    return published ? 0 : run_views_find(run, err);
}

int run_open(struct run *run, const struct publication *publication, struct err *err)
{
    run->n = publication->n + 1;
    run->drift = -1;
    snprintf(run->state, sizeof run->state, "barrier");
    memcpy(run->before, publication->boundary, sizeof run->before);
    run->rebuild = run->rebuilt != 0;
    bool some = run->rebuilt && run->rebuilt != catalogue_all();
    char names[VIEW_NAMES_BYTES], n[24];
    snprintf(n, sizeof n, "%" PRId64, run->n);
    return run_views_find(run, err) ||
                   database_run(
                       run->db, err,
                       "INSERT INTO run (n, kind, state, views)"
                       " VALUES ($1, $2, 'barrier', string_to_array($3, ','))",
                       3,
                       (const char *[]){n, run->rebuild ? "rebuild" : "run",
                                        some ? view_names(run->rebuilt, ",", names) : NULL})
               ? -1
               : 0;
}

int run_take_over(struct run *run, struct err *err)
{
    static const char *const staged[] = {"staged_row", "staged_state", "staged_forget",
                                         "checkpoint", "run_figure",   "run_check"};
    if (statement_run(run->db, err, "BEGIN") < 0)
        return -1;
    for (size_t i = 0; i < sizeof staged / sizeof *staged; i++)
        if (statement_run(run->db, err, "DELETE FROM %s WHERE n = %" PRId64, staged[i], run->n) < 0)
            return -1;
    int64_t taken = statement_run(
        run->db, err,
        "UPDATE run SET kind = 'rebuild', views = NULL, state = 'barrier', boundary = NULL,"
        " events = 0, drift = NULL WHERE n = %" PRId64 " AND published_at IS NULL",
        run->n);
    if (taken == 0)
        return err_set(err, ERR_FATAL, "run %" PRId64 " is published: somebody else works on it",
                       run->n);
    if (taken < 0 || statement_run(run->db, err, "COMMIT") < 0)
        return -1;
    run->rebuild = true;
    run->rebuilt = catalogue_all();
    run->drift = -1;
    snprintf(run->state, sizeof run->state, "barrier");
    failpoint("run:taken-over");
    return 0;
}

int run_step_begin(struct run *run, const char *step, struct err *err)
{
    int64_t attempt;
    if (statement_number(run->db, err, &attempt,
                         "INSERT INTO run_step (n, step, attempt) SELECT %" PRId64
                         ", '%s', 1 + coalesce(max(attempt), 0) FROM run_step"
                         " WHERE n = %" PRId64 " AND step = '%s' RETURNING attempt",
                         run->n, step, run->n, step))
        return -1;
    run->attempt = (int)attempt;
    snprintf(run->step, sizeof run->step, "%s", step);
    return 0;
}

/* The row by its key: it may be told to be done, or failed, from another connection than the one that began it. */
static int step_row_update(struct run *run, const char *set, const char *value, const char *text,
                           struct err *err)
{
    char sql[256], n[24], attempt[16];
    snprintf(sql, sizeof sql,
             "UPDATE run_step SET finished_at = clock_timestamp(), %s"
             " WHERE n = $1 AND step = $2 AND attempt = $3 AND finished_at IS NULL",
             set);
    snprintf(n, sizeof n, "%" PRId64, run->n);
    snprintf(attempt, sizeof attempt, "%d", run->attempt);
    return database_run(run->db, err, sql, 5, (const char *[]){n, run->step, attempt, value, text});
}

int run_step_fail(struct run *run, const char *failure, struct err *err)
{
    if (!*run->step)
        return 0;
    if (statement_run(run->db, err, "ROLLBACK") < 0 ||
        step_row_update(run, "rows = $4::int8, failure = $5", NULL, failure, err))
        return -1;
    run->step[0] = 0;
    return 0;
}

int run_step_end(struct run *run, int64_t rows, struct err *err, const char *detail, ...)
{
    char text[512], n_rows[24];
    va_list args;
    va_start(args, detail);
    vsnprintf(text, sizeof text, detail, args);
    va_end(args);
    snprintf(n_rows, sizeof n_rows, "%" PRId64, rows);
    return step_row_update(run, "rows = $4, detail = $5", n_rows, text, err);
}

int run_move(struct run *run, const char *to, struct err *err)
{
    int64_t moved = statement_run(
        run->db, err, "UPDATE run SET state = '%s' WHERE n = %" PRId64 " AND state = '%s'", to,
        run->n, run->state);
    if (moved == 0)
        return err_set(err, ERR_FATAL,
                       "run %" PRId64 " is no longer in state %s: somebody else works on it",
                       run->n, run->state);
    if (moved > 0)
        snprintf(run->state, sizeof run->state, "%s", to);
    return moved > 0 ? 0 : -1;
}
