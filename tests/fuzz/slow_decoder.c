#include "tests/fuzz/slow_decoder.h"

#include <assert.h>
#include <stdlib.h>

#include "tests/fuzz/slow_json.h"

enum rule { ID, LABEL, TYPE, CURRENCY, NUMBER };

/* The table of design.md, section 3. */
static const struct slow_field {
    const char *name;
    enum rule rule;
    int64_t min, max; /* NUMBER */
} fields[] = {{"event_id", ID, 0, 0},
              {"type", TYPE, 0, 0},
              {"user", ID, 0, 0},
              {"item", ID, 0, 0},
              {"ts", NUMBER, 0, INT64_C(4102444799999)},
              {"quantity", NUMBER, 1, 1000000},
              {"price", NUMBER, 0, 1000000000},
              {"currency", CURRENCY, 0, 0},
              {"country", LABEL, 0, 0},
              {"device", LABEL, 0, 0},
              {"order", ID, 0, 0},
              {"list", ID, 0, 0}};

enum { N_FIELDS = sizeof fields / sizeof *fields };

static struct slow_string points_of(struct slow_block **memory, const char *ascii)
{
    struct slow_string s = {slow_memory(memory, strlen(ascii) * sizeof *s.c), strlen(ascii)};
    for (size_t i = 0; i < s.n; i++)
        s.c[i] = (unsigned char)ascii[i];
    return s;
}

static size_t put_utf8(char *at, uint32_t c)
{
    if (c < 0x80) {
        at[0] = (char)c;
        return 1;
    }
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        at[i] = (char)(0x80 | (c & 0x3f));
    at[0] = (char)((0xf00u >> n & 0xff) | c);
    return n;
}

/* Characters only, none of them a control, 1 to `max` bytes. */
static bool plain_text(const struct slow_value *value, size_t max, struct slow_block **memory,
                       struct text *into)
{
    if (value->kind != SLOW_STRING)
        return false;
    char *bytes = slow_memory(memory, value->string.n * 4);
    size_t n = 0;
    for (size_t i = 0; i < value->string.n; i++) {
        uint32_t c = value->string.c[i];
        if (c <= 0x1f || (c >= 0x7f && c <= 0x9f) || (c >= 0xd800 && c <= 0xdfff))
            return false;
        n += put_utf8(bytes + n, c);
    }
    assert(into);
    *into = (struct text){bytes, n};
    return n >= 1 && n <= max;
}

static bool whole_number(const struct slow_value *value, const struct slow_field *field,
                         int64_t *into)
{
    char digits[24] = "";
    if (value->kind != SLOW_NUMBER || memchr(value->number.at, '.', value->number.n) ||
        memchr(value->number.at, 'e', value->number.n) ||
        memchr(value->number.at, 'E', value->number.n) || value->number.n > 18)
        return false;
    assert(into);
    memcpy(digits, value->number.at, value->number.n);
    *into = strtoll(digits, NULL, 10);
    return *into >= field->min && *into <= field->max;
}

static bool type_of(struct text name, enum event_type *type)
{
    static const char *const names[] = {"view",       "cart",  "purchase", "refund",
                                        "impression", "click", "forget"};
    for (int i = 0; i < 7; i++)
        if (text_equal(name, text_of(names[i]))) {
            *type = (enum event_type)(i + 1);
            return true;
        }
    return false;
}

static bool three_capitals(struct text text)
{
    for (size_t i = 0; i < text.n; i++)
        if (text.at[i] < 'A' || text.at[i] > 'Z')
            return false;
    return text.n == 3;
}

static bool take_field(const struct slow_field *field, const struct slow_value *value,
                       struct slow_block **memory, struct event *e)
{
    struct text *texts[N_FIELDS] = {&e->event_id, NULL,       &e->user,  &e->item,
                                    NULL,         NULL,       NULL,      &e->currency,
                                    &e->country,  &e->device, &e->order, &e->list};
    int64_t *numbers[N_FIELDS] = {[4] = &e->ts, [5] = &e->quantity, [6] = &e->price};
    struct text type;
    switch (field->rule) {
    case ID: return plain_text(value, 64, memory, texts[field - fields]);
    case LABEL: return plain_text(value, 32, memory, texts[field - fields]);
    case TYPE: return plain_text(value, 64, memory, &type) && type_of(type, &e->type);
    case CURRENCY: return plain_text(value, 3, memory, &e->currency) && three_capitals(e->currency);
    case NUMBER: return whole_number(value, field, numbers[field - fields]);
    }
    return false;
}

static const char *missing(const bool *there, enum event_needs needs, const struct event *e)
{
    if (!there[0] && needs == EVENT_NEEDS_ALL)
        return "event_id";
    if (!there[1])
        return "type";
    if (!there[2])
        return "user";
    if (!there[3] && e->type != EVENT_FORGET)
        return "item";
    if (!there[4] && needs == EVENT_NEEDS_ALL)
        return "ts";
    return there[6] && !there[7] ? "currency" : NULL;
}

/* NULL: the object is an event; else the first field that is wrong, then the first that is missing. */
static const char *event_of(const struct slow_value *object, enum event_needs needs,
                            struct slow_block **memory, struct event *e)
{
    bool there[N_FIELDS] = {false};
    *e = (struct event){.ts = -1, .quantity = 1, .price = -1};
    e->country = e->device = text_of("-");
    for (const struct slow_member *m = object->members; m; m = m->next)
        for (size_t f = 0; f < N_FIELDS; f++) {
            if (!slow_string_equal(m->key, points_of(memory, fields[f].name)))
                continue;
            there[f] = true;
            if (!take_field(&fields[f], &m->value, memory, e))
                return fields[f].name;
        }
    return missing(there, needs, e);
}

static void decode(struct text json, enum event_needs needs, bool whole,
                   struct slow_decoded *decoded)
{
    *decoded = (struct slow_decoded){.wrong = ""};
    const unsigned char *from = (const unsigned char *)json.at;
    struct slow_parser parser = {from, from + json.n, &decoded->memory};
    struct slow_value value = {0};
    slow_space(&parser);
    decoded->is_json = slow_value(&parser, &value);
    decoded->used = (size_t)(parser.at - from);
    slow_space(&parser);
    if (whole && parser.at != parser.end)
        decoded->is_json = false;
    decoded->is_object = decoded->is_json && value.kind == SLOW_OBJECT;
    if (decoded->is_object)
        decoded->wrong = event_of(&value, needs, &decoded->memory, &decoded->event);
}

void slow_decode(struct text json, enum event_needs needs, struct slow_decoded *decoded)
{
    decode(json, needs, true, decoded);
}

void slow_decode_prefix(struct text json, enum event_needs needs, struct slow_decoded *decoded)
{
    decode(json, needs, false, decoded);
}

void slow_decoded_free(struct slow_decoded *decoded)
{
    while (decoded->memory) {
        struct slow_block *block = decoded->memory;
        decoded->memory = block->next;
        free(block);
    }
}
