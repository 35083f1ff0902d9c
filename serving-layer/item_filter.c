#include "serving-layer/item_filter.h"

#include "serving-layer/call.h"
#include "serving-layer/loop.h"
#include "views/event.h"

enum { CATEGORY_BYTES = 128 };

const struct parameter_row filter_parameters[] = {
    {"category", PARAMETER_TEXT, NULL, 1, CATEGORY_BYTES,
     .sentence = "Only items of this category or one beneath it; of several, of any.",
     .repeatable = true},
    {"exclude", PARAMETER_TEXT, NULL, 1, EVENT_ID_BYTES, .sentence = "Not this item.",
     .repeatable = true},
    {"min_price", PARAMETER_INT, NULL, 0, EVENT_PRICE_MAX,
     .sentence = "Only items that cost at least so much, in minor units. An item without a price "
                 "does not match."},
    {"max_price", PARAMETER_INT, NULL, 0, EVENT_PRICE_MAX,
     .sentence = "Only items that cost at most so much, in minor units. An item without a price "
                 "does not match."},
    {"currency", PARAMETER_CURRENCY,
     .sentence = "Only items with a price in this currency. Without it, min_price and max_price "
                 "are compared with each item's price in its own."},
    {"available", PARAMETER_FLAG, "1",
     .sentence = "0: also items that the catalogue says are not available."},
    {0}};

static int wrong(struct call *call, const char *detail, const char *field)
{
    call_problem(call, 400, detail, field, -1);
    return -1;
}

int item_filter_take(struct call *call, struct item_filter *filter)
{
    const struct request *request = &call->request;
    bool has_min = request_given(request, "min_price"),
         has_max = request_given(request, "max_price");
    filter->store = call->loop->server->items;
    filter->also_unavailable = !request_int(request, "available");
    filter->currency = request_text(request, "currency");
    filter->min_price = has_min ? request_int(request, "min_price") : 0;
    filter->max_price = has_max ? request_int(request, "max_price") : INT64_MAX;
    filter->priced = has_min || has_max || filter->currency.n;
    filter->n_categories = request_texts(request, "category", filter->category);
    filter->n_excluded = request_texts(request, "exclude", filter->excluded);
    if (filter->min_price > filter->max_price)
        return wrong(call, "min_price is above max_price", "min_price");
    if (item_store_ready(filter->store))
        return 0;
    call_unavailable(call, "the catalogue of items has not been loaded yet: Postgres is away, or "
                           "this server has just started");
    return -1;
}

/* One of them, or one beneath it; none: any. */
static bool is_of(struct text category, const struct text *above, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (item_category_in(category, above[i]))
            return true;
    return n == 0;
}

static bool costs(const struct item_filter *filter, const struct item *item)
{
    return !filter->priced ||
           (item->price >= 0 && item->price >= filter->min_price &&
            item->price <= filter->max_price &&
            (!filter->currency.n || text_equal(item->currency, filter->currency)));
}

bool item_filter_shows(const struct item_filter *filter, struct text item, const struct item *known)
{
    for (size_t i = 0; i < filter->n_excluded; i++)
        if (text_equal(filter->excluded[i], item))
            return false;
    if (!known)
        return !filter->n_categories && !filter->n_board && !filter->priced;
    return !known->hidden && (known->available || filter->also_unavailable) &&
           is_of(known->category, filter->category, filter->n_categories) &&
           is_of(known->category, filter->board, filter->n_board) && costs(filter, known);
}

bool item_filter_allows(void *context, struct text item)
{
    const struct item_filter *filter = context;
    return item_filter_shows(filter, item, item_store_find(filter->store, item));
}

bool item_is_hidden(const struct item_store *store, struct text item)
{
    const struct item *known = item_store_find(store, item);
    return known && known->hidden;
}
