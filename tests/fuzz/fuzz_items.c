/*
 * What a client says items are: as JSON (held against the slow reader of JSON), as a patch, as NDJSON, as CSV. Whatever is taken is
 * within its bounds and comes back the same when it was written, as JSON and as CSV. The first byte: which of them, and a search.
 */
#include "serving-layer/item_import.h"
#include "serving-layer/item_out.h"
#include "serving-layer/item_search.h"
#include "tests/fuzz/harness.h"
#include "tests/fuzz/slow_json.h"
#include "tests/fuzz/slow_texts.h"
#include "views/event.h"

/* ---- bounds, the obvious way ---- */

static void is_text(struct text text, size_t most)
{
    fuzz_holds(text.n <= most && slow_utf8(text), "a text is UTF-8 within its bound");
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.at[i], before = i ? (unsigned char)text.at[i - 1] : 0;
        fuzz_holds(c >= 0x20 && c != 0x7f && !(before == 0xc2 && c < 0xa0),
                   "a text holds no control character");
    }
}

static void is_item(const struct item *item)
{
    struct text rest = item->labels, label;
    int labels = 0;
    is_text(item->item, 64);
    is_text(item->title, 256);
    is_text(item->category, 128);
    is_text(item->image, 1024);
    is_text(item->url, 1024);
    for (bool more = rest.n > 0; slow_part(&rest, &more, '|', &label); labels++) {
        is_text(label, 64);
        fuzz_holds(label.n > 0, "no label is empty");
    }
    fuzz_holds(labels <= 32, "there are at most 32 labels");
    fuzz_holds(item->price >= -1 && item->price <= 1000000000, "a price has its bounds");
    fuzz_holds(item->currency.n == 3 || (item->currency.n == 0 && item->price == -1),
               "a price has a currency");
    fuzz_holds(item->created_ms >= -1 && item->created_ms < EVENT_TS_END, "a time has its bounds");
}

/* ---- written and read again ---- */

static void is_same(const struct item *a, const struct item *b)
{
    fuzz_holds(text_equal(a->item, b->item) && text_equal(a->title, b->title) &&
                   text_equal(a->category, b->category) && text_equal(a->currency, b->currency) &&
                   text_equal(a->image, b->image) && text_equal(a->url, b->url) &&
                   text_equal(a->labels, b->labels),
               "texts come back as they were");
    fuzz_holds(a->price == b->price && a->created_ms == b->created_ms &&
                   a->available == b->available && a->hidden == b->hidden,
               "numbers come back as they were");
}

static void comes_back(struct item item)
{
    struct bytes json = {0}, csv = {0};
    struct item_import lines = {0}, table = {0};
    item.created_ms = item.created_ms < 0 ? 0 : item.created_ms;
    item.updated_ms = 0;
    item_out_json(&json, &item);
    item_out_csv_head(&csv);
    item_out_csv(&csv, &item);
    fuzz_holds(item_import_ndjson(&lines, bytes_text(&json)) == 0 && lines.n == 1 && !lines.refused,
               "an item that was written as JSON is one");
    is_same(&item, lines.item);
    fuzz_holds(item_import_csv(&table, bytes_text(&csv)) == 0 && table.n == 1 && !table.refused,
               "an item that was written as CSV is one");
    is_same(&item, table.item);
    item_import_free(&lines);
    item_import_free(&table);
    bytes_free(&json);
    bytes_free(&csv);
}

/* ---- one, as JSON ---- */

static void put_code_point(struct bytes *into, uint32_t c)
{
    unsigned char at[4];
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char first[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = n; i-- > 1; c >>= 6)
        at[i] = (unsigned char)(0x80 | (c & 0x3f));
    at[0] = (unsigned char)(first[n] | c);
    bytes_put(into, at, n);
}

static void is_string(struct slow_string string, struct text text)
{
    struct bytes bytes = {0};
    for (size_t i = 0; i < string.n; i++)
        put_code_point(&bytes, string.c[i]);
    fuzz_holds(text_equal(bytes_text(&bytes), text), "a text is what the slow reader read");
    bytes_free(&bytes);
}

