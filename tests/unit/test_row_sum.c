#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "batch-layer/row_sum.h"
#include "views/row.h"

/* A linear congruential generator (Knuth's MMIX): the same numbers each time. */
static unsigned below(unsigned n)
{
    static uint64_t last = 7;
    last = last * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(last >> 33) % n;
}

static void piece_make(struct bytes *piece, unsigned first, unsigned n, int64_t value)
{
    char member[16];
    bytes_clear(piece);
    for (unsigned i = 0; i < n; i++) {
        snprintf(member, sizeof member, "m%u", (first + i * 7919) % 50000);
        row_put(piece, text_of(member), value);
    }
}

static void sums_agree(struct row_sum *sum, const struct bytes *log)
{
    struct bytes expected = {0};
    assert_true(row_canonical(bytes_text(log), &expected) >= 0);
    struct text found = row_sum_text(sum);
    assert_int_equal(found.n, expected.n);
    assert_true(expected.n == 0 || memcmp(found.at, expected.at, expected.n) == 0);
    bytes_free(&expected);
}

static void nothing_added_is_an_empty_row(void **state)
{
    (void)state;
    struct row_sum sum = {0};
    assert_int_equal(row_sum_text(&sum).n, 0);
    assert_int_equal(row_sum_add(&sum, (struct text){"", 0}), 0);
    assert_int_equal(row_sum_text(&sum).n, 0);
    row_sum_free(&sum);
}

/* Pieces of all sizes, asked for in between: what is held is settled at other moments each time. */
static void the_sum_of_pieces_is_the_sum_of_their_log(void **state)
{
    (void)state;
    struct row_sum sum = {0};
    struct bytes log = {0}, piece = {0};
    for (int i = 0; i < 400; i++) {
        unsigned n = below(i % 10 ? 50 : 5000);
        piece_make(&piece, below(50000), n, (int64_t)below(5) - 2);
        bytes_put_text(&log, bytes_text(&piece));
        assert_int_equal(row_sum_add(&sum, bytes_text(&piece)), 0);
        if (below(50) == 0)
            sums_agree(&sum, &log);
    }
    sums_agree(&sum, &log);
    row_sum_clear(&sum);
    assert_int_equal(row_sum_text(&sum).n, 0);
    bytes_free(&log);
    bytes_free(&piece);
    row_sum_free(&sum);
}

/* 2,000 pieces of the same members: the log would have 2,000 times as many bytes as the sum. */
static void what_is_held_is_about_the_sum_and_not_the_log(void **state)
{
    (void)state;
    struct row_sum sum = {0};
    struct bytes piece = {0};
    size_t added = 0;
    piece_make(&piece, 3, 10000, 1);
    for (int i = 0; i < 2000; i++, added += piece.n)
        assert_int_equal(row_sum_add(&sum, bytes_text(&piece)), 0);
    size_t whole = row_sum_text(&sum).n;
    size_t held = sum.sum.cap + sum.log.cap + sum.unused[0].cap + sum.unused[1].cap;
    assert_true(whole > 10000 && held < 12 * whole && held < added / 100);
    bytes_free(&piece);
    row_sum_free(&sum);
}

static void a_piece_that_is_no_row_changes_nothing_and_does_not_run_into_the_next(void **state)
{
    (void)state;
    struct row_sum sum = {0};
    struct bytes piece = {0};
    row_put(&piece, text_of("abcdefgh"), 1);
    struct text cut = {piece.at, 3}; /* eight bytes are promised */
    assert_int_equal(row_sum_add(&sum, bytes_text(&piece)), 0);
    assert_int_equal(row_sum_add(&sum, cut), -1);
    assert_int_equal(row_sum_add(&sum, bytes_text(&piece)), 0);
    struct text found = row_sum_text(&sum), rest = found;
    struct counter counter;
    assert_int_equal(row_next(&rest, &counter), 1);
    assert_int_equal(counter.value, 2);
    assert_int_equal(rest.n, 0);
    bytes_free(&piece);
    row_sum_free(&sum);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_added_is_an_empty_row),
        cmocka_unit_test(the_sum_of_pieces_is_the_sum_of_their_log),
        cmocka_unit_test(what_is_held_is_about_the_sum_and_not_the_log),
        cmocka_unit_test(a_piece_that_is_no_row_changes_nothing_and_does_not_run_into_the_next),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
