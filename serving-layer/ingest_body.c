#include "serving-layer/ingest_body.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static void skip_space(struct text *rest)
{
    while (rest->n > 0 && is_space(rest->at[0])) {
        rest->at++;
        rest->n--;
    }
}

static int refuse(struct ingest_refusal *refusal, int status, const char *field, const char *reason,
                  long index)
{
    *refusal = (struct ingest_refusal){status, field, reason, index};
    return -1;
}

static struct ingest_span span_put(struct bytes *text, struct text what)
{
    struct ingest_span span = {text->n, what.n};
    bytes_put_text(text, what);
    return span;
}

/* `json` is the object's text, { to }. */
static void record_put(struct ingest_body *into, struct text json, const struct event *event,
                       int64_t now_ms, ingest_make_id make_id)
{
    struct ingest_record record;
    char id[INGEST_ID_BYTES], added[96];
    int n = 0;
    record.user = span_put(&into->text, event->user);
    if (event->event_id.n == 0) {
        make_id(id, now_ms);
        record.event_id = span_put(&into->text, (struct text){id, INGEST_ID_BYTES});
        n = snprintf(added, sizeof added, "\"event_id\":\"%.*s\",", INGEST_ID_BYTES, id);
    } else {
        record.event_id = span_put(&into->text, event->event_id);
    }
    if (event->ts < 0)
        n += snprintf(added + n, sizeof added - (size_t)n, "\"ts\":%" PRId64 ",", now_ms);
    record.json = (struct ingest_span){into->text.n, json.n + (size_t)n};
    bytes_put(&into->text, "{", 1);
    bytes_put(&into->text, added, (size_t)n);
    bytes_put(&into->text, json.at + 1,
              json.n - 1); /* an event has fields: a comma before them is right */
    into->record = grown(into->record, &into->cap, into->n + 1, sizeof *into->record);
    into->record[into->n++] = record;
}

/* Takes the event at the front of `rest`. */
static int event_take(struct ingest_body *into, struct event_decoder *decoder, struct text *rest,
                      int64_t now_ms, ingest_make_id make_id, struct ingest_refusal *refusal)
{
    struct event event;
    struct event_error why;
    size_t used;
    skip_space(rest);
    if (into->n == INGEST_EVENTS_MAX)
        return refuse(refusal, 413, "", "has more than 1000 events", -1);
    if (event_decode_prefix(decoder, *rest, EVENT_MAY_LACK_ID_AND_TS, &event, &why, &used)) {
        bool is_json = why.field[0] || strcmp(why.reason, EVENT_NOT_AN_OBJECT) == 0;
        return refuse(refusal, is_json ? 422 : 400, why.field, why.reason, (long)into->n);
    }
    if (used > INGEST_EVENT_BYTES)
        return refuse(refusal, 413, "", "has more than 900000 bytes", (long)into->n);
    record_put(into, (struct text){rest->at, used}, &event, now_ms, make_id);
    rest->at += used;
    rest->n -= used;
    skip_space(rest);
    return 0;
}

static const char not_json[] = "is not JSON (RFC 8259; each key once)";

/* Behind the [. */
static int array_take(struct ingest_body *into, struct event_decoder *decoder, struct text rest,
                      int64_t now_ms, ingest_make_id make_id, struct ingest_refusal *refusal)
{
    skip_space(&rest);
    if (rest.n > 0 && rest.at[0] == ']' && into->n == 0) {
        rest.at++;
        rest.n--;
    } else {
        for (char c = ','; c == ',';) {
            if (event_take(into, decoder, &rest, now_ms, make_id, refusal))
                return -1;
            c = rest.n > 0 ? rest.at[0] : 0;
            if (c != ',' && c != ']')
                return refuse(refusal, 400, "", not_json, (long)into->n - 1);
            rest.at++;
            rest.n--;
        }
    }
    skip_space(&rest);
    return rest.n == 0 ? 0 : refuse(refusal, 400, "", not_json, -1);
}

/* One event a line; a line may not hold two. Empty lines are passed over. */
static int lines_take(struct ingest_body *into, struct event_decoder *decoder, struct text body,
                      int64_t now_ms, ingest_make_id make_id, struct ingest_refusal *refusal)
{
    while (body.n > 0) {
        const char *end = memchr(body.at, '\n', body.n);
        struct text line = {body.at, end ? (size_t)(end - body.at) : body.n};
        size_t used = line.n + (end ? 1 : 0);
        body.at += used;
        body.n -= used;
        skip_space(&line);
        if (line.n == 0)
            continue;
        if (event_take(into, decoder, &line, now_ms, make_id, refusal))
            return -1;
        if (line.n > 0)
            return refuse(refusal, 400, "", not_json, (long)into->n - 1);
    }
    return 0;
}

int ingest_body_parse(struct ingest_body *into, struct event_decoder *decoder, struct text body,
                      bool is_ndjson, int64_t now_ms, ingest_make_id make_id,
                      struct ingest_refusal *refusal)
{
    into->n = 0;
    bytes_clear(&into->text);
    struct text rest = body;
    skip_space(&rest);
    if (is_ndjson)
        return lines_take(into, decoder, body, now_ms, make_id, refusal);
    if (rest.n == 0)
        return refuse(refusal, 400, "",
                      "is empty: one event, a JSON array of events, or an event a line", -1);
    if (rest.at[0] == '[') {
        rest.at++;
        rest.n--;
        return array_take(into, decoder, rest, now_ms, make_id, refusal);
    }
    if (event_take(into, decoder, &rest, now_ms, make_id, refusal))
        return -1;
    if (rest.n == 0)
        return 0;
    into->n = 0; /* more than one value: an event a line */
    bytes_clear(&into->text);
    return lines_take(into, decoder, body, now_ms, make_id, refusal);
}

void ingest_body_free(struct ingest_body *body)
{
    bytes_free(&body->text);
    free(body->record);
    *body = (struct ingest_body){0};
}
