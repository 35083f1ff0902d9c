#include "serving-layer/session_body.h"

#include <jansson.h>
#include <stdio.h>

#include "serving-layer/plain_text.h"

static int refuse(struct session_refusal *refusal, int status, const char *field,
                  const char *detail, long index)
{
    *refusal = (struct session_refusal){.status = status, .detail = detail, .index = index};
    snprintf(refusal->field, sizeof refusal->field, "%.*s",
             (int)utf8_cut(text_of(field), sizeof refusal->field - 1), field);
    return -1;
}

/* Copied into the memory, which has room for the whole body and does not move. */
static bool text_take(struct session_body *into, const json_t *value, size_t bytes_max,
                      struct text *text)
{
    struct text raw = {json_string_value(value), json_string_length(value)};
    if (!json_is_string(value) || !plain_text_is(raw, bytes_max))
        return false;
    *text = (struct text){into->memory.at + into->memory.n, raw.n};
    bytes_put_text(&into->memory, raw);
    return true;
}

static int items_take(struct session_body *into, const json_t *items,
                      struct session_refusal *refusal)
{
    size_t i;
    const json_t *item;
    if (!json_is_array(items) || json_array_size(items) > STATE_WINDOW)
        return refuse(refusal, 422, "items", "items is not a list of at most 20 items", -1);
    json_array_foreach(items, i, item) if (
        !text_take(
            into, item, EVENT_ID_BYTES,
            &into->item
                 [into->n_items++])) return refuse(refusal, 422, "items",
                                                   "items holds what is no text of 1 to 64 bytes",
                                                   (long)i);
    return 0;
}

static int fields_take(struct session_body *into, json_t *body, struct session_refusal *refusal)
{
    const char *key;
    json_t *value;
    if (!json_is_object(body))
        return refuse(refusal, 422, "", "the body is not a JSON object", -1);
    json_object_foreach(body, key, value)
    {
        if (strcmp(key, "items") == 0) {
            if (items_take(into, value, refusal))
                return -1;
        } else if (strcmp(key, "user") == 0) {
            if (!text_take(into, value, EVENT_ID_BYTES, &into->user))
                return refuse(refusal, 422, key, "user is not a text of 1 to 64 bytes", -1);
        } else if (strcmp(key, "country") == 0) {
            if (!text_take(into, value, EVENT_LABEL_BYTES, &into->country))
                return refuse(refusal, 422, key, "country is not a text of 1 to 32 bytes", -1);
        } else {
            return refuse(refusal, 422, key, "the body has a field that this call does not know",
                          -1);
        }
    }
    if (!json_object_get(body, "items"))
        return refuse(refusal, 422, "items", "items is missing", -1);
    return 0;
}

int session_body_parse(struct session_body *into, struct text body, struct session_refusal *refusal)
{
    json_error_t why;
    into->n_items = 0;
    into->user = into->country = (struct text){"", 0};
    bytes_clear(&into->memory);
    bytes_room(&into->memory, body.n);
    json_t *json = json_loadb(body.at, body.n,
                              JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &why);
    if (!json)
        return refuse(refusal, 400, "", "the body is not JSON", -1);
    int failed = fields_take(into, json, refusal);
    json_decref(json);
    return failed;
}

void session_body_free(struct session_body *body)
{
    bytes_free(&body->memory);
}
