/*
 * ranked_out: ranked items as JSON: what the catalogue has of each, its score, and, where it was asked for, what that was
 * calculated from. Under the item store's lock. Not for: which items (ranking.h).
 */
#ifndef TANDEM_SERVING_RANKED_OUT_H
#define TANDEM_SERVING_RANKED_OUT_H

#include "serving-layer/item_store.h"
#include "serving-layer/ranking.h"

/* ,"title":... and what else the catalogue has of a visible item; `known` may be NULL. */
void known_put(struct bytes *out, const struct item *known);

/* {"item":...,"score":...,"count":...  without the closing brace. */
void ranked_put(struct bytes *out, const struct item_store *store, const struct ranked *ranked,
                int64_t count);

enum { BECAUSE_SHOWN = 3 };
/* ,"because":[...] of the strongest ones; with `all`, of all. */
void because_put(struct bytes *out, const struct item_store *store, const struct because *because,
                 size_t n, bool all);

/* ,"explain":{"formula":...,"terms":[...]} */
void explain_pairs_put(struct bytes *out, enum score_kind score, const struct because *because,
                       size_t n);
/* ,"explain":{"formula":...,"hours":[...]}: rows first .. first + n - 1 of the snapshot are hour last, last - 1, ... */
void explain_hours_put(struct bytes *out, const struct snapshot *snapshot, size_t first, size_t n,
                       int64_t last, enum layer layer, uint32_t member);
void explain_trending_put(struct bytes *out, const struct ranked *ranked, int64_t hours,
                          int64_t hours_before);

#endif
