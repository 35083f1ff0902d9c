#include "serving-layer/seen.h"

#include <assert.h>

#include "serving-layer/batch_store.h"
#include "serving-layer/partition_of.h"

void seen_free(struct seen *seen)
{
    bytes_free(&seen->text);
}

bool seen_has(const struct seen *seen, struct text item)
{
    for (size_t i = 0; i < seen->n; i++)
        if (text_equal(seen->item[i], item))
            return true;
    return false;
}

void seen_take(struct seen *seen, const struct text *item, size_t n)
{
    size_t bytes = 0;
    assert(n <= STATE_WINDOW);
    for (size_t i = 0; i < n; i++)
        bytes += item[i].n;
    seen->n = 0;
    bytes_clear(&seen->text);
    bytes_room(&seen->text, bytes); /* so that it does not move while it is pointed into */
    while (n-- > 0) {
        if (seen_has(seen, item[n]))
            continue;
        seen->item[seen->n++] = (struct text){seen->text.at + seen->text.n, item[n].n};
        bytes_put_text(&seen->text, item[n]);
    }
}

void seen_read(struct seen *seen, const struct snapshot *snapshot, enum layer layer)
{
    struct text item[STATE_WINDOW];
    const uint32_t *items;
    size_t n = snapshot_window(snapshot, WINDOW_SEEN, layer, &items);
    assert(n <= STATE_WINDOW);
    for (size_t i = 0; i < n; i++)
        item[i] = snapshot_name(snapshot, items[i]);
    seen_take(seen, item, n);
}

void seen_guess(struct seen *seen, struct batch_store *store, struct text user)
{
    struct text item[STATE_WINDOW];
    const uint32_t *items;
    const struct batch_view *batch = batch_store_acquire(store);
    if (!batch)
        return;
    int partition = partition_of(user, batch_view_edition(batch)->partitions);
    size_t n = batch_view_window(batch, WINDOW_SEEN, partition, user, &items);
    assert(n <= STATE_WINDOW);
    for (size_t i = 0; i < n; i++)
        item[i] = names_text(batch_view_names(batch), items[i]);
    seen_take(seen, item, n);
    batch_store_release(store, batch);
}

bool seen_equal(const struct seen *a, const struct seen *b)
{
    bool equal = a->n == b->n;
    for (size_t i = 0; equal && i < a->n; i++)
        equal = text_equal(a->item[i], b->item[i]);
    return equal;
}
