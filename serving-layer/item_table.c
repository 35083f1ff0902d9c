#include "serving-layer/item_table.h"

#include <stdlib.h>

#include "common/mem.h"
#include "views/bytes.h"
#include "views/names.h"

/*
 * Found by the hash of the id: its upper bits choose one of many small tables, each with open addressing. A table that grows
 * moves some thousands of slots at one million items, not all of them: nobody waits long for the write lock.
 */
enum { SHARDS = 1024, SHARD_SHIFT = 54, TEXTS = 7 };

struct entry {
    struct item item; /* first: an item of ours is an entry */
    uint8_t round;
    char text[];
};

struct slot {
    uint64_t hash;
    struct entry *entry; /* NULL: free */
};

struct shard {
    struct slot *slot;
    size_t n, size; /* a power of two; at most three quarters are full */
};

struct item_table {
    struct shard shard[SHARDS];
    struct item_list list;
    struct item_digest digest;
    size_t text_bytes, entry_bytes, slot_bytes;
    uint8_t round;
    size_t swept;
};

struct item_table *item_table_new(void)
{
    return xcalloc(1, sizeof(struct item_table));
}

void item_table_free(struct item_table *table)
{
    if (!table)
        return;
    item_list_free(&table->list);
    for (size_t s = 0; s < SHARDS; s++) {
        for (size_t i = 0; i < table->shard[s].size; i++)
            free(table->shard[s].slot[i].entry);
        free(table->shard[s].slot);
    }
    free(table);
}

/* ---- a shard ---- */

static struct shard *shard_of(struct item_table *table, uint64_t hash)
{
    return &table->shard[hash >> SHARD_SHIFT];
}

/* Where it is, or the free slot where it would be. */
static struct slot *slot_find(const struct shard *shard, uint64_t hash, struct text item)
{
    size_t at = hash & (shard->size - 1);
    while (shard->slot[at].entry &&
           !(shard->slot[at].hash == hash && text_equal(shard->slot[at].entry->item.item, item)))
        at = (at + 1) & (shard->size - 1);
    return &shard->slot[at];
}

static void shard_grow(struct item_table *table, struct shard *shard)
{
    struct shard old = *shard;
    shard->size = old.size ? 2 * old.size : 4;
    shard->slot = xcalloc(shard->size, sizeof *shard->slot);
    table->slot_bytes += (shard->size - old.size) * sizeof *shard->slot;
    for (size_t i = 0; i < old.size; i++)
        if (old.slot[i].entry)
            *slot_find(shard, old.slot[i].hash, old.slot[i].entry->item.item) = old.slot[i];
    free(old.slot);
}

/* Those behind it that would no longer be found move up. */
static void slot_clear(struct shard *shard, struct slot *slot)
{
    size_t mask = shard->size - 1, hole = (size_t)(slot - shard->slot);
    for (size_t at = (hole + 1) & mask; shard->slot[at].entry; at = (at + 1) & mask) {
        size_t home = shard->slot[at].hash & mask;
        if (((at - home) & mask) < ((at - hole) & mask))
            continue;
        shard->slot[hole] = shard->slot[at];
        hole = at;
    }
    shard->slot[hole].entry = NULL;
    shard->n--;
}

/* ---- an entry ---- */

static const size_t text_places[TEXTS] = {
    offsetof(struct item, item),     offsetof(struct item, title), offsetof(struct item, category),
    offsetof(struct item, currency), offsetof(struct item, image), offsetof(struct item, url),
    offsetof(struct item, labels),
};

static struct text text_at(const struct item *item, int i)
{
    struct text text;
    memcpy(&text, (const char *)item + text_places[i], sizeof text);
    return text;
}

static size_t text_bytes(const struct item *item)
{
    size_t bytes = 0;
    for (int i = 0; i < TEXTS; i++)
        bytes += text_at(item, i).n;
    return bytes;
}

