/* What is looked at and bought most, what rises, what is newest, and the operator's leaderboards. */
#include <stdlib.h>

#include "common/clock.h"
#include "common/mem.h"
#include "serving-layer/boards.h"
#include "serving-layer/item_filter.h"
#include "serving-layer/json_out.h"
#include "serving-layer/latest.h"
#include "serving-layer/loop.h"
#include "serving-layer/popular_rows.h"
#include "serving-layer/ranked_out.h"
#include "serving-layer/routes.h"

enum { HOURS_MAX = 168, TRENDING_HOURS_MAX = 24, DAYS_MAX = 7, DAY_HOURS = 24 };
enum { ROWS_MAX = TRENDING_HOURS_MAX + DAYS_MAX * DAY_HOURS };

#define AT_AND_EXPLAIN                                                                     \
    {"at",                                                                                 \
     PARAMETER_INT,                                                                        \
     NULL,                                                                                 \
     0,                                                                                    \
     EVENT_TS_END - 1,                                                                     \
     .sentence = "Ending with the hour of this time, ms since 1970 UTC; now without it."}, \
    {                                                                                      \
        "explain", PARAMETER_FLAG, "0",                                                    \
            .sentence = "1: show what each score was calculated from, and how."            \
    }

const struct parameter_row popular_parameters[] = {
    {"hours", PARAMETER_INT, "24", 1, HOURS_MAX, .sentence = "How many hours back."},
    AT_AND_EXPLAIN,
    {0}};

const struct parameter_row trending_parameters[] = {
    {"hours", PARAMETER_INT, "3", 1, TRENDING_HOURS_MAX,
     .sentence = "The last hours, whose rate is compared."},
    {"days", PARAMETER_INT, "7", 1, DAYS_MAX, .sentence = "With that of the days before them."},
    AT_AND_EXPLAIN,
    {0}};

const struct parameter_row board_parameters[] = {AT_AND_EXPLAIN, {0}};

struct hours_call {
    struct item_filter filter;
    size_t offset, n;
    bool explain;
    int64_t last;         /* hour */
    size_t hours, before; /* rows; before: trending's */
    const struct board *board;
};

/* NULL: it has replied. */
static struct hours_call *hours_new(struct call *call)
{
    const struct request *request = &call->request;
    struct hours_call *hours = xcalloc(1, sizeof *hours);
    call->more = hours;
    call->layer = (enum layer)request_int(request, "layer");
    hours->offset = (size_t)request_int(request, "offset");
    hours->n = (size_t)request_int(request, "n");
    hours->explain = request_int(request, "explain");
    hours->last =
        (request_given(request, "at") ? request_int(request, "at") : clock_unix_ms()) / HOUR_MS;
    if (item_filter_take(call, &hours->filter))
        return NULL;
    return hours;
}

static void hours_ask(struct call *call, struct text country, size_t hours, size_t before,
                      reader_done done)
{
    struct hours_call *asked = call->more;
    struct row_ref rows[ROWS_MAX];
    struct popular_names names[ROWS_MAX];
    size_t n = popular_rows(country, asked->last, (int64_t)(hours + before), rows, names);
    asked->hours = n < hours ? n : hours;
    asked->before = n - asked->hours;
    call_ask(call, rows, n, (struct text){"", 0}, done);
}

/* ---- the answer ---- */

static void number_put(struct bytes *out, const char *name, int64_t value)
{
    json_put(out, name);
    json_put_int(out, value);
}

/* from and to: of the rows `first` .. `first` + n - 1, in ms. */
static void span_put(struct bytes *out, const struct hours_call *hours)
{
    number_put(out, "\"hours\":", (int64_t)hours->hours);
    number_put(out, ",\"from\":", (hours->last - (int64_t)hours->hours + 1) * HOUR_MS);
    number_put(out, ",\"to\":", (hours->last + 1) * HOUR_MS);
}

static void items_put(struct call *call, const struct snapshot *snapshot, const struct bytes *found,
                      size_t n)
{
    const struct hours_call *hours = call->more;
    const struct ranked *ranked = (const struct ranked *)(const void *)found->at;
    json_put(&call->out, ",\"items\":[");
    for (size_t i = hours->offset; i < n; i++) {
        json_put(&call->out, i > hours->offset ? "," : "");
        ranked_put(&call->out, hours->filter.store, &ranked[i], ranked[i].count);
        if (hours->explain && hours->before)
            explain_trending_put(&call->out, &ranked[i], (int64_t)hours->hours,
                                 (int64_t)hours->before);
        else if (hours->explain && hours->hours)
            explain_hours_put(&call->out, snapshot, 0, hours->hours, hours->last, call->layer,
                              ranked[i].member);
        json_put(&call->out, "}");
    }
    json_put(&call->out, "]");
}

static struct rank_bounds bounds_of(const struct call *call)
{
    struct hours_call *hours = call->more;
    return (struct rank_bounds){.layer = call->layer,
                                .n = hours->offset + hours->n,
                                .filter = {item_filter_allows, &hours->filter}};
}

/* ---- popular, and boards ---- */

static void sums_put(struct call *call, const struct snapshot *snapshot, size_t n_rows)
{
    struct bytes found = {0};
    const struct rank_bounds bounds = bounds_of(call);
    struct item_store *items = call->loop->server->items;
    item_store_lock(items);
    size_t n = rank_sum(call->loop->ranker, snapshot, 0, n_rows, &bounds, &found);
    items_put(call, snapshot, &found, n);
    item_store_unlock(items);
    bytes_free(&found);
    call_reply_snapshot(call, snapshot);
}

