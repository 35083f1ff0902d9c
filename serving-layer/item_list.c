#include "serving-layer/item_list.h"

#include <assert.h>
#include <stdlib.h>

#include "common/mem.h"
#include "views/bytes.h"

enum { BLOCK = 512 };

struct item_block { /* never empty */
    size_t n;
    const struct item *item[BLOCK];
};

void item_list_free(struct item_list *list)
{
    for (size_t b = 0; b < list->n; b++)
        free(list->block[b]);
    free(list->block);
    *list = (struct item_list){0};
}

size_t item_list_bytes(const struct item_list *list)
{
    return list->n * sizeof(struct item_block) + list->cap * sizeof(struct item_block *);
}

static bool is_before(const struct item *item, int64_t created_ms, struct text id)
{
    return item_order(item->created_ms, item->item, created_ms, id) < 0;
}

/* How many of the blocks begin before it. */
static size_t blocks_before(const struct item_list *list, int64_t created_ms, struct text id)
{
    size_t low = 0, high = list->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (is_before(list->block[middle]->item[0], created_ms, id))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct item_place item_list_place(const struct item_list *list, int64_t created_ms,
                                  struct text item)
{
    size_t b = blocks_before(list, created_ms, item);
    if (b == 0)
        return (struct item_place){0, 0};
    const struct item_block *block = list->block[--b];
    size_t low = 1, high = block->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (is_before(block->item[middle], created_ms, item))
            low = middle + 1;
        else
            high = middle;
    }
    return (struct item_place){b, low};
}

const struct item *item_list_next(const struct item_list *list, struct item_place *place)
{
    if (place->block < list->n && place->at >= list->block[place->block]->n)
        *place = (struct item_place){place->block + 1, 0};
    return place->block < list->n ? list->block[place->block]->item[place->at++] : NULL;
}

static struct item_block *block_insert(struct item_list *list, size_t at)
{
    list->block = grown(list->block, &list->cap, list->n + 1, sizeof *list->block);
    memmove(list->block + at + 1, list->block + at, (list->n - at) * sizeof *list->block);
    list->n++;
    return list->block[at] = xcalloc(1, sizeof(struct item_block));
}

static void block_remove(struct item_list *list, size_t at)
{
    free(list->block[at]);
    list->n--;
    memmove(list->block + at, list->block + at + 1, (list->n - at) * sizeof *list->block);
}

/* Items that come in order, from either end, fill blocks; others find theirs halved. */
static struct item_place room_make(struct item_list *list, struct item_place place)
{
    if (place.at == BLOCK && place.block == list->n - 1) {
        block_insert(list, list->n);
        return (struct item_place){list->n - 1, 0};
    }
    if (place.at == 0 && place.block == 0) {
        block_insert(list, 0);
        return place;
    }
    struct item_block *behind = block_insert(list, place.block + 1),
                      *full = list->block[place.block];
    behind->n = full->n = BLOCK / 2;
    memcpy(behind->item, full->item + BLOCK / 2, BLOCK / 2 * sizeof *full->item);
    return place.at <= BLOCK / 2 ? place
                                 : (struct item_place){place.block + 1, place.at - BLOCK / 2};
}

void item_list_put(struct item_list *list, const struct item *item)
{
    struct item_place place = item_list_place(list, item->created_ms, item->item);
    if (list->n == 0)
        block_insert(list, 0);
    else if (list->block[place.block]->n == BLOCK)
        place = room_make(list, place);
    struct item_block *block = list->block[place.block];
    memmove(block->item + place.at + 1, block->item + place.at,
            (block->n - place.at) * sizeof *block->item);
    block->item[place.at] = item;
    block->n++;
}

/* Two neighbours that fit into half a block become one, so that few items do not keep many blocks. */
static void blocks_join(struct item_list *list, size_t at)
{
    if (at + 1 >= list->n || list->block[at]->n + list->block[at + 1]->n > BLOCK / 2)
        return;
    struct item_block *block = list->block[at], *behind = list->block[at + 1];
    memcpy(block->item + block->n, behind->item, behind->n * sizeof *block->item);
    block->n += behind->n;
    block_remove(list, at + 1);
}

void item_list_remove(struct item_list *list, const struct item *item)
{
    struct item_place place = item_list_place(list, item->created_ms, item->item);
    if (place.at == list->block[place.block]->n)
        place = (struct item_place){place.block + 1, 0};
    struct item_block *block = list->block[place.block];
    assert(block->item[place.at] == item);
    block->n--;
    memmove(block->item + place.at, block->item + place.at + 1,
            (block->n - place.at) * sizeof *block->item);
    if (block->n == 0)
        block_remove(list, place.block);
    else
        blocks_join(list, place.block);
}
