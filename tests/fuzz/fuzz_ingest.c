/*
 * The body of POST /v1/events against a slow reading of the same rules, and what becomes of it: records that every layer
 * takes for events. The first byte's lowest bit says whether the client called it NDJSON.
 */
#include "serving-layer/ingest_body.h"
#include "tests/fuzz/harness.h"
#include "tests/fuzz/slow_decoder.h"
#include "tests/fuzz/slow_texts.h"

#define NOW_MS INT64_C(1700000000000)

static const char made_id[] = "01ABCDEFGHJKMNPQRSTVWXYZ00";

static void make_id(char *into, int64_t now_ms)
{
    (void)now_ms;
    memcpy(into, made_id, INGEST_ID_BYTES);
}

/* ---- which bodies are taken, the obvious way: as many events as there are, or -1 ---- */

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct text trimmed(struct text text)
{
    while (text.n > 0 && is_space(text.at[0]))
        text = (struct text){text.at + 1, text.n - 1};
    while (text.n > 0 && is_space(text.at[text.n - 1]))
        text.n--;
    return text;
}

static bool slow_is_event(struct text json)
{
    struct slow_decoded slow;
    slow_decode(json, EVENT_MAY_LACK_ID_AND_TS, &slow);
    slow_decoded_free(&slow);
    return !slow.wrong;
}

static long slow_lines(struct text body)
{
    struct text line;
    long n = 0;
    for (bool more = true; slow_part(&body, &more, '\n', &line);) {
        if (trimmed(line).n == 0)
            continue;
        if (!slow_is_event(line))
            return -1;
        n++;
    }
    return n;
}

/* Behind the [ and before the ]. */
static long slow_elements(struct text rest)
{
    for (long n = 0;; n++) {
        struct slow_decoded slow;
        slow_decode_prefix(rest, EVENT_MAY_LACK_ID_AND_TS, &slow);
        slow_decoded_free(&slow);
        if (slow.wrong)
            return -1;
        rest = trimmed((struct text){rest.at + slow.used, rest.n - slow.used});
        if (rest.n == 0)
            return n + 1;
        if (rest.at[0] != ',')
            return -1;
        rest = (struct text){rest.at + 1, rest.n - 1};
    }
}

static long slow_body(struct text body, bool is_ndjson)
{
    struct text inner = trimmed(body);
    if (is_ndjson)
        return slow_lines(body);
    if (inner.n == 0)
        return -1;
    if (inner.at[0] != '[')
        return slow_is_event(body) ? 1 : slow_lines(body);
    if (inner.n < 2 || inner.at[inner.n - 1] != ']')
        return -1;
    inner = (struct text){inner.at + 1, inner.n - 2};
    return trimmed(inner).n == 0 ? 0 : slow_elements(inner);
}

/* ---- what is taken ---- */

static void is_record(struct event_decoder *decoder, const struct ingest_body *body,
                      const struct ingest_record *record)
{
    struct event event;
    struct event_error why;
    struct text json = ingest_text(body, record->json);
    fuzz_holds(event_decode(decoder, json, EVENT_NEEDS_ALL, &event, &why) == 0,
               "what HTTP takes is an event for every layer");
    fuzz_holds(text_equal(event.user, ingest_text(body, record->user)),
               "a record's key is the user");
    fuzz_holds(text_equal(event.event_id, ingest_text(body, record->event_id)),
               "the id that is returned is the record's");
}

/* The records as an array are the same records again: nothing is missing any more. */
static void is_taken_again(struct event_decoder *decoder, const struct ingest_body *body)
{
    struct bytes array = {0};
    struct ingest_body again = {0};
    struct ingest_refusal refusal;
    bytes_put(&array, "[", 1);
    for (size_t i = 0; i < body->n; i++) {
        bytes_put(&array, ",", i > 0);
        bytes_put_text(&array, ingest_text(body, body->record[i].json));
    }
    bytes_put(&array, "]", 1);
    int failed =
        ingest_body_parse(&again, decoder, bytes_text(&array), false, NOW_MS, make_id, &refusal);
    fuzz_holds(!failed && again.n == body->n, "an array of the records is taken");
    for (size_t i = 0; i < body->n; i++)
        fuzz_holds(text_equal(ingest_text(&again, again.record[i].json),
                              ingest_text(body, body->record[i].json)),
                   "nothing is put in twice");
    bytes_free(&array);
    ingest_body_free(&again);
}

static void is_refusal(const struct ingest_body *body, const struct ingest_refusal *refusal)
{
    bool status = refusal->status == 400 || refusal->status == 413 || refusal->status == 422;
    fuzz_holds(status && refusal->reason[0], "a refusal has its status and a reason");
    fuzz_holds(!refusal->field[0] || refusal->status == 422, "a field that is wrong is a 422");
    fuzz_holds(refusal->index >= -1 && refusal->index <= (long)body->n, "an event that was there");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct text rest = {(const char *)data, n};
    bool is_ndjson = fuzz_byte(&rest) % 2;
    struct text exact = fuzz_exact((const uint8_t *)rest.at, rest.n);
    struct event_decoder *decoder = event_decoder_new();
    struct ingest_body body = {0};
    struct ingest_refusal refusal = {0};
    int failed = ingest_body_parse(&body, decoder, exact, is_ndjson, NOW_MS, make_id, &refusal);
    long expected = slow_body(exact, is_ndjson);
    fuzz_holds(failed == (expected < 0 ? -1 : 0), "bodies: same verdict");
    fuzz_holds(failed || body.n == (size_t)expected, "bodies: as many events");
    if (failed)
        is_refusal(&body, &refusal);
    for (size_t i = 0; !failed && i < body.n; i++)
        is_record(decoder, &body, &body.record[i]);
    if (!failed)
        is_taken_again(decoder, &body);
    ingest_body_free(&body);
    event_decoder_free(decoder);
    free((char *)(uintptr_t)exact.at);
    return 0;
}
