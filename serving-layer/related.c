#include "serving-layer/related.h"

#include <event2/http.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/mem.h"
#include "serving-layer/chain.h"
#include "serving-layer/impressions.h"
#include "serving-layer/json_out.h"
#include "serving-layer/loop.h"
#include "serving-layer/popular_rows.h"
#include "serving-layer/ranked_out.h"

enum { N_MAX = 100, OFFSET_MAX = 1000, ASK_AGAIN_MAX = 10 };

const struct parameter_row page_parameters[] = {
    {"n", PARAMETER_INT, "10", 1, N_MAX, .sentence = "At most so many items."},
    {"offset", PARAMETER_INT, "0", 0, OFFSET_MAX, .sentence = "Passes over so many of the first."},
    {0}};

const struct parameter_row related_parameters[] = {
    {"by", PARAMETER_CHOICE, "together", .choices = "together|bought_together|next|blend",
     .sentence = "Which pairs of items: seen, or bought, by the same users, or seen one after "
                 "another; blend: 0.5 next + 0.3 together + 0.2 bought_together."},
    {"score", PARAMETER_CHOICE, "cosine", .choices = "cosine|llr|count",
     .sentence = "How a pair is weighed: cosine, log-likelihood ratio, or its count."},
    {"fallback", PARAMETER_FLAG, "1",
     .sentence = "0: where there are fewer items than asked for, do not fill up with others."},
    {"explain", PARAMETER_FLAG, "0",
     .sentence = "1: show what each score was calculated from, and how."},
    {0}};

const struct parameter_row user_parameters[] = {
    {"exclude_seen", PARAMETER_FLAG, "1",
     .sentence = "0: also what the user has seen (the window of 20)."},
    {"exclude_bought", PARAMETER_FLAG, "0",
     .sentence = "1: not what the user has bought (the window of 20)."},
    {"record", PARAMETER_ID, NULL, 1, EVENT_ID_BYTES,
     .sentence = "Writes an impression event with this list for each item that is shown."},
    {0}};

const struct parameter_row country_parameter[] = {
    {"country", PARAMETER_ID, NULL, 1, EVENT_LABEL_BYTES,
     .sentence = "The country, as events name it, whose popular items are meant."},
    {0}};

/* ---- from the query ---- */

struct related_call *related_new(struct call *call, enum related_kind kind)
{
    const struct request *request = &call->request;
    struct related_call *related = xcalloc(1, sizeof *related);
    call->more = related;
    call->layer = (enum layer)request_int(request, "layer");
    related->kind = kind;
    related->by = (enum similar_by)request_int(request, "by");
    related->score = (enum score_kind)request_int(request, "score");
    related->offset = (size_t)request_int(request, "offset");
    related->n = (size_t)request_int(request, "n");
    related->explain = request_int(request, "explain");
    related->fallback = request_int(request, "fallback");
    related->without_seen = true;
    if (kind != RELATED_SIMILAR) {
        related->without_seen = request_int(request, "exclude_seen");
        related->without_bought = request_int(request, "exclude_bought");
        related->list = request_text(request, "record");
    }
    if (item_filter_take(call, &related->filter))
        return NULL;
    related->last_hour = clock_unix_ms() / HOUR_MS;
    return related;
}

void related_end(struct call *call)
{
    struct related_call *related = call->more;
    seen_free(&related->from);
    bytes_free(&related->texts);
}

/* ---- the answer ---- */

static const char *const by_names[] = {"together", "bought_together", "next", "blend"};

static void head_put(struct call *call, const struct related_call *related)
{
    struct bytes *out = &call->out;
    if (related->kind == RELATED_SIMILAR) {
        json_put(out, "{\"item\":");
        json_put_text(out, call->arg[0]);
        known_put(out, item_store_find(related->filter.store, call->arg[0]));
    } else {
        json_put(out, "{");
        if (related->user.n) {
            json_put(out, "\"user\":");
            json_put_text(out, related->user);
            json_put(out, ",");
        }
        json_put(out, "\"seen\":");
        json_put_int(out, (int64_t)related->from.n);
    }
    json_put(out, ",\"by\":\"");
    json_put(out, by_names[related->by]);
    json_put(out, "\",\"items\":[");
}

static void pairs_put(struct call *call, const struct snapshot *snapshot,
                      const struct related_call *related, const struct chain *chain,
                      enum chain_link link, const struct ranked *ranked)
{
    struct because because[STATE_WINDOW];
    const struct chain_rows *rows = &chain->rows;
    struct rank_question question = chain_question(chain, link);
    size_t n =
        rank_because(snapshot, rows->first[link], &question, call->layer, ranked->member, because);
    int64_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += because[i].count;
    ranked_put(&call->out, related->filter.store, ranked, count);
    if (related->kind != RELATED_SIMILAR)
        because_put(&call->out, related->filter.store, because, n, related->explain);
    if (related->explain)
        explain_pairs_put(&call->out, related->score, because, n);
}

