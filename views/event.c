#include "views/event.h"

#include <stdlib.h>

#include "views/json.h"

struct event_decoder {
    struct json_scan scan;
};

enum field { /* in the order of design.md's table */
             FIELD_EVENT_ID,
             FIELD_TYPE,
             FIELD_USER,
             FIELD_ITEM,
             FIELD_TS,
             FIELD_QUANTITY,
             FIELD_PRICE,
             FIELD_CURRENCY,
             FIELD_COUNTRY,
             FIELD_DEVICE,
             FIELD_ORDER,
             FIELD_LIST,
             FIELDS
};

static const char *const field_names[FIELDS] = {"event_id", "type",     "user",  "item",
                                                "ts",       "quantity", "price", "currency",
                                                "country",  "device",   "order", "list"};

static const struct text type_names[EVENT_TYPES + 1] = {
    {"", 0},       {"view", 4},        {"cart", 4},  {"purchase", 8},
    {"refund", 6}, {"impression", 10}, {"click", 5}, {"forget", 6}};

static const char not_id[] = "is not a text of 1 to 64 bytes without control characters";
static const char not_label[] = "is not a text of 1 to 32 bytes without control characters";
static const char not_type[] =
    "is not one of view, cart, purchase, refund, impression, click, forget";
static const char not_currency[] = "is not three capital letters";
static const char not_ts[] = "is not a whole number from 0 to 4102444799999 (ms since 1970 UTC)";
static const char not_quantity[] = "is not a whole number from 1 to 1000000";
static const char not_price[] = "is not a whole number from 0 to 1000000000 (minor units)";

const char *event_type_name(enum event_type type)
{
    return type_names[type].at;
}

struct event_decoder *event_decoder_new(void)
{
    struct event_decoder *decoder = calloc(1, sizeof *decoder);
    if (!decoder)
        abort();
    return decoder;
}

void event_decoder_free(struct event_decoder *decoder)
{
    if (!decoder)
        return;
    json_scan_free(&decoder->scan);
    free(decoder);
}

/* With the name's length known at compile time, so that it is compared by a few instructions and no call. */
static inline enum field field_if(struct text key, const char *name, size_t n, enum field field)
{
    return key.n == n && memcmp(key.at, name, n) == 0 ? field : FIELDS;
}
#define FIELD_IF(key, name, field) field_if(key, name, sizeof(name) - 1, field)

/* FIELDS when the key is none of ours. */
static enum field field_of(struct text key)
{
    switch (key.n ? key.at[0] : 0) {
    case 'e': return FIELD_IF(key, "event_id", FIELD_EVENT_ID);
    case 't': return key.n == 2 ? FIELD_IF(key, "ts", FIELD_TS) : FIELD_IF(key, "type", FIELD_TYPE);
    case 'u': return FIELD_IF(key, "user", FIELD_USER);
    case 'i': return FIELD_IF(key, "item", FIELD_ITEM);
    case 'q': return FIELD_IF(key, "quantity", FIELD_QUANTITY);
    case 'p': return FIELD_IF(key, "price", FIELD_PRICE);
    case 'c':
        return key.n == 8 ? FIELD_IF(key, "currency", FIELD_CURRENCY)
                          : FIELD_IF(key, "country", FIELD_COUNTRY);
    case 'd': return FIELD_IF(key, "device", FIELD_DEVICE);
    case 'o': return FIELD_IF(key, "order", FIELD_ORDER);
    case 'l': return FIELD_IF(key, "list", FIELD_LIST);
    default: return FIELDS;
    }
}

/* ---- one field's value: 0, JSON_BAD, or 1 with `why` when it is JSON but not what the field takes ---- */

static int wrong(enum field field, const char *reason, struct event_error *why)
{
    if (!why->reason)
        *why = (struct event_error){field_names[field], reason};
    return 1;
}

static int text_value(struct json_scan *scan, enum field field, size_t max, const char *reason,
                      struct text *into, struct event_error *why)
{
    struct json_string string;
    if (scan->at == scan->end || *scan->at != '"')
        return json_skip(scan) ? JSON_BAD : wrong(field, reason, why);
    if (json_string(scan, &string))
        return JSON_BAD;
    if (string.text.n < 1 || string.text.n > max || string.has_control || string.has_lone_surrogate)
        return wrong(field, reason, why);
    *into = string.text;
    return 0;
}

static int number_value(struct json_scan *scan, enum field field, int64_t min, int64_t max,
                        const char *reason, int64_t *into, struct event_error *why)
{
    struct json_number number;
    char c = scan->at == scan->end ? 0 : *scan->at;
    if (c != '-' && (c < '0' || c > '9'))
        return json_skip(scan) ? JSON_BAD : wrong(field, reason, why);
    if (json_number(scan, &number))
        return JSON_BAD;
    if (!number.is_integer || !number.fits || number.value < min || number.value > max)
        return wrong(field, reason, why);
    *into = number.value;
    return 0;
}

static int type_value(struct json_scan *scan, enum event_type *into, struct event_error *why)
{
    struct text name;
    int failed = text_value(scan, FIELD_TYPE, EVENT_ID_BYTES, not_type, &name, why);
    if (failed)
        return failed;
    for (int t = 1; t <= EVENT_TYPES; t++)
        if (text_equal(name, type_names[t])) {
            *into = (enum event_type)t;
            return 0;
        }
    return wrong(FIELD_TYPE, not_type, why);
}

static int currency_value(struct json_scan *scan, struct text *into, struct event_error *why)
{
    int failed = text_value(scan, FIELD_CURRENCY, 3, not_currency, into, why);
    for (size_t i = 0; !failed && i < 3; i++)
        if (into->n != 3 || into->at[i] < 'A' || into->at[i] > 'Z')
            failed = wrong(FIELD_CURRENCY, not_currency, why);
    return failed;
}

