/* The strict decoder: what is an event, what is none, and why. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/is_text.h"
#include "views/bytes.h"
#include "views/event.h"

static struct event_decoder *decoder;

static int up(void **state)
{
    (void)state;
    decoder = event_decoder_new();
    return 0;
}

static int down(void **state)
{
    (void)state;
    event_decoder_free(decoder);
    return 0;
}

#define NEEDED "\"event_id\":\"e\",\"type\":\"view\",\"user\":\"u\",\"item\":\"i\",\"ts\":1"

static struct event good(const char *json)
{
    struct event event;
    struct event_error why;
    if (event_decode(decoder, text_of(json), EVENT_NEEDS_ALL, &event, &why)) {
        fprintf(stderr, "%s: %s %s\n", json, why.field, why.reason);
        fail();
    }
    return event;
}

/* The field that is named; "" for a record that is not JSON. */
static void bad(const char *json, const char *field)
{
    struct event event;
    struct event_error why = {0};
    if (event_decode(decoder, text_of(json), EVENT_NEEDS_ALL, &event, &why) == 0)
        fail_msg("taken as an event: %s", json);
    if (strcmp(why.field, field) != 0)
        fail_msg("%s: field '%s' (%s) instead of '%s'", json, why.field, why.reason, field);
    assert_non_null(why.reason);
}

static void every_field_is_taken(void **state)
{
    (void)state;
    struct event e = good(
        "{\"event_id\":\"01J\",\"type\":\"purchase\",\"user\":\"u42\",\"item\":\"85123A\",\"ts\":1291191960000,"
        "\"quantity\":6,\"price\":255,\"currency\":\"GBP\",\"country\":\"GB\",\"device\":\"mobile\","
        "\"order\":\"536365\",\"list\":\"home\"}");
    assert_int_equal(e.type, EVENT_PURCHASE);
    is_text(e.event_id, "01J");
    is_text(e.user, "u42");
    is_text(e.item, "85123A");
    assert_int_equal(e.ts, INT64_C(1291191960000));
    assert_int_equal(e.quantity, 6);
    assert_int_equal(e.price, 255);
    is_text(e.currency, "GBP");
    is_text(e.country, "GB");
    is_text(e.device, "mobile");
    is_text(e.order, "536365");
    is_text(e.list, "home");
}

static void absent_fields_have_their_defaults(void **state)
{
    (void)state;
    struct event e = good("{" NEEDED "}");
    assert_int_equal(e.quantity, 1);
    assert_int_equal(e.price, -1);
    assert_int_equal(e.currency.n + e.order.n + e.list.n, 0);
    is_text(e.country, "-");
    is_text(e.device, "-");
}

static void unknown_fields_are_ignored_whatever_they_hold(void **state)
{
    (void)state;
    good(
        "{" NEEDED
        ",\"x\":{\"a\":[1,-2.5e3,true,false,null,{\"b\":[]}],\"c\":\"\\u0000\\ud800\"},\"y\":[[[[]]]]}");
    good(" \t\r\n{ " NEEDED " , \"x\" : 1E400 } \n");
}

/* Names are padded with zeros inside the decoder: a zero that the sender wrote is still another name. */
static void a_name_with_an_escaped_zero_is_another_name(void **state)
{
    (void)state;
    bad("{\"event_id\":\"e\",\"type\":\"view\",\"user\":\"u\",\"item\\u0000\":\"i\",\"ts\":1}",
        "item");
    is_text(good("{" NEEDED ",\"item\\u0000\":\"other\",\"order\\u0000\":7}").item, "i");
}

static void each_needed_field_is_missed(void **state)
{
    (void)state;
    bad("{\"type\":\"view\",\"user\":\"u\",\"item\":\"i\",\"ts\":1}", "event_id");
    bad("{\"event_id\":\"e\",\"user\":\"u\",\"item\":\"i\",\"ts\":1}", "type");
    bad("{\"event_id\":\"e\",\"type\":\"view\",\"item\":\"i\",\"ts\":1}", "user");
    bad("{\"event_id\":\"e\",\"type\":\"view\",\"user\":\"u\",\"ts\":1}", "item");
    bad("{\"event_id\":\"e\",\"type\":\"view\",\"user\":\"u\",\"item\":\"i\"}", "ts");
    bad("{" NEEDED ",\"price\":1}", "currency");
    good("{\"event_id\":\"e\",\"type\":\"forget\",\"user\":\"u\",\"ts\":1}");
}

static void over_http_id_and_time_may_be_missing(void **state)
{
    (void)state;
    struct event e;
    struct event_error why;
    const char *json = "{\"type\":\"view\",\"user\":\"u\",\"item\":\"i\"}";
    assert_int_equal(event_decode(decoder, text_of(json), EVENT_MAY_LACK_ID_AND_TS, &e, &why), 0);
    assert_int_equal(e.event_id.n, 0);
    assert_int_equal(e.ts, -1);
}

