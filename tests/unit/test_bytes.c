/* The growing buffer. What it must not do with NULL is seen under UBSan only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "views/bytes.h"

static void an_empty_buffer_without_memory_has_room_for_nothing(void **state)
{
    (void)state;
    struct bytes b = {0};
    assert_null(bytes_room(&b, 0));
    bytes_put(&b, NULL, 0);
    assert_int_equal(b.n, 0);
    assert_int_equal(b.cap, 0);
}

static void room_begins_behind_what_is_used(void **state)
{
    (void)state;
    struct bytes b = {0};
    bytes_put(&b, "ab", 2);
    char *room = bytes_room(&b, 100);
    assert_ptr_equal(room, b.at + 2);
    assert_true(b.cap >= 102);
    assert_int_equal(b.n, 2);
    bytes_clear(&b);
    assert_ptr_equal(bytes_room(&b, 0), b.at);
    bytes_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_buffer_without_memory_has_room_for_nothing),
        cmocka_unit_test(room_begins_behind_what_is_used),
    };
    return cmocka_run_group_tests_name("bytes", tests, NULL, NULL);
}
