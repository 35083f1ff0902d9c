#define _DEFAULT_SOURCE /* erand48 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "batch-layer/estimate_total.h"

static unsigned short random_state[3];

static double uniform(void)
{
    return erand48(random_state);
}

/* Users as a shop has them: most a little, a few very much (the logarithm is normal). */
static void shop_make(double *user, size_t n, double spread)
{
    for (size_t i = 0; i < n; i++)
        user[i] = exp(spread * sqrt(-2 * log(1 - uniform())) * cos(6.283185307179586 * uniform()));
}

static double sum_of(const double *user, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += user[i];
    return sum;
}

static struct estimate sample(const double *user, size_t n, double share)
{
    struct sample_sums sums = {0};
    for (size_t i = 0; i < n; i++)
        if (uniform() < share)
            sample_sums_add(&sums, user[i]);
    return estimate_total(&sums, share);
}

/* How many of 1,000 intervals hold the truth. */
static int held_of_1000(double spread, double share)
{
    enum { USERS = 4000 };
    double *user = malloc(USERS * sizeof *user);
    assert_non_null(user);
    shop_make(user, USERS, spread);
    double truth = sum_of(user, USERS);
    int held = 0;
    for (int i = 0; i < 1000; i++) {
        struct estimate estimate = sample(user, USERS, share);
        assert_true(estimate.has_interval && estimate.low < estimate.total &&
                    estimate.total < estimate.high);
        held += estimate.low <= truth && truth <= estimate.high;
    }
    free(user);
    return held;
}

static void ninety_five_of_a_hundred_intervals_hold_the_truth(void **state)
{
    (void)state;
    static const struct {
        double spread, share;
    } shop[] = {{0.3, 0.1}, {1, 0.1}, {1, 0.5}, {1.5, 0.2}};
    for (size_t i = 0; i < sizeof shop / sizeof *shop; i++) {
        int held = held_of_1000(shop[i].spread, shop[i].share);
        if (held < 930 || held > 970)
            fail_msg("spread %g, share %g: %d of 1000", shop[i].spread, shop[i].share, held);
    }
}

static void all_users_are_no_estimate_but_the_sum(void **state)
{
    (void)state;
    double user[50];
    shop_make(user, 50, 1);
    struct estimate estimate = sample(user, 50, 1);
    assert_true(estimate.has_interval);
    assert_true(fabs(estimate.total - sum_of(user, 50)) < 1e-9);
    assert_true(estimate.low == estimate.total && estimate.high == estimate.total);
}

static void of_a_handful_of_users_nothing_is_claimed(void **state)
{
    (void)state;
    struct sample_sums sums = {0};
    for (int i = 0; i < 1000; i++)
        sample_sums_add(&sums, i < ESTIMATE_USERS - 1 ? 5 : 0);
    assert_false(estimate_total(&sums, 0.1).has_interval);
    sample_sums_add(&sums, -3);
    assert_true(estimate_total(&sums, 0.1).has_interval);
    assert_false(estimate_total(&(struct sample_sums){0}, 0.1).has_interval);
}

/* Many like the smallest and one giant in the sample: above the estimate there is more room than below. */
static void an_interval_leans_to_where_the_giants_are(void **state)
{
    (void)state;
    struct sample_sums sums = {0};
    for (int i = 0; i < 200; i++)
        sample_sums_add(&sums, i == 7 ? 300 : 1);
    struct estimate estimate = estimate_total(&sums, 0.1);
    assert_true(isfinite(estimate.low) && isfinite(estimate.high));
    assert_true(estimate.high - estimate.total > 2 * (estimate.total - estimate.low));
}

int main(void)
{
    const char *text = getenv("TEST_SEED");
    unsigned seed = text ? (unsigned)strtoul(text, NULL, 10) : 1;
    printf("TEST_SEED=%u\n", seed);
    random_state[0] = (unsigned short)seed, random_state[1] = (unsigned short)(seed >> 16);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ninety_five_of_a_hundred_intervals_hold_the_truth),
        cmocka_unit_test(all_users_are_no_estimate_but_the_sum),
        cmocka_unit_test(of_a_handful_of_users_nothing_is_claimed),
        cmocka_unit_test(an_interval_leans_to_where_the_giants_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
