#include "serving-layer/ranking.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "serving-layer/sums.h"

enum { NEXT_WEIGHT = 2520 }; /* views/catalogue.c: a pair at distance 1 */

/* ---- the best n ---- */

struct candidate {
    double score;
    int64_t count;
    uint32_t member;
};

/* A heap of the best n so far, the worst of them on top: most candidates are refused by one comparison. */
struct best {
    const struct snapshot *snapshot;
    size_t n_max, n;
    struct candidate *heap;
    size_t cap;
    bool by_count; /* scores are counts: compared as integers */
};

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

static void best_offer(struct best *best, struct candidate candidate)
{
    if (best->n < best->n_max) {
        best->heap = grown(best->heap, &best->cap, best->n + 1, sizeof *best->heap);
        sift_up(best, best->n++, candidate);
    } else if (best->n && better(best, &candidate, &best->heap[0])) {
        sift_down(best, 0, candidate);
    }
}

/* Moves the heap to `into`, best first; frees it. Returns how many. */
static size_t best_take(struct best *best, struct bytes *into)
{
    size_t n = best->n;
    if (n == 0) /* nothing was ever offered, or none was wanted */
        return 0;
    struct ranked *ranked = (void *)bytes_room(into, n * sizeof *ranked);
    while (best->n > 0) {
        struct candidate worst = best->heap[0], last = best->heap[--best->n];
        if (best->n > 0)
            sift_down(best, 0, last);
        ranked[best->n] = (struct ranked){.item = snapshot_name(best->snapshot, worst.member),
                                          .score = worst.score,
                                          .count = worst.count};
    }
    into->n += n * sizeof *ranked;
    free(best->heap);
    return n;
}

/* ---- counts ---- */

static size_t rank_members(const struct snapshot *snapshot, const struct member_count *counts,
                           size_t n_counts, size_t n, struct bytes *into)
{
    struct best best = {.snapshot = snapshot, .n_max = n, .by_count = true};
    for (size_t i = 0; i < n_counts; i++)
        best_offer(&best,
                   (struct candidate){(double)counts[i].value, counts[i].value, counts[i].member});
    return best_take(&best, into);
}

size_t rank_counts(const struct snapshot *snapshot, size_t row, enum layer layer, size_t n,
                   struct bytes *into)
{
    struct bytes counts = {0};
    size_t n_counts = snapshot_row(snapshot, row, layer, &counts);
    size_t found = rank_members(snapshot, (const void *)counts.at, n_counts, n, into);
    bytes_free(&counts);
    return found;
}

size_t rank_sum(const struct snapshot *snapshot, size_t n_rows, size_t n, struct bytes *into)
{
    struct bytes counts = {0};
    struct sums sums = {0};
    size_t n_counts = 0;
    for (size_t row = 0; row < n_rows; row++) {
        counts.n = 0;
        size_t n_row = snapshot_row(snapshot, row, LAYER_MERGED, &counts);
        for (size_t i = 0; i < n_row; i++) {
            const struct member_count *count =
                (const struct member_count *)(const void *)counts.at + i;
            sums_add(&sums, count->member, count->value);
        }
    }
    counts.n = 0;
    struct member_count *all = (void *)bytes_room(&counts, (sums.n + 1) * sizeof *all);
    for (uint32_t i = 0; i < sums.n_slots; i++)
        if (sums.slot[i].member != SUMS_FREE && sums.slot[i].value)
            all[n_counts++] = (struct member_count){sums.slot[i].member, sums.slot[i].value};
    size_t found = rank_members(snapshot, all, n_counts, n, into);
    sums_free(&sums);
    bytes_free(&counts);
    return found;
}

/* ---- similar ---- */

static unsigned view_number(const char *name)
{
    int view = catalogue_find(text_of(name));
    assert(view >= 0);
    return (unsigned)view;
}

void similar_rows(enum similar_by by, struct text item, struct row_ref rows[SIMILAR_ROWS])
{
    static const char *const pairs[] = {
        [BY_NEXT] = "next", [BY_TOGETHER] = "together", [BY_BOUGHT_TOGETHER] = "bought_together"};
    static const char *const users[] = {[BY_NEXT] = "item_users",
                                        [BY_TOGETHER] = "item_users",
                                        [BY_BOUGHT_TOGETHER] = "bought_users"};
    rows[0] = (struct row_ref){view_number(pairs[by]), item};
    rows[1] = (struct row_ref){view_number(users[by]), text_of("all")};
}

/*
 * Cosine of two items as sets of users: |A and B| / sqrt(|A| |B|). Where only what the speed layer has is looked at, counts may
 * fall below 0 (what left a window): such a pair says nothing and has no cosine: 0.
 */
static double cosine(double both, int64_t users_a, int64_t users_b)
{
    return both > 0 && users_a > 0 && users_b > 0 ? both / sqrt((double)users_a * (double)users_b)
                                                  : 0;
}

