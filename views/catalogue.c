/*
 * Every view, on one page: what each adds, then the table. A function puts its counters with emit_add(); the framework
 * (fold.c) decides when it is called and with which sign.
 */
#include "views/catalogue.h"

enum {
    NEXT_DISTANCE = 10, /* pairs further apart than this many steps do not count */
    NEXT_WEIGHT = 2520, /* divided by the distance: the smallest number that 1..10 all divide */
    NEXT_GAP_MS = 30 * 60 * 1000, /* a longer pause ends the session */
    HOUR_MS = 60 * 60 * 1000,
    MINUTE_MS = 60 * 1000,
    DAY_MS = 24 * 60 * 60 * 1000,
    NUMBER_BYTES = 24,
};

static void emit_add(struct emit *emit, uint32_t group, uint32_t member, int64_t value)
{
    if (emit->cancel)
        cancel_add(emit->cancel, emit->deltas, emit->view, group, member, emit->sign * value);
    else
        deltas_add(emit->deltas, emit->view, group, member, emit->sign * value);
}

/* Writes a number >= 0 in decimal to the end of `into`. */
static struct text decimal(int64_t number, char into[NUMBER_BYTES])
{
    char *at = into + NUMBER_BYTES;
    do
        *--at = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    return (struct text){at, (size_t)(into + NUMBER_BYTES - at)};
}

static uint32_t emit_number(struct emit *emit, int64_t number)
{
    char digits[NUMBER_BYTES];
    return names_put(emit->names, decimal(number, digits));
}

/* The distinct items of a window; returns how many. */
static uint32_t distinct(const struct interaction *window, uint32_t n, uint32_t items[STATE_WINDOW])
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t j = 0;
        while (j < found && items[j] != window[i].item)
            j++;
        if (j == found)
            items[found++] = window[i].item;
    }
    return found;
}

/* ---- per user state ---- */

static void users(const struct user_state *state, struct emit *emit)
{
    if (state->n_seen > 0)
        emit_add(emit, emit->all, emit->all, 1);
}

static void each_item(const struct interaction *window, uint32_t n, struct emit *emit)
{
    uint32_t items[STATE_WINDOW], found = distinct(window, n, items);
    for (uint32_t i = 0; i < found; i++)
        emit_add(emit, emit->all, items[i], 1);
}

static void each_pair(const struct interaction *window, uint32_t n, struct emit *emit)
{
    uint32_t items[STATE_WINDOW], found = distinct(window, n, items);
    for (uint32_t i = 0; i < found; i++)
        for (uint32_t j = 0; j < found; j++)
            if (i != j)
                emit_add(emit, items[i], items[j], 1);
}

static void item_users(const struct user_state *state, struct emit *emit)
{
    each_item(state->seen, state->n_seen, emit);
}

static void together(const struct user_state *state, struct emit *emit)
{
    each_pair(state->seen, state->n_seen, emit);
}

static void bought_users(const struct user_state *state, struct emit *emit)
{
    each_item(state->bought, state->n_bought, emit);
}

static void bought_together(const struct user_state *state, struct emit *emit)
{
    each_pair(state->bought, state->n_bought, emit);
}

static bool same_session(const struct interaction *a, const struct interaction *b)
{
    int64_t gap = b->ts - a->ts;
    return gap <= NEXT_GAP_MS && gap >= -NEXT_GAP_MS;
}

static void next(const struct user_state *state, struct emit *emit)
{
    const struct interaction *seen = state->seen;
    for (uint32_t i = 0; i < state->n_seen; i++)
        for (uint32_t d = 1; d <= NEXT_DISTANCE && i + d < state->n_seen; d++) {
            if (!same_session(&seen[i + d - 1], &seen[i + d]))
                break;
            if (seen[i].item != seen[i + d].item)
                emit_add(emit, seen[i].item, seen[i + d].item, NEXT_WEIGHT / d);
        }
}

/* ---- per event ---- */

static const int popular_weight[EVENT_TYPES + 1] = {
    [EVENT_VIEW] = 1, [EVENT_CART] = 3, [EVENT_PURCHASE] = 5, [EVENT_REFUND] = -5};

static void popular(const struct event *event, uint32_t item, struct emit *emit)
{
    int weight = popular_weight[event->type];
    if (weight)
        emit_add(emit, emit_number(emit, event->ts / HOUR_MS), item, weight);
}

