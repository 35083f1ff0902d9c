/*
 * One example a view, small enough to be done by hand from design.md's table of section 4. Each test says all counters of
 * its view; the laws (tests/laws) say that the same holds for any sequence.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "views/fold.h"

enum { MINUTE = 60 * 1000 };
static const int64_t MORNING =
    INT64_C(1291191960000); /* 2010-12-01 08:26 UTC, the first of UCI Online Retail */

static struct names *names;
static struct deltas *deltas;
static struct fold *fold;
static unsigned n_events;

static int up(void **state)
{
    (void)state;
    names = names_new();
    deltas = deltas_new();
    fold = fold_new(names);
    n_events = 0;
    return 0;
}

static int down(void **state)
{
    (void)state;
    fold_free(fold);
    deltas_free(deltas);
    names_free(names);
    return 0;
}

/* ---- telling a story ---- */

static void happens(struct event event)
{
    char id[16];
    snprintf(id, sizeof id, "id%u", n_events++);
    event.event_id = text_of(id);
    event.quantity = event.quantity ? event.quantity : 1;
    event.price = event.currency.n ? event.price : -1;
    event.country = event.country.n ? event.country : text_of("-");
    event.device = event.device.n ? event.device : text_of("-");
    if (!fold_knows(fold, event.user))
        assert_int_equal(fold_put_state(fold, event.user, (struct text){"", 0}), 0);
    assert_true(fold_event(fold, &event, deltas));
}

static void does(const char *user, enum event_type type, const char *item, int64_t ts)
{
    happens((struct event){.user = text_of(user), .type = type, .item = text_of(item), .ts = ts});
}

/* The user views these items (a letter each), a minute apart. */
static void views(const char *user, const char *items)
{
    for (int64_t ts = MORNING; *items; items++, ts += MINUTE)
        does(user, EVENT_VIEW, (char[]){*items, 0}, ts);
}

static void buys(const char *user, const char *items)
{
    for (int64_t ts = MORNING; *items; items++, ts += MINUTE)
        does(user, EVENT_PURCHASE, (char[]){*items, 0}, ts);
}

static void forgets(const char *user)
{
    does(user, EVENT_FORGET, "", MORNING);
}

struct expected {
    const char *group, *member;
    int64_t value;
};

/* These are all counters of the view. */
#define COUNTS(view, ...)                                \
    counts(view, (const struct expected[]){__VA_ARGS__}, \
           sizeof((const struct expected[]){__VA_ARGS__}) / sizeof(struct expected))

static void counts(const char *name, const struct expected *expected, size_t n)
{
    fold_settle(fold, deltas);
    unsigned view = (unsigned)catalogue_find(text_of(name));
    for (size_t i = 0; i < n; i++) {
        int64_t found = deltas_get(deltas, view, names_put(names, text_of(expected[i].group)),
                                   names_put(names, text_of(expected[i].member)));
        if (found != expected[i].value)
            fail_msg("%s: %s -> %s is %lld instead of %lld", name, expected[i].group,
                     expected[i].member, (long long)found, (long long)expected[i].value);
    }
    size_t all = 0;
    for (size_t row = 0; row < deltas_rows(deltas); row++) {
        unsigned of;
        uint32_t group, member;
        int64_t value;
        deltas_row_key(deltas, row, &of, &group);
        for (size_t cursor = 0; of == view && deltas_next(deltas, row, &cursor, &member, &value);)
            all++;
    }
    if (all != n)
        fail_msg("%s has %zu counters instead of %zu", name, all, n);
}

static void has_no_counters(const char *name)
{
    counts(name, NULL, 0);
}

/* ---- the views of users' states ---- */

static void users_counts_who_has_seen_something(void **state)
{
    (void)state;
    views("ann", "ab");
    buys("bob", "a");
    does("cem", EVENT_IMPRESSION, "a", MORNING);
    does("cem", EVENT_CLICK, "a", MORNING);
    COUNTS("users", {"all", "all", 2});
    forgets("bob");
    COUNTS("users", {"all", "all", 1});
    forgets("ann");
    has_no_counters("users");
}

