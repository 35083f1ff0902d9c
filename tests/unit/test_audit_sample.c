/* Which groups a sampled audit looks at. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "batch-layer/audit_sample.h"

enum { GROUPS = 20000 };

static int chosen(const struct audit_sample *sample, const struct audit_sample *other)
{
    int n = 0;
    char group[16];
    for (int i = 0; i < GROUPS; i++) {
        snprintf(group, sizeof group, "g%d", i);
        n += audit_sample_has(sample, 3, text_of(group)) &&
             (!other || audit_sample_has(other, 3, text_of(group)));
    }
    return n;
}

static void a_share_is_a_share_of_the_groups_and_a_seed_chooses_which(void **state)
{
    (void)state;
    const struct audit_sample ten = {100000, 1}, other = {100000, 2}, all = {1000000, 7};
    assert_in_range(chosen(&ten, NULL), GROUPS / 10 * 9 / 10, GROUPS / 10 * 11 / 10);
    assert_int_equal(chosen(&ten, &ten), chosen(&ten, NULL));
    assert_in_range(chosen(&ten, &other), GROUPS / 100 / 2, GROUPS / 100 * 2);
    assert_int_equal(chosen(&all, NULL), GROUPS);
}

static void a_share_is_given_in_percent(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",    "%",   "1",    "0%",   "101%", "-1%",
                                        "1 %", "1%x", "1e1%", "nan%", "0x1%", "0.00001%"};
    struct audit_sample sample = {0};
    struct err err;
    assert_int_equal(audit_sample_parse("1%", &sample, &err), 0);
    assert_int_equal(sample.ppm, 10000);
    assert_int_equal(audit_sample_parse("0.5%", &sample, &err), 0);
    assert_int_equal(sample.ppm, 5000);
    assert_int_equal(audit_sample_parse("100%", &sample, &err), 0);
    assert_int_equal(sample.ppm, 1000000);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        if (audit_sample_parse(wrong[i], &sample, &err) == 0)
            fail_msg("taken: '%s'", wrong[i]);
        assert_non_null(strstr(err.message, "SAMPLE"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_share_is_a_share_of_the_groups_and_a_seed_chooses_which),
        cmocka_unit_test(a_share_is_given_in_percent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
