/* What a shop asks for: similar items, recommendations, what is popular. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/mem.h"
#include "serving-layer/batch_store.h"
#include "serving-layer/batch_view.h"
#include "serving-layer/item_store.h"
#include "serving-layer/json_out.h"
#include "serving-layer/loop.h"
#include "serving-layer/partition_of.h"
#include "serving-layer/ranking.h"
#include "serving-layer/routes.h"

enum { N_MAX = 100, HOURS_MAX = 168, HOUR_MS = 3600000, ASK_AGAIN_MAX = 10 };

const struct parameter_row ranked_parameters[] = {
    {"n", PARAMETER_INT, "10", 1, N_MAX, .sentence = "At most so many items."}, {0}};

const struct parameter_row similar_parameters[] = {
    {"by", PARAMETER_CHOICE, "together", .choices = "together|bought_together|next",
     .sentence =
         "Which pairs of items: seen, or bought, by the same users, or seen one after another."},
    {0}};

const struct parameter_row popular_parameters[] = {
    {"hours", PARAMETER_INT, "24", 1, HOURS_MAX, .sentence = "How many hours back."},
    {"at", PARAMETER_INT, NULL, 0, EVENT_TS_END - 1,
     .sentence = "Ending with the hour of this time, ms since 1970 UTC; now without it."},
    {0}};

static size_t n_of(const struct call *call)
{
    return (size_t)request_int(&call->request, "n");
}

static void title_put(struct call *call, struct text item)
{
    struct item_store *items = call->loop->server->items;
    item_store_lock(items);
    const struct item *known = item_store_find(items, item);
    if (known && known->title.n) {
        json_put(&call->out, ",\"title\":");
        json_put_text(&call->out, known->title);
    }
    item_store_unlock(items);
}

static void ranked_put(struct call *call, const struct ranked *ranked)
{
    struct bytes *out = &call->out;
    json_put(out, "{\"item\":");
    json_put_text(out, ranked->item);
    title_put(call, ranked->item);
    json_put(out, ",\"score\":");
    json_put_score(out, ranked->score);
    json_put(out, ",\"count\":");
    json_put_int(out, ranked->count);
    for (int b = 0; b < ranked->n_because; b++) {
        json_put(out, b ? ",{\"item\":" : ",\"because\":[{\"item\":");
        json_put_text(out, ranked->because[b].item);
        json_put(out, ",\"count\":");
        json_put_int(out, ranked->because[b].count);
        json_put(out, ",\"score\":");
        json_put_score(out, ranked->because[b].score);
        json_put(out, "}");
    }
    json_put(out, ranked->n_because ? "]}" : "}");
}

static void items_reply(struct call *call, const struct snapshot *snapshot, struct bytes *ranked,
                        size_t n)
{
    const struct ranked *at = (const struct ranked *)(const void *)ranked->at;
    json_put(&call->out, ",\"items\":[");
    for (size_t i = 0; i < n; i++) {
        if (i)
            json_put(&call->out, ",");
        ranked_put(call, &at[i]);
    }
    json_put(&call->out, "]");
    bytes_free(ranked);
    call_reply_snapshot(call, snapshot);
}

/* ---- similar ---- */

static const struct { /* in the order of the parameter's choices */
    enum similar_by by;
    const char *name;
} by_of[] = {{BY_TOGETHER, "together"}, {BY_BOUGHT_TOGETHER, "bought_together"}, {BY_NEXT, "next"}};

static void on_similar(const struct snapshot *snapshot, void *context)
{
    struct call *call = context;
    int64_t by = request_int(&call->request, "by");
    struct bytes ranked = {0};
    if (call_has_no_snapshot(call, snapshot))
        return;
    size_t n = rank_similar(snapshot, by_of[by].by, call->arg[0], call->layer, n_of(call), &ranked);
    json_put(&call->out, "{\"item\":");
    json_put_text(&call->out, call->arg[0]);
    title_put(call, call->arg[0]);
    json_put(&call->out, ",\"by\":\"");
    json_put(&call->out, by_of[by].name);
    json_put(&call->out, "\"");
    items_reply(call, snapshot, &ranked, n);
}

void handle_similar(struct call *call)
{
    struct row_ref rows[SIMILAR_ROWS];
    int64_t by = request_int(&call->request, "by");
    call->layer = (enum layer)request_int(&call->request, "layer");
    similar_rows(by_of[by].by, call->arg[0], rows);
    call_ask(call, rows, SIMILAR_ROWS, (struct text){"", 0}, on_similar);
}

/* ---- recommendations ---- */

/*
 * What the user has seen is needed to know which rows to read, and both must be of one moment. So the user is asked for
 * together with the rows of what the batch view knows that the user has seen; where that is not all by now, once more with
 * the rows of what it is, until nothing was seen in between.
 */
struct seen {
    struct bytes text;
    struct text item[STATE_WINDOW]; /* distinct, in `text`: newest first */
    size_t n;
    int asked;
};

static bool seen_has(const struct seen *seen, struct text item)
{
    for (size_t i = 0; i < seen->n; i++)
        if (text_equal(seen->item[i], item))
            return true;
    return false;
}

/* `item`: n of them, oldest first, with repeats. */
static void seen_take(struct seen *seen, const struct text *item, size_t n)
{
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++)
        bytes += item[i].n;
    seen->n = 0;
    bytes_clear(&seen->text);
    bytes_room(&seen->text, bytes); /* so that it does not move while it is pointed into */
    while (n-- > 0) {
        if (seen_has(seen, item[n]))
            continue;
        seen->item[seen->n++] = (struct text){seen->text.at + seen->text.n, item[n].n};
        bytes_put_text(&seen->text, item[n]);
    }
}