static int field_value(struct json_scan *scan, enum field field, struct event *e,
                       struct event_error *why)
{
    switch (field) {
    case FIELD_EVENT_ID: return text_value(scan, field, EVENT_ID_BYTES, not_id, &e->event_id, why);
    case FIELD_TYPE: return type_value(scan, &e->type, why);
    case FIELD_USER: return text_value(scan, field, EVENT_ID_BYTES, not_id, &e->user, why);
    case FIELD_ITEM: return text_value(scan, field, EVENT_ID_BYTES, not_id, &e->item, why);
    case FIELD_TS: return number_value(scan, field, 0, EVENT_TS_END - 1, not_ts, &e->ts, why);
    case FIELD_QUANTITY:
        return number_value(scan, field, 1, EVENT_QUANTITY_MAX, not_quantity, &e->quantity, why);
    case FIELD_PRICE:
        return number_value(scan, field, 0, EVENT_PRICE_MAX, not_price, &e->price, why);
    case FIELD_CURRENCY: return currency_value(scan, &e->currency, why);
    case FIELD_COUNTRY:
        return text_value(scan, field, EVENT_LABEL_BYTES, not_label, &e->country, why);
    case FIELD_DEVICE:
        return text_value(scan, field, EVENT_LABEL_BYTES, not_label, &e->device, why);
    case FIELD_ORDER: return text_value(scan, field, EVENT_ID_BYTES, not_id, &e->order, why);
    case FIELD_LIST: return text_value(scan, field, EVENT_ID_BYTES, not_id, &e->list, why);
    case FIELDS: break;
    }
    return json_skip(scan);
}

/* ---- the object ---- */

/* One key, colon and value. `seen`: a bit a known field. */
static int field_decode(struct json_scan *scan, unsigned *seen, struct event *event,
                        struct event_error *why)
{
    struct json_string key;
    json_space(scan);
    if (json_string(scan, &key))
        return JSON_BAD;
    json_space(scan);
    if (!json_take(scan, ':'))
        return JSON_BAD;
    json_space(scan);
    enum field field = field_of(key.text);
    if (field == FIELDS)
        json_key_push(scan, key.text);
    else if (*seen & 1u << field)
        return JSON_BAD; /* a duplicate key */
    else
        *seen |= 1u << field;
    return field_value(scan, field, event, why) == JSON_BAD ? JSON_BAD : 0;
}

static int fields_decode(struct json_scan *scan, unsigned *seen, struct event *event,
                         struct event_error *why)
{
    json_space(scan);
    if (json_take(scan, '}'))
        return 0;
    do {
        if (field_decode(scan, seen, event, why))
            return JSON_BAD;
        json_space(scan);
    } while (json_take(scan, ','));
    return json_take(scan, '}') && json_keys_differ(scan, 0) ? 0 : JSON_BAD;
}

static int missing_check(unsigned seen, enum event_needs needs, const struct event *event,
                         struct event_error *why)
{
    unsigned needed = 1u << FIELD_TYPE | 1u << FIELD_USER;
    if (needs == EVENT_NEEDS_ALL)
        needed |= 1u << FIELD_EVENT_ID | 1u << FIELD_TS;
    if (event->type != EVENT_FORGET)
        needed |= 1u << FIELD_ITEM;
    for (int f = 0; f < FIELDS; f++)
        if (needed & ~seen & 1u << f)
            return wrong((enum field)f, "is missing", why);
    if (seen & 1u << FIELD_PRICE && !(seen & 1u << FIELD_CURRENCY))
        return wrong(FIELD_CURRENCY, "is missing: a price needs it", why);
    return 0;
}

static int not_json(struct event_error *why)
{
    *why = (struct event_error){"", "is not JSON (RFC 8259; each key once)"};
    return -1;
}

/* At the object. -1 with why->field "" when it is not JSON, with a field's name when it is no event. */
static int object_decode(struct json_scan *scan, enum event_needs needs, struct event *event,
                         struct event_error *why)
{
    unsigned seen = 0;
    *event = (struct event){
        .ts = -1, .quantity = 1, .price = -1, .country = {"-", 1}, .device = {"-", 1}};
    *why = (struct event_error){0};
    if (!json_take(scan, '{')) {
        if (json_skip(scan))
            return not_json(why);
        *why = (struct event_error){"", EVENT_NOT_AN_OBJECT};
        return -1;
    }
    if (fields_decode(scan, &seen, event, why))
        return not_json(why);
    return why->reason || missing_check(seen, needs, event, why) ? -1 : 0;
}

static const struct text no_bytes = {"", 0}; /* instead of a NULL that may not be computed with */

int event_decode_prefix(struct event_decoder *decoder, struct text json, enum event_needs needs,
                        struct event *event, struct event_error *why, size_t *used)
{
    if (!json.at)
        json = no_bytes;
    json_begin(&decoder->scan, json);
    json_space(&decoder->scan);
    int failed = object_decode(&decoder->scan, needs, event, why);
    *used = (size_t)(decoder->scan.at - json.at);
    return failed;
}

int event_decode(struct event_decoder *decoder, struct text json, enum event_needs needs,
                 struct event *event, struct event_error *why)
{
    struct json_scan *scan = &decoder->scan;
    if (!json.at)
        json = no_bytes;
    json_begin(scan, json);
    json_space(scan);
    int failed = object_decode(scan, needs, event, why);
    json_space(scan);
    return scan->at == scan->end ? failed : not_json(why);
}
