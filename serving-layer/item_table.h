/*
 * item_table: the items in memory, by id and in order. It owns copies of what is put. One thread, or a lock around it
 * (item_store.h). Not for: where they come from.
 */
#ifndef TANDEM_SERVING_ITEM_TABLE_H
#define TANDEM_SERVING_ITEM_TABLE_H

#include "serving-layer/item_list.h"

struct item_table;

struct item_table *item_table_new(void);
void item_table_free(struct item_table *table);

/* A copy of `item`, in place of the one with its id. */
void item_table_put(struct item_table *table, const struct item *item);
void item_table_remove(struct item_table *table, struct text item); /* nothing where it is not */
/* Until it is put or removed; NULL: it is not there. */
const struct item *item_table_find(const struct item_table *table, struct text item);
/* In order. */
const struct item_list *item_table_list(const struct item_table *table);

/* To compare two catalogues without looking at each item. */
struct item_digest {
    uint64_t n;
    uint64_t sum;  /* of their versions, modulo 2^62 */
    uint64_t xor ; /* of their updated_ms */
};
struct item_digest item_table_digest(const struct item_table *table);
/* Memory that is held: the items' texts, and all the rest. */
void item_table_bytes(const struct item_table *table, size_t *texts, size_t *rest);

/*
 * Replacing all: after item_table_round each item that still is is put again, or confirmed where this version of it is there
 * already (true); then item_table_sweep removes those that were not, some at each call: false when there are no more.
 */
void item_table_round(struct item_table *table);
bool item_table_confirm(struct item_table *table, const struct item *item);
bool item_table_sweep(struct item_table *table);

#endif
