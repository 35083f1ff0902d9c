/* ingest_body: the body of POST /v1/events. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/clock.h"
#include "serving-layer/ingest_body.h"
#include "tests/unit/is_text.h"

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
        cmocka_unit_test(one_an_array_and_lines_are_taken),
        cmocka_unit_test(what_is_missing_is_put_in_and_the_rest_survives),
        cmocka_unit_test(one_wrong_event_refuses_all_and_is_named),
        cmocka_unit_test(a_thousand_events_are_taken_and_no_more),
        cmocka_unit_test(damaged_bodies_never_make_a_bad_record),
    };
    return cmocka_run_group_tests(tests, up, down);
}
