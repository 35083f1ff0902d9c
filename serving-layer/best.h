/*
 * best: the best n of many candidates: largest score first, ties by item in byte order. A heap with the worst of them on top:
 * most candidates are refused by one comparison, and the filter is asked only about those that are not. Pure.
 */
#ifndef TANDEM_SERVING_BEST_H
#define TANDEM_SERVING_BEST_H

#include "serving-layer/ranking.h"

struct candidate {
    double score; /* in millionths, whole: equal when they look equal */
    int64_t count, before;
    uint32_t member;
};

struct best {
    const struct snapshot *snapshot;
    const struct rank_bounds *bounds;
    bool by_count; /* compared by `count`, as integers */
    struct candidate *heap;
    size_t n, cap;
};

/* Is this score (not yet a whole number of millionths) surely too small? Most are, and are not looked at more closely. */
static inline bool best_is_below(const struct best *best, double score)
{
    return best->n && best->n == best->bounds->n && score + 1 < best->heap[0].score;
}

void best_offer(struct best *best, struct candidate candidate);
/* Appends them to `into` as struct ranked, best first; frees the heap. Returns how many. */
size_t best_take(struct best *best, struct bytes *into);

#endif