static void item_users_counts_users_not_views(void **state)
{
    (void)state;
    views("ann", "aab");
    does("bob", EVENT_CART, "a", MORNING);
    COUNTS("item_users", {"all", "a", 2}, {"all", "b", 1});
    views("bob", "cdefghijklmnopqrstuv"); /* 20 more: his a has left the window */
    forgets("ann");
    assert_int_equal(fold_state(fold, text_of("bob"))->n_seen, 20);
    fold_settle(fold, deltas);
    unsigned view = (unsigned)catalogue_find(text_of("item_users"));
    uint32_t all = names_put(names, text_of("all"));
    assert_int_equal(deltas_get(deltas, view, all, names_put(names, text_of("a"))), 0);
    assert_int_equal(deltas_get(deltas, view, all, names_put(names, text_of("v"))), 1);
}

static void together_counts_users_who_have_seen_both(void **state)
{
    (void)state;
    views("ann", "abca");
    views("bob", "ba");
    COUNTS("together", {"a", "b", 2}, {"b", "a", 2}, {"a", "c", 1}, {"c", "a", 1}, {"b", "c", 1},
           {"c", "b", 1});
    forgets("ann");
    COUNTS("together", {"a", "b", 1}, {"b", "a", 1});
}

static void bought_users_counts_users_less_refunds(void **state)
{
    (void)state;
    buys("ann", "aab");
    buys("bob", "ab");
    views("cem", "a");
    does("ann", EVENT_REFUND, "a", MORNING); /* one of her two */
    does("bob", EVENT_REFUND, "b", MORNING);
    does("cem", EVENT_REFUND, "a", MORNING); /* never bought */
    COUNTS("bought_users", {"all", "a", 2}, {"all", "b", 1});
}

static void bought_together_counts_users_who_have_bought_both(void **state)
{
    (void)state;
    buys("ann", "abc");
    buys("bob", "ab");
    views("cem", "ab");
    does("bob", EVENT_REFUND, "a", MORNING);
    COUNTS("bought_together", {"a", "b", 1}, {"b", "a", 1}, {"a", "c", 1}, {"c", "a", 1},
           {"b", "c", 1}, {"c", "b", 1});
}

static void next_weighs_what_came_later_by_its_distance(void **state)
{
    (void)state;
    views("ann", "abc");
    views("bob", "ab");
    views("cem", "dd"); /* an item does not follow itself */
    COUNTS("next", {"a", "b", 2 * 2520}, {"b", "c", 2520}, {"a", "c", 1260});
}

static void next_reaches_ten_steps(void **state)
{
    (void)state;
    views("ann", "axxxxxxxxxbc"); /* b is the tenth after a, c the eleventh */
    /* a to x: 2520 / 1 + ... + 2520 / 9; x to b: the same; x to c: 2520 / 2 + ... + 2520 / 10 */
    COUNTS("next", {"a", "b", 252}, {"b", "c", 2520},
           {"a", "x", 2520 + 1260 + 840 + 630 + 504 + 420 + 360 + 315 + 280},
           {"x", "b", 2520 + 1260 + 840 + 630 + 504 + 420 + 360 + 315 + 280},
           {"x", "c", 1260 + 840 + 630 + 504 + 420 + 360 + 315 + 280 + 252});
}

static void next_ends_at_a_pause_of_more_than_half_an_hour(void **state)
{
    (void)state;
    int64_t ts = MORNING;
    does("ann", EVENT_VIEW, "a", ts);
    does("ann", EVENT_CART, "b", ts += 30 * MINUTE);         /* just within */
    does("ann", EVENT_PURCHASE, "c", ts += 30 * MINUTE + 1); /* a new session */
    does("ann", EVENT_VIEW, "d", ts -= 30 * MINUTE);         /* a clock that went back: within */
    does("ann", EVENT_VIEW, "e", ts - 30 * MINUTE - 1);      /* too far back */
    COUNTS("next", {"a", "b", 2520}, {"c", "d", 2520});
}

