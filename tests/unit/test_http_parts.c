/* The parts of the HTTP side that need no server: request line, JSON out, the body of POST /v1/events. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/clock.h"
#include "serving-layer/asks.h"
#include "serving-layer/ingest_body.h"
#include "serving-layer/json_out.h"
#include "serving-layer/request.h"

static void is_text(struct text text, const char *expected)
{
    assert_int_equal(text.n, strlen(expected));
    assert_memory_equal(text.at, expected, text.n);
}

/* ---- request ---- */

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

/* ---- JSON out ---- */

static void put_is(const char *expected, const struct bytes *out)
{
    is_text(bytes_text(out), expected);
}

static void texts_and_numbers_are_written_as_json(void **state)
{
    (void)state;
    struct bytes out = {0};
    json_put_text(&out, text_of("a\"b\\c\n\x01\xc3\xbc"));
    json_put_int(&out, INT64_MIN);
    json_put(&out, ",");
    json_put_int(&out, INT64_MAX);
    json_put_ints(&out, (const int64_t[]){0, -1}, 2);
    put_is("\"a\\\"b\\\\c\\u000a\\u0001\xc3\xbc\"-9223372036854775808,9223372036854775807[0,-1]",
           &out);
    bytes_free(&out);
}

static void scores_have_six_digits(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } scores[] = {{0, "0.000000"},
                  {0.70710678, "0.707107"},
                  {-1.5, "-1.500000"},
                  {0.9999999, "1.000000"},
                  {12345.000001, "12345.000001"}};
    for (size_t i = 0; i < sizeof scores / sizeof *scores; i++) {
        struct bytes out = {0};
        json_put_score(&out, scores[i].value);
        put_is(scores[i].text, &out);
        bytes_free(&out);
    }
    struct bytes out = {0};
    json_put_score(&out, (double)NAN);
    put_is("0", &out);
    bytes_free(&out);
}

/* ---- the body of POST /v1/events ---- */

#define EVENT "{\"type\":\"view\",\"user\":\"u\",\"item\":\"i\"}"
#define WHOLE \
    "{\"event_id\":\"e\",\"ts\":5,\"type\":\"view\",\"user\":\"u\",\"item\":\"i\",\"x\":[1]}"

static void fixed_id(char *into, int64_t now_ms)
{
    (void)now_ms;
    memcpy(into, "01ABCDEFGHJKMNPQRSTVWXYZ00", INGEST_ID_BYTES);
}

static struct event_decoder *decoder;
static struct ingest_body body;

static int parse(struct text text, bool ndjson, struct ingest_refusal *refusal)
{
    return ingest_body_parse(&body, decoder, text, ndjson, 1700000000000, fixed_id, refusal);
}

static void takes(size_t n, const char *text, bool ndjson)
{
    struct ingest_refusal refusal;
    if (parse(text_of(text), ndjson, &refusal))
        fail_msg("%s: %d %s %s", text, refusal.status, refusal.field, refusal.reason);
    assert_int_equal(body.n, n);
}

static void refuses(int status, const char *field, long index, const char *text, bool ndjson)
{
    struct ingest_refusal refusal;
    if (parse(text_of(text), ndjson, &refusal) == 0)
        fail_msg("taken: %s", text);
    assert_int_equal(refusal.status, status);
    assert_string_equal(refusal.field, field);
    assert_int_equal(refusal.index, index);
}

static void one_an_array_and_lines_are_taken(void **state)
{
    (void)state;
    takes(1, EVENT, false);
    takes(1, " \n" WHOLE "\n ", false);
    takes(2, "[" EVENT " , " WHOLE "]", false);
    takes(0, "[]", false);
    takes(2, EVENT "\n\n" WHOLE "\n", false);
    takes(2, EVENT "\r\n" EVENT, true);
    takes(0, "\n", true);
}