/* "number/name" */
static uint32_t emit_number_and(struct emit *emit, int64_t number, struct text name)
{
    char digits[NUMBER_BYTES], group[NUMBER_BYTES + 1 + EVENT_LABEL_BYTES];
    struct text first = decimal(number, digits);
    memcpy(group, first.at, first.n);
    group[first.n] = '/';
    memcpy(group + first.n + 1, name.at, name.n);
    return names_put(emit->names, (struct text){group, first.n + 1 + name.n});
}

/* Events whose country is not known ("-") are in `popular` alone. Group: hour/country, as "358664/GB". */
static void popular_country(const struct event *event, uint32_t item, struct emit *emit)
{
    int weight = popular_weight[event->type];
    if (weight && !text_equal(event->country, text_of("-")))
        emit_add(emit, emit_number_and(emit, event->ts / HOUR_MS, event->country), item, weight);
}

static void traffic(const struct event *event, struct text member, struct emit *emit)
{
    if (event->type != EVENT_FORGET)
        emit_add(emit, emit_number(emit, event->ts / MINUTE_MS), names_put(emit->names, member), 1);
}

static void traffic_country(const struct event *event, uint32_t item, struct emit *emit)
{
    (void)item;
    traffic(event, event->country, emit);
}

static void traffic_device(const struct event *event, uint32_t item, struct emit *emit)
{
    (void)item;
    traffic(event, event->device, emit);
}

/* Group: day/currency, as "14944/GBP". */
static void revenue(const struct event *event, struct text member, struct emit *emit)
{
    int sign = event->type == EVENT_PURCHASE ? 1 : event->type == EVENT_REFUND ? -1 : 0;
    if (!sign || event->price < 0)
        return;
    emit_add(emit, emit_number_and(emit, event->ts / DAY_MS, event->currency),
             names_put(emit->names, member), sign * event->price * event->quantity);
}

static void revenue_country(const struct event *event, uint32_t item, struct emit *emit)
{
    (void)item;
    revenue(event, event->country, emit);
}

static void revenue_device(const struct event *event, uint32_t item, struct emit *emit)
{
    (void)item;
    revenue(event, event->device, emit);
}

/* ---- the table ---- */

const struct view catalogue[] = {
    {"users", "all", "all", "users who have seen something", "sum", NULL, users},
    {"item_users", "all", "item", "users who have seen the item", "sum", NULL, item_users},
    {"together", "item", "other item", "users who have seen both", "sum", NULL, together},
    {"bought_users", "all", "item", "users who have bought the item", "sum", NULL, bought_users},
    {"bought_together", "item", "other item", "users who have bought both", "sum", NULL,
     bought_together},
    {"next", "item", "other item that came later in the session",
     "2520 div distance, over users and pairs at most 10 steps apart", "sum", NULL, next},
    {"popular", "hour (ms since 1970 div 3600000)", "item", "view 1, cart 3, purchase 5, refund -5",
     "sum", popular, NULL},
    {"popular_country", "hour/country (ms since 1970 div 3600000)", "item",
     "view 1, cart 3, purchase 5, refund -5", "sum", popular_country, NULL},
    {"traffic_country", "minute (ms since 1970 div 60000)", "country", "events", "sum",
     traffic_country, NULL},
    {"traffic_device", "minute (ms since 1970 div 60000)", "device", "events", "sum",
     traffic_device, NULL},
    {"revenue_country", "day/currency (ms since 1970 div 86400000)", "country",
     "minor units: purchases less refunds", "sum", revenue_country, NULL},
    {"revenue_device", "day/currency (ms since 1970 div 86400000)", "device",
     "minor units: purchases less refunds", "sum", revenue_device, NULL},
};

const unsigned catalogue_views = sizeof catalogue / sizeof *catalogue;

_Static_assert(sizeof catalogue / sizeof *catalogue < CATALOGUE_VIEWS_MAX, "a bit for each view");

uint64_t catalogue_all(void)
{
    return (UINT64_C(1) << catalogue_views) - 1;
}

int catalogue_find(struct text name)
{
    for (unsigned v = 0; v < catalogue_views; v++)
        if (text_equal(name, text_of(catalogue[v].name)))
            return (int)v;
    return -1;
}

const char *view_kind(const struct view *view)
{
    return view->of_state ? "state" : "event";
}
