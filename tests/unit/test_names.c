/* The dictionary of texts and symbols, and the hash that stored states rely on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "views/names.h"

static void symbols_are_given_in_order_of_arrival(void **state)
{
    (void)state;
    struct names *names = names_new();
    assert_int_equal(names_put(names, text_of("pear")), 0);
    assert_int_equal(names_put(names, text_of("apple")), 1);
    assert_int_equal(names_put(names, text_of("pear")), 0);
    assert_int_equal(names_put(names, text_of("fig")), 2);
    assert_int_equal(names_count(names), 3);
    assert_true(text_equal(names_text(names, 1), text_of("apple")));
    names_free(names);
}

static void what_was_not_put_is_absent(void **state)
{
    (void)state;
    struct names *names = names_new();
    assert_int_equal(names_find(names, text_of("pear")), NAMES_ABSENT);
    names_put(names, text_of("pear"));
    assert_int_equal(names_find(names, text_of("pear")), 0);
    assert_int_equal(names_find(names, text_of("pea")), NAMES_ABSENT);
    assert_int_equal(names_find(names, text_of("pears")), NAMES_ABSENT);
    assert_int_equal(names_find(names, text_of("")), NAMES_ABSENT);
    assert_int_equal(names_count(names), 1);
    names_free(names);
}

static void a_copy_has_the_same_symbols_and_goes_on_alone(void **state)
{
    (void)state;
    struct names *names = names_new();
    char text[16];
    for (int i = 0; i < 1000; i++) {
        snprintf(text, sizeof text, "n%d", i);
        names_put(names, text_of(text));
    }
    struct names *copy = names_copy(names);
    assert_int_equal(names_put(copy, text_of("more")), 1000);
    assert_int_equal(names_put(names, text_of("other")), 1000);
    names_free(names);
    assert_int_equal(names_find(copy, text_of("other")), NAMES_ABSENT);
    assert_int_equal(names_find(copy, text_of("n999")), 999);
    assert_true(text_equal(names_text(copy, 500), text_of("n500")));
    names_free(copy);
}

static void texts_differ_by_every_byte_and_by_length(void **state)
{
    (void)state;
    struct names *names = names_new();
    static const struct text texts[] = {{"", 0},    {"\0", 1},  {"\0\0", 2}, {"a", 1},
                                        {"a\0", 2}, {"\0a", 2}, {"A", 1}};
    for (uint32_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_int_equal(names_put(names, texts[i]), i);
    for (uint32_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_int_equal(names_find(names, texts[i]), i);
    names_free(names);
}

static void an_empty_name_has_a_place(void **state)
{
    (void)state;
    struct names *names = names_new();
    assert_int_equal(names_put(names, text_of("")), 0);
    assert_non_null(names_text(names, 0).at);
    assert_int_equal(names_text(names, 0).n, 0);
    names_free(names);
}

static void the_text_is_copied(void **state)
{
    (void)state;
    struct names *names = names_new();
    char text[] = "pear";
    names_put(names, text_of(text));
    text[0] = 'b';
    assert_true(text_equal(names_text(names, 0), text_of("pear")));
    assert_int_equal(names_find(names, text_of(text)), NAMES_ABSENT);
    names_free(names);
}

static struct text numbered(char into[16], uint32_t i)
{
    return (struct text){into, (size_t)snprintf(into, 16, "item-%u", i)};
}

static void a_hundred_thousand_names_are_all_found_again(void **state)
{
    (void)state;
    struct names *names = names_new();
    char text[16];
    size_t bytes_before = names_bytes(names);
    for (uint32_t i = 0; i < 100000; i++)
        assert_int_equal(names_put(names, numbered(text, i)), i);
    for (uint32_t i = 0; i < 100000; i++) {
        assert_int_equal(names_find(names, numbered(text, i)), i);
        assert_true(text_equal(names_text(names, i), numbered(text, i)));
    }
    assert_int_equal(names_find(names, numbered(text, 100000)), NAMES_ABSENT);
    assert_true(names_bytes(names) > bytes_before + 100000 * 8);
    names_free(names);
}

/* The values were computed from the published algorithm in another language: stored states hold such hashes. */
static void the_hash_is_the_one_that_stored_states_hold(void **state)
{
    (void)state;
    assert_true(text_hash(text_of("")) == 0);
    assert_true(text_hash(text_of("a")) == UINT64_C(0x071717d2d36b6b11));
    assert_true(text_hash(text_of("u42")) == UINT64_C(0x09a7a4192a32a39b));
    assert_true(text_hash(text_of("12345678")) == UINT64_C(0x758f67d162b2d202));
    assert_true(text_hash(text_of("01J8XAMPLEXAMPLEXAMPLEXA")) == UINT64_C(0x0d1fd7c0e01bf8f5));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(symbols_are_given_in_order_of_arrival),
        cmocka_unit_test(what_was_not_put_is_absent),
        cmocka_unit_test(a_copy_has_the_same_symbols_and_goes_on_alone),
        cmocka_unit_test(texts_differ_by_every_byte_and_by_length),
        cmocka_unit_test(an_empty_name_has_a_place),
        cmocka_unit_test(the_text_is_copied),
        cmocka_unit_test(a_hundred_thousand_names_are_all_found_again),
        cmocka_unit_test(the_hash_is_the_one_that_stored_states_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
