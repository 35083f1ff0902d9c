/*
 * item_filter: which items an answer may show: what the query asks for, and what the catalogue says of an item. Hidden items
 * are never shown, unavailable ones only with available=0. An item that the catalogue does not have counts as visible and
 * available (a shop may use Tandem without a catalogue), but has no category and no price.
 */
#ifndef TANDEM_SERVING_ITEM_FILTER_H
#define TANDEM_SERVING_ITEM_FILTER_H

#include "serving-layer/item_store.h"
#include "serving-layer/request.h"

struct call;

extern const struct parameter_row filter_parameters[];

/* Texts are borrowed: they live as long as the request. */
struct item_filter {
    const struct item_store *store;
    bool also_unavailable;
    bool priced; /* a bound or a currency was given: an item without a price does not match */
    int64_t min_price, max_price; /* minor units */
    struct text currency;         /* n = 0: any */
    const struct text *board;     /* categories of a board: one of these, too; borrowed */
    size_t n_board;
    size_t n_categories, n_excluded;
    struct text category[REQUEST_PARAMETERS], excluded[REQUEST_PARAMETERS];
};

/*
 * From the call's query. -1: it has replied 400, or 503 while the catalogue has not been loaded: nobody knows then what is
 * hidden.
 */
int item_filter_take(struct call *call, struct item_filter *filter);

/* struct rank_filter's callback; the context is the filter. Under the store's lock. */
bool item_filter_allows(void *filter, struct text item);
/* The same for what was found in the store (NULL: it does not have it). */
bool item_filter_shows(const struct item_filter *filter, struct text item,
                       const struct item *known);

/* Does the catalogue say that nobody may see it? */
bool item_is_hidden(const struct item_store *store, struct text item);

#endif
