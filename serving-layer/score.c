#include "serving-layer/score.h"

#include <math.h>

const struct relation_row relation_rows[RELATIONS] = {
    [RELATION_TOGETHER] = {"together", "item_users", 1},
    [RELATION_BOUGHT_TOGETHER] = {"bought_together", "bought_users", 1},
    [RELATION_NEXT] = {"next", "item_users", 2520}, /* views/catalogue.c: a pair at distance 1 */
};

/* Those that share a view of users stand beside each other. */
static const struct blend blends[] = {
    [BY_TOGETHER] = {1, {{RELATION_TOGETHER, 1}}},
    [BY_BOUGHT_TOGETHER] = {1, {{RELATION_BOUGHT_TOGETHER, 1}}},
    [BY_NEXT] = {1, {{RELATION_NEXT, 1}}},
    [BY_BLEND] =
        {3, {{RELATION_NEXT, 0.5}, {RELATION_TOGETHER, 0.3}, {RELATION_BOUGHT_TOGETHER, 0.2}}},
};

const struct blend *blend_of(enum similar_by by)
{
    return &blends[by];
}

static double least(double a, double b)
{
    return a < b ? a : b;
}

static double not_below_0(double k)
{
    return k > 0 ? k : 0;
}

/* k ln(k N / (row * column)); 0 ln 0 = 0 */
static double surprise(double k, double n, double row, double column)
{
    return k > 0 ? k * log(k * n / (row * column)) : 0;
}

double score_llr(double k11, double k12, double k21, double k22)
{
    double n = k11 + k12 + k21 + k22;
    return 2 * (surprise(k11, n, k11 + k12, k11 + k21) + surprise(k12, n, k11 + k12, k12 + k22) +
                surprise(k21, n, k21 + k22, k11 + k21) + surprise(k22, n, k21 + k22, k12 + k22));
}

static double llr_of(double c, const struct pair_counts *counts)
{
    double a = (double)counts->users_a, b = (double)counts->users_b, all = (double)counts->users;
    double k11 = least(c, least(a, b));
    if (k11 * all <= a * b)
        return 0;
    return score_llr(k11, a - k11, b - k11, not_below_0(all - a - b + k11));
}

double score_pair(enum score_kind kind, enum relation relation, const struct pair_counts *counts)
{
    if (counts->count <= 0 || counts->users_a <= 0 || counts->users_b <= 0)
        return 0;
    double c = (double)counts->count / (double)relation_rows[relation].whole;
    switch (kind) {
    case SCORE_COSINE: return c / sqrt((double)counts->users_a * (double)counts->users_b);
    case SCORE_LLR: return llr_of(c, counts);
    case SCORE_COUNT: break;
    }
    return c;
}

double score_trending(int64_t recent, int64_t before, int64_t hours, int64_t hours_before)
{
    double expected = (double)before * (double)hours / (double)hours_before;
    return ((double)recent + TRENDING_SMOOTH) / (expected + TRENDING_SMOOTH);
}
