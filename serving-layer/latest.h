/* latest: the newest items of the catalogue that may be shown. Under the item store's lock. */
#ifndef TANDEM_SERVING_LATEST_H
#define TANDEM_SERVING_LATEST_H

#include "serving-layer/item_filter.h"
#include "serving-layer/ranking.h"

enum {
    LATEST_LOOKS = 20000
}; /* at so many items at most, so that a filter that few pass holds nobody up */

struct latest_bounds {
    const struct item_filter *filter;
    size_t n;
    const struct snapshot *snapshot; /* whose symbols `without` are; NULL: none are left out */
    const uint32_t *without;         /* rising */
    size_t n_without;
    const struct text *not_these; /* left out, too */
    size_t n_not_these;
};

/* Newest first (created_at, ties by item in byte order), as struct ranked with score and count 0; returns how many. */
size_t latest_items(const struct latest_bounds *bounds, struct bytes *into);

#endif