static void numbers_are_whole_and_in_range(void **state)
{
    (void)state;
    assert_int_equal(
        good("{\"event_id\":\"e\",\"type\":\"view\",\"user\":\"u\",\"item\":\"i\",\"ts\":-0}").ts,
        0);
    assert_int_equal(
        good(
            "{\"event_id\":\"e\",\"type\":\"view\",\"user\":\"u\",\"item\":\"i\",\"ts\":4102444799999}")
            .ts,
        EVENT_TS_END - 1);
    static const char *const wrong_ts[] = {
        "-1",   "4102444800000", "1.0", "1e3", "\"1\"",
        "null", "true",          "[]",  "{}",  "99999999999999999999999999"};
    for (size_t i = 0; i < sizeof wrong_ts / sizeof *wrong_ts; i++) {
        char json[200];
        snprintf(json, sizeof json,
                 "{\"event_id\":\"e\",\"type\":\"view\",\"user\":\"u\",\"item\":\"i\",\"ts\":%s}",
                 wrong_ts[i]);
        bad(json, "ts");
    }
    bad("{" NEEDED ",\"quantity\":0}", "quantity");
    bad("{" NEEDED ",\"quantity\":1000001}", "quantity");
    good("{" NEEDED ",\"quantity\":1000000}");
    bad("{" NEEDED ",\"price\":-1,\"currency\":\"GBP\"}", "price");
    bad("{" NEEDED ",\"price\":1000000001,\"currency\":\"GBP\"}", "price");
    good("{" NEEDED ",\"price\":1000000000,\"currency\":\"GBP\"}");
    bad("{" NEEDED ",\"price\":null}", "price");
}

static void numbers_that_are_not_json_are_not_json(void **state)
{
    (void)state;
    static const char *const not_numbers[] = {"01",  "+1",  "1.", ".5",  "1e",  "1e+",
                                              "0x1", "--1", "-",  "1 2", "NaN", "Infinity"};
    for (size_t i = 0; i < sizeof not_numbers / sizeof *not_numbers; i++) {
        char json[200];
        snprintf(json, sizeof json, "{" NEEDED ",\"quantity\":%s}", not_numbers[i]);
        bad(json, "");
        snprintf(json, sizeof json, "{" NEEDED ",\"unknown\":%s}", not_numbers[i]);
        bad(json, "");
    }
}

static void text_has_a_length_and_no_control_characters(void **state)
{
    (void)state;
    char json[300];
    snprintf(json, sizeof json,
             "{\"event_id\":\"%064d\",\"type\":\"view\",\"user\":\"u\",\"item\":\"i\",\"ts\":1}",
             0);
    good(json);
    snprintf(json, sizeof json,
             "{\"event_id\":\"%065d\",\"type\":\"view\",\"user\":\"u\",\"item\":\"i\",\"ts\":1}",
             0);
    bad(json, "event_id");
    snprintf(json, sizeof json, "{" NEEDED ",\"country\":\"%032d\"}", 0);
    good(json);
    snprintf(json, sizeof json, "{" NEEDED ",\"country\":\"%033d\"}", 0);
    bad(json, "country");
    bad("{" NEEDED ",\"order\":\"\"}", "order");
    bad("{" NEEDED ",\"order\":\"a\\nb\"}", "order");
    bad("{" NEEDED ",\"order\":\"a\\u0000b\"}", "order");
    bad("{" NEEDED ",\"order\":\"a\\u009fb\"}", "order");
    bad("{" NEEDED ",\"order\":\"a\x7f"
        "b\"}",
        "order");
    bad("{" NEEDED ",\"order\":\"a\xc2\x80"
        "b\"}",
        "order");
    good("{" NEEDED ",\"order\":\"a\xc2\xa0"
         "b\"}");
    bad("{" NEEDED ",\"order\":\"\\ud800\"}", "order");
    bad("{" NEEDED ",\"order\":7}", "order");
    bad("{" NEEDED ",\"order\":\"a\nb\"}", "");
}

static void lengths_count_bytes_after_escapes(void **state)
{
    (void)state;
    struct bytes json = {0};
    bytes_put_text(&json, text_of("{" NEEDED ",\"order\":\""));
    for (int i = 0; i < 64; i++)
        bytes_put_text(&json, text_of("\\u0041"));
    bytes_put(&json, "\"}", 3); /* and a 0 */
    assert_int_equal(good(json.at).order.n, 64);
    bytes_free(&json);
    is_text(good("{" NEEDED ",\"order\":\"\\ud83d\\ude00\\u00e9\\/\\\\\\\"\"}").order,
            "\xf0\x9f\x98\x80\xc3\xa9/\\\"");
    is_text(
        good("{\"event_id\":\"e\",\"typ\\u0065\":\"cart\",\"user\":\"u\",\"item\":\"i\",\"ts\":1}")
            .user,
        "u");
}

