/* Sums of changes to counters, by row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "views/deltas.h"
#include "views/row.h"

static void a_counter_that_was_never_changed_is_0(void **state)
{
    (void)state;
    struct deltas *deltas = deltas_new();
    assert_int_equal(deltas_get(deltas, 0, 0, 0), 0);
    assert_int_equal(deltas_rows(deltas), 0);
    assert_true(deltas_row_find(deltas, 0, 0) == SIZE_MAX);
    deltas_add(deltas, 1, 2, 3, 4);
    assert_int_equal(deltas_get(deltas, 1, 2, 4), 0);
    assert_int_equal(deltas_get(deltas, 1, 3, 3), 0);
    assert_int_equal(deltas_get(deltas, 2, 2, 3), 0);
    deltas_free(deltas);
}

static void changes_of_a_counter_are_summed(void **state)
{
    (void)state;
    struct deltas *deltas = deltas_new();
    deltas_add(deltas, 0, 1, 2, 5);
    deltas_add(deltas, 1, 1, 2, 100);
    deltas_add(deltas, 0, 1, 2, -7);
    assert_int_equal(deltas_get(deltas, 0, 1, 2), -2);
    assert_int_equal(deltas_get(deltas, 1, 1, 2), 100);
    assert_int_equal(deltas_counters(deltas), 2);
    deltas_free(deltas);
}

static void sums_wrap_and_come_back(void **state)
{
    (void)state;
    struct deltas *deltas = deltas_new();
    deltas_add(deltas, 0, 0, 0, INT64_MAX);
    deltas_add(deltas, 0, 0, 0, 1);
    assert_true(deltas_get(deltas, 0, 0, 0) == INT64_MIN);
    deltas_add(deltas, 0, 0, 0, -1);
    assert_true(deltas_get(deltas, 0, 0, 0) == INT64_MAX);
    deltas_free(deltas);
}

static void rows_are_numbered_in_order_of_first_touch(void **state)
{
    (void)state;
    struct deltas *deltas = deltas_new();
    unsigned view;
    uint32_t group;
    deltas_add(deltas, 3, 9, 1, 1);
    deltas_add(deltas, 0, 9, 1, 1);
    deltas_add(deltas, 3, 9, 2, 1);
    assert_int_equal(deltas_rows(deltas), 2);
    deltas_row_key(deltas, 0, &view, &group);
    assert_int_equal(view, 3);
    assert_int_equal(group, 9);
    deltas_row_key(deltas, 1, &view, &group);
    assert_int_equal(view, 0);
    assert_int_equal(deltas_row_find(deltas, 0, 9), 1);
    deltas_free(deltas);
}

static void a_walk_leaves_out_what_has_cancelled(void **state)
{
    (void)state;
    struct deltas *deltas = deltas_new();
    for (uint32_t member = 0; member < 5; member++)
        deltas_add(deltas, 0, 0, member, 10 + member);
    for (uint32_t member = 0; member < 5; member += 2) /* the first, one within, the last */
        deltas_add(deltas, 0, 0, member, -10 - (int64_t)member);
    size_t cursor = 0;
    uint32_t member;
    int64_t value;
    assert_true(deltas_next(deltas, 0, &cursor, &member, &value));
    assert_true(member == 1 && value == 11);
    assert_true(deltas_next(deltas, 0, &cursor, &member, &value));
    assert_true(member == 3 && value == 13);
    assert_false(deltas_next(deltas, 0, &cursor, &member, &value));
    deltas_free(deltas);
}

static void a_row_whose_changes_have_cancelled_packs_to_nothing(void **state)
{
    (void)state;
    struct deltas *deltas = deltas_new();
    struct names *names = names_new();
    uint32_t pear = names_put(names, text_of("pear"));
    struct bytes packed = {0};
    deltas_add(deltas, 0, pear, pear, 1);
    deltas_add(deltas, 0, pear, pear, -1);
    assert_int_equal(deltas_row_pack(deltas, 0, names, &packed), 0);
    assert_int_equal(packed.n, 0);
    deltas_add(deltas, 0, pear, pear, -2);
    assert_int_equal(deltas_row_pack(deltas, 0, names, &packed), 1);
    struct text rest = bytes_text(&packed);
    struct counter counter;
    assert_int_equal(row_next(&rest, &counter), 1);
    assert_true(text_equal(counter.member, text_of("pear")));
    assert_int_equal(counter.value, -2);
    bytes_free(&packed);
    names_free(names);
    deltas_free(deltas);
}

/* ---- against a plain array ---- */

enum { VIEWS = 3, GROUPS = 40, MEMBERS = 300 };

static unsigned roll(uint32_t *dice, unsigned sides)
{
    *dice = *dice * 1664525 + 1013904223;
    return (*dice >> 8) % sides;
}

static void equals_the_array(const struct deltas *deltas, int64_t array[VIEWS][GROUPS][MEMBERS])
{
    size_t expected = 0, walked = 0;
    for (unsigned v = 0; v < VIEWS; v++)
        for (uint32_t g = 0; g < GROUPS; g++)
            for (uint32_t m = 0; m < MEMBERS; m++) {
                assert_int_equal(deltas_get(deltas, v, g, m), array[v][g][m]);
                expected += array[v][g][m] != 0;
            }
    for (size_t row = 0; row < deltas_rows(deltas); row++) {
        unsigned view;
        uint32_t group, member;
        int64_t value;
        deltas_row_key(deltas, row, &view, &group);
        for (size_t cursor = 0; deltas_next(deltas, row, &cursor, &member, &value); walked++)
            assert_int_equal(array[view][group][member], value);
    }
    assert_int_equal(walked, expected);
}

static void many_changes_equal_an_array_also_after_clearing(void **state)
{
    (void)state;
    struct deltas *deltas = deltas_new();
    uint32_t dice = 7;
    /* large, then small in a large table, then large again: both ways to clear the index */
    static const size_t sizes[] = {60000, 20, 3000, 1, 50, 60000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        static int64_t array[VIEWS][GROUPS][MEMBERS];
        memset(array, 0, sizeof array);
        for (size_t n = 0; n < sizes[i]; n++) {
            unsigned v = roll(&dice, VIEWS), g = roll(&dice, GROUPS), m = roll(&dice, MEMBERS);
            int64_t value = (int64_t)roll(&dice, 5) - 2;
            deltas_add(deltas, v, g, m, value);
            array[v][g][m] += value;
        }
        equals_the_array(deltas, array);
        size_t held = deltas_bytes(deltas);
        deltas_clear(deltas);
        assert_int_equal(deltas_rows(deltas) + deltas_counters(deltas), 0);
        assert_int_equal(deltas_bytes(deltas), held);
    }
    deltas_free(deltas);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_counter_that_was_never_changed_is_0),
        cmocka_unit_test(changes_of_a_counter_are_summed),
        cmocka_unit_test(sums_wrap_and_come_back),
        cmocka_unit_test(rows_are_numbered_in_order_of_first_touch),
        cmocka_unit_test(a_walk_leaves_out_what_has_cancelled),
        cmocka_unit_test(a_row_whose_changes_have_cancelled_packs_to_nothing),
        cmocka_unit_test(many_changes_equal_an_array_also_after_clearing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
