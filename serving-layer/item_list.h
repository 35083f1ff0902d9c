/*
 * item_list: items in their order (newest first, then by id): pointers in blocks, so that inserting moves a few kilobytes
 * however many there are. Not for: finding by id (item_table.h), which owns the items.
 */
#ifndef TANDEM_SERVING_ITEM_LIST_H
#define TANDEM_SERVING_ITEM_LIST_H

#include <stddef.h>

#include "serving-layer/item.h"

struct item_block;

struct item_list { /* zero-initialise; item_list_free */
    struct item_block **block;
    size_t n, cap;
};

/* A place between two items; good until the list is changed. */
struct item_place {
    size_t block, at;
};

void item_list_free(struct item_list *list);
void item_list_put(struct item_list *list, const struct item *item);    /* must not be there */
void item_list_remove(struct item_list *list, const struct item *item); /* must be there */
size_t item_list_bytes(const struct item_list *list);

/* Before the first item that does not stand before (created_ms, item); INT64_MAX: before all. */
struct item_place item_list_place(const struct item_list *list, int64_t created_ms,
                                  struct text item);
/* The item behind the place, which moves on; NULL: no more. */
const struct item *item_list_next(const struct item_list *list, struct item_place *place);

#endif
