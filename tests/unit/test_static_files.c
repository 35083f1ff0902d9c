/* The files that are built in, and the two headers that decide how one is answered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "serving-layer/static_files.h"

static void the_console_is_built_in_with_its_script(void **state)
{
    (void)state;
    const struct static_file *page = static_file_find(text_of("/"));
    const struct static_file *script = static_file_find(text_of("/assets/console.js"));
    assert_non_null(page);
    assert_string_equal(page->content_type, "text/html; charset=utf-8");
    assert_memory_equal(page->plain, "<!doctype html>", 15);
    assert_non_null(script);
    assert_string_equal(script->content_type, "text/javascript; charset=utf-8");
    assert_true(script->gzip_bytes > 0 && script->gzip_bytes < script->plain_bytes);
    assert_memory_equal(script->gzip, "\x1f\x8b", 2);
    assert_null(static_file_find(text_of("/assets/")));
    assert_null(static_file_find(text_of("/assets/console.jsx")));
}

static void gzip_is_taken_when_the_client_lists_it(void **state)
{
    (void)state;
    assert_true(static_takes_gzip("gzip"));
    assert_true(static_takes_gzip("gzip, deflate, br, zstd"));
    assert_true(static_takes_gzip("br;q=1.0, GZIP;q=0.5"));
    assert_true(static_takes_gzip("*"));
    assert_true(static_takes_gzip("identity;q=0, *;q=0.1"));
    assert_false(static_takes_gzip(NULL));
    assert_false(static_takes_gzip(""));
    assert_false(static_takes_gzip(",,"));
    assert_false(static_takes_gzip("br, gzip;q=0.000"));
    assert_false(static_takes_gzip("*, gzip; q=0"));
    assert_false(static_takes_gzip("gzipped, x-gzip"));
}

static void a_validator_is_known_in_either_encoding(void **state)
{
    (void)state;
    struct static_file file = {.hash = "0123456789abcdef0123"};
    assert_true(static_is_known(&file, "\"0123456789abcdef0123\""));
    assert_true(static_is_known(&file, "\"x\", W/\"0123456789abcdef0123-gzip\""));
    assert_true(static_is_known(&file, "*"));
    assert_false(static_is_known(&file, NULL));
    assert_false(static_is_known(&file, "0123456789abcdef0123"));
    assert_false(static_is_known(&file, "\"0123456789abcdef0124\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_console_is_built_in_with_its_script),
        cmocka_unit_test(gzip_is_taken_when_the_client_lists_it),
        cmocka_unit_test(a_validator_is_known_in_either_encoding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
