/* GET /v1/items/export: the whole catalogue, in pieces: one is made when the client has fetched the one before. */
#include "common/mem.h"
#include "serving-layer/handle_items.h"
#include "serving-layer/item_out.h"
#include "serving-layer/item_walk.h"
#include "serving-layer/json_out.h"
#include "serving-layer/loop.h"
#include "serving-layer/routes.h"

enum { PIECE_BYTES = 65536, FORMAT_CSV = 1 /* its place among the choices */ };

const struct parameter_row export_parameters[] = {
    {"format", PARAMETER_CHOICE, "ndjson", .choices = "ndjson|csv",
     .sentence = "An item a line: as JSON, or as comma-separated values below a line of names."},
    {0}};

static bool piece_put(struct call *call)
{
    struct item_walk *walk = call->more;
    struct item_store *items = call->loop->server->items;
    bool is_csv = request_int(&call->request, "format") == FORMAT_CSV;
    const struct item *item = NULL, *last = NULL;
    if (is_csv && walk->item.n == 0)
        item_out_csv_head(&call->out);
    while (call->out.n < PIECE_BYTES && (item = item_walk_next(items, walk))) {
        last = item;
        if (is_csv) {
            item_out_csv(&call->out, item);
            continue;
        }
        item_out_json(&call->out, item);
        json_put(&call->out, "\n");
    }
    item_walk_rest(items, walk, last);
    return item;
}

void handle_items_export(struct call *call)
{
    if (items_are_away(call))
        return;
    call->more = xcalloc(1, sizeof(struct item_walk));
    call_reply_pieces(call,
                      request_int(&call->request, "format") == FORMAT_CSV
                          ? "text/csv; charset=utf-8; header=present"
                          : "application/x-ndjson",
                      piece_put);
}
