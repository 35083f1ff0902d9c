/* The packed form of a row: entries, canonical form, merging; and bytes that are no row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "views/row.h"

static void is_bytes(struct bytes *found, const char *expected, size_t n)
{
    assert_int_equal(found->n, n);
    if (n)
        assert_memory_equal(found->at, expected, n);
    bytes_free(found);
}

/* "a 3, b -1": the log of these counters, in this order. */
static struct bytes log_of(const char *written)
{
    struct bytes log = {0};
    char member[65];
    long long value;
    int used;
    for (; sscanf(written, " %64[^ ] %lld%n", member, &value, &used) == 2; written += used) {
        row_put(&log, text_of(member), value);
        if (written[used] == ',')
            used++;
    }
    return log;
}

/* The counters of `row` written like that. */
static void is_row(struct bytes *row, const char *expected)
{
    char written[500] = "";
    size_t n = 0;
    struct text rest = bytes_text(row);
    struct counter counter;
    int more;
    while ((more = row_next(&rest, &counter)) > 0)
        n += (size_t)snprintf(written + n, sizeof written - n, "%s%.*s %lld", n ? ", " : "",
                              (int)counter.member.n, counter.member.at, (long long)counter.value);
    assert_int_equal(more, 0);
    assert_string_equal(written, expected);
    bytes_free(row);
}

static void an_entry_is_length_member_and_zigzag_varint(void **state)
{
    (void)state;
    struct bytes row = {0};
    row_put(&row, text_of("ab"), -1);
    row_put(&row, text_of("c"), 64);
    is_bytes(&row, "\2ab\1\1c\200\1", 8);
}

static void every_value_goes_there_and_back(void **state)
{
    (void)state;
    static const int64_t values[] = {
        0,    1,     -1,        63,        64,        -64,       -65,           8191,
        8192, -8193, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN, INT64_MAX - 1, INT64_MIN + 1};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        struct bytes row = {0};
        struct counter counter;
        row_put(&row, text_of("m"), values[i]);
        struct text rest = bytes_text(&row);
        assert_int_equal(row_next(&rest, &counter), 1);
        assert_true(counter.value == values[i]);
        assert_int_equal(row_next(&rest, &counter), 0);
        bytes_free(&row);
    }
}

static void a_member_has_1_to_64_bytes(void **state)
{
    (void)state;
    struct bytes row = {0};
    struct counter counter;
    char longest[66];
    memset(longest, 'm', sizeof longest);
    row_put(&row, (struct text){longest, 64}, 7);
    struct text rest = bytes_text(&row);
    assert_int_equal(row_next(&rest, &counter), 1);
    assert_int_equal(counter.member.n, 64);
    bytes_free(&row);
    longest[0] = 65; /* as a length */
    rest = (struct text){longest, sizeof longest};
    assert_int_equal(row_next(&rest, &counter), -1);
    rest = (struct text){"\0\2", 2};
    assert_int_equal(row_next(&rest, &counter), -1);
}

