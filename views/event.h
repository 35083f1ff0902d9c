/*
 * event: what happened in the shop, and the one strict decoder of its JSON form (design.md, section 3).
 * Every layer decides with it whether a record is an event, so that all skip the same bad ones.
 * Not for: writing events, Kafka, HTTP.
 */
#ifndef TANDEM_VIEWS_EVENT_H
#define TANDEM_VIEWS_EVENT_H

#include <stdint.h>

#include "views/text.h"

enum event_type { /* stored in the master dataset as these numbers: never renumber */
                  EVENT_VIEW = 1,
                  EVENT_CART,
                  EVENT_PURCHASE,
                  EVENT_REFUND,
                  EVENT_IMPRESSION,
                  EVENT_CLICK,
                  EVENT_FORGET,
};

#define EVENT_TYPES        7
#define EVENT_TS_END       INT64_C(4102444800000) /* ms since 1970 UTC, exclusive */
#define EVENT_ID_BYTES     64                     /* event_id, user, item, order, list */
#define EVENT_LABEL_BYTES  32                     /* country, device */
#define EVENT_QUANTITY_MAX 1000000
#define EVENT_PRICE_MAX    1000000000

struct event {
    enum event_type type;
    struct text event_id, user;
    struct text item;            /* n = 0: absent (forget only) */
    int64_t ts;                  /* ms since 1970 UTC */
    int64_t quantity;            /* pieces, 1 where absent */
    int64_t price;               /* minor units of one piece, -1: absent */
    struct text currency;        /* n = 0: absent */
    struct text country, device; /* "-" where absent */
    struct text order, list;     /* n = 0: absent */
};

/*
 * Why a record is no event. Points to constants: nothing to free. Of several faults, the one that is told:
 *   1. not JSON as a whole, trailing bytes and duplicate keys included: field ""; JSON, but no object: EVENT_NOT_AN_OBJECT
 *   2. the first field in order of appearance that holds what it may not; null is a wrong value for every field, optional
 *      ones too; fields that the event's type does not need are checked as well
 *   3. the first field in the order of design.md's table that is missing, `currency` beside a price included
 */
struct event_error {
    const char *field;  /* the field's name, or "" when the record as a whole is not JSON */
    const char *reason; /* "is missing", "is not a whole number from 1 to 1000000", ... */
};

#define EVENT_NOT_AN_OBJECT \
    "is not a JSON object" /* the reason, with field "", of JSON that is none */

/* Which fields may be missing: over HTTP the server adds an event_id and the time. */
enum event_needs { EVENT_NEEDS_ALL, EVENT_MAY_LACK_ID_AND_TS };

/*
 * Memory of a decoder, used again for each event: no allocation in steady state. One thread at a time.
 */
struct event_decoder;

struct event_decoder *event_decoder_new(void);
void event_decoder_free(struct event_decoder *decoder);

/*
 * Decodes one whole record. 0: `event` is set, its texts lie in `json` or (where there were escapes) in the decoder,
 * until its next call. -1: `why` is set. With EVENT_MAY_LACK_ID_AND_TS a missing event_id has n = 0, a missing ts is -1.
 */
int event_decode(struct event_decoder *decoder, struct text json, enum event_needs needs,
                 struct event *event, struct event_error *why);

/*
 * The same for a value that begins at json.at (after white space) and may be followed by anything: `used` bytes belong
 * to it. For arrays of events. On -1 with field "" the text is not JSON and `used` says where it stops being it.
 */
int event_decode_prefix(struct event_decoder *decoder, struct text json, enum event_needs needs,
                        struct event *event, struct event_error *why, size_t *used);

const char *event_type_name(enum event_type type);

#endif
