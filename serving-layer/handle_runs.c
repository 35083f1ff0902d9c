/* GET /v1/runs: the batch runs and their steps, as the batch layer has written them down. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "handover/database.h"
#include "serving-layer/jobs.h"
#include "serving-layer/json_out.h"
#include "serving-layer/loop.h"
#include "serving-layer/routes.h"

enum { RUNS_MAX = 100 };

const struct parameter_row runs_parameters[] = {
    {"n", PARAMETER_INT, "20", 1, RUNS_MAX, .sentence = "At most so many runs, the newest first."},
    {0}};

static const char head[] = "{\"runs\":";

/* clang-format off */
#define MS(time) "(extract(epoch FROM " time ") * 1000)::int8"
static const char runs_sql[] =
    "SELECT json_agg(json_build_object('n', n, 'kind', kind, 'state', state,"
    " 'started_at', " MS("started_at") ", 'published_at', " MS("published_at") ", 'finished_at', " MS("finished_at") ","
    " 'events', events, 'drift', drift, 'boundary', boundary, 'steps', steps, 'checks', checks) ORDER BY n DESC)"
    " FROM (SELECT r.*, (SELECT coalesce(json_agg(json_build_object('step', s.step, 'attempt', s.attempt,"
    " 'started_at', " MS("s.started_at") ", 'finished_at', " MS("s.finished_at") ", 'rows', s.rows, 'detail', s.detail,"
    " 'failure', s.failure) ORDER BY s.started_at, s.attempt), '[]') FROM run_step s WHERE s.n = r.n) AS steps,"
    " (SELECT coalesce(json_agg(json_build_object('name', c.name, 'result', c.result, 'measured', c.measured, 'limit', c.\"limit\","
    " 'unit', c.unit, 'says', c.says) ORDER BY c.name), '[]') FROM run_check c WHERE c.n = r.n) AS checks"
    " FROM run r ORDER BY n DESC LIMIT $1::int8) newest";
/* clang-format on */

/* On a thread of the jobs, to which the call belongs until it is done. */
static int runs_read(PGconn *db, void *context, struct err *err)
{
    struct call *call = context;
    char n[24];
    snprintf(n, sizeof n, "%" PRId64, request_int(&call->request, "n"));
    PGresult *rows = database_query(db, err, runs_sql, 1, (const char *[]){n});
    if (!rows)
        return -1;
    json_put(&call->out, PQgetvalue(rows, 0, 0)); /* "" where there is no run */
    PQclear(rows);
    return 0;
}

static void on_runs(const struct err *err, void *context)
{
    struct call *call = context;
    if (err) {
        call_unavailable(call, "Postgres cannot be asked for the runs");
        return;
    }
    json_put(&call->out, call->out.n == strlen(head) ? "[]}\n" : "}\n");
    call_reply(call, 200, "application/json");
}

void handle_runs(struct call *call)
{
    json_put(&call->out, head);
    if (jobs_ask(call->loop->server->jobs, call->loop->base, runs_read, on_runs, call))
        call_unavailable(call, "too many requests wait for Postgres");
}