/* ---- the views of events ---- */

static void popular_weighs_what_happened_in_an_hour(void **state)
{
    (void)state;
    does("ann", EVENT_VIEW, "a", MORNING);
    does("bob", EVENT_VIEW, "a", MORNING);
    does("ann", EVENT_CART, "a", MORNING);
    does("ann", EVENT_PURCHASE, "a", MORNING);
    does("ann", EVENT_REFUND, "b", MORNING);
    does("ann", EVENT_IMPRESSION, "c", MORNING);
    does("ann", EVENT_CLICK, "c", MORNING);
    does("ann", EVENT_VIEW, "a", MORNING + 60 * MINUTE);
    does("ann", EVENT_VIEW, "a", 3599999);
    COUNTS("popular", {"358664", "a", 1 + 1 + 3 + 5}, {"358664", "b", -5}, {"358665", "a", 1},
           {"0", "a", 1});
    forgets("ann"); /* an anonymous total stays */
    COUNTS("popular", {"358664", "a", 1 + 1 + 3 + 5}, {"358664", "b", -5}, {"358665", "a", 1},
           {"0", "a", 1});
}

static void from(enum event_type type, const char *country, const char *device, int64_t ts)
{
    happens((struct event){.user = text_of("ann"),
                           .type = type,
                           .item = text_of("a"),
                           .country = text_of(country),
                           .device = text_of(device),
                           .ts = ts});
}

static void popular_country_weighs_events_of_an_hour_whose_country_is_known(void **state)
{
    (void)state;
    from(EVENT_VIEW, "GB", "mobile", MORNING);
    from(EVENT_PURCHASE, "GB", "mobile", MORNING + 1);
    from(EVENT_CART, "DE", "mobile", MORNING);
    from(EVENT_REFUND, "DE", "mobile", MORNING + 60 * MINUTE);
    from(EVENT_VIEW, "-", "mobile", MORNING);
    from(EVENT_CLICK, "GB", "mobile", MORNING);
    COUNTS("popular_country", {"358664/GB", "a", 6}, {"358664/DE", "a", 3}, {"358665/DE", "a", -5});
}

static void traffic_of_a_few_minutes(void)
{
    from(EVENT_VIEW, "GB", "mobile", MORNING);
    from(EVENT_IMPRESSION, "GB", "desktop", MORNING + MINUTE - 1);
    from(EVENT_REFUND, "DE", "mobile", MORNING + MINUTE);
    does("ann", EVENT_CLICK, "a", MORNING);
    from(EVENT_FORGET, "GB", "mobile", MORNING);
}

static void traffic_country_counts_events_of_a_minute_but_forget(void **state)
{
    (void)state;
    traffic_of_a_few_minutes();
    COUNTS("traffic_country", {"21519866", "GB", 2}, {"21519867", "DE", 1}, {"21519866", "-", 1});
}

static void traffic_device_counts_events_of_a_minute_but_forget(void **state)
{
    (void)state;
    traffic_of_a_few_minutes();
    COUNTS("traffic_device", {"21519866", "mobile", 1}, {"21519866", "desktop", 1},
           {"21519867", "mobile", 1}, {"21519866", "-", 1});
}

static void sells(enum event_type type, int64_t quantity, int64_t price, const char *currency,
                  const char *country, int64_t ts)
{
    happens((struct event){.user = text_of("ann"),
                           .type = type,
                           .item = text_of("a"),
                           .quantity = quantity,
                           .price = price,
                           .currency = text_of(currency),
                           .country = text_of(country),
                           .device = text_of(country[0] == 'G' ? "mobile" : "desktop"),
                           .ts = ts});
}

