/*
 * score: how strongly two items belong together, from merged counters. Pure: floating point is computed here and nowhere
 * stored. Every figure that goes in is a counter that the API shows, so that an answer can be calculated by hand.
 * Not for: which items are looked at (ranking.h).
 */
#ifndef TANDEM_SERVING_SCORE_H
#define TANDEM_SERVING_SCORE_H

#include <stdint.h>

enum score_kind {
    SCORE_COSINE,
    SCORE_LLR,
    SCORE_COUNT
}; /* in the order of the parameter's choices */

enum relation { RELATION_TOGETHER, RELATION_BOUGHT_TOGETHER, RELATION_NEXT, RELATIONS };

/* The view of the pairs, that of how many users have each item, and how much a pair counts that is one whole. */
struct relation_row {
    const char *pairs, *users;
    int64_t whole; /* `next` counts 2520 for a pair at distance 1 */
};
extern const struct relation_row relation_rows[RELATIONS];

/* What pairs are asked for; in the order of the parameter's choices. */
enum similar_by { BY_TOGETHER, BY_BOUGHT_TOGETHER, BY_NEXT, BY_BLEND };

struct blend {
    int n;
    struct {
        enum relation relation;
        double weight;
    } part[RELATIONS];
};
/* One relation with weight 1; of BY_BLEND: 0.5 next + 0.3 together + 0.2 bought_together. */
const struct blend *blend_of(enum similar_by by);

struct pair_counts {
    int64_t count;            /* of the pair, as it stands in its view */
    int64_t users_a, users_b; /* who have each */
    int64_t users;            /* all of them; LLR only */
};

/*
 * With c = count / whole:
 *   cosine  c / sqrt(users_a * users_b)
 *   llr     -2 log lambda of the table k11 = c (at most users_a and users_b), k12 = users_a - k11, k21 = users_b - k11,
 *           k22 = users - users_a - users_b + k11 (none below 0); 0 where the pair is not seen more often than chance would
 *           have it: k11 * users <= users_a * users_b
 *   count   c
 * 0 where a count is not above 0: seen through the speed layer alone, what left a window is negative, and says nothing.
 */
double score_pair(enum score_kind kind, enum relation relation, const struct pair_counts *counts);

/*
 * -2 log lambda = 2 * sum over the table of k ln(k N / (row sum * column sum)): T. Dunning, Accurate Methods for the
 * Statistics of Surprise and Coincidence, Computational Linguistics 19 (1), 1993, section 5, for two binomials.
 */
double score_llr(double k11, double k12, double k21, double k22);

/*
 * How fast an item rises: (recent + TRENDING_SMOOTH) / (expected + TRENDING_SMOOTH), expected = before * hours / hours_before.
 * What is rare does not jump: 1 after 0 is 1.1, 100 after 0 is 11.
 */
enum { TRENDING_SMOOTH = 10 };
double score_trending(int64_t recent, int64_t before, int64_t hours, int64_t hours_before);

#endif