static void on_popular(const struct snapshot *snapshot, void *context)
{
    struct call *call = context;
    const struct hours_call *hours = call->more;
    if (call_has_no_snapshot(call, snapshot))
        return;
    json_put(&call->out, "{");
    span_put(&call->out, hours);
    sums_put(call, snapshot, hours->hours);
}

void handle_popular(struct call *call)
{
    if (hours_new(call))
        hours_ask(call, request_text(&call->request, "country"),
                  (size_t)request_int(&call->request, "hours"), 0, on_popular);
}

static void board_put(struct bytes *out, const struct board *board)
{
    json_put(out, "\"board\":");
    json_put_text(out, board->name);
    json_put(out, ",\"view\":");
    json_put_text(out, board->view);
    if (board->country.n) {
        json_put(out, ",\"country\":");
        json_put_text(out, board->country);
    }
    if (board->n_categories)
        json_put(out, ",\"categories\":[");
    for (int i = 0; i < board->n_categories; i++) {
        json_put(out, i ? "," : "");
        json_put_text(out, board->category[i]);
    }
    json_put(out, board->n_categories ? "]" : "");
}

static void on_board(const struct snapshot *snapshot, void *context)
{
    struct call *call = context;
    const struct hours_call *hours = call->more;
    if (call_has_no_snapshot(call, snapshot))
        return;
    json_put(&call->out, "{");
    board_put(&call->out, hours->board);
    if (hours->hours) {
        json_put(&call->out, ",");
        span_put(&call->out, hours);
    }
    sums_put(call, snapshot, hours->hours ? hours->hours : 1);
}

void handle_board(struct call *call)
{
    const struct board *board = boards_find(call->loop->server->boards, call->arg[0]);
    if (!board) {
        call_problem(call, 404, "there is no such board; GET /v1/boards lists those that are", NULL,
                     -1);
        return;
    }
    struct hours_call *hours = hours_new(call);
    if (!hours)
        return;
    hours->board = board;
    hours->filter.board = board->category;
    hours->filter.n_board = (size_t)board->n_categories;
    if (board->hours)
        hours_ask(call, board->country, (size_t)board->hours, 0, on_board);
    else
        call_ask(call, &(struct row_ref){(unsigned)catalogue_find(board->view), text_of("all")}, 1,
                 (struct text){"", 0}, on_board);
}

void handle_boards(struct call *call)
{
    const struct boards *boards = call->loop->server->boards;
    json_put(&call->out, "{\"boards\":[");
    for (int i = 0; i < boards_count(boards); i++) {
        const struct board *board = boards_at(boards, i);
        json_put(&call->out, i ? ",{" : "{");
        board_put(&call->out, board);
        if (board->hours)
            number_put(&call->out, ",\"hours\":", board->hours);
        json_put(&call->out, "}");
    }
    json_put(&call->out, "]}\n");
    call_reply(call, 200, "application/json");
}

/* ---- trending ---- */

static void on_trending(const struct snapshot *snapshot, void *context)
{
    struct call *call = context;
    const struct hours_call *hours = call->more;
    struct bytes found = {0};
    if (call_has_no_snapshot(call, snapshot))
        return;
    const struct rank_bounds bounds = bounds_of(call);
    struct item_store *items = call->loop->server->items;
    json_put(&call->out, "{");
    span_put(&call->out, hours);
    number_put(&call->out, ",\"hours_before\":", (int64_t)hours->before);
    item_store_lock(items);
    size_t n = hours->before ? rank_trending(call->loop->ranker, snapshot, hours->hours,
                                             hours->before, &bounds, &found)
                             : 0;
    items_put(call, snapshot, &found, n);
    item_store_unlock(items);
    bytes_free(&found);
    call_reply_snapshot(call, snapshot);
}

void handle_trending(struct call *call)
{
    if (hours_new(call))
        hours_ask(call, request_text(&call->request, "country"),
                  (size_t)request_int(&call->request, "hours"),
                  DAY_HOURS * (size_t)request_int(&call->request, "days"), on_trending);
}

/* ---- latest ---- */

void handle_latest(struct call *call)
{
    struct item_filter filter = {0};
    struct bytes found = {0};
    struct item_store *items = call->loop->server->items;
    size_t offset = (size_t)request_int(&call->request, "offset");
    if (item_filter_take(call, &filter))
        return;
    item_store_lock(items);
    const struct latest_bounds bounds = {.filter = &filter,
                                         .n = offset + (size_t)request_int(&call->request, "n")};
    size_t n = latest_items(&bounds, &found);
    const struct ranked *ranked = (const struct ranked *)(const void *)found.at;
    json_put(&call->out, "{\"items\":[");
    for (size_t i = offset; i < n; i++) {
        json_put(&call->out, i > offset ? "," : "");
        ranked_put(&call->out, items, &ranked[i], 0);
        number_put(&call->out,
                   ",\"created_at\":", item_store_find(items, ranked[i].item)->created_ms);
        json_put(&call->out, "}");
    }
    item_store_unlock(items);
    json_put(&call->out, "]}\n");
    bytes_free(&found);
    call_reply(call, 200, "application/json");
}