static void sales_of_two_days(void)
{
    const int64_t day = INT64_C(24) * 60 * MINUTE;
    sells(EVENT_PURCHASE, 6, 255, "GBP", "GB", MORNING);
    sells(EVENT_REFUND, 2, 255, "GBP", "GB", MORNING);
    sells(EVENT_PURCHASE, 1, 100, "EUR", "DE", MORNING);
    sells(EVENT_REFUND, 1, 100, "GBP", "DE", MORNING + day);
    sells(EVENT_VIEW, 5, 1000, "GBP", "GB", MORNING);                 /* no sale */
    sells(EVENT_PURCHASE, 5, 0, "GBP", "FR", MORNING);                /* a present */
    does("ann", EVENT_PURCHASE, "a", MORNING);                        /* no price is known */
    sells(EVENT_PURCHASE, 1000000, 1000000000, "JPY", "DE", day - 1); /* the most there is */
}

static void revenue_country_is_sales_less_refunds_of_a_day(void **state)
{
    (void)state;
    sales_of_two_days();
    COUNTS("revenue_country", {"14944/GBP", "GB", 1020}, {"14944/EUR", "DE", 100},
           {"14945/GBP", "DE", -100}, {"0/JPY", "DE", INT64_C(1000000000000000)});
}

static void revenue_device_is_sales_less_refunds_of_a_day(void **state)
{
    (void)state;
    sales_of_two_days();
    COUNTS("revenue_device", {"14944/GBP", "mobile", 1020}, {"14944/EUR", "desktop", 100},
           {"14945/GBP", "desktop", -100}, {"0/JPY", "desktop", INT64_C(1000000000000000)});
}

/* ---- the table itself ---- */

static void the_catalogue_has_the_twelve_views_each_with_one_function(void **state)
{
    (void)state;
    static const char *const state_views[] = {"users",        "item_users",      "together",
                                              "bought_users", "bought_together", "next"};
    static const char *const event_views[] = {"popular",         "popular_country",
                                              "traffic_country", "traffic_device",
                                              "revenue_country", "revenue_device"};
    assert_int_equal(catalogue_views, 12);
    for (unsigned v = 0; v < catalogue_views; v++) {
        const struct view *view = &catalogue[v];
        const char *expected = v < 6 ? state_views[v] : event_views[v - 6];
        assert_string_equal(view->name, expected);
        assert_int_equal(catalogue_find(text_of(expected)), v);
        assert_string_equal(view_kind(view), v < 6 ? "state" : "event");
        assert_true(!view->of_event != !view->of_state);
        assert_string_equal(view->merge, "sum");
        assert_true(view->group[0] && view->member[0] && view->value[0]);
    }
    assert_int_equal(catalogue_find(text_of("togethe")), -1);
    assert_int_equal(catalogue_find(text_of("")), -1);
}

#define EXAMPLE(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EXAMPLE(users_counts_who_has_seen_something),
        EXAMPLE(item_users_counts_users_not_views),
        EXAMPLE(together_counts_users_who_have_seen_both),
        EXAMPLE(bought_users_counts_users_less_refunds),
        EXAMPLE(bought_together_counts_users_who_have_bought_both),
        EXAMPLE(next_weighs_what_came_later_by_its_distance),
        EXAMPLE(next_reaches_ten_steps),
        EXAMPLE(next_ends_at_a_pause_of_more_than_half_an_hour),
        EXAMPLE(popular_weighs_what_happened_in_an_hour),
        EXAMPLE(popular_country_weighs_events_of_an_hour_whose_country_is_known),
        EXAMPLE(traffic_country_counts_events_of_a_minute_but_forget),
        EXAMPLE(traffic_device_counts_events_of_a_minute_but_forget),
        EXAMPLE(revenue_country_is_sales_less_refunds_of_a_day),
        EXAMPLE(revenue_device_is_sales_less_refunds_of_a_day),
        cmocka_unit_test(the_catalogue_has_the_twelve_views_each_with_one_function),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
