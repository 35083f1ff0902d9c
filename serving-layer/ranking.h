/*
 * ranking: from merged counters to the best n. Pure: no I/O, no clock. Knows no catalogue: what may be shown is asked of a
 * filter, and only for what would be among the best n, so that few items are looked up however long a row is.
 * Scores are those of score.h, rounded to six digits behind the point, as they are shown; largest first, ties by item in byte
 * order. Not for: HTTP, JSON.
 */
#ifndef TANDEM_SERVING_RANKING_H
#define TANDEM_SERVING_RANKING_H

#include "serving-layer/reader.h"
#include "serving-layer/score.h"

/* May this item be shown? */
struct rank_filter {
    bool (*allows)(void *context, struct text item); /* NULL: everything */
    void *context;
};

struct rank_bounds {
    enum layer layer;
    size_t n; /* at most so many */
    struct rank_filter filter;
    const uint32_t *without; /* symbols that are left out, rising; borrowed */
    size_t n_without;
};

struct ranked { /* the text lives as long as the snapshot */
    struct text item;
    uint32_t member;
    double score;
    int64_t count;  /* rank_related: 0, see rank_because */
    int64_t before; /* rank_trending */
};

/* Memory of ranking, used again: what is added up lies by symbol in an array. One thread at a time. */
struct ranker;
struct ranker *ranker_new(void);
void ranker_free(struct ranker *ranker);

/* ---- counters ---- */

/*
 * The counters of a row, largest first, ties by member in byte order; up to n, appended to `into` as struct ranked with
 * score = count. Returns how many.
 */
size_t rank_counts(const struct snapshot *snapshot, size_t row, enum layer layer, size_t n,
                   struct bytes *into);

/* The sums of several rows (first .. first + n_rows - 1) that are above 0: popular over hours. */
size_t rank_sum(struct ranker *ranker, const struct snapshot *snapshot, size_t first, size_t n_rows,
                const struct rank_bounds *bounds, struct bytes *into);

/*
 * score_trending() above 1 of what stands in the first `hours` rows against the `hours_before` behind them; count: the sum of
 * the recent ones, before: of the others.
 */
size_t rank_trending(struct ranker *ranker, const struct snapshot *snapshot, size_t hours,
                     size_t hours_before, const struct rank_bounds *bounds, struct bytes *into);

/* ---- pairs ---- */

/* Which items belong to these? */
struct rank_question {
    enum similar_by by;
    enum score_kind score;
    const struct text *items; /* distinct, at most STATE_WINDOW */
    size_t n_items;
    uint32_t muted; /* bit i: items[i] speaks for nothing */
};

/* The rows that it needs; returns how many. They do not depend on what is muted. */
enum { RANK_ROWS_MAX = 3 + RELATIONS * STATE_WINDOW };
size_t rank_rows(const struct rank_question *question, struct row_ref rows[RANK_ROWS_MAX]);

/*
 * The items b with the largest sum over the items a of score(a, b): weights times score_pair(). The rows begin at `first` in
 * the snapshot.
 */
size_t rank_related(struct ranker *ranker, const struct snapshot *snapshot, size_t first,
                    const struct rank_question *question, const struct rank_bounds *bounds,
                    struct bytes *into);

/* Why: how strongly one of the items speaks for a ranked one, and what that was calculated from. */
struct because {
    struct text item;
    int64_t count; /* of the pair: in `together` for BY_BLEND, else in the view of `by` */
    double score;
    int n_terms;
    struct because_term {
        enum relation relation;
        double weight, score;
        struct pair_counts counts;
    } term[RELATIONS]; /* those that are not 0; score = sum of weight * score */
};

/* All that are not 0, strongest first, ties by item in byte order; returns how many. */
size_t rank_because(const struct snapshot *snapshot, size_t first,
                    const struct rank_question *question, enum layer layer, uint32_t member,
                    struct because into[STATE_WINDOW]);

#endif