static void bad_utf8_is_not_json(void **state)
{
    (void)state;
    static const char *const wrong[] = {"\x80",
                                        "\xc0\x80",
                                        "\xc1\xbf",
                                        "\xe0\x80\x80",
                                        "\xed\xa0\x80",
                                        "\xf0\x80\x80\x80",
                                        "\xf4\x90\x80\x80",
                                        "\xf5\x80\x80\x80",
                                        "\xff",
                                        "\xc3",
                                        "\xe2\x82",
                                        "\xf0\x9f\x98"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char json[200];
        snprintf(json, sizeof json, "{" NEEDED ",\"order\":\"a%s\"}", wrong[i]);
        bad(json, "");
        snprintf(json, sizeof json, "{" NEEDED ",\"unknown\":\"a%s\"}", wrong[i]);
        bad(json, "");
        snprintf(json, sizeof json, "{" NEEDED ",\"a%s\":1}", wrong[i]);
        bad(json, "");
    }
    bad("\xef\xbb\xbf{" NEEDED "}", "");
}

static void a_key_may_come_only_once_at_any_depth(void **state)
{
    (void)state;
    bad("{" NEEDED ",\"ts\":1}", "");
    bad("{" NEEDED ",\"\\u0074s\":1}", "");
    bad("{" NEEDED ",\"x\":1,\"x\":2}", "");
    bad("{" NEEDED ",\"x\":[{\"a\":1,\"b\":{},\"\\u0061\":2}]}", "");
    good("{" NEEDED
         ",\"x\":{\"a\":{\"a\":1},\"b\":{\"a\":1}},\"a\":1,\"y\":[{\"k\":1},{\"k\":1}]}");
}

static void depth_and_number_of_keys_have_no_limit(void **state)
{
    (void)state;
    struct bytes json = {0};
    struct event event;
    struct event_error why;
    bytes_put_text(&json, text_of("{" NEEDED ",\"x\":"));
    for (int i = 0; i < 100000; i++)
        bytes_put(&json, i % 2 ? "{\"a\":" : "[", i % 2 ? 5 : 1);
    bytes_put(&json, "1", 1);
    for (int i = 100000; i-- > 0;)
        bytes_put(&json, i % 2 ? "}" : "]", 1);
    for (int i = 0; i < 50000; i++) {
        char key[24];
        bytes_put(&json, key, (size_t)snprintf(key, sizeof key, ",\"k%d\":0", i));
    }
    bytes_put(&json, "}", 1);
    assert_int_equal(event_decode(decoder, bytes_text(&json), EVENT_NEEDS_ALL, &event, &why), 0);
    bytes_free(&json);
}

static void what_is_no_object_is_no_event(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",
                                        " ",
                                        "null",
                                        "[]",
                                        "1",
                                        "\"x\"",
                                        "{",
                                        "{}x",
                                        "{" NEEDED "}}",
                                        "{" NEEDED "},",
                                        "{" NEEDED ",}",
                                        "{" NEEDED,
                                        "{,}",
                                        "{\"a\"}",
                                        "{\"a\":}",
                                        "{'a':1}",
                                        "{" NEEDED "}{}",
                                        "garbage"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        bad(wrong[i], "");
    bad("{}", "event_id");
}

static const char *reason_of(struct text json)
{
    struct event event;
    struct event_error why = {"?", "?"};
    assert_int_equal(event_decode(decoder, json, EVENT_NEEDS_ALL, &event, &why), -1);
    assert_string_equal(why.field, "");
    return why.reason;
}

static void json_that_is_no_object_is_told_apart_from_what_is_not_json(void **state)
{
    (void)state;
    assert_string_equal(reason_of(text_of(" [1, 2] ")), EVENT_NOT_AN_OBJECT);
    assert_string_equal(reason_of(text_of("null")), EVENT_NOT_AN_OBJECT);
    assert_string_not_equal(reason_of(text_of("[1, 2] x")), EVENT_NOT_AN_OBJECT);
    assert_string_not_equal(reason_of(text_of("[1, 2")), EVENT_NOT_AN_OBJECT);
    assert_string_not_equal(reason_of((struct text){NULL, 0}), EVENT_NOT_AN_OBJECT);
}

