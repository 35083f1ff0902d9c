#include "serving-layer/chain.h"

#include <stdlib.h>

#include "serving-layer/latest.h"

const char *chain_link_name(enum chain_link link)
{
    static const char *const names[CHAIN_LINKS] = {"none", "session", "popular_country", "popular",
                                                   "latest"};
    return names[link];
}

static struct rank_question question_of(const struct chain_asks *asks, enum chain_link link)
{
    return (struct rank_question){.by = link == LINK_SESSION ? BY_TOGETHER : asks->by,
                                  .score = asks->score,
                                  .items = asks->items,
                                  .n_items = asks->n_items};
}

struct rank_question chain_question(const struct chain *chain, enum chain_link link)
{
    struct rank_question question = question_of(&chain->asks, link);
    question.muted = chain->muted;
    return question;
}

/* `session` is what `together` gives: where that, or a blend with it, was asked for, it adds nothing. */
static bool has_link(const struct chain_asks *asks, enum chain_link link)
{
    switch (link) {
    case LINK_PAIRS: return true;
    case LINK_SESSION:
        return asks->chain && asks->n_items &&
               (asks->by == BY_NEXT || asks->by == BY_BOUGHT_TOGETHER);
    case LINK_COUNTRY: return asks->chain && asks->country.n;
    default: return asks->chain;
    }
}

static size_t link_rows(const struct chain_asks *asks, enum chain_link link, struct row_ref *rows,
                        struct popular_names *names)
{
    if (link == LINK_PAIRS || link == LINK_SESSION) {
        const struct rank_question question = question_of(asks, link);
        return rank_rows(&question, rows);
    }
    struct text country = link == LINK_COUNTRY ? asks->country : (struct text){"", 0};
    return popular_rows(country, asks->last_hour, CHAIN_HOURS, rows, names);
}

size_t chain_rows(const struct chain_asks *asks, struct chain_rows *places,
                  struct row_ref rows[CHAIN_ROWS_MAX], struct popular_names names[CHAIN_NAMES])
{
    size_t n = 0;
    *places = (struct chain_rows){0};
    for (enum chain_link link = LINK_PAIRS; link < LINK_LATEST; link++) {
        places->first[link] = n;
        if (has_link(asks, link))
            n += places->n[link] =
                link_rows(asks, link, rows + n, names + (link == LINK_COUNTRY ? CHAIN_HOURS : 0));
    }
    return n;
}

/* ---- what is left out ---- */

static int symbol_order(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void without_put(struct bytes *without, uint32_t symbol)
{
    if (symbol != NAMES_ABSENT)
        bytes_put(without, &symbol, sizeof symbol);
}

static void without_window(struct bytes *without, const struct snapshot *snapshot,
                           enum window window, enum layer layer)
{
    const uint32_t *items;
    size_t n = snapshot_window(snapshot, window, layer, &items);
    bytes_put(without, items, n * sizeof *items);
}

static void without_sort(const struct bytes *without, struct rank_bounds *bounds)
{
    bounds->without = (const uint32_t *)(const void *)without->at;
    bounds->n_without = without->n / sizeof(uint32_t);
    if (bounds->n_without > 1)
        qsort(without->at, bounds->n_without, sizeof(uint32_t), symbol_order);
}

/* ---- ranking ---- */

struct ranking {
    struct chain *chain;
    struct ranker *ranker;
    const struct snapshot *snapshot;
    const struct chain_bounds *bounds;
    struct rank_bounds rank;
    struct bytes without;
};

static void link_rank(struct ranking *r, enum chain_link link)
{
    struct chain *chain = r->chain;
    size_t first = chain->rows.first[link];
    if (link == LINK_PAIRS || link == LINK_SESSION) {
        const struct rank_question question = chain_question(chain, link);
        chain->n +=
            rank_related(r->ranker, r->snapshot, first, &question, &r->rank, &chain->ranked);
    } else if (link == LINK_LATEST) {
        const struct latest_bounds latest = {r->bounds->filter,
                                             r->rank.n,
                                             r->snapshot,
                                             r->rank.without,
                                             r->rank.n_without,
                                             chain->asks.items,
                                             r->bounds->without_given ? chain->asks.n_items : 0};
        chain->n += latest_items(&latest, &chain->ranked);
    } else {
        chain->n +=
            rank_sum(r->ranker, r->snapshot, first, chain->rows.n[link], &r->rank, &chain->ranked);
    }
}

/* What a link has given is left out by the next. */
static void links_rank(struct ranking *r)
{
    struct chain *chain = r->chain;
    for (enum chain_link link = LINK_PAIRS; link < CHAIN_LINKS; link++) {
        size_t before = chain->n;
        r->rank.n = r->bounds->n - before;
        if (r->rank.n && has_link(&chain->asks, link))
            link_rank(r, link);
        chain->end[link] = chain->n;
        if (chain->n == before)
            continue;
        for (size_t i = before; i < chain->n; i++)
            without_put(&r->without, chain_at(chain, i)->member);
        if (chain->asks.chain)
            without_sort(&r->without, &r->rank);
    }
}

void chain_rank(struct chain *chain, struct ranker *ranker, const struct snapshot *snapshot,
                const struct chain_asks *asks, const struct chain_bounds *bounds)
{
    struct row_ref rows[CHAIN_ROWS_MAX];
    struct popular_names names[CHAIN_NAMES];
    struct ranking r = {chain, ranker, snapshot, bounds, {.layer = bounds->layer}, {0}};
    *chain = (struct chain){.asks = *asks};
    chain_rows(asks, &chain->rows, rows, names);
    r.rank.filter = (struct rank_filter){item_filter_allows, (void *)(uintptr_t)bounds->filter};
    for (size_t i = 0; i < asks->n_items; i++)
        if (item_is_hidden(bounds->filter->store, asks->items[i]))
            chain->muted |= 1u << i;
    for (size_t i = 0; bounds->without_given && i < asks->n_items; i++)
        without_put(&r.without, snapshot_find(snapshot, asks->items[i]));
    if (bounds->without_seen)
        without_window(&r.without, snapshot, WINDOW_SEEN, bounds->layer);
    if (bounds->without_bought)
        without_window(&r.without, snapshot, WINDOW_BOUGHT, bounds->layer);
    without_sort(&r.without, &r.rank);
    links_rank(&r);
    bytes_free(&r.without);
}

void chain_free(struct chain *chain)
{
    bytes_free(&chain->ranked);
}

enum chain_link chain_link_of(const struct chain *chain, size_t i)
{
    enum chain_link link = LINK_PAIRS;
    while (i >= chain->end[link])
        link++;
    return link;
}
