
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tools/generate.h"
#include "tools/share.h"
#include "views/event.h"
#include "views/names.h"

static const struct generate_settings usual = {.seed = 7,
                                               .events = 50000,
                                               .users = 500,
                                               .items = 100,
                                               .start_us = INT64_C(1700000000000000),
                                               .step_us = 1500};

/* A hash over all records, keys and bad marks. */
static uint64_t bytes_of(const struct generate_settings *settings)
{
    struct generate *g = generate_new(settings);
    struct source source = generate_source(g);
    struct record r;
    struct err err;
    uint64_t sum = 0;
    while (source.next(source.self, &r, &err) == 1)
        sum = sum * 31 + text_hash(r.value) * 7 + text_hash(r.key) + r.bad;
    generate_free(g);
    return sum;
}

static void the_same_seed_makes_the_same_bytes(void **state)
{
    (void)state;
    struct generate_settings s = usual;
    s.bad_ppm = s.duplicate_ppm = 20000;
    uint64_t first = bytes_of(&s);
    assert_true(bytes_of(&s) == first);
    s.seed++;
    assert_true(bytes_of(&s) != first);
}

struct census {
    int64_t records, good, bad, repeated, types[EVENT_TYPES + 1];
    int64_t wrong; /* marked good and no event, marked bad and an event, or another user's key */
};

static struct census take_census(const struct generate_settings *settings)
{
    struct census c = {0};
    struct generate *g = generate_new(settings);
    struct source source = generate_source(g);
    struct event_decoder *decoder = event_decoder_new();
    struct names *ids = names_new();
    struct record r;
    struct event e;
    struct event_error why;
    struct err err;
    for (; source.next(source.self, &r, &err) == 1; c.records++) {
        bool is_event = event_decode(decoder, r.value, EVENT_NEEDS_ALL, &e, &why) == 0;
        c.wrong += is_event == r.bad || (is_event && !text_equal(e.user, r.key)) || r.key.n == 0;
        c.bad += r.bad;
        if (!is_event)
            continue;
        c.good++;
        c.types[e.type]++;
        uint32_t known = names_count(ids);
        c.repeated += names_put(ids, e.event_id) < known;
    }
    names_free(ids);
    event_decoder_free(decoder);
    generate_free(g);
    return c;
}

static void all_records_are_events_unless_bad_ones_are_asked_for(void **state)
{
    (void)state;
    struct census c = take_census(&usual);
    assert_int_equal(c.records, usual.events);
    assert_int_equal(c.good, usual.events);
    assert_int_equal(c.wrong, 0);
    assert_int_equal(c.repeated, 0);
}

static void shares_are_near_what_was_asked(void **state)
{
    (void)state;
    struct generate_settings s = usual;
    s.bad_ppm = 30000;
    s.duplicate_ppm = 50000;
    struct census c = take_census(&s);
    assert_int_equal(c.wrong, 0);
    assert_in_range(c.bad, 1200, 1700);
    assert_in_range(c.repeated, 2200, 2800);
}

static void every_type_of_event_comes_and_the_funnel_narrows(void **state)
{
    (void)state;
    struct census c = take_census(&usual);
    for (int type = 1; type <= EVENT_TYPES; type++)
        assert_true(c.types[type] > 0);
    assert_true(c.types[EVENT_VIEW] > c.types[EVENT_CART]);
    assert_true(c.types[EVENT_CART] > c.types[EVENT_PURCHASE]);
    assert_true(c.types[EVENT_PURCHASE] > c.types[EVENT_REFUND]);
    assert_true(c.types[EVENT_FORGET] < 50);
}

static void a_shop_with_one_item_and_one_user_goes_on(void **state)
{
    (void)state;
    struct generate_settings s = usual;
    s.users = s.items = 1;
    assert_int_equal(take_census(&s).wrong, 0);
}

static void a_share_is_a_decimal_number_from_0_to_1(void **state)
{
    (void)state;
    assert_int_equal(share_ppm("0"), 0);
    assert_int_equal(share_ppm("0.01"), 10000);
    assert_int_equal(share_ppm("1.0"), 1000000);
    static const char *const wrong[] = {"", "1.1", "2", "-0.1", ".1", "0.", "0,1", "1e-2", "0.1 "};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(share_ppm(wrong[i]), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_makes_the_same_bytes),
        cmocka_unit_test(all_records_are_events_unless_bad_ones_are_asked_for),
        cmocka_unit_test(shares_are_near_what_was_asked),
        cmocka_unit_test(every_type_of_event_comes_and_the_funnel_narrows),
        cmocka_unit_test(a_shop_with_one_item_and_one_user_goes_on),
        cmocka_unit_test(a_share_is_a_decimal_number_from_0_to_1),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
