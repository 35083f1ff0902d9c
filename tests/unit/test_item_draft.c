/* What a client says an item is: JSON, CSV, lines of either; how it is written back; how it is searched. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "serving-layer/handle_items.h"
#include "serving-layer/item_import.h"
#include "serving-layer/item_out.h"
#include "serving-layer/item_search.h"

static const struct item nothing = {.price = -1, .created_ms = -1, .available = true};

/* The item as it is written; NULL: it was refused, and `fault` says why. */
static const char *read_json(const char *json, bool is_patch, struct item onto,
                             struct item_fault *fault)
{
    static char written[8192];
    struct item_draft draft = {0};
    struct bytes out = {0};
    int failed = item_draft_json(&draft, text_of(json), is_patch, fault);
    if (!failed) {
        item_draft_apply(&draft, &onto);
        failed = item_check(&onto, fault);
    }
    item_out_json(&out, &onto);
    snprintf(written, sizeof written, "%.*s", (int)out.n, out.at);
    bytes_free(&out);
    item_draft_free(&draft);
    return failed ? NULL : written;
}

static void refuses(const char *json, const char *field, const char *words)
{
    struct item_fault fault;
    assert_null(read_json(json, false, nothing, &fault));
    if (strcmp(fault.field, field) != 0 || !strstr(fault.detail, words))
        fail_msg("%s: field '%s': %s", json, fault.field, fault.detail);
    assert_int_equal(fault.is_json, field[0] != 0);
}

static void every_field_is_read_and_written(void **state)
{
    (void)state;
    struct item_fault fault;
    const char *all =
        "{\"item\":\"\",\"title\":\"t \\\"\\u00e9\xf0\x9f\x98\x80\",\"category\":\"a/b\",\"price\":0,\"currency\":\"EUR\","
        "\"image\":\"https://x/y\",\"url\":\"/p\",\"available\":false,\"hidden\":true,\"labels\":[\"a\",\"b c\"],"
        "\"created_at\":4102444799999,\"updated_at\":0}";
    char given[512];
    snprintf(given, sizeof given, "{\"item\":\"i\",%s", strstr(all, "\"title\""));
    const char *written = read_json(given, false, nothing, &fault);
    assert_non_null(written);
    assert_string_equal(
        written,
        "{\"item\":\"\",\"title\":\"t \\\"\xc3\xa9\xf0\x9f\x98\x80\",\"category\":\"a/b\",\"price\":0,\"currency\":\"EUR\","
        "\"image\":\"https://x/y\",\"url\":\"/p\",\"available\":false,\"hidden\":true,"
        "\"labels\":[\"a\",\"b c\"],\"created_at\":4102444799999,\"updated_at\":0}");
}

static void what_is_out_of_bounds_is_refused_with_its_field(void **state)
{
    (void)state;
    char text[1200];
    refuses("", "", "JSON object");
    refuses("[]", "", "JSON object");
    refuses("{} {}", "", "JSON object");
    refuses("{\"price\":1,\"price\":1}", "", "each key once");
    refuses("{\"title\":\"\xff\"}", "", "JSON object");
    struct item_draft draft = {0};
    struct item_fault fault;
    struct text zero = {"{\"created_at\":1\0}", strlen("{\"created_at\":1 }")};
    assert_int_equal(item_draft_json(&draft, zero, false, &fault), -1);
    item_draft_free(&draft);
    refuses("{\"price\":99999999999999999999}", "", "JSON object");
    refuses("{\"colour\":\"red\"}", "colour", "no field");
    refuses("{\"title\":\"\"}", "title", "1 to 256");
    refuses("{\"title\":null}", "title", "text");
    refuses("{\"title\":\"a\\u0000b\"}", "title", "control");
    refuses("{\"title\":\"a\\u0085b\"}", "title", "control");
    refuses("{\"category\":\"a//b\"}", "category", "path");
    refuses("{\"category\":\"/a\"}", "category", "path");
    refuses("{\"category\":\"a/\"}", "category", "path");
    refuses("{\"price\":1}", "price", "currency");
    refuses("{\"price\":-1}", "price", "0 to 1000000000");
    refuses("{\"price\":1000000001}", "price", "0 to 1000000000");
    refuses("{\"price\":1.0}", "price", "whole");
    refuses("{\"price\":\"1\"}", "price", "whole");
    refuses("{\"currency\":\"eur\"}", "currency", "capital");
    refuses("{\"url\":\"ftp://x\"}", "url", "http");
    refuses("{\"available\":1}", "available", "true or false");
    refuses("{\"labels\":\"a\"}", "labels", "array");
    refuses("{\"labels\":[1]}", "labels", "array");
    refuses("{\"labels\":[\"a|b\"]}", "labels", "|");
    refuses("{\"labels\":[\"\"]}", "labels", "1 to 64");
    refuses("{\"created_at\":4102444800000}", "created_at", "4102444799999");
    snprintf(text, sizeof text, "{\"title\":\"%0257d\"}", 0);
    refuses(text, "title", "has 257 bytes");
    snprintf(text, sizeof text, "{\"image\":\"/%01024d\"}", 0);
    refuses(text, "image", "1 to 1024");
}

