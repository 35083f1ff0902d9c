#include "serving-layer/item_draft.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>

#include "views/event.h"
#include "views/utf8.h"

enum kind { KIND_TEXT, KIND_CATEGORY, KIND_CURRENCY, KIND_LINK, KIND_INT, KIND_BOOL, KIND_LABELS };

enum { PRICE_MAX = 1000000000 };

static const struct field_row {
    const char *name;
    enum kind kind;
    int64_t max; /* bytes, or the greatest number */
    size_t place;
} rows[ITEM_FIELDS] = {
    [ITEM_ITEM] = {"item", KIND_TEXT, ITEM_ID_BYTES, offsetof(struct item, item)},
    [ITEM_TITLE] = {"title", KIND_TEXT, ITEM_TITLE_BYTES, offsetof(struct item, title)},
    [ITEM_CATEGORY] = {"category", KIND_CATEGORY, ITEM_CATEGORY_BYTES,
                       offsetof(struct item, category)},
    [ITEM_PRICE] = {"price", KIND_INT, PRICE_MAX, offsetof(struct item, price)},
    [ITEM_CURRENCY] = {"currency", KIND_CURRENCY, 3, offsetof(struct item, currency)},
    [ITEM_IMAGE] = {"image", KIND_LINK, ITEM_URL_BYTES, offsetof(struct item, image)},
    [ITEM_URL] = {"url", KIND_LINK, ITEM_URL_BYTES, offsetof(struct item, url)},
    [ITEM_AVAILABLE] = {"available", KIND_BOOL, 0, offsetof(struct item, available)},
    [ITEM_HIDDEN] = {"hidden", KIND_BOOL, 0, offsetof(struct item, hidden)},
    [ITEM_LABELS] = {"labels", KIND_LABELS, ITEM_LABEL_BYTES, offsetof(struct item, labels)},
    [ITEM_CREATED_AT] = {"created_at", KIND_INT, EVENT_TS_END - 1,
                         offsetof(struct item, created_ms)},
    [ITEM_UPDATED_AT] = {"updated_at", KIND_INT, EVENT_TS_END - 1,
                         offsetof(struct item, updated_ms)},
};

static const struct item nothing = {.price = -1, .created_ms = -1, .available = true};

const char *item_field_name(enum item_field field)
{
    return rows[field].name;
}

enum item_field item_field_find(struct text name)
{
    int f = 0;
    while (f < ITEM_FIELDS && !text_equal(name, text_of(rows[f].name)))
        f++;
    return (enum item_field)f;
}

void item_draft_free(struct item_draft *draft)
{
    bytes_free(&draft->text);
}

void item_draft_begin(struct item_draft *draft, size_t bytes)
{
    draft->item = nothing;
    draft->given = 0;
    bytes_clear(&draft->text);
    bytes_room(&draft->text, bytes + 1); /* so that it does not move while it is pointed into */
}

/* ---- what is wrong ---- */

__attribute__((format(printf, 3, 4))) static int wrong(struct item_fault *fault, struct text field,
                                                       const char *format, ...)
{
    va_list args;
    fault->is_json = true;
    snprintf(fault->field, sizeof fault->field, "%.*s",
             (int)utf8_cut(field, sizeof fault->field - 1), field.at);
    va_start(args, format);
    vsnprintf(fault->detail, sizeof fault->detail, format, args);
    va_end(args);
    return -1;
}

static int wrong_field(struct item_fault *fault, const struct field_row *row, const char *detail)
{
    return wrong(fault, text_of(row->name), "%s", detail);
}

/* U+0000 to 001F and U+007F to 009F, as in events. The text is UTF-8. */
static bool has_control(struct text text)
{
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.at[i];
        if (c < 0x20 || c == 0x7f ||
            (c == 0xc2 && i + 1 < text.n && (unsigned char)text.at[i + 1] < 0xa0))
            return true;
    }
    return false;
}

static int text_check(const struct field_row *row, struct text value, struct item_fault *fault)
{
    if (value.n == 0 || value.n > (size_t)row->max)
        return wrong(fault, text_of(row->name), "has %zu bytes: it must have 1 to %" PRId64,
                     value.n, row->max);
    if (!utf8_is(value))
        return wrong_field(fault, row, "is not UTF-8");
    if (has_control(value))
        return wrong_field(fault, row, "holds a control character");
    return 0;
}

