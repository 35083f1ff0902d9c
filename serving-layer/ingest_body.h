/*
 * ingest_body: the body of POST /v1/events taken apart: one event, a JSON array, or NDJSON; all are checked before anything
 * is sent. Each becomes a record: the client's JSON, with event_id and ts put in where they were missing, so that unknown
 * fields survive. Pure: time and ids are parameters.
 */
#ifndef TANDEM_SERVING_INGEST_BODY_H
#define TANDEM_SERVING_INGEST_BODY_H

#include "views/bytes.h"
#include "views/event.h"

enum {
    INGEST_EVENTS_MAX = 1000,
    INGEST_BODY_BYTES = 1 << 20,
    INGEST_EVENT_BYTES =
        900000, /* a record that Kafka takes: its limit is 1,000,000 with all that is around it */
    INGEST_ID_BYTES = 26
};

struct ingest_span {
    size_t at, n;
};

struct ingest_record { /* spans of ingest_body.text */
    struct ingest_span json, user, event_id;
};

struct ingest_body { /* zero-initialise; ingest_body_free */
    struct bytes text;
    struct ingest_record *record;
    size_t n, cap;
};

struct ingest_refusal {
    int status;        /* 400 not JSON, 413 too many events or too large a one, 422 no event */
    const char *field; /* "" or the field's name */
    const char *reason;
    long index; /* of the event in the body, from 0; -1: the body as a whole */
};

/* Makes the id of an event that has none: INGEST_ID_BYTES characters and no 0. */
typedef void (*ingest_make_id)(char *into, int64_t now_ms);

/* 0: `into` holds every event in order (it is emptied first). -1: `refusal` says which event is none and why. */
int ingest_body_parse(struct ingest_body *into, struct event_decoder *decoder, struct text body,
                      bool is_ndjson, int64_t now_ms, ingest_make_id make_id,
                      struct ingest_refusal *refusal);
void ingest_body_free(struct ingest_body *body);

static inline struct text ingest_text(const struct ingest_body *body, struct ingest_span span)
{
    return (struct text){body->text.at + span.at, span.n};
}

#endif