static void a_patch_changes_what_it_names_and_null_takes_away(void **state)
{
    (void)state;
    struct item_fault fault;
    struct item before = {.item = text_of("i"),
                          .title = text_of("old"),
                          .price = 5,
                          .currency = text_of("EUR"),
                          .labels = text_of("a|b"),
                          .created_ms = 7,
                          .available = false};
    assert_string_equal(
        read_json("{\"title\":\"new\"}", true, before, &fault),
        "{\"item\":\"i\",\"title\":\"new\",\"price\":5,\"currency\":\"EUR\",\"available\":false,\"hidden\":false,"
        "\"labels\":[\"a\",\"b\"],\"created_at\":7,\"updated_at\":0}");
    assert_string_equal(
        read_json("{\"title\":null,\"price\":null,\"labels\":null,\"available\":null}", true,
                  before, &fault),
        "{\"item\":\"i\",\"currency\":\"EUR\",\"available\":true,\"hidden\":false,\"created_at\":7,\"updated_at\":0}");
    assert_null(read_json("{\"currency\":null}", true, before, &fault));
    assert_string_equal(fault.field, "price");
    assert_null(read_json("{\"item\":null}", true, before, &fault));
}

static void imports_csv(const char *csv, const char *wanted)
{
    struct item_import import = {0};
    struct bytes out = {0};
    assert_int_equal(item_import_csv(&import, text_of(csv)), 0);
    for (size_t i = 0; i < import.n; i++)
        item_out_csv(&out, &import.item[i]);
    bytes_put_text(&out, bytes_text(&import.errors));
    bytes_put(&out, "", 1);
    assert_string_equal(out.at, wanted);
    bytes_free(&out);
    item_import_free(&import);
}

static void csv_is_read_by_the_names_in_its_first_line(void **state)
{
    (void)state;
    imports_csv("price,item,currency\n5,a,EUR\n\n,b,\n",
                "a,,,5,EUR,,,true,false,,-1,0\r\nb,,,,,,,true,false,,-1,0\r\n");
    imports_csv("\xef\xbb\xbfitem,labels,title,hidden\r\n\"a,\"\"b\"\"\",x|y z,\"c\",true\r\n",
                "\"a,\"\"b\"\"\",c,,,,,,true,true,x|y z,-1,0\r\n");
    imports_csv("", "");
    imports_csv("title\na\n",
                "\n{\"line\":1,\"detail\":\"the first line has no column named item\"}");
    imports_csv("item,item\na,b\n",
                "\n{\"line\":1,\"detail\":\"column 2 of the first line is there twice\"}");
    imports_csv("item,hidden\na,yes\n\"b\nc,true\n",
                "\n{\"line\":2,\"field\":\"hidden\",\"detail\":\"must be true or false\"},"
                "\n{\"line\":3,\"detail\":\"a quoted field does not end\"}");
    imports_csv("item\n\xff\n", "\n{\"line\":2,\"field\":\"item\",\"detail\":\"is not UTF-8\"}");
}

