/*
 * item_walk: all items in order, with rests in which the lock is free and others go on. What is put or removed meanwhile is met
 * or not; what is there all the time is met once. Not for: walks that fit into one lock (item_store_next).
 */
#ifndef TANDEM_SERVING_ITEM_WALK_H
#define TANDEM_SERVING_ITEM_WALK_H

#include "serving-layer/item_store.h"

struct
    item_walk { /* zero-initialise: from the newest; or set created_ms and item: behind that one */
    int64_t created_ms;
    char memory[ITEM_ID_BYTES];
    struct text item; /* in `memory` */
    struct item_place place;
    bool locked;
};

/* Takes the lock where it is not held; it is held until the rest. NULL: that was all. */
const struct item *item_walk_next(struct item_store *items, struct item_walk *walk);
/* `last`: the one that was met last; NULL: none since the last rest, or that was all. */
void item_walk_rest(struct item_store *items, struct item_walk *walk, const struct item *last);

#endif
