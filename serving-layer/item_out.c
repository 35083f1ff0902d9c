#include "serving-layer/item_out.h"

#include <inttypes.h>
#include <stdio.h>

#include "serving-layer/item_draft.h"
#include "serving-layer/json_out.h"

/* ---- JSON ---- */

static void name_put(struct bytes *into, enum item_field field)
{
    json_put(into, field == ITEM_ITEM ? "{\"" : ",\"");
    json_put(into, item_field_name(field));
    json_put(into, "\":");
}

static void text_put(struct bytes *into, enum item_field field, struct text text)
{
    if (text.n == 0)
        return;
    name_put(into, field);
    json_put_text(into, text);
}

static void int_put(struct bytes *into, enum item_field field, int64_t value)
{
    name_put(into, field);
    json_put_int(into, value);
}

static void bool_put(struct bytes *into, enum item_field field, bool value)
{
    name_put(into, field);
    json_put(into, value ? "true" : "false");
}

static void labels_put(struct bytes *into, struct text labels)
{
    if (labels.n == 0)
        return;
    name_put(into, ITEM_LABELS);
    for (size_t from = 0; from <= labels.n;) {
        const char *bar = memchr(labels.at + from, '|', labels.n - from);
        size_t to = bar ? (size_t)(bar - labels.at) : labels.n;
        json_put(into, from ? "," : "[");
        json_put_text(into, (struct text){labels.at + from, to - from});
        from = to + 1;
    }
    json_put(into, "]");
}

void item_out_json(struct bytes *into, const struct item *item)
{
    name_put(into, ITEM_ITEM);
    json_put_text(into, item->item);
    text_put(into, ITEM_TITLE, item->title);
    text_put(into, ITEM_CATEGORY, item->category);
    if (item->price >= 0)
        int_put(into, ITEM_PRICE, item->price);
    text_put(into, ITEM_CURRENCY, item->currency);
    text_put(into, ITEM_IMAGE, item->image);
    text_put(into, ITEM_URL, item->url);
    bool_put(into, ITEM_AVAILABLE, item->available);
    bool_put(into, ITEM_HIDDEN, item->hidden);
    labels_put(into, item->labels);
    int_put(into, ITEM_CREATED_AT, item->created_ms);
    int_put(into, ITEM_UPDATED_AT, item->updated_ms);
    json_put(into, "}");
}

/* ---- CSV ---- */

void item_out_csv_head(struct bytes *into)
{
    for (int f = 0; f < ITEM_FIELDS; f++) {
        json_put(into, f ? "," : "");
        json_put(into, item_field_name((enum item_field)f));
    }
    json_put(into, "\r\n");
}

/* RFC 4180: in quotes where it holds a quote or a comma; a quote is written twice. */
static void cell_put(struct bytes *into, struct text text)
{
    if (text.n == 0)
        return;
    if (!memchr(text.at, '"', text.n) && !memchr(text.at, ',', text.n)) {
        bytes_put_text(into, text);
        return;
    }
    bytes_put(into, "\"", 1);
    for (size_t i = 0; i < text.n; i++) {
        if (text.at[i] == '"')
            bytes_put(into, "\"", 1);
        bytes_put(into, &text.at[i], 1);
    }
    bytes_put(into, "\"", 1);
}

void item_out_csv(struct bytes *into, const struct item *item)
{
    const struct text before[] = {item->item, item->title, item->category},
                      behind[] = {item->currency, item->image, item->url};
    for (int i = 0; i < 3; i++) {
        cell_put(into, before[i]);
        json_put(into, ",");
    }
    if (item->price >= 0)
        json_put_int(into, item->price);
    for (int i = 0; i < 3; i++) {
        json_put(into, ",");
        cell_put(into, behind[i]);
    }
    json_put(into, item->available ? ",true" : ",false");
    json_put(into, item->hidden ? ",true," : ",false,");
    cell_put(into, item->labels);
    json_put(into, ",");
    json_put_int(into, item->created_ms);
    json_put(into, ",");
    json_put_int(into, item->updated_ms);
    json_put(into, "\r\n");
}

/* ---- cursors: the item's time, a dot, the bytes of its id, all in hex ---- */

static const char hex[] = "0123456789abcdef";

void item_cursor_put(struct bytes *into, const struct item *item)
{
    char time[24];
    int n = snprintf(time, sizeof time, "%" PRIx64 ".", (uint64_t)item->created_ms);
    bytes_put(into, time, (size_t)n);
    for (size_t i = 0; i < item->item.n; i++) {
        unsigned char c = (unsigned char)item->item.at[i];
        bytes_put(into, (char[]){hex[c >> 4], hex[c & 15]}, 2);
    }
}

static int digit(char c)
{
    const char *at = c ? strchr(hex, c) : NULL;
    return at ? (int)(at - hex) : -1;
}

bool item_cursor_read(struct text cursor, int64_t *created_ms, char memory[ITEM_ID_BYTES],
                      struct text *item)
{
    size_t at = 0, n = 0;
    *created_ms = 0;
    for (; at < cursor.n && at < 15 && digit(cursor.at[at]) >= 0; at++)
        *created_ms = *created_ms * 16 + digit(cursor.at[at]);
    if (at == 0 || at == cursor.n || cursor.at[at++] != '.')
        return false;
    for (; at + 1 < cursor.n && n < ITEM_ID_BYTES; at += 2) {
        int high = digit(cursor.at[at]), low = digit(cursor.at[at + 1]);
        if (high < 0 || low < 0)
            return false;
        memory[n++] = (char)(high * 16 + low);
    }
    *item = (struct text){memory, n};
    return at == cursor.n && n > 0;
}
