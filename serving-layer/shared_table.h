/*
 * shared_table: a hash table from (tag, text) to blocks of memory that several tables may share: copying a table copies
 * pointers and counts, not blocks. What versions of a batch view have in common is held once.
 * Not for: more than one writing thread; blocks are counted without atomics. Reading a table that nobody changes: any thread.
 */
#ifndef TANDEM_SERVING_SHARED_TABLE_H
#define TANDEM_SERVING_SHARED_TABLE_H

#include <stdint.h>

#include "views/text.h"

/* Stands at the beginning of a block; the key's text lies in the block, too. */
struct block {
    uint64_t hash;
    uint32_t refs; /* tables that hold it */
    uint32_t tag;
    uint32_t key_at, key_bytes;
};

/* Zero-initialised is empty. */
struct shared_table {
    struct block **slot; /* open addressing, at most half full */
    size_t n_slots;      /* a power of two, or 0 */
    size_t n;
    size_t bytes; /* of its blocks */
};

/* A block of `size` bytes (its header included) and the key behind them. Caller: shared_table_put. */
void *block_new(size_t size, uint32_t tag, struct text key);
size_t block_bytes(const struct block *block); /* up to the end of its key */

size_t shared_table_bytes(const struct shared_table *table); /* with its blocks */
void shared_table_copy(struct shared_table *into, const struct shared_table *from);
void shared_table_free(struct shared_table *table); /* and every block that no other table holds */

/* Takes the block `added`, in place of one with the same key. */
void shared_table_put(struct shared_table *table, void *added);
void shared_table_remove(struct shared_table *table, uint32_t tag, struct text key);
void *shared_table_find(const struct shared_table *table, uint32_t tag,
                        struct text key); /* or NULL */

#endif
