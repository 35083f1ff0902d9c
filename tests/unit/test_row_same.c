#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "batch-layer/row_same.h"
#include "views/row.h"

/* A linear congruential generator (Knuth's MMIX): the same numbers each time. */
static unsigned below(unsigned n)
{
    static uint64_t last = 7;
    last = last * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(last >> 33) % n;
}

static void put(struct bytes *log, unsigned member, int64_t value)
{
    char name[16];
    snprintf(name, sizeof name, "m%u", member);
    row_put(log, text_of(name), value);
}

/* Up to 300 entries of up to 40 members. */
static void log_make(struct bytes *log)
{
    bytes_clear(log);
    for (unsigned n = below(300), members = 1 + below(40); n > 0; n--)
        put(log, below(members), (int64_t)below(9) - 4);
}

static bool are_same(struct text a, struct text b)
{
    struct row_same same = {0};
    bool result = row_same(&same, a, b);
    row_same_free(&same);
    return result;
}

static void a_log_is_the_same_as_its_canonical_form(void **state)
{
    (void)state;
    struct row_same same = {0};
    struct bytes log = {0}, row = {0};
    for (int i = 0; i < 2000; i++) {
        log_make(&log);
        bytes_clear(&row);
        assert_true(row_canonical(bytes_text(&log), &row) >= 0);
        assert_true(row_same(&same, bytes_text(&row), bytes_text(&log)));
        assert_true(row_same(&same, bytes_text(&log), bytes_text(&row)));
    }
    row_same_free(&same);
    bytes_free(&log);
    bytes_free(&row);
}

static void one_counter_that_is_another_is_noticed(void **state)
{
    (void)state;
    struct row_same same = {0};
    struct bytes log = {0}, other = {0};
    for (int i = 0; i < 2000; i++) {
        log_make(&log);
        bytes_clear(&other);
        bytes_put_text(&other, bytes_text(&log));
        put(&other, below(60), (int64_t[]){1, -1, INT64_MIN, INT64_MAX}[below(4)]);
        assert_false(row_same(&same, bytes_text(&log), bytes_text(&other)));
        assert_false(row_same(&same, bytes_text(&other), bytes_text(&log)));
    }
    row_same_free(&same);
    bytes_free(&log);
    bytes_free(&other);
}

static void sums_that_wrap_are_the_same(void **state)
{
    (void)state;
    struct bytes a = {0}, b = {0};
    put(&a, 1, INT64_MAX);
    put(&a, 1, 1);
    put(&b, 1, INT64_MIN);
    assert_true(are_same(bytes_text(&a), bytes_text(&b)));
    bytes_free(&a);
    bytes_free(&b);
}

static void nothing_is_the_same_as_what_sums_to_nothing(void **state)
{
    (void)state;
    struct bytes log = {0};
    const struct text nothing = {"", 0};
    put(&log, 1, 5);
    put(&log, 2, 1);
    put(&log, 1, -5);
    put(&log, 2, -1);
    assert_true(are_same(nothing, nothing));
    assert_true(are_same(nothing, bytes_text(&log)));
    put(&log, 2, 1);
    assert_false(are_same(nothing, bytes_text(&log)));
    bytes_free(&log);
}

static void what_is_no_row_is_the_same_as_nothing_else(void **state)
{
    (void)state;
    const struct text broken = {"\x05no", 3}, row = {"\x01x\x02", 3};
    assert_false(are_same(broken, broken));
    assert_false(are_same(row, broken));
    assert_false(are_same(broken, row));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_log_is_the_same_as_its_canonical_form),
        cmocka_unit_test(one_counter_that_is_another_is_noticed),
        cmocka_unit_test(sums_that_wrap_are_the_same),
        cmocka_unit_test(nothing_is_the_same_as_what_sums_to_nothing),
        cmocka_unit_test(what_is_no_row_is_the_same_as_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
