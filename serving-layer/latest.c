#include "serving-layer/latest.h"

#include <stdlib.h>

static int symbol_order(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static bool is_left_out(const struct latest_bounds *bounds, struct text item, uint32_t symbol)
{
    for (size_t i = 0; i < bounds->n_not_these; i++)
        if (text_equal(bounds->not_these[i], item))
            return true;
    return symbol != NAMES_ABSENT && bounds->n_without &&
           bsearch(&symbol, bounds->without, bounds->n_without, sizeof symbol, symbol_order);
}

size_t latest_items(const struct latest_bounds *bounds, struct bytes *into)
{
    const struct item_store *store = bounds->filter->store;
    struct item_place place = item_store_place(store, INT64_MAX, (struct text){"", 0});
    const struct item *item;
    size_t n = 0;
    for (int looks = 0; n < bounds->n && looks < LATEST_LOOKS; looks++) {
        if (!(item = item_store_next(store, &place)))
            break;
        if (!item_filter_shows(bounds->filter, item->item, item))
            continue;
        uint32_t symbol =
            bounds->snapshot ? snapshot_find(bounds->snapshot, item->item) : NAMES_ABSENT;
        if (is_left_out(bounds, item->item, symbol))
            continue;
        struct ranked ranked = {.item = item->item, .member = symbol};
        bytes_put(into, &ranked, sizeof ranked);
        n++;
    }
    return n;
}
