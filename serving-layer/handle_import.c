/* POST /v1/items/import: parsed and written on a thread of jobs.h, in one transaction. */
#include <stdlib.h>
#include <strings.h>

#include "common/mem.h"
#include "handover/database.h"
#include "serving-layer/handle_items.h"
#include "serving-layer/item_import.h"
#include "serving-layer/item_rows.h"
#include "serving-layer/item_store.h"
#include "serving-layer/jobs.h"
#include "serving-layer/json_out.h"
#include "serving-layer/loop.h"
#include "serving-layer/routes.h"

const struct parameter_row import_parameters[] = {
    {"partial", PARAMETER_FLAG, "0",
     .sentence = "1: good lines are kept though others are refused; 0: all or none."},
    {0}};

struct import_job { /* the job's alone while it is under way */
    struct call *call;
    struct item_store *items;
    struct text body;
    bool is_csv, is_partial;
    bool too_long; /* more lines than are taken */
    struct item_import import;
};

static void job_free(struct import_job *job)
{
    item_import_free(&job->import);
    free(job);
}

static int import_write(PGconn *db, struct import_job *job, struct err *err)
{
    if (item_rows_begin(db, err))
        return -1;
    PGresult *written = item_rows_put(db, job->import.item, job->import.n, false, err);
    PQclear(written);
    return !written || database_run(db, err, "COMMIT", 0, NULL) ||
                   item_store_catch_up(job->items, db, err)
               ? -1
               : 0;
}

static bool is_refused(const struct import_job *job)
{
    return job->import.no_head || (job->import.refused > 0 && !job->is_partial);
}

static int import_work(PGconn *db, void *context, struct err *err)
{
    struct import_job *job = context;
    job->too_long = job->is_csv ? item_import_csv(&job->import, job->body)
                                : item_import_ndjson(&job->import, job->body);
    if (job->too_long || is_refused(job) || job->import.n == 0)
        return 0;
    return import_write(db, job, err);
}

static void counts_put(struct bytes *out, const struct import_job *job, size_t imported)
{
    json_put(out, "\"imported\":");
    json_put_int(out, (int64_t)imported);
    json_put(out, ",\"refused\":");
    json_put_int(out, (int64_t)job->import.refused);
    json_put(out, ",\"errors\":[");
    bytes_put_text(out, bytes_text(&job->import.errors));
    json_put(out, "]}\n");
}

static void refused_reply(struct call *call, const struct import_job *job)
{
    json_put(&call->out,
             "{\"type\":\"about:blank\",\"title\":\"Unprocessable Content\",\"status\":422,"
             "\"detail\":\"nothing was imported: errors names the lines\",");
    json_put(&call->out, "\"request_id\":");
    json_put_text(&call->out, text_of(call->id));
    json_put(&call->out, ",");
    counts_put(&call->out, job, 0);
    call_reply(call, 422, "application/problem+json");
}

static void on_imported(const struct err *err, void *context)
{
    struct import_job *job = context;
    struct call *call = job->call;
    if (err) {
        item_job_failed(call, err);
    } else if (job->too_long) {
        call_problem(call, 413, "the body has more than 10000 items", NULL, -1);
    } else if (is_refused(job)) {
        refused_reply(call, job);
    } else {
        json_put(&call->out, "{");
        counts_put(&call->out, job, job->import.n);
        call_reply(call, 200, "application/json");
    }
    job_free(job);
}

void handle_items_import(struct call *call)
{
    struct server *server = call->loop->server;
    const char *type = call_header(call, "Content-Type");
    if (items_are_away(call))
        return;
    if (call->body.n == 0) {
        call_problem(call, 400, "the body is empty: an item a line, as NDJSON or CSV", NULL, -1);
        return;
    }
    struct import_job *job = xcalloc(1, sizeof *job);
    job->call = call;
    job->items = server->items;
    job->body = call->body;
    job->is_csv = type && strncasecmp(type, "text/csv", strlen("text/csv")) == 0;
    job->is_partial = request_int(&call->request, "partial");
    if (jobs_ask(server->jobs, call->loop->base, import_work, on_imported, job)) {
        job_free(job);
        call_unavailable(call, "too many writes wait for Postgres");
    }
}
