/*
 * item_store: the catalogue of items in the process's memory, for filters, titles and search. Postgres is the truth: a thread of
 * its own loads what is new when Postgres notifies (channel tandem_items), and looks once a second without that, so that a lost
 * notification heals. Joined when an answer is made, never inside a view (design.md, section 4).
 * Not for: writing items (handle_items.c asks Postgres by jobs.h).
 */
#ifndef TANDEM_SERVING_ITEM_STORE_H
#define TANDEM_SERVING_ITEM_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "views/bytes.h"

struct item_store;

struct item {
    struct text item, title, category, currency, image, url; /* n == 0: absent */
    struct text labels;                                      /* separated by | */
    int64_t price;                                           /* minor units; -1: absent */
    int64_t created_ms, updated_ms;
    int64_t version; /* the ETag; rises with every write of any item */
    bool available, hidden;
};

/* Starts the thread and returns at once. `postgres` is borrowed. */
struct item_store *item_store_new(const char *postgres);
void item_store_free(struct item_store *store);

/* What is found between lock and unlock lives until unlock. Short: the loader waits. Any thread, not twice by one. */
void item_store_lock(struct item_store *store);
void item_store_unlock(struct item_store *store);
/* NULL: the catalogue does not have it. */
const struct item *item_store_find(const struct item_store *store, struct text item);

/* Is `category` the path `above` or beneath it ("home" has "home/lights", not "homes")? */
bool item_category_in(struct text category, struct text above);

#endif