static void what_is_missing_is_put_in_and_the_rest_survives(void **state)
{
    (void)state;
    takes(1, "{\"type\":\"view\",\"user\":\"u\",\"item\":\"i\",\"own\":{\"a\":1}}", false);
    is_text(
        ingest_text(&body, body.record[0].json),
        "{\"event_id\":\"01ABCDEFGHJKMNPQRSTVWXYZ00\",\"ts\":1700000000000,\"type\":\"view\",\"user\":\"u\",\"item\":\"i\",\"own\":{\"a\":1}}");
    takes(1, WHOLE, false);
    is_text(ingest_text(&body, body.record[0].json), WHOLE);
    is_text(ingest_text(&body, body.record[0].event_id), "e");
    is_text(ingest_text(&body, body.record[0].user), "u");
}

static void one_wrong_event_refuses_all_and_is_named(void **state)
{
    (void)state;
    refuses(400, "", -1, "", false);
    refuses(400, "", 0, "{", false);
    refuses(400, "", 1, "[" EVENT ",]", false);
    refuses(400, "", 0, "[" EVENT, false);
    refuses(400, "", -1, "[" EVENT "] x", false);
    refuses(422, "", 0, "7", false);
    refuses(422, "item", 1, "[" EVENT ",{\"type\":\"view\",\"user\":\"u\"}]", false);
    refuses(422, "ts", 1, EVENT "\n{\"type\":\"view\",\"user\":\"u\",\"item\":\"i\",\"ts\":-1}",
            true);
    refuses(400, "", 0, EVENT EVENT, true);
}

static void a_thousand_events_are_taken_and_no_more(void **state)
{
    (void)state;
    struct bytes many = {0};
    struct ingest_refusal refusal;
    for (int i = 0; i < INGEST_EVENTS_MAX; i++)
        bytes_put_text(&many, text_of(EVENT "\n"));
    assert_int_equal(parse(bytes_text(&many), true, &refusal), 0);
    assert_int_equal(body.n, INGEST_EVENTS_MAX);
    bytes_put_text(&many, text_of(EVENT "\n"));
    assert_int_equal(parse(bytes_text(&many), true, &refusal), -1);
    assert_int_equal(refusal.status, 413);
    bytes_free(&many);
}

/* Whatever is taken after random damage is an event for the layers, too. */
static void damaged_bodies_never_make_a_bad_record(void **state)
{
    (void)state;
    const char *given = getenv("TANDEM_SEED");
    unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)clock_monotonic_us();
    printf("TANDEM_SEED=%u\n", seed);
    const char *whole = "[" EVENT "," WHOLE "," EVENT "]";
    for (int round = 0; round < 20000; round++) {
        size_t n = strlen(whole);
        char *damaged = malloc(n); /* exact, so that a sanitizer sees a read behind the end */
        assert_non_null(damaged);
        memcpy(damaged, whole, n);
        for (int hits = 0; hits < 2; hits++) {
            seed = seed * 1664525 + 1013904223;
            damaged[seed / 65536 % n] = "\"{}[],:\\\n x1"[seed / 256 % 12];
        }
        struct ingest_refusal refusal;
        bool taken = parse((struct text){damaged, n}, round % 2, &refusal) == 0;
        for (size_t i = 0; taken && i < body.n; i++) {
            struct event event;
            struct event_error why;
            assert_int_equal(event_decode(decoder, ingest_text(&body, body.record[i].json),
                                          EVENT_NEEDS_ALL, &event, &why),
                             0);
        }
        free(damaged);
    }
}

static int up(void **state)
{
    (void)state;
    decoder = event_decoder_new();
    return 0;
}

static int down(void **state)
{
    (void)state;
    ingest_body_free(&body);
    event_decoder_free(decoder);
    return 0;
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
        cmocka_unit_test(texts_and_numbers_are_written_as_json),
        cmocka_unit_test(scores_have_six_digits),
        cmocka_unit_test(one_an_array_and_lines_are_taken),
        cmocka_unit_test(what_is_missing_is_put_in_and_the_rest_survives),
        cmocka_unit_test(one_wrong_event_refuses_all_and_is_named),
        cmocka_unit_test(a_thousand_events_are_taken_and_no_more),
        cmocka_unit_test(damaged_bodies_never_make_a_bad_record),
    };
    return cmocka_run_group_tests(tests, up, down);
}
