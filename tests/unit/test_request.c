/* request: the request line, taken apart and held against a table of parameters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "serving-layer/asks.h"
#include "serving-layer/request.h"
#include "tests/unit/is_text.h"

static const struct parameter_row some_rows[] = {
    {"n", PARAMETER_INT, "5", 1, 10, .sentence = "a number"},
    {"layer", PARAMETER_CHOICE, "merged", .choices = "merged|batch|speed", .sentence = "a choice"},
    {"explain", PARAMETER_FLAG, "0", .sentence = "a flag"},
    {0}};
static const struct parameter_row more_rows[] = {
    {"at", PARAMETER_INT, NULL, 0, 100, .sentence = "a number that may be absent"},
    {"exclude", PARAMETER_TEXT, NULL, 1, 4, .sentence = "texts", .repeatable = true},
    {0}};
static const struct parameter_row *const some_tables[] = {some_rows, NULL, more_rows};
enum { SOME_TABLES = 3 };

static void path_and_query_are_decoded(void **state)
{
    (void)state;
    struct request request = {0};
    struct request_error error;
    struct text arg[2];
    assert_int_equal(request_parse(&request,
                                   "/v1/views/revenue%5Fcountry/14944%2FGBP?layer=batch&n=%37",
                                   &error),
                     0);
    assert_true(request_matches(&request, "/v1/views/{view}/{group*}", arg));
    is_text(arg[0], "revenue_country");
    is_text(arg[1], "14944/GBP");
    assert_int_equal(request_take(&request, some_tables, SOME_TABLES, &error), 0);
    assert_int_equal(request_int(&request, "n"), 7);
    assert_int_equal(request_int(&request, "layer"), 1);
    assert_int_equal(request_parse(&request, "/v1/views/a/b/c%20d", &error), 0);
    assert_true(request_matches(&request, "/v1/views/{view}/{group*}", arg));
    is_text(arg[1], "b/c d");
    assert_false(request_matches(&request, "/v1/views/{view}", arg));
    assert_int_equal(request_parse(&request, "/", &error), 0);
    assert_true(request_matches(&request, "/", arg));
    request_free(&request);
}

static void a_malformed_request_line_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",         "x",    "/%",
        "/%4",      "/%zz", "/a?x=%f",
        "/a?%00=1", "/%00", "/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17"};
    static const char too_many[] = /* parameters */
        "/a?b&b&b&b&b&b&b&b&b&b&b&b&b&b&b&b&b&b&b&b&b&b&b&b&b&b&b&b&b&b&b&b&b&"
        "b&b&b&b&b&b&b&b&b&b&b&b&b&b&b&b&b&b&b&b&b&b&b&b&b&b&b&b&b&b&b&b";
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct request request = {0};
        struct request_error error = {0};
        if (request_parse(&request, wrong[i], &error) == 0)
            fail_msg("taken: %s", wrong[i]);
        assert_true(error.detail[0]);
        request_free(&request);
    }
    struct request request = {0};
    struct request_error error;
    assert_int_equal(request_parse(&request, too_many, &error), -1);
    assert_string_equal(error.parameter, "b");
    request_free(&request);
}

/* What comes in a path or a query comes back in answers, and those are UTF-8. */
static void a_request_that_is_not_utf8_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"/%ff", "/a\xc3", "/a?x=%c3%28", "/a?%ed%a0%80=1"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct request request = {0};
        struct request_error error = {0};
        if (request_parse(&request, wrong[i], &error) == 0)
            fail_msg("taken: %s", wrong[i]);
        request_free(&request);
    }
}