static struct entry *entry_new(const struct item *item, uint8_t round)
{
    struct entry *entry = xmalloc(sizeof *entry + text_bytes(item));
    entry->item = *item;
    entry->round = round;
    char *at = entry->text;
    for (int i = 0; i < TEXTS; i++) {
        struct text from = text_at(item, i), into = {at, from.n};
        if (from.n)
            memcpy(at, from.at, from.n);
        memcpy((char *)&entry->item + text_places[i], &into, sizeof into);
        at += from.n;
    }
    return entry;
}

static void count(struct item_table *table, const struct item *item, bool more)
{
    uint64_t version = (uint64_t)item->version;
    size_t texts = text_bytes(item);
    table->digest.n += more ? 1 : (uint64_t)-1;
    table->digest.sum += more ? version : 0 - version;
    table->digest.xor ^= (uint64_t)item->updated_ms;
    table->text_bytes += more ? texts : 0 - texts;
    table->entry_bytes += more ? sizeof(struct entry) : 0 - sizeof(struct entry);
}

static void entry_free(struct item_table *table, struct entry *entry)
{
    count(table, &entry->item, false);
    item_list_remove(&table->list, &entry->item);
    free(entry);
}

/* ---- the table ---- */

void item_table_put(struct item_table *table, const struct item *item)
{
    uint64_t hash = text_hash(item->item);
    struct shard *shard = shard_of(table, hash);
    if (4 * (shard->n + 1) > 3 * shard->size)
        shard_grow(table, shard);
    struct slot *slot = slot_find(shard, hash, item->item);
    struct entry *fresh = entry_new(item, table->round); /* `item` may be what it replaces */
    if (slot->entry)
        entry_free(table, slot->entry);
    else
        shard->n++;
    *slot = (struct slot){hash, fresh};
    count(table, &fresh->item, true);
    item_list_put(&table->list, &fresh->item);
}

/* NULL: it is not there. */
static struct slot *there_find(const struct shard *shard, uint64_t hash, struct text item)
{
    struct slot *slot = shard->size ? slot_find(shard, hash, item) : NULL;
    return slot && slot->entry ? slot : NULL;
}

void item_table_remove(struct item_table *table, struct text item)
{
    uint64_t hash = text_hash(item);
    struct shard *shard = shard_of(table, hash);
    struct slot *slot = there_find(shard, hash, item);
    if (!slot)
        return;
    struct entry *entry = slot->entry;
    slot_clear(shard, slot);
    entry_free(table, entry);
}

const struct item *item_table_find(const struct item_table *table, struct text item)
{
    uint64_t hash = text_hash(item);
    const struct slot *slot = there_find(&table->shard[hash >> SHARD_SHIFT], hash, item);
    return slot ? &slot->entry->item : NULL;
}

const struct item_list *item_table_list(const struct item_table *table)
{
    return &table->list;
}

struct item_digest item_table_digest(const struct item_table *table)
{
    struct item_digest digest = table->digest;
    digest.sum &= (UINT64_C(1) << 62) - 1;
    return digest;
}

void item_table_bytes(const struct item_table *table, size_t *texts, size_t *rest)
{
    *texts = table->text_bytes;
    *rest = sizeof *table + table->entry_bytes + table->slot_bytes + item_list_bytes(&table->list);
}

/* ---- replacing all ---- */

void item_table_round(struct item_table *table)
{
    table->round++;
    table->swept = 0;
}

bool item_table_confirm(struct item_table *table, const struct item *item)
{
    uint64_t hash = text_hash(item->item);
    struct slot *slot = there_find(shard_of(table, hash), hash, item->item);
    if (!slot || slot->entry->item.version != item->version ||
        slot->entry->item.updated_ms != item->updated_ms)
        return false;
    slot->entry->round = table->round;
    return true;
}

bool item_table_sweep(struct item_table *table)
{
    if (table->swept == SHARDS)
        return false;
    struct shard *shard = &table->shard[table->swept++];
    for (size_t i = 0; i < shard->size;) {
        struct entry *entry = shard->slot[i].entry;
        if (!entry || entry->round == table->round) {
            i++;
            continue;
        }
        slot_clear(shard, &shard->slot[i]); /* another may have moved here: look again */
        entry_free(table, entry);
    }
    return true;
}