static void an_import_has_a_bound_and_shows_a_hundred_errors(void **state)
{
    (void)state;
    struct item_import import = {0};
    struct bytes body = {0};
    for (int i = 0; i < IMPORT_LINES_MAX; i++)
        bytes_put(&body, "{}\n", 3);
    assert_int_equal(item_import_ndjson(&import, bytes_text(&body)), 0);
    assert_int_equal(import.refused, IMPORT_LINES_MAX);
    bytes_put(&import.errors, "", 1);
    assert_non_null(strstr(import.errors.at, "\"line\":100,"));
    assert_null(strstr(import.errors.at, "\"line\":101,"));
    item_import_free(&import);
    bytes_put(&body, "{}", 2);
    assert_int_equal(item_import_ndjson(&import, bytes_text(&body)), -1);
    item_import_free(&import);
    bytes_free(&body);
}

static bool finds(const char *query, const char *id, const char *title)
{
    struct item_search search = {.available = ITEM_EITHER, .hidden = ITEM_EITHER};
    struct item item = {.item = text_of(id), .title = text_of(title)};
    item_search_query(&search, text_of(query));
    return item_search_fits(&search, &item);
}

static void words_are_found_in_any_case_and_order(void **state)
{
    (void)state;
    assert_true(finds("lamp red", "1", "Bright RED LAMPS"));
    assert_true(finds("  ", "1", ""));
    assert_true(finds("85123a", "85123A", ""));
    assert_true(finds(" 85123a ", "85123A/x", "none"));
    assert_false(finds("85123a x", "85123A", "85123a"));
    assert_false(finds("lamp red", "1", "lamp"));
    assert_true(finds("\xc3\x96L", "1", "\xc3\xb6l"));                               /* Öl */
    assert_true(finds("\xd0\x9c\xd0\x98\xd0\xa0", "1", "\xd0\xbc\xd0\xb8\xd1\x80")); /* МИР */
    assert_true(finds("\xce\xa3\xce\x91", "1", "\xcf\x83\xce\xb1"));                 /* ΣΑ */
    assert_true(finds("\xc5\x81\xc3\xb3", "1", "\xc5\x82\xc3\x93"));                 /* Łó */
    assert_false(finds("\xc3\x97", "1", "\xc3\xb7")); /* × is not ÷ */
    assert_true(finds("a b c d e f g h i j k l m n o p NOTLOOKEDFOR", "1",
                      "a b c d e f g h i j k l m n o p"));
}

static void a_cursor_comes_back_as_it_was(void **state)
{
    (void)state;
    struct bytes cursor = {0};
    int64_t created_ms;
    char memory[ITEM_ID_BYTES];
    struct text item;
    item_cursor_put(&cursor,
                    &(struct item){.item = text_of("a/\xc3\xa9"), .created_ms = 1291191960000});
    assert_true(item_cursor_read(bytes_text(&cursor), &created_ms, memory, &item));
    assert_int_equal(created_ms, 1291191960000);
    assert_true(text_equal(item, text_of("a/\xc3\xa9")));
    const char *none[] = {
        "", ".", "1.", ".61", "1.6", "1.6g", "1.61x", "x.61", "1234567890123456.61", "1 .61"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_false(item_cursor_read(text_of(none[i]), &created_ms, memory, &item));
    bytes_free(&cursor);
}

static void entity_tags_are_compared_as_rfc_9110_says(void **state)
{
    (void)state;
    assert_true(etag_matches("\"7\"", 7, false));
    assert_true(etag_matches("\"6\", \"7\"", 7, false));
    assert_true(etag_matches("*", 7, false));
    assert_true(etag_matches("W/\"7\"", 7, true));
    assert_false(etag_matches("W/\"7\"", 7, false));
    assert_false(etag_matches("\"77\"", 7, true));
    assert_false(etag_matches("7", 7, true));
    assert_false(etag_matches("\"a, \"7", 7, true));
    assert_false(etag_matches("\"*\"", 7, true));
    assert_false(etag_matches("\"", 7, true));
    assert_false(etag_matches("", 7, true));
    assert_false(etag_matches(NULL, 7, true));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_is_read_and_written),
        cmocka_unit_test(what_is_out_of_bounds_is_refused_with_its_field),
        cmocka_unit_test(a_patch_changes_what_it_names_and_null_takes_away),
        cmocka_unit_test(csv_is_read_by_the_names_in_its_first_line),
        cmocka_unit_test(an_import_has_a_bound_and_shows_a_hundred_errors),
        cmocka_unit_test(words_are_found_in_any_case_and_order),
        cmocka_unit_test(a_cursor_comes_back_as_it_was),
        cmocka_unit_test(entity_tags_are_compared_as_rfc_9110_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