static void shown_put(struct call *call, const struct snapshot *snapshot,
                      const struct related_call *related, const struct chain *chain, size_t i)
{
    const struct ranked *ranked = chain_at(chain, i);
    const struct chain_rows *rows = &chain->rows;
    enum chain_link link = chain_link_of(chain, i);
    if (link == LINK_PAIRS || link == LINK_SESSION) {
        pairs_put(call, snapshot, related, chain, link, ranked);
    } else {
        ranked_put(&call->out, related->filter.store, ranked, ranked->count);
        if (related->explain && link != LINK_LATEST)
            explain_hours_put(&call->out, snapshot, rows->first[link], rows->n[link],
                              related->last_hour, call->layer, ranked->member);
    }
    if (link != LINK_PAIRS) {
        json_put(&call->out, ",\"fallback\":\"");
        json_put(&call->out, chain_link_name(link));
        json_put(&call->out, "\"");
    }
    json_put(&call->out, "}");
}

/* The last link that gave an item of this page, and how many came from any. */
static void filled_put(struct call *call, const struct chain *chain, size_t first, size_t end)
{
    int64_t filled = 0;
    enum chain_link last = LINK_PAIRS;
    for (size_t i = first; i < end; i++) {
        last = chain_link_of(chain, i);
        filled += last != LINK_PAIRS;
    }
    json_put(&call->out, "],\"fallback\":\"");
    json_put(&call->out, chain_link_name(last));
    json_put(&call->out, "\",\"filled\":");
    json_put_int(&call->out, filled);
}

static void record(struct call *call, const struct related_call *related, const struct chain *chain,
                   size_t first, size_t end)
{
    if (!related->list.n || evhttp_request_get_command(call->http) == EVHTTP_REQ_HEAD)
        return;
    struct impressions impressions = {related->list, related->user, related->country,
                                      end > first ? chain_at(chain, first) : NULL, end - first};
    json_put(&call->out, ",\"recorded\":");
    json_put_int(&call->out, (int64_t)impressions_record(call->loop, &impressions));
}

static void related_reply(struct call *call, const struct snapshot *snapshot,
                          const struct chain *chain)
{
    const struct related_call *related = call->more;
    size_t first = chain->n < related->offset ? chain->n : related->offset;
    size_t end = chain->n - first > related->n ? first + related->n : chain->n;
    head_put(call, related);
    for (size_t i = first; i < end; i++) {
        if (i > first)
            json_put(&call->out, ",");
        shown_put(call, snapshot, related, chain, i);
    }
    filled_put(call, chain, first, end);
    record(call, related, chain, first, end);
}

/* ---- asking ---- */

static void asks_rows(const struct related_call *related, struct chain_asks *asks)
{
    *asks = (struct chain_asks){.by = related->by,
                                .score = related->score,
                                .items = related->from.item,
                                .n_items = related->from.n,
                                .country = related->country,
                                .last_hour = related->last_hour,
                                .chain = related->chain};
}

/* true: it has replied, or asked again. Under the store's lock no other thread's change can come between ranking and answer. */
static bool ranks_enough(struct call *call, const struct snapshot *snapshot)
{
    struct related_call *related = call->more;
    struct chain_asks asks;
    asks_rows(related, &asks);
    struct chain chain;
    const struct chain_bounds bounds = {.layer = call->layer,
                                        .n = related->offset + related->n,
                                        .filter = &related->filter,
                                        .without_seen = related->without_seen,
                                        .without_bought = related->without_bought,
                                        .without_given = related->kind != RELATED_USER};
    struct item_store *items = call->loop->server->items;
    item_store_lock(items);
    chain_rank(&chain, call->loop->ranker, snapshot, &asks, &bounds);
    bool enough = chain.n >= bounds.n || related->chain || !related->fallback;
    if (enough)
        related_reply(call, snapshot, &chain);
    item_store_unlock(items);
    chain_free(&chain);
    return enough;
}

/* Has the user seen something else than what the rows were asked for? Then `from` is that. */
static bool has_moved(struct call *call, const struct snapshot *snapshot)
{
    struct related_call *related = call->more;
    struct seen now = {0};
    if (related->kind != RELATED_USER)
        return false;
    seen_read(&now, snapshot, call->layer);
    if (seen_equal(&related->from, &now)) {
        seen_free(&now);
        return false;
    }
    seen_free(&related->from);
    related->from = now;
    related->chain = now.n == 0 && related->fallback;
    return true;
}

/*
 * What the user has seen is needed to know which rows to read, and both must be of one moment. So the user is asked for
 * together with the rows of what the batch view knows that the user has seen; where that is not all by now, once more with
 * the rows of what it is, until nothing was seen in between.
 */
static void on_related(const struct snapshot *snapshot, void *context)
{
    struct call *call = context;
    struct related_call *related = call->more;
    if (!snapshot || snapshot_unserved(snapshot)) {
        related_end(call);
        call_has_no_snapshot(call, snapshot);
        return;
    }
    if (!has_moved(call, snapshot)) {
        if (ranks_enough(call, snapshot)) {
            related_end(call);
            call_reply_snapshot(call, snapshot);
            return;
        }
        related->chain = true;
    }
    if (++related->asked > ASK_AGAIN_MAX) {
        related_end(call);
        call_unavailable(call, "this user's events come faster than they can be read");
        return;
    }
    related_ask(call);
}

void related_ask(struct call *call)
{
    struct related_call *related = call->more;
    struct row_ref rows[CHAIN_ROWS_MAX];
    struct popular_names names[CHAIN_NAMES];
    struct chain_asks asks;
    struct chain_rows places;
    if (related->asked == 0)
        related->chain = related->from.n == 0 && related->fallback;
    asks_rows(related, &asks);
    size_t n = chain_rows(&asks, &places, rows, names);
    call_ask(call, rows, n, related->user, on_related);
}
