/*
 * Writing an item: PUT, PATCH, DELETE. Postgres decides, on a thread of jobs.h: the row is read and written while no one else
 * writes the catalogue, so a precondition that held still holds. Success is answered once this process's memory has it.
 */
#include <stdlib.h>

#include "common/log.h"
#include "common/mem.h"
#include "handover/database.h"
#include "serving-layer/handle_items.h"
#include "serving-layer/item_out.h"
#include "serving-layer/item_rows.h"
#include "serving-layer/item_store.h"
#include "serving-layer/jobs.h"
#include "serving-layer/json_out.h"
#include "serving-layer/loop.h"
#include "serving-layer/routes.h"

enum write { WRITE_PUT, WRITE_PATCH, WRITE_DELETE };

struct item_write { /* the job's alone while it is under way, as what it borrows from the call */
    struct call *call;
    struct item_store *items;
    enum write what;
    struct text id;
    const char *if_match, *if_none_match;
    struct item_draft draft;
    int status;
    PGresult *row; /* as it was written */
    struct item_fault fault;
};

static void write_free(struct item_write *write)
{
    PQclear(write->row);
    item_draft_free(&write->draft);
    free(write);
}

/* ---- on a thread ---- */

/* `version`: of the row that is there; 0: none is. The status that refuses it, or 0. */
static int refusal(const struct item_write *write, int64_t version)
{
    if (write->if_match && !(version && etag_matches(write->if_match, version, false)))
        return 412;
    if (write->if_none_match && version && etag_matches(write->if_none_match, version, true))
        return 412;
    return version || write->what == WRITE_PUT ? 0 : 404;
}

static int item_put(PGconn *db, struct item_write *write, const PGresult *before, struct err *err)
{
    bool there = PQntuples(before) > 0;
    struct item item = {.price = -1, .created_ms = -1, .available = true};
    if (there && write->what == WRITE_PATCH)
        item = item_of_row(before, 0);
    item_draft_apply(&write->draft, &item);
    item.item = write->id;
    if (item_check(&item, &write->fault)) {
        write->status = 422;
        return 0;
    }
    write->row = item_rows_put(db, &item, 1, true, err);
    write->status = there ? 200 : 201;
    return write->row ? 0 : -1;
}

static int write_do(PGconn *db, struct item_write *write, const PGresult *before, struct err *err)
{
    write->status = refusal(write, PQntuples(before) ? item_of_row(before, 0).version : 0);
    if (write->status)
        return 0;
    if (write->what != WRITE_DELETE)
        return item_put(db, write, before, err);
    write->status = 204;
    return item_rows_remove(db, write->id, err);
}

/* A transaction that is left open is rolled back. */
static int write_work(PGconn *db, void *context, struct err *err)
{
    struct item_write *write = context;
    if (item_rows_begin(db, err))
        return -1;
    PGresult *before = item_rows_find(db, write->id, err);
    int failed = before ? write_do(db, write, before, err) : -1;
    PQclear(before);
    if (failed || write->status >= 400)
        return failed;
    return database_run(db, err, "COMMIT", 0, NULL) || item_store_catch_up(write->items, db, err)
               ? -1
               : 0;
}

/* ---- on the loop ---- */

void item_job_failed(struct call *call, const struct err *err)
{
    if (err->kind == ERR_RETRY) {
        call_unavailable(call, "Postgres is away or busy; whether this was written is not known: "
                               "read it, or send it again");
        return;
    }
    log_error("items", "a write was refused: %s", err->message);
    call_problem(call, 500, "the catalogue could not be written; the server's log says why", NULL,
                 -1);
}

void item_fault_reply(struct call *call, const struct item_fault *fault)
{
    struct bytes detail = {0};
    bytes_put_text(&detail, text_of(fault->field[0] ? fault->field : "the body"));
    bytes_put(&detail, " ", 1);
    bytes_put(&detail, fault->detail, strlen(fault->detail) + 1);
    call_problem(call, fault->is_json ? 422 : 400, detail.at, fault->field[0] ? fault->field : NULL,
                 -1);
    bytes_free(&detail);
}

static void written_reply(struct call *call, const struct item_write *write)
{
    struct item item = item_of_row(write->row, 0);
    item_out_json(&call->out, &item);
    json_put(&call->out, "\n");
    etag_put(call, item.version);
    call_reply(call, write->status, "application/json");
}

static void on_written(const struct err *err, void *context)
{
    struct item_write *write = context;
    struct call *call = write->call;
    if (err)
        item_job_failed(call, err);
    else if (write->status == 422)
        item_fault_reply(call, &write->fault);
    else if (write->status == 412)
        call_problem(call, 412, "the item has another version than asked for", NULL, -1);
    else if (write->status == 404)
        call_problem(call, 404, "the catalogue has no such item", NULL, -1);
    else if (write->status == 204)
        call_reply(call, 204, "");
    else
        written_reply(call, write);
    write_free(write);
}

static bool body_is_wrong(struct call *call, struct item_write *write)
{
    if (item_draft_json(&write->draft, call->body, write->what == WRITE_PATCH, &write->fault)) {
        item_fault_reply(call, &write->fault);
        return true;
    }
    if (write->draft.given & 1U << ITEM_ITEM && !text_equal(write->draft.item.item, write->id)) {
        call_problem(call, 422, "item is another than the path's", "item", -1);
        return true;
    }
    return false;
}

static void item_write(struct call *call, enum write what)
{
    struct server *server = call->loop->server;
    if (item_is_wrong(call) || items_are_away(call))
        return;
    struct item_write *write = xcalloc(1, sizeof *write);
    write->call = call;
    write->items = server->items;
    write->what = what;
    write->id = call->arg[0];
    write->if_match = call_header(call, "If-Match");
    write->if_none_match = call_header(call, "If-None-Match");
    if (what != WRITE_DELETE && body_is_wrong(call, write)) {
        write_free(write);
    } else if (jobs_ask(server->jobs, call->loop->base, write_work, on_written, write)) {
        write_free(write);
        call_unavailable(call, "too many writes wait for Postgres");
    }
}

void handle_item_put(struct call *call)
{
    item_write(call, WRITE_PUT);
}

void handle_item_patch(struct call *call)
{
    item_write(call, WRITE_PATCH);
}

void handle_item_delete(struct call *call)
{
    item_write(call, WRITE_DELETE);
}