static void seen_read(const struct snapshot *snapshot, struct seen *seen)
{
    struct text item[STATE_WINDOW];
    const uint32_t *items;
    size_t n = snapshot_seen(snapshot, &items);
    assert(n <= STATE_WINDOW);
    for (size_t i = 0; i < n; i++)
        item[i] = snapshot_name(snapshot, items[i]);
    seen_take(seen, item, n);
}

static void seen_guess(struct loop *loop, struct text user, struct seen *seen)
{
    struct text item[STATE_WINDOW];
    const uint32_t *items;
    const struct batch_view *batch = batch_store_acquire(loop->store);
    if (!batch)
        return;
    int partition = partition_of(user, batch_view_edition(batch)->partitions);
    size_t n = batch_view_seen(batch, partition, user, &items);
    assert(n <= STATE_WINDOW);
    for (size_t i = 0; i < n; i++)
        item[i] = names_text(batch_view_names(batch), items[i]);
    seen_take(seen, item, n);
    batch_store_release(loop->store, batch);
}

static bool seen_equal(const struct seen *a, const struct seen *b)
{
    bool equal = a->n == b->n;
    for (size_t i = 0; equal && i < a->n; i++)
        equal = text_equal(a->item[i], b->item[i]);
    return equal;
}

static void recommendations_reply(struct call *call, const struct snapshot *snapshot,
                                  const struct seen *seen)
{
    struct bytes ranked = {0};
    size_t n =
        seen->n ? rank_recommendations(snapshot, seen->item, seen->n, n_of(call), &ranked) : 0;
    json_put(&call->out, "{\"user\":");
    json_put_text(&call->out, call->arg[0]);
    json_put(&call->out, ",\"seen\":");
    json_put_int(&call->out, (int64_t)seen->n);
    items_reply(call, snapshot, &ranked, n);
}

static void recommendations_ask(struct call *call, const struct seen *seen);

static void on_recommendations(const struct snapshot *snapshot, void *context)
{
    struct call *call = context;
    struct seen *before = call->more, now = {.asked = before->asked + 1};
    if (!snapshot) {
        bytes_free(&before->text);
        call_has_no_snapshot(call, snapshot);
        return;
    }
    seen_read(snapshot, &now);
    if (seen_equal(before, &now)) {
        bytes_free(&before->text);
        recommendations_reply(call, snapshot, &now);
        bytes_free(&now.text);
        return;
    }
    bytes_free(&before->text);
    *before = now;
    if (now.asked > ASK_AGAIN_MAX) {
        bytes_free(&before->text);
        call_unavailable(call, "this user's events come faster than they can be read");
        return;
    }
    recommendations_ask(call, before);
}

static void recommendations_ask(struct call *call, const struct seen *seen)
{
    struct row_ref rows[1 + STATE_WINDOW];
    unsigned together = (unsigned)catalogue_find(text_of("together"));
    rows[0] = (struct row_ref){(unsigned)catalogue_find(text_of("item_users")), text_of("all")};
    for (size_t i = 0; i < seen->n; i++)
        rows[1 + i] = (struct row_ref){together, seen->item[i]};
    call_ask(call, rows, 1 + seen->n, call->arg[0], on_recommendations);
}

void handle_recommendations(struct call *call)
{
    if (call->arg[0].n == 0 || call->arg[0].n > EVENT_ID_BYTES) {
        call_problem(call, 400, "a user has 1 to 64 bytes", "user", -1);
        return;
    }
    call->more = xcalloc(1, sizeof(struct seen));
    seen_guess(call->loop, call->arg[0], call->more);
    recommendations_ask(call, call->more);
}

/* ---- popular ---- */

static void on_popular(const struct snapshot *snapshot, void *context)
{
    struct call *call = context;
    const int64_t *hours = call->more;
    struct bytes ranked = {0};
    if (call_has_no_snapshot(call, snapshot))
        return;
    size_t n = rank_sum(snapshot, (size_t)hours[0], n_of(call), &ranked);
    json_put(&call->out, "{\"hours\":");
    json_put_int(&call->out, hours[0]);
    json_put(&call->out, ",\"from\":");
    json_put_int(&call->out, (hours[1] - hours[0] + 1) * HOUR_MS);
    json_put(&call->out, ",\"to\":");
    json_put_int(&call->out, (hours[1] + 1) * HOUR_MS);
    items_reply(call, snapshot, &ranked, n);
}

void handle_popular(struct call *call)
{
    int64_t hours = request_int(&call->request, "hours");
    int64_t at =
        request_given(&call->request, "at") ? request_int(&call->request, "at") : clock_unix_ms();
    int64_t last = at / HOUR_MS;
    hours = hours > last + 1 ? last + 1 : hours;
    struct row_ref rows[HOURS_MAX];
    char names[HOURS_MAX][24];
    for (int64_t h = 0; h < hours; h++) {
        snprintf(names[h], sizeof names[h], "%lld", (long long)(last - h));
        rows[h] = (struct row_ref){(unsigned)catalogue_find(text_of("popular")), text_of(names[h])};
    }
    int64_t *window = xmalloc(2 * sizeof *window);
    window[0] = hours;
    window[1] = last;
    call->more = window;
    call_ask(call, rows, (size_t)hours, (struct text){"", 0}, on_popular);
}
