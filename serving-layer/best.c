#include "serving-layer/best.h"

#include <stdlib.h>

static bool better(const struct best *best, const struct candidate *a, const struct candidate *b)
{
    if (best->by_count ? a->count != b->count : a->score != b->score)
        return best->by_count ? a->count > b->count : a->score > b->score;
    return text_compare(snapshot_name(best->snapshot, a->member),
                        snapshot_name(best->snapshot, b->member)) < 0;
}

static void sift_down(struct best *best, size_t at, struct candidate candidate)
{
    struct candidate *heap = best->heap;
    for (size_t child; (child = 2 * at + 1) < best->n; at = child) {
        if (child + 1 < best->n && better(best, &heap[child], &heap[child + 1]))
            child++;
        if (!better(best, &candidate, &heap[child]))
            break;
        heap[at] = heap[child];
    }
    heap[at] = candidate;
}

static void sift_up(struct best *best, size_t at, struct candidate candidate)
{
    struct candidate *heap = best->heap;
    for (; at > 0 && better(best, &heap[(at - 1) / 2], &candidate); at = (at - 1) / 2)
        heap[at] = heap[(at - 1) / 2];
    heap[at] = candidate;
}

static bool is_without(const struct rank_bounds *bounds, uint32_t member)
{
    size_t first = 0, behind = bounds->n_without;
    while (first < behind) {
        size_t middle = first + (behind - first) / 2;
        if (bounds->without[middle] < member)
            first = middle + 1;
        else
            behind = middle;
    }
    return first < bounds->n_without && bounds->without[first] == member;
}

static bool allowed(const struct best *best, uint32_t member)
{
    const struct rank_bounds *bounds = best->bounds;
    if (is_without(bounds, member))
        return false;
    return !bounds->filter.allows ||
           bounds->filter.allows(bounds->filter.context, snapshot_name(best->snapshot, member));
}

void best_offer(struct best *best, struct candidate candidate)
{
    size_t n_max = best->bounds->n;
    if (n_max == 0 || (best->n == n_max && !better(best, &candidate, &best->heap[0])) ||
        !allowed(best, candidate.member))
        return;
    if (best->n == n_max) {
        sift_down(best, 0, candidate);
        return;
    }
    best->heap = grown(best->heap, &best->cap, best->n + 1, sizeof *best->heap);
    sift_up(best, best->n++, candidate);
}

size_t best_take(struct best *best, struct bytes *into)
{
    size_t n = best->n;
    if (n == 0)
        return 0;
    struct ranked *ranked = (void *)bytes_room(into, n * sizeof *ranked);
    while (best->n > 0) {
        struct candidate worst = best->heap[0], last = best->heap[--best->n];
        if (best->n > 0)
            sift_down(best, 0, last);
        ranked[best->n] =
            (struct ranked){.item = snapshot_name(best->snapshot, worst.member),
                            .member = worst.member,
                            .score = best->by_count ? (double)worst.count : worst.score / 1e6,
                            .count = worst.count,
                            .before = worst.before};
    }
    into->n += n * sizeof *ranked;
    free(best->heap);
    best->heap = NULL;
    best->cap = 0;
    return n;
}