static void what_is_shown_of_a_wrong_value_ends_with_a_whole_character(void **state)
{
    (void)state;
    struct request request = {0};
    struct request_error error;
    const char *text = "/a?n=" /* 39 bytes, then one of two */
                       "123456789012345678901234567890123456789%C3%A9";
    assert_int_equal(request_parse(&request, text, &error), 0);
    assert_int_equal(request_take(&request, some_tables, SOME_TABLES, &error), -1);
    assert_non_null(strstr(error.detail, "'123456789012345678901234567890123456789'"));
    text = "/a?1234567890123456789012345678901234567890123456789012345678901234%C3%A9=1"; /* 65 */
    assert_int_equal(request_parse(&request, text, &error), 0);
    assert_int_equal(request_take(&request, some_tables, SOME_TABLES, &error), -1);
    assert_int_equal(strlen(error.parameter), 64);
    text = "/a?12345678901234567890123456789012345678901234567890123456789012%C3%A9%C3%A9=1";
    assert_int_equal(request_parse(&request, text, &error), 0);
    assert_int_equal(request_take(&request, some_tables, SOME_TABLES, &error), -1);
    assert_int_equal(strlen(error.parameter), 64);
    text = "/a?123456789012345678901234567890123456789012345678901234567890123%C3%A9=1";
    assert_int_equal(request_parse(&request, text, &error), 0);
    assert_int_equal(request_take(&request, some_tables, SOME_TABLES, &error), -1);
    assert_int_equal(strlen(error.parameter), 63);
    request_free(&request);
}

/* The joined path has room for itself once: many patterns may end with {*}. */
static void a_path_may_match_many_patterns(void **state)
{
    (void)state;
    struct request request = {0};
    struct request_error error;
    struct text arg[2];
    const char *path = "/v1/a/b/c/d/e/f/g/h/a-part-that-is-longer-than-all-the-others-together";
    assert_int_equal(request_parse(&request, path, &error), 0);
    for (int i = 0; i < 100; i++) {
        assert_true(request_matches(&request, "/{a}/{b*}", arg));
        is_text(arg[0], "v1");
        is_text(arg[1], path + 4);
    }
    request_free(&request);
}

static void a_number_out_of_range_is_named(void **state)
{
    (void)state;
    static const char *const wrong[] = {"/a?n=",
                                        "/a?n=0",
                                        "/a?n=11",
                                        "/a?n=-1",
                                        "/a?n=+1",
                                        "/a?n=1.0",
                                        "/a?n=99999999999999999999",
                                        "/a?n=1%20"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct request request = {0};
        struct request_error error;
        assert_int_equal(request_parse(&request, wrong[i], &error), 0);
        assert_int_equal(request_take(&request, some_tables, SOME_TABLES, &error), -1);
        assert_string_equal(error.parameter, "n");
        request_free(&request);
    }
}

static void a_parameter_that_the_table_does_not_allow_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *uri, *parameter, *why;
    } wrong[] = {{"/a?nn=1", "nn", "is not a parameter of this call"},
                 {"/a?n=1&n=1", "n", "is given twice"},
                 {"/a?layer=all", "layer", "is 'all': it must be one of merged|batch|speed"},
                 {"/a?layer=", "layer", "is '': it must be one of merged|batch|speed"},
                 {"/a?explain=2", "explain", "is '2': it must be one of 0|1"},
                 {"/a?exclude=a&exclude=12345", "exclude", "is '12345': it must be 1 to 4 bytes"},
                 {"/a?exclude", "exclude", "is '': it must be 1 to 4 bytes"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct request request = {0};
        struct request_error error;
        assert_int_equal(request_parse(&request, wrong[i].uri, &error), 0);
        assert_int_equal(request_take(&request, some_tables, SOME_TABLES, &error), -1);
        assert_string_equal(error.parameter, wrong[i].parameter);
        assert_string_equal(error.detail, wrong[i].why);
        request_free(&request);
    }
}

static void an_id_and_a_currency_have_a_form(void **state)
{
    static const struct parameter_row id = {"item", PARAMETER_ID, NULL, 1, 6, .sentence = "an id"};
    static const struct parameter_row currency = {"currency", PARAMETER_CURRENCY,
                                                  .sentence = "a code"};
    static const struct {
        const struct parameter_row *row;
        const char *value, *why; /* NULL: it is right */
    } values[] = {
        {&id, "a b|é", NULL},
        {&id, "abcdefg", "is 'abcdefg': it must be 1 to 6 bytes without control characters"},
        {&id, "a\tb", "is 'a\tb': it must be 1 to 6 bytes without control characters"},
        {&id, "a\x7f", "is 'a\x7f': it must be 1 to 6 bytes without control characters"},
        {&id, "\xc2\x9f", "is '\xc2\x9f': it must be 1 to 6 bytes without control characters"},
        {&id, "\xc2\xa0", NULL},
        {&currency, "GBP", NULL},
        {&currency, "gbp", "is 'gbp': it must be three capital letters"},
        {&currency, "GBPP", "is 'GBPP': it must be three capital letters"}};
    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        struct request_error error = {0};
        int failed = request_check(values[i].row, text_of(values[i].value), &error);
        assert_int_equal(failed, values[i].why ? -1 : 0);
        assert_string_equal(error.detail, values[i].why ? values[i].why : "");
    }
}