static bool begins(struct text value, const char *with)
{
    return value.n >= strlen(with) && memcmp(value.at, with, strlen(with)) == 0;
}

static bool category_is_path(struct text value)
{
    for (size_t i = 0; i < value.n; i++)
        if (value.at[i] == '/' && (i == 0 || i + 1 == value.n || value.at[i + 1] == '/'))
            return false;
    return true;
}

static bool currency_is_code(struct text value)
{
    bool good = value.n == 3;
    for (size_t i = 0; good && i < value.n; i++)
        good = value.at[i] >= 'A' && value.at[i] <= 'Z';
    return good;
}

static int form_check(const struct field_row *row, struct text value, struct item_fault *fault)
{
    if (row->kind == KIND_CURRENCY && !currency_is_code(value))
        return wrong_field(fault, row, "must be three capital letters");
    if (text_check(row, value, fault))
        return -1;
    if (row->kind == KIND_CATEGORY && !category_is_path(value))
        return wrong_field(fault, row, "must be a path of parts with / between them");
    if (row->kind == KIND_LINK && !begins(value, "http://") && !begins(value, "https://") &&
        !begins(value, "/"))
        return wrong_field(fault, row, "must begin with http://, https:// or /");
    return 0;
}

bool item_id_is_good(struct text item)
{
    struct item_fault ignored;
    return text_check(&rows[ITEM_ITEM], item, &ignored) == 0;
}

/* ---- values ---- */

static struct text kept(struct item_draft *draft, struct text value)
{
    struct text copy = {draft->text.at + draft->text.n, value.n};
    bytes_put_text(&draft->text, value);
    return copy;
}

static void place_put(struct item_draft *draft, const struct field_row *row, const void *value,
                      size_t bytes)
{
    memcpy((char *)&draft->item + row->place, value, bytes);
}

static int text_take(struct item_draft *draft, const struct field_row *row, struct text value,
                     struct item_fault *fault)
{
    if (form_check(row, value, fault))
        return -1;
    struct text copy = kept(draft, value);
    place_put(draft, row, &copy, sizeof copy);
    return 0;
}

static int number_take(struct item_draft *draft, const struct field_row *row, int64_t value,
                       struct item_fault *fault)
{
    if (value < 0 || value > row->max)
        return wrong(fault, text_of(row->name),
                     "is %" PRId64 ": it must be a whole number from 0 to %" PRId64, value,
                     row->max);
    place_put(draft, row, &value, sizeof value);
    return 0;
}

/* `n` labels are there. */
static int label_take(struct item_draft *draft, const struct field_row *row, struct text label,
                      int n, struct item_fault *fault)
{
    if (n == ITEM_LABELS_MAX)
        return wrong_field(fault, row, "has more than 32 labels");
    if (text_check(row, label, fault))
        return -1;
    if (memchr(label.at, '|', label.n))
        return wrong_field(fault, row, "has a label that holds |");
    struct text *labels = &draft->item.labels;
    if (n == 0)
        *labels = (struct text){draft->text.at + draft->text.n, 0};
    else
        bytes_put(&draft->text, "|", 1);
    bytes_put_text(&draft->text, label);
    labels->n = (size_t)(draft->text.at + draft->text.n - labels->at);
    return 0;
}

/* ---- JSON ---- */

static int labels_json(struct item_draft *draft, const struct field_row *row, const json_t *value,
                       struct item_fault *fault)
{
    if (!json_is_array(value))
        return wrong_field(fault, row, "must be an array of texts");
    for (size_t i = 0; i < json_array_size(value); i++) {
        const json_t *label = json_array_get(value, i);
        if (!json_is_string(label))
            return wrong_field(fault, row, "must be an array of texts");
        if (label_take(draft, row,
                       (struct text){json_string_value(label), json_string_length(label)}, (int)i,
                       fault))
            return -1;
    }
    return 0;
}

static int value_json(struct item_draft *draft, const struct field_row *row, const json_t *value,
                      struct item_fault *fault)
{
    switch (row->kind) {
    case KIND_INT:
        if (!json_is_integer(value))
            return wrong(fault, text_of(row->name), "must be a whole number from 0 to %" PRId64,
                         row->max);
        return number_take(draft, row, json_integer_value(value), fault);
    case KIND_BOOL:
        if (!json_is_boolean(value))
            return wrong_field(fault, row, "must be true or false");
        place_put(draft, row, &(bool){json_is_true(value)}, sizeof(bool));
        return 0;
    case KIND_LABELS: return labels_json(draft, row, value, fault);
    default:
        if (!json_is_string(value))
            return wrong_field(fault, row, "must be a text");
        return text_take(draft, row,
                         (struct text){json_string_value(value), json_string_length(value)}, fault);
    }
}

