#include "serving-layer/item_walk.h"

/* The item at which the walk rested may have gone since. */
static struct item_place place_of(const struct item_store *items, const struct item_walk *walk)
{
    if (walk->item.n == 0)
        return item_store_place(items, INT64_MAX, walk->item);
    struct item_place place = item_store_place(items, walk->created_ms, walk->item), behind = place;
    const struct item *item = item_store_next(items, &behind);
    bool is_there =
        item && item->created_ms == walk->created_ms && text_equal(item->item, walk->item);
    return is_there ? behind : place;
}

const struct item *item_walk_next(struct item_store *items, struct item_walk *walk)
{
    if (!walk->locked) {
        item_store_lock(items);
        walk->locked = true;
        walk->place = place_of(items, walk);
    }
    return item_store_next(items, &walk->place);
}

void item_walk_rest(struct item_store *items, struct item_walk *walk, const struct item *last)
{
    if (last) {
        walk->created_ms = last->created_ms;
        memcpy(walk->memory, last->item.at, last->item.n);
        walk->item = (struct text){walk->memory, last->item.n};
    }
    walk->locked = false;
    item_store_unlock(items);
}
