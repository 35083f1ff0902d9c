/*
 * item: what an item of the catalogue is, and its bounds. Not for: where it is kept (item_store.h), how it is written (item_json.h).
 */
#ifndef TANDEM_SERVING_ITEM_H
#define TANDEM_SERVING_ITEM_H

#include <stdbool.h>
#include <stdint.h>

#include "views/text.h"

enum {
    ITEM_ID_BYTES = 64,
    ITEM_TITLE_BYTES = 256,
    ITEM_CATEGORY_BYTES = 128,
    ITEM_URL_BYTES = 1024,
    ITEM_LABELS_MAX = 32,
    ITEM_LABEL_BYTES = 64,
};

struct item {
    struct text item, title, category, currency, image, url; /* n == 0: absent */
    struct text labels;                                      /* separated by | */
    int64_t price;                                           /* minor units; -1: absent */
    int64_t created_ms, updated_ms;
    int64_t version; /* the ETag; rises with every write of any item */
    bool available, hidden;
};

/* Is `category` the path `above` or beneath it ("home" has "home/lights", not "homes")? */
bool item_category_in(struct text category, struct text above);

/* Newest first, then by id: < 0 when (created_ms, item) stands before the other. */
int item_order(int64_t a_created_ms, struct text a, int64_t b_created_ms, struct text b);

#endif