size_t rank_similar(const struct snapshot *snapshot, enum similar_by by, struct text item,
                    enum layer layer, size_t n, struct bytes *into)
{
    struct best best = {.snapshot = snapshot, .n_max = n};
    struct bytes row = {0};
    double weight = by == BY_NEXT ? NEXT_WEIGHT : 1;
    int64_t users = snapshot_count(snapshot, 1, layer, item);
    size_t n_row = users > 0 ? snapshot_row(snapshot, 0, layer, &row) : 0;
    for (size_t i = 0; i < n_row; i++) {
        const struct member_count *pair = (const struct member_count *)(const void *)row.at + i;
        int64_t others = snapshot_count_of(snapshot, 1, layer, pair->member);
        double score = cosine((double)pair->value / weight, users, others);
        if (score > 0)
            best_offer(&best, (struct candidate){score, pair->value, pair->member});
    }
    bytes_free(&row);
    return best_take(&best, into);
}

/* ---- recommendations ---- */

struct score {
    uint32_t member; /* SUMS_FREE: the slot is free */
    double sum;
};

/* Open addressing, at most half full. */
struct scores {
    struct score *slot;
    size_t n_slots, n;
};

static struct score *score_of(const struct scores *scores, uint32_t member)
{
    size_t i = (member * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (scores->n_slots - 1);
    while (scores->slot[i].member != member && scores->slot[i].member != SUMS_FREE)
        i = (i + 1) & (scores->n_slots - 1);
    return &scores->slot[i];
}

static struct scores scores_of_slots(size_t n_slots)
{
    struct scores scores = {NULL, n_slots, 0};
    size_t cap = 0;
    scores.slot = grown(NULL, &cap, n_slots, sizeof *scores.slot);
    for (size_t i = 0; i < n_slots; i++)
        scores.slot[i] = (struct score){SUMS_FREE, 0};
    return scores;
}

static void scores_add(struct scores *scores, uint32_t member, double value)
{
    if (2 * (scores->n + 1) > scores->n_slots) {
        struct scores larger = scores_of_slots(2 * scores->n_slots);
        for (size_t i = 0; i < scores->n_slots; i++)
            if (scores->slot[i].member != SUMS_FREE)
                *score_of(&larger, scores->slot[i].member) = scores->slot[i];
        larger.n = scores->n;
        free(scores->slot);
        *scores = larger;
    }
    struct score *score = score_of(scores, member);
    scores->n += score->member == SUMS_FREE;
    *score = (struct score){member, score->sum + value};
}

static void scores_add_row(struct scores *scores, const struct snapshot *snapshot, size_t row,
                           struct text item, struct bytes *counts)
{
    counts->n = 0;
    int64_t users = snapshot_count(snapshot, 0, LAYER_MERGED, item);
    size_t n = snapshot_row(snapshot, row, LAYER_MERGED, counts);
    for (size_t i = 0; i < n; i++) {
        const struct member_count *pair = (const struct member_count *)(const void *)counts->at + i;
        double value = cosine((double)pair->value, users,
                              snapshot_count_of(snapshot, 0, LAYER_MERGED, pair->member));
        if (value > 0)
            scores_add(scores, pair->member, value);
    }
}

/* Why: the strongest of the user's items, ties by item in byte order. */
static void because_fill(const struct snapshot *snapshot, const struct text *items, size_t n_items,
                         struct ranked *ranked)
{
    uint32_t member = snapshot_find(snapshot, ranked->item);
    int64_t users = snapshot_count_of(snapshot, 0, LAYER_MERGED, member);
    for (size_t i = 0; i < n_items; i++) {
        int64_t count = snapshot_count_of(snapshot, 1 + i, LAYER_MERGED, member);
        struct because because = {
            items[i], count,
            cosine((double)count, snapshot_count(snapshot, 0, LAYER_MERGED, items[i]), users)};
        if (because.score <= 0)
            continue;
        int at = ranked->n_because < BECAUSE_MAX ? ranked->n_because++ : BECAUSE_MAX;
        for (; at > 0; at--) {
            const struct because *above = &ranked->because[at - 1];
            if (above->score > because.score ||
                (above->score == because.score && text_compare(above->item, because.item) < 0))
                break;
            if (at < BECAUSE_MAX)
                ranked->because[at] = *above;
        }
        if (at < BECAUSE_MAX)
            ranked->because[at] = because;
        ranked->count += count;
    }
}

/* What the user knows is not recommended. */
static void scores_remove(struct scores *scores, const struct snapshot *snapshot,
                          const struct text *items, size_t n_items)
{
    for (size_t i = 0; i < n_items; i++) {
        uint32_t member = snapshot_find(snapshot, items[i]);
        if (member != NAMES_ABSENT)
            score_of(scores, member)->sum = 0;
    }
}

size_t rank_recommendations(const struct snapshot *snapshot, const struct text *items,
                            size_t n_items, size_t n, struct bytes *into)
{
    struct best best = {.snapshot = snapshot, .n_max = n};
    struct scores scores = scores_of_slots(64);
    struct bytes counts = {0};
    for (size_t i = 0; i < n_items; i++)
        scores_add_row(&scores, snapshot, 1 + i, items[i], &counts);
    scores_remove(&scores, snapshot, items, n_items);
    for (size_t i = 0; i < scores.n_slots; i++) {
        const struct score *score = &scores.slot[i];
        if (score->member != SUMS_FREE && score->sum > 0)
            best_offer(&best, (struct candidate){score->sum, 0, score->member});
    }
    size_t first = into->n, found = best_take(&best, into);
    for (size_t i = 0; i < found; i++)
        because_fill(snapshot, items, n_items, (struct ranked *)(void *)(into->at + first) + i);
    free(scores.slot);
    bytes_free(&counts);
    return found;
}
