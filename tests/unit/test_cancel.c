/* The small table in which a user's before and after meet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "views/cancel.h"

static void what_cancels_out_never_reaches_the_deltas(void **state)
{
    (void)state;
    struct cancel *cancel = cancel_new();
    struct deltas *deltas = deltas_new();
    cancel_add(cancel, deltas, 3, 1, 2, -1);
    cancel_add(cancel, deltas, 3, 2, 1, 5);
    cancel_add(cancel, deltas, 3, 1, 2, 1);
    assert_int_equal(deltas_counters(deltas), 0); /* nothing before the flush */
    cancel_flush(cancel, deltas, 3);
    assert_int_equal(deltas_counters(deltas), 1);
    assert_int_equal(deltas_get(deltas, 3, 2, 1), 5);
    cancel_flush(cancel, deltas, 3); /* it is empty now */
    assert_int_equal(deltas_get(deltas, 3, 2, 1), 5);
    deltas_free(deltas);
    cancel_free(cancel);
}

/* More counters than the table holds, each several times: none is lost, none counted twice. */
static void a_full_table_goes_on_through_the_deltas(void **state)
{
    (void)state;
    enum { GROUPS = 50, MEMBERS = 60, ROUNDS = 3 };
    struct cancel *cancel = cancel_new();
    struct deltas *deltas = deltas_new();
    for (int64_t round = 0; round < ROUNDS; round++)
        for (uint32_t group = 0; group < GROUPS; group++)
            for (uint32_t member = 0; member < MEMBERS; member++)
                cancel_add(cancel, deltas, 0, group, member, 1 + round * member);
    cancel_flush(cancel, deltas, 0);
    assert_int_equal(deltas_counters(deltas), GROUPS * MEMBERS);
    for (uint32_t group = 0; group < GROUPS; group++)
        for (uint32_t member = 0; member < MEMBERS; member++)
            assert_int_equal(deltas_get(deltas, 0, group, member), ROUNDS + 3 * (int64_t)member);
    deltas_free(deltas);
    cancel_free(cancel);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_cancels_out_never_reaches_the_deltas),
        cmocka_unit_test(a_full_table_goes_on_through_the_deltas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