static void a_varint_has_at_most_64_bits(void **state)
{
    (void)state;
    uint64_t value;
    struct text rest = {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10};
    assert_int_equal(varint_next(&rest, &value), 1);
    assert_true(value == UINT64_MAX);
    assert_int_equal(rest.n, 0);
    rest = (struct text){"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10};
    assert_int_equal(varint_next(&rest, &value), -1);
    rest = (struct text){"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81\x00", 11};
    assert_int_equal(varint_next(&rest, &value), -1);
    rest = (struct text){"\x80", 1};
    assert_int_equal(varint_next(&rest, &value), -1);
    rest = (struct text){"", 0};
    assert_int_equal(varint_next(&rest, &value), -1);
}

static void a_row_that_is_cut_within_an_entry_is_none(void **state)
{
    (void)state;
    struct bytes log = log_of("apple 1000, pear -1000");
    for (size_t n = 0; n <= log.n; n++) {
        char *exact = malloc(n + 1); /* a sanitizer sees what is read behind its end */
        assert_non_null(exact);
        memcpy(exact, log.at, n);
        char *at = realloc(exact, n ? n : 1);
        struct bytes canonical = {0};
        long counters = row_canonical((struct text){at, n}, &canonical);
        assert_int_equal(counters, n == 0 ? 0 : n == 8 ? 1 : n == log.n ? 2 : -1);
        bytes_free(&canonical);
        free(at);
    }
    bytes_free(&log);
}

static void canonical_is_sorted_by_bytes_summed_and_without_zeros(void **state)
{
    (void)state;
    struct bytes log = log_of("b 1, \xc3\xa9 1, a 2, ab 1, b 4, gone 3, a -1, z 1, gone -3"),
                 row = {0};
    assert_int_equal(row_canonical(bytes_text(&log), &row), 5);
    bytes_free(&log);
    struct bytes again = {0};
    assert_int_equal(row_canonical(bytes_text(&row), &again), 5);
    assert_true(text_equal(bytes_text(&row), bytes_text(&again)));
    bytes_free(&again);
    is_row(&row, "a 1, ab 1, b 5, z 1, \xc3\xa9 1");
}

static void a_value_in_more_bytes_than_it_needs_is_written_in_as_few(void **state)
{
    (void)state;
    struct bytes row = {0};
    assert_int_equal(row_canonical((struct text){"\x01"
                                                 "a\x82\x00\x01"
                                                 "b\x02",
                                                 7},
                                   &row),
                     2);
    assert_int_equal(row.n, 6);
    is_row(&row, "a 1, b 1");
}

static void canonical_of_nothing_is_nothing(void **state)
{
    (void)state;
    struct bytes row = {0}, log = log_of("a 1, a -1");
    assert_int_equal(row_canonical((struct text){"", 0}, &row), 0);
    assert_int_equal(row_canonical(bytes_text(&log), &row), 0);
    assert_int_equal(row.n, 0);
    bytes_free(&log);
    bytes_free(&row);
}

static void canonical_is_appended_to_what_is_there(void **state)
{
    (void)state;
    struct bytes row = log_of("zzz 1"), log = log_of("a 1");
    assert_int_equal(row_canonical(bytes_text(&log), &row), 1);
    bytes_free(&log);
    is_row(&row, "zzz 1, a 1");
}

static void merged(const char *a, const char *b, int sign, const char *expected)
{
    struct bytes x = log_of(a), y = log_of(b), sum = {0};
    long counters = row_merge(bytes_text(&x), bytes_text(&y), sign, &sum);
    long expected_counters = expected[0] != 0;
    for (const char *comma = strchr(expected, ','); comma; comma = strchr(comma + 1, ','))
        expected_counters++;
    assert_int_equal(counters, expected_counters);
    is_row(&sum, expected);
    bytes_free(&x);
    bytes_free(&y);
}

static void merging_adds_and_takes_away_and_drops_what_is_0(void **state)
{
    (void)state;
    merged("", "", 1, "");
    merged("a 1", "", 1, "a 1");
    merged("", "a 1", 1, "a 1");
    merged("", "a 1", -1, "a -1");
    merged("a 1, c 2", "a 4, c -2", 1, "a 5");
    merged("a 1, c 2", "a 1, c 1", -1, "c 1");
    merged("b 1", "a 1", 1, "a 1, b 1");
    merged("a 1", "b 1", -1, "a 1, b -1");
}

static void sums_wrap_and_come_back(void **state)
{
    (void)state;
    merged("a 9223372036854775807", "a 1", 1, "a -9223372036854775808");
    merged("a -9223372036854775808", "a 1", -1, "a 9223372036854775807");
    merged("a 0", "a -9223372036854775808", -1, "a -9223372036854775808");
}

static void a_merge_refuses_what_is_no_row_on_either_side(void **state)
{
    (void)state;
    struct bytes good = log_of("a 1, b 2"), sum = {0};
    struct text cut = {good.at, good.n - 1};
    assert_int_equal(row_merge(bytes_text(&good), cut, 1, &sum), -1);
    assert_int_equal(row_merge(cut, bytes_text(&good), 1, &sum), -1);
    assert_int_equal(row_merge(cut, cut, -1, &sum), -1);
    bytes_free(&good);
    bytes_free(&sum);
}

/* Under a sanitizer: whatever the bytes, nothing is read behind them. What is taken makes a canonical row. */
static void random_bytes_are_a_row_or_refused(void **state)
{
    (void)state;
    uint32_t dice = 1;
    for (int round = 0; round < 50000; round++) {
        size_t n = (size_t)round % 40;
        unsigned char *at = malloc(n ? n : 1);
        assert_non_null(at);
        for (size_t i = 0; i < n; i++) {
            dice = dice * 1664525 + 1013904223;
            at[i] = dice >> 30 ? (unsigned char)(dice >> 27) : (unsigned char)(dice >> 16);
        }
        struct text log = {(const char *)at, n};
        struct bytes row = {0}, again = {0}, sum = {0};
        long counters = row_canonical(log, &row);
        if (counters >= 0) {
            assert_int_equal(row_canonical(bytes_text(&row), &again), counters);
            assert_int_equal(row_merge(bytes_text(&row), bytes_text(&again), -1, &sum), 0);
        }
        row_merge(log, log, 1, &sum);
        bytes_free(&row);
        bytes_free(&again);
        bytes_free(&sum);
        free(at);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entry_is_length_member_and_zigzag_varint),
        cmocka_unit_test(every_value_goes_there_and_back),
        cmocka_unit_test(a_member_has_1_to_64_bytes),
        cmocka_unit_test(a_varint_has_at_most_64_bits),
        cmocka_unit_test(a_row_that_is_cut_within_an_entry_is_none),
        cmocka_unit_test(canonical_is_sorted_by_bytes_summed_and_without_zeros),
        cmocka_unit_test(a_value_in_more_bytes_than_it_needs_is_written_in_as_few),
        cmocka_unit_test(canonical_of_nothing_is_nothing),
        cmocka_unit_test(canonical_is_appended_to_what_is_there),
        cmocka_unit_test(merging_adds_and_takes_away_and_drops_what_is_0),
        cmocka_unit_test(sums_wrap_and_come_back),
        cmocka_unit_test(a_merge_refuses_what_is_no_row_on_either_side),
        cmocka_unit_test(random_bytes_are_a_row_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
