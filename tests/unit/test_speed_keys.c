/* The keys of the speed view: what writers and readers of Redis must agree on to the byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "handover/speed_keys.h"

static struct text lit(const char *terminated)
{
    return text_of(terminated);
}

static void assert_text(struct text got, const char *wanted)
{
    assert_int_equal(got.n, strlen(wanted));
    assert_memory_equal(got.at, wanted, got.n);
}

static void assert_key(struct bytes *key, const char *wanted)
{
    assert_text(bytes_text(key), wanted);
    assert_int_equal(key->at[key->n], 0);
    bytes_free(key);
    *key = (struct bytes){0};
}

static void keys_are_written_as_the_header_draws_them(void **state)
{
    (void)state;
    struct bytes key = {0}, name = {0};
    speed_row_name(&name, "together", lit("85123A"));
    speed_row_key(&key, 7, bytes_text(&name));
    assert_key(&key, "tandem:row:7:together:85123A");
    assert_key(&name, "together:85123A");
    speed_gen_key(&key, INT64_C(999999999999999999));
    assert_key(&key, "tandem:gen:999999999999999999");
    speed_user_key(&key, 0, 11);
    assert_key(&key, "tandem:user:0:11");
}

static void a_key_is_replaced_not_appended_to(void **state)
{
    (void)state;
    struct bytes key = {0};
    speed_user_key(&key, 123456, 200);
    speed_user_key(&key, 1, 2);
    assert_key(&key, "tandem:user:1:2");
}

static void a_row_key_comes_apart_as_it_was_put_together(void **state)
{
    (void)state;
    const char *const groups[] = {"all", "", "a:b", ":", "14944/GBP", "caf\xc3\xa9 \x01"};
    struct bytes name = {0}, key = {0};
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        int64_t segment;
        struct text view, group;
        speed_row_name(&name, "next", lit(groups[i]));
        speed_row_key(&key, 42, bytes_text(&name));
        assert_true(speed_row_key_parse(bytes_text(&key), &segment, &view, &group));
        assert_int_equal(segment, 42);
        assert_text(view, "next");
        assert_text(group, groups[i]);
    }
    bytes_free(&name);
    bytes_free(&key);
}

static void what_is_no_row_key_is_refused(void **state)
{
    (void)state;
    const char *const others[] = {"",
                                  "tandem",
                                  "tandem:row:",
                                  "tandem:row:1",
                                  "tandem:row:1:",
                                  "tandem:row:1:next",
                                  "tandem:row::next:a",
                                  "tandem:row:-1:next:a",
                                  "tandem:row:01:next:a",
                                  "tandem:row:1x:next:a",
                                  "tandem:row:1::a",
                                  "tandem:gen:1",
                                  "tandem:user:1:0",
                                  "tandem:row:9999999999999999999:next:a"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        int64_t segment;
        struct text view, group;
        assert_false(speed_row_key_parse(lit(others[i]), &segment, &view, &group));
    }
}

static void every_key_of_a_segment_says_which(void **state)
{
    (void)state;
    int64_t segment = -1;
    assert_true(speed_segment_key_parse(lit("tandem:row:3:next:a"), &segment));
    assert_int_equal(segment, 3);
    assert_true(speed_segment_key_parse(lit("tandem:gen:40"), &segment));
    assert_int_equal(segment, 40);
    assert_true(speed_segment_key_parse(lit("tandem:user:0:1"), &segment));
    assert_int_equal(segment, 0);
    assert_false(speed_segment_key_parse(lit("tandem"), &segment));
    assert_false(speed_segment_key_parse(lit("tandem:users:0:1"), &segment));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_written_as_the_header_draws_them),
        cmocka_unit_test(a_key_is_replaced_not_appended_to),
        cmocka_unit_test(a_row_key_comes_apart_as_it_was_put_together),
        cmocka_unit_test(what_is_no_row_key_is_refused),
        cmocka_unit_test(every_key_of_a_segment_says_which),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