static int field_json(struct item_draft *draft, struct text key, const json_t *value, bool is_patch,
                      struct item_fault *fault)
{
    enum item_field field = item_field_find(key);
    if (field == ITEM_FIELDS)
        return wrong(fault, key, "is no field of an item");
    draft->given |= 1U << field;
    if (is_patch && json_is_null(value) && field != ITEM_ITEM)
        return 0;
    return value_json(draft, &rows[field], value, fault);
}

static int object_take(struct item_draft *draft, json_t *object, bool is_patch,
                       struct item_fault *fault)
{
    if (!json_is_object(object)) {
        *fault = (struct item_fault){.detail = "is not one JSON object (RFC 8259; each key once)"};
        return -1;
    }
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        if (field_json(draft, text_of(key), value, is_patch, fault))
            return -1;
    }
    return 0;
}

int item_draft_json(struct item_draft *draft, struct text json, bool is_patch,
                    struct item_fault *fault)
{
    json_error_t ignored; /* its words are jansson's, its texts the client's */
    json.at = json.n ? json.at : "";
    item_draft_begin(draft, json.n);
    /* A zero byte is no JSON; jansson 2.14 passes over one that stands behind a number. */
    json_t *object =
        memchr(json.at, 0, json.n)
            ? NULL
            : json_loadb(json.at, json.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY,
                         &ignored);
    int failed = object_take(draft, object, is_patch, fault);
    json_decref(object);
    return failed;
}

/* ---- CSV ---- */

static int labels_put(struct item_draft *draft, const struct field_row *row, struct text value,
                      struct item_fault *fault)
{
    for (int n = 0;; n++) {
        const char *bar = memchr(value.at, '|', value.n);
        struct text label = {value.at, bar ? (size_t)(bar - value.at) : value.n};
        if (label_take(draft, row, label, n, fault))
            return -1;
        if (!bar)
            return 0;
        value = (struct text){bar + 1, value.n - label.n - 1};
    }
}

static int number_put(struct item_draft *draft, const struct field_row *row, struct text value,
                      struct item_fault *fault)
{
    int64_t number = 0;
    bool good = value.n > 0 && value.n <= 18;
    for (size_t i = 0; good && i < value.n; i++) {
        good = value.at[i] >= '0' && value.at[i] <= '9';
        number = 10 * number + (value.at[i] - '0');
    }
    if (!good)
        return wrong(fault, text_of(row->name), "must be a whole number from 0 to %" PRId64,
                     row->max);
    return number_take(draft, row, number, fault);
}

int item_draft_put(struct item_draft *draft, enum item_field field, struct text value,
                   struct item_fault *fault)
{
    const struct field_row *row = &rows[field];
    draft->given |= 1U << field;
    switch (row->kind) {
    case KIND_INT: return number_put(draft, row, value, fault);
    case KIND_LABELS: return labels_put(draft, row, value, fault);
    case KIND_BOOL:
        if (!text_equal(value, text_of("true")) && !text_equal(value, text_of("false")))
            return wrong_field(fault, row, "must be true or false");
        place_put(draft, row, &(bool){value.at[0] == 't'}, sizeof(bool));
        return 0;
    default: return text_take(draft, row, value, fault);
    }
}

/* ---- the item ---- */

static size_t size_of(enum kind kind)
{
    return kind == KIND_BOOL  ? sizeof(bool)
           : kind == KIND_INT ? sizeof(int64_t)
                              : sizeof(struct text);
}

void item_draft_apply(const struct item_draft *draft, struct item *onto)
{
    for (int f = 0; f < ITEM_FIELDS; f++)
        if (draft->given >> f & 1 && f != ITEM_ITEM && f != ITEM_UPDATED_AT)
            memcpy((char *)onto + rows[f].place, (const char *)&draft->item + rows[f].place,
                   size_of(rows[f].kind));
}

int item_check(const struct item *item, struct item_fault *fault)
{
    return item->price >= 0 && item->currency.n == 0
               ? wrong(fault, text_of("price"), "needs a currency")
               : 0;
}
