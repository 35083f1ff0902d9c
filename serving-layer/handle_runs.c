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

#define MS(time) "(extract(epoch FROM " time ") * 1000)::int8"

static const char runs_sql[] =
    "SELECT coalesce(json_agg(json_build_object('n', r.n, 'kind', r.kind, 'state', r.state,"
    " 'started_at', " MS("r.started_at") ", 'published_at', " MS(
        "r.published_at") ","
                          " 'finished_at', " MS(
                              "r.finished_at") ", 'events', r.events, 'drift', r.drift,"
                                               " 'boundary', r.boundary, 'steps',"
                                               " (SELECT coalesce(json_agg(json_build_object('step', s.step, 'attempt', s.attempt,"
                                               " 'started_at', " MS("s.started_at") ", 'finished_at', " MS(
                                                   "s.finished_at") ","
                                                                    " 'rows', s.rows, 'detail', s.detail) ORDER BY s.started_at, s.attempt), '[]')"
                                                                    " FROM run_step s WHERE s.n = r.n)) ORDER BY r.n DESC), '[]')"
                                                                    " FROM (SELECT * FROM run ORDER BY n DESC LIMIT $1::int8) r";

/* On a thread of the jobs, to which the call belongs until it is done. */
static int runs_read(PGconn *db, void *context, struct err *err)
{
    struct call *call = context;
    char n[24];
    snprintf(n, sizeof n, "%" PRId64, request_int(&call->request, "n"));
    PGresult *rows = database_query(db, err, runs_sql, 1, (const char *[]){n});
    if (!rows)
        return -1;
    json_put(&call->out, "{\"runs\":");
    json_put(&call->out, PQgetvalue(rows, 0, 0));
    json_put(&call->out, "}\n");
    PQclear(rows);
    return 0;
}

static void on_runs(const struct err *err, void *context)
{
    struct call *call = context;
    if (err)
        call_unavailable(call, "Postgres cannot be asked for the runs");
    else
        call_reply(call, 200, "application/json");
}

void handle_runs(struct call *call)
{
    if (jobs_ask(call->loop->server->jobs, call->loop->base, runs_read, on_runs, call))
        call_unavailable(call, "too many requests wait for Postgres");
}
