/*
 * chain: what is shown where pairs give too few items, link by link: what was seen together with the same items, what is
 * popular in the country, what is popular, what is newest in the catalogue. No item twice. Pure but for the catalogue, which it
 * reads under its lock. Not for: HTTP, JSON.
 */
#ifndef TANDEM_SERVING_CHAIN_H
#define TANDEM_SERVING_CHAIN_H

#include "serving-layer/item_filter.h"
#include "serving-layer/popular_rows.h"
#include "serving-layer/ranking.h"

enum chain_link { LINK_PAIRS, LINK_SESSION, LINK_COUNTRY, LINK_POPULAR, LINK_LATEST, CHAIN_LINKS };
const char *chain_link_name(enum chain_link link); /* "none", "session", ... */

enum {
    CHAIN_HOURS = 24, /* of what is popular */
    CHAIN_NAMES = 2 * CHAIN_HOURS,
    CHAIN_ROWS_MAX = 2 * RANK_ROWS_MAX + CHAIN_NAMES
};

struct chain_asks {
    enum similar_by by;
    enum score_kind score;
    const struct text *items; /* borrowed as long as the chain is used */
    size_t n_items;
    struct text country; /* n = 0: no such link */
    int64_t last_hour;
    bool chain; /* false: pairs alone */
};

struct chain_rows { /* of each link: where its rows are in the snapshot; n = 0: it has none */
    size_t first[CHAIN_LINKS], n[CHAIN_LINKS];
};

/* Which rows to ask for; returns how many. They point into `names` and the asks' texts. */
size_t chain_rows(const struct chain_asks *asks, struct chain_rows *places,
                  struct row_ref rows[CHAIN_ROWS_MAX], struct popular_names names[CHAIN_NAMES]);

struct chain_bounds {
    enum layer layer;
    size_t n;
    const struct item_filter *filter;
    bool without_seen, without_bought; /* what the snapshot's user has */
    bool without_given;                /* the items that were asked for */
};

struct chain {
    struct chain_asks asks;
    struct chain_rows rows;
    uint32_t muted; /* hidden ones of the asks' items: nothing is recommended because of them */
    struct bytes ranked;
    size_t n, end[CHAIN_LINKS]; /* of each link: behind its last */
};

/* Ranks from a snapshot of those rows. Under the item store's lock, which must be held as long as items of it are used. */
void chain_rank(struct chain *chain, struct ranker *ranker, const struct snapshot *snapshot,
                const struct chain_asks *asks, const struct chain_bounds *bounds);
void chain_free(struct chain *chain);

static inline const struct ranked *chain_at(const struct chain *chain, size_t i)
{
    return (const struct ranked *)(const void *)chain->ranked.at + i;
}

enum chain_link chain_link_of(const struct chain *chain, size_t i);
/* What LINK_PAIRS or LINK_SESSION asked. */
struct rank_question chain_question(const struct chain *chain, enum chain_link link);

#endif
