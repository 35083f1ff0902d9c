/* Reading the catalogue: an item, and lists of them. All from this process's memory. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/mem.h"
#include "serving-layer/handle_items.h"
#include "serving-layer/item_out.h"
#include "serving-layer/item_search.h"
#include "serving-layer/item_store.h"
#include "serving-layer/item_walk.h"
#include "serving-layer/json_out.h"
#include "serving-layer/loop.h"
#include "serving-layer/routes.h"
#include "serving-layer/slices.h"

enum { N_MAX = 100, CURSOR_BYTES = 160, SLICE_US = 1000, SLICE_CHECK = 128 };

const struct parameter_row items_parameters[] = {
    {"query", PARAMETER_TEXT, "", 0, ITEM_QUERY_BYTES,
     .sentence =
         "Words that all stand in the title, in any case, or the beginning of the item's id."},
    {"category", PARAMETER_TEXT, NULL, 1, ITEM_CATEGORY_BYTES,
     .sentence = "A category; those beneath it count, too."},
    {"available", PARAMETER_FLAG, NULL, .sentence = "1: only available items, 0: only others."},
    {"hidden", PARAMETER_FLAG, NULL, .sentence = "1: only hidden items, 0: only others."},
    {"n", PARAMETER_INT, "20", 1, N_MAX, .sentence = "At most so many items."},
    {"cursor", PARAMETER_TEXT, NULL, 1, CURSOR_BYTES,
     .sentence = "Goes on behind the list whose \"next\" this was."},
    {0}};

bool items_are_away(struct call *call)
{
    bool away = !item_store_ready(call->loop->server->items);
    if (away)
        call_unavailable(call, "the catalogue has not been loaded yet: Postgres is away, or this "
                               "server has just started");
    return away;
}

bool item_is_wrong(struct call *call)
{
    bool wrong = !item_id_is_good(call->arg[0]);
    if (wrong)
        call_problem(call, 400, "an item's id has 1 to 64 bytes and no control characters", "item",
                     -1);
    return wrong;
}

/* ---- an item ---- */

void etag_put(struct call *call, int64_t version)
{
    char etag[32];
    snprintf(etag, sizeof etag, "\"%" PRId64 "\"", version);
    call_header_put(call, "ETag", etag);
}

bool etag_matches(const char *list, int64_t version, bool weakly)
{
    char etag[32];
    int n = snprintf(etag, sizeof etag, "\"%" PRId64 "\"", version);
    while (list && *list) {
        list += strspn(list, " \t,");
        bool weak = strncmp(list, "W/", 2) == 0;
        const char *tag = weak ? list + 2 : list;
        const char *end = *tag == '"' ? strchr(tag + 1, '"') : NULL;
        size_t bytes = end ? (size_t)(end + 1 - tag) : strcspn(tag, ",");
        if ((*tag == '*' && strspn(tag + 1, " \t") == bytes - 1) ||
            (bytes == (size_t)n && strncmp(tag, etag, bytes) == 0 && (weakly || !weak)))
            return true;
        list = tag + bytes;
    }
    return false;
}

void handle_item(struct call *call)
{
    struct item_store *items = call->loop->server->items;
    if (items_are_away(call) || item_is_wrong(call))
        return;
    item_store_lock(items);
    const struct item *item = item_store_find(items, call->arg[0]);
    int64_t version = item ? item->version : 0;
    if (item) {
        item_out_json(&call->out, item);
        json_put(&call->out, "\n");
    }
    item_store_unlock(items);
    if (!version) {
        call_problem(call, 404, "the catalogue has no such item", NULL, -1);
        return;
    }
    etag_put(call, version);
    if (etag_matches(call_header(call, "If-None-Match"), version, true))
        call_reply(call, 304, "");
    else
        call_reply(call, 200, "application/json");
}

/* ---- lists ---- */

struct listing {
    struct item_search search;
    size_t n, found;
    struct item_walk walk;
    struct bytes next; /* cursor of the last one that is listed */
};

static void listing_take(struct call *call, struct listing *listing, const struct item *item)
{
    if (!item_search_fits(&listing->search, item))
        return;
    if (listing->found++ == listing->n)
        return; /* it is there: so there is a next list */
    json_put(&call->out, listing->found > 1 ? ",\n" : "\n");
    item_out_json(&call->out, item);
    if (listing->found == listing->n)
        item_cursor_put(&listing->next, item);
}

static void listing_reply(struct call *call, struct listing *listing)
{
    json_put(&call->out, "],\"next\":");
    if (listing->found > listing->n)
        json_put_text(&call->out, bytes_text(&listing->next));
    else
        json_put(&call->out, "null");
    json_put(&call->out, "}\n");
    bytes_free(&listing->next);
    call_reply(call, 200, "application/json");
}

/* A million items are looked through in some hundred slices. */
static bool listing_slice(void *context)
{
    struct call *call = context;
    struct listing *listing = call->more;
    struct item_store *items = call->loop->server->items;
    int64_t until_us = clock_monotonic_us() + SLICE_US;
    const struct item *item = NULL;
    bool ended = false;
    for (int i = 1; !ended; i++) {
        item = item_walk_next(items, &listing->walk);
        if (item)
            listing_take(call, listing, item);
        ended = !item || listing->found > listing->n;
        if (i % SLICE_CHECK == 0 && clock_monotonic_us() >= until_us)
            break;
    }
    item_walk_rest(items, &listing->walk, item);
    if (ended)
        listing_reply(call, listing);
    return !ended;
}

static int flag_of(const struct call *call, const char *name)
{
    return request_given(&call->request, name) ? (int)request_int(&call->request, name)
                                               : ITEM_EITHER;
}

void handle_items(struct call *call)
{
    const struct request *request = &call->request;
    if (items_are_away(call))
        return;
    struct listing *listing = call->more = xcalloc(1, sizeof *listing);
    struct item_walk *walk = &listing->walk;
    if (request_given(request, "cursor") &&
        !item_cursor_read(request_text(request, "cursor"), &walk->created_ms, walk->memory,
                          &walk->item)) {
        call_problem(call, 400, "cursor is none that a list's \"next\" gave", "cursor", -1);
        return;
    }
    listing->n = (size_t)request_int(request, "n");
    listing->search.category = request_text(request, "category");
    listing->search.available = flag_of(call, "available");
    listing->search.hidden = flag_of(call, "hidden");
    item_search_query(&listing->search, request_text(request, "query"));
    json_put(&call->out, "{\"items\":[");
    if (slices_do(call->loop->slices, listing_slice, call))
        call_unavailable(call, "too many searches are under way");
}
