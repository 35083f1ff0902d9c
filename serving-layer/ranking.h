/*
 * ranking: from merged counters to the best n. Pure: no I/O, no clock; floating point is computed here and nowhere stored.
 * Not for: filters of the catalogue, HTTP.
 */
#ifndef TANDEM_SERVING_RANKING_H
#define TANDEM_SERVING_RANKING_H

#include "serving-layer/reader.h"

enum similar_by { BY_NEXT, BY_TOGETHER, BY_BOUGHT_TOGETHER };

struct because { /* one of the user's items, and how strongly it speaks for the recommended one */
    struct text item;
    int64_t count;
    double score;
};

enum { BECAUSE_MAX = 3 };

struct ranked { /* texts live as long as the snapshot */
    struct text item;
    double score;
    int64_t count;
    int n_because; /* strongest first */
    struct because because[BECAUSE_MAX];
};

/*
 * The counters of a row, largest first, ties by member in byte order; up to n, appended to `into` as struct ranked with
 * score = count. Returns how many.
 */
size_t rank_counts(const struct snapshot *snapshot, size_t row, enum layer layer, size_t n,
                   struct bytes *into);

/* The rows that `similar` needs, in this order: the pair row of the item, then the row of how many users have each item. */
enum { SIMILAR_ROWS = 2 };
void similar_rows(enum similar_by by, struct text item, struct row_ref rows[SIMILAR_ROWS]);

/*
 * Items most similar to `item`, by cosine: count(a,b) / sqrt(users(a) * users(b)); for `next` the count is divided by 2520
 * (the weight of a pair at distance 1). Largest score first, ties by item in byte order. The snapshot has similar_rows() as
 * its first rows. Appends struct ranked; returns how many.
 */
size_t rank_similar(const struct snapshot *snapshot, enum similar_by by, struct text item,
                    enum layer layer, size_t n, struct bytes *into);

/*
 * Recommendations from the pair rows of what the user has seen: score(b) = sum of cosine(a, b) over the user's distinct
 * items a; without those items. Row 0 is `item_users all`, row 1 + i is `together` of items[i].
 */
size_t rank_recommendations(const struct snapshot *snapshot, const struct text *items,
                            size_t n_items, size_t n, struct bytes *into);

/* The sum of several rows (rows 0 .. n_rows - 1 of the snapshot): popular over hours. */
size_t rank_sum(const struct snapshot *snapshot, size_t n_rows, size_t n, struct bytes *into);

#endif
