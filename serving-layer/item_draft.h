/*
 * item_draft: what a client says an item is, from JSON or from a line of CSV: parsed strictly and held against the bounds of
 * docs/api.md before Postgres hears of it, which has the same bounds (batch-layer/schema/002-catalogue.sql). Pure.
 * Not for: the answer's form (item_out.h).
 */
#ifndef TANDEM_SERVING_ITEM_DRAFT_H
#define TANDEM_SERVING_ITEM_DRAFT_H

#include "serving-layer/item.h"
#include "views/bytes.h"

/* In the order in which they are written (item_out.h). */
enum item_field {
    ITEM_ITEM,
    ITEM_TITLE,
    ITEM_CATEGORY,
    ITEM_PRICE,
    ITEM_CURRENCY,
    ITEM_IMAGE,
    ITEM_URL,
    ITEM_AVAILABLE,
    ITEM_HIDDEN,
    ITEM_LABELS,
    ITEM_CREATED_AT,
    ITEM_UPDATED_AT, /* may be given, as an answer has it, and is not taken */
    ITEM_FIELDS
};

const char *item_field_name(enum item_field field);
enum item_field item_field_find(struct text name); /* ITEM_FIELDS: there is no such */

struct item_draft {    /* zero-initialise; item_draft_free */
    struct item item;  /* what was given; created_ms -1: was not */
    unsigned given;    /* a bit a field */
    struct bytes text; /* where its texts lie */
};
void item_draft_free(struct item_draft *draft);

struct item_fault {
    bool is_json;   /* false: the bytes are no JSON object at all */
    char field[65]; /* "": not one field's */
    char detail[160];
};

/*
 * One JSON object (RFC 8259, each key once). is_patch: a field may be null, which takes it away (RFC 7396). 0, or -1 and why.
 * That a price needs a currency is for item_check.
 */
int item_draft_json(struct item_draft *draft, struct text json, bool is_patch,
                    struct item_fault *fault);

/* From a line of CSV, a field at a time: begin with the bytes that all will have together at most. */
void item_draft_begin(struct item_draft *draft, size_t bytes);
int item_draft_put(struct item_draft *draft, enum item_field field, struct text value,
                   struct item_fault *fault);

/* `onto` with the fields that were given in place of its own. Texts are the draft's. */
void item_draft_apply(const struct item_draft *draft, struct item *onto);

/* What needs more than one field: 0, or -1 and why. */
int item_check(const struct item *item, struct item_fault *fault);

/* An id in a path. */
bool item_id_is_good(struct text item);

#endif