static void null_is_a_wrong_value_for_an_optional_field_too(void **state)
{
    (void)state;
    bad("{" NEEDED ",\"quantity\":null}", "quantity");
    bad("{" NEEDED ",\"price\":null,\"currency\":\"GBP\"}", "price");
    bad("{" NEEDED ",\"currency\":null}", "currency");
    bad("{" NEEDED ",\"country\":null}", "country");
    bad("{" NEEDED ",\"list\":null}", "list");
    good("{" NEEDED ",\"unknown\":null}");
}

static void fields_that_a_type_does_not_need_are_checked_as_well(void **state)
{
    (void)state;
    bad("{\"event_id\":\"e\",\"type\":\"forget\",\"user\":\"u\",\"ts\":1,\"item\":\"\"}", "item");
    bad("{\"event_id\":\"e\",\"type\":\"forget\",\"user\":\"u\",\"ts\":1,\"quantity\":0}",
        "quantity");
    bad("{" NEEDED ",\"price\":-1,\"currency\":\"GBP\"}", "price");
    good("{" NEEDED ",\"currency\":\"GBP\"}");
}

static void every_prefix_of_an_event_is_bad(void **state)
{
    (void)state;
    const char *json =
        "{" NEEDED ",\"x\":[1.5e-3,{\"y\":\"\\u00e9\\ud83d\\ude00\"}],\"order\":\"o\"}";
    for (size_t n = 0; n < strlen(json); n++) {
        struct event event;
        struct event_error why;
        char *exact = malloc(n + 1); /* so that a sanitizer sees a read behind the end */
        assert_non_null(exact);
        memcpy(exact, json, n);
        assert_int_equal(
            event_decode(decoder, (struct text){exact, n}, EVENT_NEEDS_ALL, &event, &why), -1);
        free(exact);
    }
}

static void the_first_wrong_field_is_named_and_broken_json_comes_first(void **state)
{
    (void)state;
    bad("{\"quantity\":0,\"price\":-1,\"type\":\"no\"}", "quantity");
    bad("{\"quantity\":0,\"price\":-1,\"type\":\"no\"", "");
    bad("{" NEEDED ",\"currency\":\"gbp\"}", "currency");
    bad("{" NEEDED ",\"currency\":\"GBPX\"}", "currency");
    bad("{" NEEDED ",\"currency\":\"GB\"}", "currency");
    bad("{\"event_id\":\"e\",\"type\":\"View\",\"user\":\"u\",\"item\":\"i\",\"ts\":1}", "type");
}

static void a_prefix_ends_behind_its_value(void **state)
{
    (void)state;
    const char *json = "  {" NEEDED "} , {" NEEDED "}";
    struct event event;
    struct event_error why;
    size_t used = 0;
    assert_int_equal(
        event_decode_prefix(decoder, text_of(json), EVENT_NEEDS_ALL, &event, &why, &used), 0);
    assert_int_equal(used, 2 + strlen("{" NEEDED "}"));
    assert_int_equal(
        event_decode_prefix(decoder, text_of("{\"ts\":-1}]"), EVENT_NEEDS_ALL, &event, &why, &used),
        -1);
    assert_string_equal(why.field, "ts");
    assert_int_equal(used, strlen("{\"ts\":-1}"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_is_taken),
        cmocka_unit_test(absent_fields_have_their_defaults),
        cmocka_unit_test(unknown_fields_are_ignored_whatever_they_hold),
        cmocka_unit_test(a_name_with_an_escaped_zero_is_another_name),
        cmocka_unit_test(each_needed_field_is_missed),
        cmocka_unit_test(over_http_id_and_time_may_be_missing),
        cmocka_unit_test(numbers_are_whole_and_in_range),
        cmocka_unit_test(numbers_that_are_not_json_are_not_json),
        cmocka_unit_test(text_has_a_length_and_no_control_characters),
        cmocka_unit_test(lengths_count_bytes_after_escapes),
        cmocka_unit_test(bad_utf8_is_not_json),
        cmocka_unit_test(a_key_may_come_only_once_at_any_depth),
        cmocka_unit_test(depth_and_number_of_keys_have_no_limit),
        cmocka_unit_test(what_is_no_object_is_no_event),
        cmocka_unit_test(json_that_is_no_object_is_told_apart_from_what_is_not_json),
        cmocka_unit_test(null_is_a_wrong_value_for_an_optional_field_too),
        cmocka_unit_test(fields_that_a_type_does_not_need_are_checked_as_well),
        cmocka_unit_test(every_prefix_of_an_event_is_bad),
        cmocka_unit_test(the_first_wrong_field_is_named_and_broken_json_comes_first),
        cmocka_unit_test(a_prefix_ends_behind_its_value),
    };
    return cmocka_run_group_tests(tests, up, down);
}
