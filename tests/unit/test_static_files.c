/* The files that are built in. */
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_console_is_built_in_with_its_script),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
