#include "serving-layer/shared_table.h"

#include <stdlib.h>

#include "common/mem.h"
#include "views/names.h"

enum { FIRST_SLOTS = 64 };

static uint64_t key_hash(uint32_t tag, struct text key)
{
    return text_hash(key) + tag * UINT64_C(0x9e3779b97f4a7c15);
}

void *block_new(size_t size, uint32_t tag, struct text key)
{
    struct block *block = xmalloc(size + key.n);
    *block = (struct block){key_hash(tag, key), 0, tag, (uint32_t)size, (uint32_t)key.n};
    if (key.n)
        memcpy((char *)block + size, key.at, key.n);
    return block;
}

size_t block_bytes(const struct block *block)
{
    return (size_t)block->key_at + block->key_bytes;
}

size_t shared_table_bytes(const struct shared_table *table)
{
    return table->n_slots * sizeof(struct block *) + table->bytes;
}

static void block_drop(struct block *block)
{
    if (--block->refs == 0)
        free(block);
}

static void block_take_out(struct shared_table *table, struct block *block)
{
    table->n--;
    table->bytes -= block_bytes(block);
    block_drop(block);
}

static bool block_is(const struct block *block, uint64_t hash, uint32_t tag, struct text key)
{
    struct text held = {(const char *)block + block->key_at, block->key_bytes};
    return block->hash == hash && block->tag == tag && text_equal(held, key);
}

/* The slot of the key, or the free one where it belongs. The table has slots. */
static size_t slot_of(const struct shared_table *table, uint64_t hash, uint32_t tag,
                      struct text key)
{
    size_t i = hash & (table->n_slots - 1);
    while (table->slot[i] && !block_is(table->slot[i], hash, tag, key))
        i = (i + 1) & (table->n_slots - 1);
    return i;
}

static void table_grow(struct shared_table *table)
{
    struct shared_table larger = *table;
    larger.n_slots = table->n_slots ? 2 * table->n_slots : FIRST_SLOTS;
    larger.slot = xcalloc(larger.n_slots, sizeof(struct block *));
    for (size_t i = 0; i < table->n_slots; i++) {
        if (!table->slot[i])
            continue;
        size_t at = table->slot[i]->hash & (larger.n_slots - 1);
        while (larger.slot[at])
            at = (at + 1) & (larger.n_slots - 1);
        larger.slot[at] = table->slot[i];
    }
    free(table->slot);
    *table = larger;
}

void shared_table_copy(struct shared_table *into, const struct shared_table *from)
{
    *into = *from;
    if (from->n_slots == 0)
        return;
    into->slot = xmalloc(from->n_slots * sizeof(struct block *));
    memcpy(into->slot, from->slot, from->n_slots * sizeof(struct block *));
    for (size_t i = 0; i < into->n_slots; i++)
        if (into->slot[i])
            into->slot[i]->refs++;
}

void shared_table_free(struct shared_table *table)
{
    for (size_t i = 0; i < table->n_slots; i++)
        if (table->slot[i])
            block_drop(table->slot[i]);
    free(table->slot);
    *table = (struct shared_table){0};
}

void shared_table_put(struct shared_table *table, void *added)
{
    struct block *block = added;
    if (2 * (table->n + 1) > table->n_slots)
        table_grow(table);
    struct text key = {(const char *)block + block->key_at, block->key_bytes};
    size_t i = slot_of(table, block->hash, block->tag, key);
    if (table->slot[i])
        block_take_out(table, table->slot[i]);
    table->slot[i] = block;
    table->n++;
    table->bytes += block_bytes(block);
    block->refs++;
}

void shared_table_remove(struct shared_table *table, uint32_t tag, struct text key)
{
    if (table->n == 0)
        return;
    size_t mask = table->n_slots - 1;
    size_t hole = slot_of(table, key_hash(tag, key), tag, key);
    if (!table->slot[hole])
        return;
    block_take_out(table, table->slot[hole]);
    /* Those behind it that would be looked for from before the hole move into it, so that no search ends early. */
    for (size_t i = (hole + 1) & mask; table->slot[i]; i = (i + 1) & mask) {
        size_t home = table->slot[i]->hash & mask;
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            table->slot[hole] = table->slot[i];
            hole = i;
        }
    }
    table->slot[hole] = NULL;
}

void *shared_table_find(const struct shared_table *table, uint32_t tag, struct text key)
{
    return table->n ? table->slot[slot_of(table, key_hash(tag, key), tag, key)] : NULL;
}