static void is_member(const struct slow_member *member, const struct item *item)
{
    struct bytes key = {0};
    for (size_t i = 0; i < member->key.n; i++)
        put_code_point(&key, member->key.c[i]);
    const struct text texts[ITEM_FIELDS] = {
        [ITEM_ITEM] = item->item,         [ITEM_TITLE] = item->title,
        [ITEM_CATEGORY] = item->category, [ITEM_CURRENCY] = item->currency,
        [ITEM_IMAGE] = item->image,       [ITEM_URL] = item->url};
    enum item_field field = item_field_find(bytes_text(&key));
    int64_t number;
    fuzz_holds(field != ITEM_FIELDS, "what is taken has fields of an item only");
    if (member->value.kind == SLOW_STRING)
        is_string(member->value.string, texts[field]);
    if (member->value.kind == SLOW_NUMBER)
        fuzz_holds(slow_number(member->value.number, 0, INT64_MAX, &number) &&
                       (field == ITEM_UPDATED_AT ||
                        number == (field == ITEM_PRICE ? item->price : item->created_ms)),
                   "a number is what the slow reader read");
    bytes_free(&key);
}

static void is_object(struct text json, const struct item *item)
{
    struct slow_block *memory = NULL;
    struct slow_parser parser = {(const unsigned char *)json.at,
                                 (const unsigned char *)json.at + json.n, &memory};
    struct slow_value value;
    slow_space(&parser);
    fuzz_holds(slow_value(&parser, &value) && value.kind == SLOW_OBJECT, "what is taken is JSON");
    slow_space(&parser);
    fuzz_holds(parser.at == parser.end, "nothing stands behind it");
    for (const struct slow_member *m = value.members; m; m = m->next) {
        for (const struct slow_member *other = m->next; other; other = other->next)
            fuzz_holds(!slow_string_equal(m->key, other->key), "each key is there once");
        is_member(m, item);
    }
    for (struct slow_block *next; memory; memory = next) {
        next = memory->next;
        free(memory);
    }
}

static void as_json(struct text json, bool is_patch)
{
    struct item_draft draft = {0};
    struct item_fault fault;
    struct item item = {.price = -1, .created_ms = -1, .available = true};
    if (item_draft_json(&draft, json, is_patch, &fault) == 0) {
        is_object(json, &draft.item);
        item_draft_apply(&draft, &item);
        item.item = text_of("i");
        if (item_check(&item, &fault) == 0) {
            is_item(&item);
            comes_back(item);
        }
    }
    item_draft_free(&draft);
}

/* ---- many ---- */

static void as_import(struct text body, bool is_csv)
{
    struct item_import import = {0};
    int failed = is_csv ? item_import_csv(&import, body) : item_import_ndjson(&import, body);
    fuzz_holds(!failed, "4096 bytes have no 10000 lines that hold something"); /* of two bytes */
    fuzz_holds(import.n + import.refused == import.lines + import.no_head,
               "each line is taken or refused");
    for (size_t i = 0; i < import.n; i++) {
        is_item(&import.item[i]);
        for (size_t k = 0; k < i; k++)
            fuzz_holds(!text_equal(import.item[i].item, import.item[k].item),
                       "no id is there twice");
        if (i < 8)
            comes_back(import.item[i]);
    }
    item_import_free(&import);
}

/* ---- a search ---- */

static void as_search(struct text rest)
{
    struct item_search search = {.available = ITEM_EITHER, .hidden = ITEM_EITHER};
    size_t n = fuzz_byte(&rest);
    struct text query = {rest.at, n < rest.n ? n : rest.n};
    struct text title = {rest.at + query.n, rest.n - query.n};
    struct item item = {.item = query, .title = title};
    char folded[512];
    title.n = title.n < 256 ? title.n : 256;
    item.title = title;
    if (!slow_utf8(query) || !slow_utf8(title))
        return;
    item_search_query(&search, query);
    bool fits = item_search_fits(&search, &item);
    item_fold(title, folded);
    fuzz_holds(slow_utf8((struct text){folded, title.n}), "what is folded is UTF-8");
    struct item again = {.item = text_of("?"), .title = {folded, title.n}};
    item.item = again.item;
    fuzz_holds(item_search_fits(&search, &item) == item_search_fits(&search, &again),
               "a title is found in any case");
    fuzz_holds(fits || query.n > ITEM_ID_BYTES || (query.n && query.at[0] == ' '),
               "an item is found by its id");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct text rest = {(const char *)data, n};
    uint8_t how = fuzz_byte(&rest) % 5;
    struct text body = fuzz_exact((const uint8_t *)rest.at, rest.n);
    if (how < 2)
        as_json(body, how);
    else if (how < 4)
        as_import(body, how == 3);
    else
        as_search(body);
    free((char *)body.at);
    return 0;
}
