/* `tandem-batch estimate` over a real master dataset: its truth is the batch view's, and its intervals hold it as often as they say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/deployment.h"

static int up(void **state)
{
    (void)state;
    deployment_up((struct deployment_settings){0});
    feed(40000, 3, "--items 300 --users 20000");
    wait_caught_up();
    must_exit(0, "$BIN/tandem-batch run");
    return 0;
}

static int down(void **state)
{
    (void)state;
    deployment_down(true);
    return 0;
}

/* The first number behind `before`, without its thousands' commas. */
static double number_behind(const char *text, const char *before)
{
    const char *at = strstr(text, before);
    char digits[64] = "";
    size_t n = 0;
    assert_non_null(at);
    at += strlen(before);
    at += strspn(at, " \n");
    for (; strchr("0123456789.,-", *at) && *at && n + 1 < sizeof digits; at++)
        if (*at != ',')
            digits[n++] = *at;
    assert_true(n > 0);
    return strtod(digits, NULL);
}

static void of_all_users_it_is_what_the_batch_view_has(void **state)
{
    (void)state;
    static const char *const views[] = {"users",   "together",        "bought_users",
                                        "popular", "traffic_country", "revenue_device"};
    char *out = output_of("$BIN/tandem-batch estimate --fraction 1");
    for (size_t i = 0; i < sizeof views / sizeof *views; i++) {
        char line[64], query[128];
        snprintf(line, sizeof line, "\n%s ", views[i]);
        snprintf(query, sizeof query, "SELECT sum(value) FROM view_counter WHERE view = '%s'",
                 views[i]);
        assert_true(number_behind(out, line) == (double)sql_number(query));
    }
    free(out);
}

static void ninety_five_of_a_hundred_intervals_hold_the_truth(void **state)
{
    (void)state;
    char *out = output_of("$BIN/tandem-batch estimate --fraction 0.1 --check --samplings 200");
    double held = number_behind(out, "all views");
    if (held < 93 || held > 97)
        fail_msg("%s", out);
    assert_non_null(strstr(out, " of 12 intervals hold the true value"));
    free(out);
}

/* Users are chosen by a hash, whole: the same seed chooses the same ones, another one others. */
static void a_seed_chooses_the_same_users_again(void **state)
{
    (void)state;
    char *first = output_of("$BIN/tandem-batch estimate --seed 5 | tail -n +2");
    char *again = output_of("$BIN/tandem-batch estimate --seed 5 | tail -n +2");
    char *other = output_of("$BIN/tandem-batch estimate --seed 6 | tail -n +2");
    assert_string_equal(first, again);
    assert_string_not_equal(first, other);
    free(first), free(again), free(other);
}

static void wrong_options_are_named(void **state)
{
    (void)state;
    must_exit(2, "$BIN/tandem-batch estimate --fraction 2");
    must_exit(2, "$BIN/tandem-batch estimate --fraction 10%%");
    must_exit(2, "$BIN/tandem-batch estimate --samplings 5");
    must_exit(1, "TANDEM_POSTGRES='host=/nowhere dbname=x' $BIN/tandem-batch estimate");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_all_users_it_is_what_the_batch_view_has),
        cmocka_unit_test(ninety_five_of_a_hundred_intervals_hold_the_truth),
        cmocka_unit_test(a_seed_chooses_the_same_users_again),
        cmocka_unit_test(wrong_options_are_named),
    };
    return cmocka_run_group_tests(tests, up, down);
}
