/* What the layers hand over as text: offsets in Postgres' arrays, a barrier's number. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "handover/barrier.h"
#include "handover/database.h"

static void vectors_are_read_as_they_were_printed(void **state)
{
    (void)state;
    const int64_t vector[] = {0, 1, -1, INT64_MAX, INT64_MIN};
    char text[200];
    int64_t again[5] = {7};
    for (int n = 0; n <= 5; n++) {
        vector_print(text, sizeof text, vector, n);
        assert_int_equal(vector_parse(text, again, 5), n);
        assert_memory_equal(again, vector, (size_t)n * sizeof *vector);
    }
    assert_string_equal(text, "{0,1,-1,9223372036854775807,-9223372036854775808}");
}

static void the_longest_vector_fits_where_layers_print_it(void **state)
{
    (void)state;
    static int64_t vector[PARTITIONS_MAX], again[PARTITIONS_MAX];
    char text[PARTITIONS_MAX * 21 + 3];
    for (int i = 0; i < PARTITIONS_MAX; i++)
        vector[i] = INT64_MIN;
    vector_print(text, sizeof text, vector, PARTITIONS_MAX);
    assert_int_equal(vector_parse(text, again, PARTITIONS_MAX), PARTITIONS_MAX);
    assert_memory_equal(again, vector, sizeof vector);
}

static void what_is_no_vector_is_refused(void **state)
{
    (void)state;
    const char *const texts[] = {"",
                                 "{",
                                 "}",
                                 "1",
                                 "{1",
                                 "{1,",
                                 "{1,}",
                                 "{,1}",
                                 "{}x",
                                 "{1}x",
                                 "{ 1}",
                                 "{1 }",
                                 "{1;2}",
                                 "{NULL}",
                                 "{1.5}",
                                 "{+1}",
                                 "{--1}",
                                 "{-}",
                                 "{{1}}",
                                 "[0:1]={1,2}",
                                 "{1,2,3,4}",
                                 "{0x1}",
                                 "{9223372036854775808}",
                                 "{-9223372036854775809}"};
    int64_t vector[3];
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (vector_parse(texts[i], vector, 3) != -1)
            fail_msg("taken for a vector: %s", texts[i]);
}

static void a_vector_is_cut_not_written_beyond_its_room(void **state)
{
    (void)state;
    const int64_t vector[] = {123456, 123456, 123456};
    char text[32];
    for (size_t room = 1; room < sizeof text; room++) {
        memset(text, '#', sizeof text);
        vector_print(text, room, vector, 3);
        assert_int_equal(text[room], '#');
        assert_non_null(memchr(text, 0, room));
    }
}

static void a_barriers_number_is_plain_decimal(void **state)
{
    (void)state;
    assert_int_equal(barrier_number(text_of("1")), 1);
    assert_int_equal(barrier_number(text_of("20")), 20);
    assert_int_equal(barrier_number(text_of("999999999999999999")), INT64_C(999999999999999999));
    assert_int_equal(barrier_number((struct text){"123", 2}), 12);
}

static void what_is_no_barriers_number_is_refused(void **state)
{
    (void)state;
    const char *const texts[] = {"",   "0",  "01",  "-1",  "+1", " 1",
                                 "1 ", "1.", "1e3", "0x1", "a",  "1000000000000000000"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (barrier_number(text_of(texts[i])) != -1)
            fail_msg("taken for a barrier: %s", texts[i]);
    assert_int_equal(barrier_number((struct text){NULL, 0}), -1);
    assert_int_equal(barrier_number((struct text){"1\0", 2}), -1);
}

static void only_the_next_barrier_opens_a_segment(void **state)
{
    (void)state;
    assert_int_equal(segment_after(0, 1), 1);
    assert_int_equal(segment_after(3, 3), 3);
    assert_int_equal(segment_after(3, 2), 3);
    assert_int_equal(segment_after(3, 5), 3);
    assert_int_equal(segment_after(3, 0), 3);
    assert_int_equal(segment_after(3, INT64_C(999999999999999999)), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_are_read_as_they_were_printed),
        cmocka_unit_test(the_longest_vector_fits_where_layers_print_it),
        cmocka_unit_test(what_is_no_vector_is_refused),
        cmocka_unit_test(a_vector_is_cut_not_written_beyond_its_room),
        cmocka_unit_test(a_barriers_number_is_plain_decimal),
        cmocka_unit_test(what_is_no_barriers_number_is_refused),
        cmocka_unit_test(only_the_next_barrier_opens_a_segment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