static void a_repeatable_parameter_may_be_given_twenty_times(void **state)
{
    struct request request = {0};
    struct request_error error;
    char uri[512] = "/a?explain=1";
    size_t n = strlen(uri);
    (void)state;
    for (int i = 0; i < REQUEST_REPEATS; i++)
        n += (size_t)snprintf(uri + n, sizeof uri - n, "&exclude=a");
    assert_int_equal(request_parse(&request, uri, &error), 0);
    assert_int_equal(request_take(&request, some_tables, SOME_TABLES, &error), 0);
    request_free(&request);
    request = (struct request){0};
    snprintf(uri + n, sizeof uri - n, "&exclude=a");
    assert_int_equal(request_parse(&request, uri, &error), 0);
    assert_int_equal(request_take(&request, some_tables, SOME_TABLES, &error), -1);
    assert_string_equal(error.parameter, "exclude");
    assert_string_equal(error.detail, "is given more than 20 times");
    request_free(&request);
}

static void what_is_absent_has_its_initial_value(void **state)
{
    (void)state;
    struct request request = {0};
    struct request_error error;
    struct text texts[REQUEST_PARAMETERS];
    assert_int_equal(request_parse(&request, "/a?layer=speed", &error), 0);
    assert_int_equal(request_take(&request, some_tables, SOME_TABLES, &error), 0);
    assert_int_equal(request_int(&request, "n"), 5);
    assert_false(request_given(&request, "n"));
    assert_int_equal(request_int(&request, "layer"), 2);
    assert_int_equal(request_int(&request, "explain"), 0);
    assert_false(request_given(&request, "at"));
    assert_int_equal(request_texts(&request, "exclude", texts), 0);
    is_text(request_text(&request, "exclude"), "");
    request_free(&request);
}

static void a_repeatable_parameter_gives_all_its_texts(void **state)
{
    (void)state;
    struct request request = {0};
    struct request_error error;
    struct text texts[REQUEST_PARAMETERS];
    assert_int_equal(
        request_parse(&request, "/a?exclude=a&explain=1&exclude=b+c&exclude=a", &error), 0);
    assert_int_equal(request_take(&request, some_tables, SOME_TABLES, &error), 0);
    assert_int_equal(request_texts(&request, "exclude", texts), 3);
    is_text(texts[0], "a");
    is_text(texts[1], "b c");
    is_text(texts[2], "a");
    assert_int_equal(request_int(&request, "explain"), 1);
    request_free(&request);
}

/* GET /v1/views/users/ */
static void a_request_of_an_empty_group_has_a_text(void **state)
{
    (void)state;
    struct ask *ask = ask_make(NULL, &(struct row_ref){0, {"", 0}}, 1, (struct text){"", 0});
    assert_non_null(ask_group(ask, 0).at);
    assert_int_equal(ask_group(ask, 0).n, 0);
    assert_non_null(ask_user(ask).at);
    ask_free(ask);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(path_and_query_are_decoded),
        cmocka_unit_test(a_malformed_request_line_is_refused),
        cmocka_unit_test(a_request_that_is_not_utf8_is_refused),
        cmocka_unit_test(what_is_shown_of_a_wrong_value_ends_with_a_whole_character),
        cmocka_unit_test(a_path_may_match_many_patterns),
        cmocka_unit_test(a_number_out_of_range_is_named),
        cmocka_unit_test(a_parameter_that_the_table_does_not_allow_is_named),
        cmocka_unit_test(an_id_and_a_currency_have_a_form),
        cmocka_unit_test(a_repeatable_parameter_may_be_given_twenty_times),
        cmocka_unit_test(what_is_absent_has_its_initial_value),
        cmocka_unit_test(a_repeatable_parameter_gives_all_its_texts),
        cmocka_unit_test(a_request_of_an_empty_group_has_a_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
