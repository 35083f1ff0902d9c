/* What is remembered of a user, how events change it, its stored form, and bytes that are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "views/row.h"
#include "views/user_state.h"

/* The event number i of a user: its id is the number. */
static struct event event_of(enum event_type type, unsigned i)
{
    static char ids[1000][8];
    snprintf(ids[i], sizeof ids[i], "id%u", i);
    return (struct event){.type = type, .event_id = text_of(ids[i]), .ts = 1000 + (int64_t)i};
}

static bool take(struct user_state *state, enum event_type type, unsigned i, uint32_t item)
{
    struct event event = event_of(type, i);
    return user_state_take(state, &event, item);
}

/* ---- what events change ---- */

static void views_carts_and_purchases_are_seen_and_only_purchases_bought(void **state)
{
    (void)state;
    struct user_state s = {0};
    static const enum event_type types[] = {EVENT_VIEW,       EVENT_CART,  EVENT_PURCHASE,
                                            EVENT_IMPRESSION, EVENT_CLICK, EVENT_REFUND};
    for (unsigned i = 0; i < 6; i++)
        assert_true(take(&s, types[i], i, 10 + i));
    assert_int_equal(s.n_ids, 6);
    assert_int_equal(s.n_seen, 3);
    assert_int_equal(s.n_bought, 1);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(s.seen[i].item, 10 + i);
        assert_int_equal(s.seen[i].type, types[i]);
        assert_int_equal(s.seen[i].ts, 1000 + i);
    }
    assert_int_equal(s.bought[0].item, 12);
}

static void the_windows_keep_the_last_20_in_order_of_arrival(void **state)
{
    (void)state;
    struct user_state s = {0};
    for (unsigned i = 0; i < 25; i++)
        take(&s, EVENT_PURCHASE, i, i);
    assert_int_equal(s.n_seen, 20);
    assert_int_equal(s.n_bought, 20);
    for (uint32_t i = 0; i < 20; i++) {
        assert_int_equal(s.seen[i].item, i + 5);
        assert_int_equal(s.bought[i].item, i + 5);
    }
}

static void repeats_of_an_item_are_kept(void **state)
{
    (void)state;
    struct user_state s = {0};
    for (unsigned i = 0; i < 3; i++)
        take(&s, EVENT_VIEW, i, 7);
    assert_int_equal(s.n_seen, 3);
}

static void a_refund_removes_the_newest_purchase_of_its_item(void **state)
{
    (void)state;
    struct user_state s = {0};
    static const uint32_t items[] = {1, 2, 1, 3};
    for (unsigned i = 0; i < 4; i++)
        take(&s, EVENT_PURCHASE, i, items[i]);
    assert_true(take(&s, EVENT_REFUND, 4, 1));
    assert_int_equal(s.n_bought, 3);
    assert_int_equal(s.bought[0].item, 1);
    assert_int_equal(s.bought[1].item, 2);
    assert_int_equal(s.bought[2].item, 3);
    assert_int_equal(s.n_seen, 4); /* it was seen all the same */
    assert_true(take(&s, EVENT_REFUND, 5, 99));
    assert_int_equal(s.n_bought, 3);
}

static void what_has_left_the_window_does_not_come_back_by_a_refund(void **state)
{
    (void)state;
    struct user_state s = {0};
    for (unsigned i = 0; i < 21; i++)
        take(&s, EVENT_PURCHASE, i, i);
    take(&s, EVENT_REFUND, 21, 20);
    assert_int_equal(s.n_bought, 19);
    assert_int_equal(s.bought[0].item, 1);
    take(&s, EVENT_REFUND, 22, 0); /* no longer there */
    assert_int_equal(s.n_bought, 19);
}

static void a_repeated_id_changes_nothing_whatever_its_type(void **state)
{
    (void)state;
    struct user_state s = {0};
    take(&s, EVENT_VIEW, 0, 1);
    take(&s, EVENT_IMPRESSION, 1, 2);
    struct user_state before = s;
    assert_false(take(&s, EVENT_VIEW, 0, 1));
    assert_false(take(&s, EVENT_PURCHASE, 1, 3));
    assert_false(take(&s, EVENT_FORGET, 0, 0));
    assert_memory_equal(&s, &before, sizeof s);
}

static void the_last_32_ids_are_known_and_older_ones_are_not(void **state)
{
    (void)state;
    struct user_state s = {0};
    for (unsigned i = 0; i < 32; i++)
        take(&s, EVENT_CLICK, i, 1);
    assert_false(take(&s, EVENT_CLICK, 0, 1));
    assert_true(take(&s, EVENT_CLICK, 32, 1)); /* the first one falls out */
    assert_false(take(&s, EVENT_CLICK, 1, 1));
    assert_true(take(&s, EVENT_CLICK, 0, 1));
    assert_int_equal(s.n_ids, 32);
}

static void forget_empties_all_three(void **state)
{
    (void)state;
    struct user_state s = {0};
    take(&s, EVENT_PURCHASE, 0, 1);
    assert_false(user_state_is_empty(&s));
    assert_true(take(&s, EVENT_FORGET, 1, 0));
    assert_true(user_state_is_empty(&s));
    assert_int_equal(s.n_ids + s.n_seen + s.n_bought, 0);
    assert_true(take(&s, EVENT_PURCHASE, 0, 1)); /* its id is forgotten, too */
}

/* ---- the stored form ---- */

static void an_empty_state_is_stored_as_nothing(void **state)
{
    (void)state;
    struct names *names = names_new();
    struct bytes stored = {0};
    struct user_state s = {0}, back = {.n_seen = 3};
    user_state_encode(&s, names, &stored);
    assert_int_equal(stored.n, 0);
    assert_int_equal(user_state_decode((struct text){"", 0}, names, &back), 0);
    assert_true(user_state_is_empty(&back));
    names_free(names);
}

static void the_stored_form_is_the_one_of_the_header(void **state)
{
    (void)state;
    struct names *names = names_new();
    struct bytes stored = {0};
    struct user_state s = {.ids = {UINT64_C(0x0102030405060708)}, .n_ids = 1};
    s.seen[0] = (struct interaction){100, names_put(names, text_of("ab")), EVENT_VIEW};
    s.seen[1] = (struct interaction){99, names_put(names, text_of("c")), EVENT_PURCHASE};
    s.bought[0] = s.seen[1];
    s.n_seen = 2;
    s.n_bought = 1;
    user_state_encode(&s, names, &stored);
    static const char expected[] = "\1\1"              /* version, n_ids */
                                   "\10\7\6\5\4\3\2\1" /* the id, little endian */
                                   "\2"                /* n_seen */
                                   "\2ab\1\310\1"      /* ts +100 */
                                   "\1c\3\1"           /* ts -1 */
                                   "\1"                /* n_bought */
                                   "\1c\3\306\1";      /* ts +99 */
    assert_int_equal(stored.n, sizeof expected - 1);
    assert_memory_equal(stored.at, expected, stored.n);
    bytes_free(&stored);
    names_free(names);
}

/* ---- random states there and back, and damaged ones ---- */

static unsigned roll(uint32_t *dice, unsigned sides)
{
    *dice = *dice * 1664525 + 1013904223;
    return (*dice >> 8) % sides;
}

static void random_state(uint32_t *dice, struct names *names, struct user_state *s)
{
    *s = (struct user_state){0};
    for (unsigned n = roll(dice, 60), i = 0; i < n; i++) {
        char item[64];
        memset(item, 'a' + (int)roll(dice, 9), sizeof item);
        struct event e = event_of((enum event_type)(1 + roll(dice, EVENT_FORGET - 1)), i);
        e.ts = roll(dice, 4)   ? (int64_t)roll(dice, 1u << 24) * 200000
               : roll(dice, 2) ? 0
                               : EVENT_TS_END - 1;
        user_state_take(s, &e, names_put(names, (struct text){item, 1 + roll(dice, 64)}));
    }
}

/* Equal as states of two dictionaries: stored, they are the same bytes. */
static void same_stored(const struct user_state *a, const struct names *names_a,
                        const struct user_state *b, const struct names *names_b)
{
    struct bytes stored_a = {0}, stored_b = {0};
    user_state_encode(a, names_a, &stored_a);
    user_state_encode(b, names_b, &stored_b);
    assert_true(text_equal(bytes_text(&stored_a), bytes_text(&stored_b)));
    bytes_free(&stored_a);
    bytes_free(&stored_b);
}

static void a_state_comes_back_in_another_dictionary(void **state)
{
    (void)state;
    struct names *names = names_new(), *others = names_new();
    uint32_t dice = 3;
    names_put(others, text_of("so that the symbols differ"));
    for (int round = 0; round < 2000; round++) {
        struct user_state s, back;
        struct bytes stored = {0};
        random_state(&dice, names, &s);
        user_state_encode(&s, names, &stored);
        assert_int_equal(user_state_decode(bytes_text(&stored), others, &back), 0);
        assert_int_equal(back.n_ids, s.n_ids);
        assert_int_equal(back.n_seen, s.n_seen);
        assert_int_equal(back.n_bought, s.n_bought);
        assert_memory_equal(back.ids, s.ids, s.n_ids * sizeof *s.ids);
        for (uint32_t i = 0; i < s.n_seen; i++) {
            assert_int_equal(back.seen[i].ts, s.seen[i].ts);
            assert_int_equal(back.seen[i].type, s.seen[i].type);
            assert_true(text_equal(names_text(others, back.seen[i].item),
                                   names_text(names, s.seen[i].item)));
        }
        same_stored(&s, names, &back, others);
        bytes_free(&stored);
    }
    names_free(names);
    names_free(others);
}

/* Decodes an exact copy, so that a sanitizer sees what is read behind its end. */
static int decode_exactly(const char *bytes, size_t n, struct names *names, struct user_state *s)
{
    char *exact = malloc(n ? n : 1);
    assert_non_null(exact);
    if (n)
        memcpy(exact, bytes, n);
    int failed = user_state_decode((struct text){exact, n}, names, s);
    free(exact);
    return failed;
}

static void a_state_that_was_cut_or_has_bytes_behind_it_is_none(void **state)
{
    (void)state;
    struct names *names = names_new();
    uint32_t dice = 11;
    struct user_state s, back;
    struct bytes stored = {0};
    do
        random_state(&dice, names, &s);
    while (s.n_bought < 3);
    user_state_encode(&s, names, &stored);
    for (size_t n = 1; n < stored.n; n++)
        assert_int_equal(decode_exactly(stored.at, n, names, &back), -1);
    bytes_put(&stored, "", 1);
    assert_int_equal(decode_exactly(stored.at, stored.n, names, &back), -1);
    bytes_free(&stored);
    names_free(names);
}

static void a_stored_state_has_limits(void **state)
{
    (void)state;
    struct names *names = names_new();
    struct user_state s;
#define DECODED(literal) decode_exactly(literal, sizeof(literal) - 1, names, &s)
    assert_int_equal(DECODED("\1\0\1\1a\1\0\0"), 0);
    assert_int_equal(DECODED("\2\0\1\1a\1\0\0"), -1); /* version */
    assert_int_equal(DECODED("\0\0\1\1a\1\0\0"), -1); /* version */
    assert_int_equal(DECODED("\1\0\1\0\1\0\0"), -1);  /* an item of 0 bytes */
    assert_int_equal(DECODED("\1\0\1\x41"
                             "a\1\0\0"),
                     -1);                             /* of 65 */
    assert_int_equal(DECODED("\1\0\1\1a\0\0\0"), -1); /* type 0 */
    assert_int_equal(DECODED("\1\0\1\1a\4\0\0"), -1); /* a refund is not seen */
    assert_int_equal(DECODED("\1\0\1\1a\1\1\0"), -1); /* ts -1 */
    assert_int_equal(DECODED("\1\0\1\1a\1\xff\xff\xff\xff\xff\xff\xff\xff\xff\1\0"), -1);
    assert_int_equal(DECODED("\1\0\2\1a\1\2\1a\1\3\0"), -1); /* 1, then -1 */
    struct bytes late = {0};
    bytes_put(&late, "\1\0\1\1a\1", 6);
    varint_put(&late, zigzag(EVENT_TS_END - 1));
    bytes_put(&late, "", 1);
    assert_int_equal(decode_exactly(late.at, late.n, names, &s), 0);
    late.n = 6;
    varint_put(&late, zigzag(EVENT_TS_END));
    bytes_put(&late, "", 1);
    assert_int_equal(decode_exactly(late.at, late.n, names, &s), -1);
    bytes_free(&late);
    char too_many[2 + 33 * 8 + 2] = {1, 33};
    assert_int_equal(decode_exactly(too_many, sizeof too_many, names, &s), -1);
    struct bytes window = {0};
    bytes_put(&window, "\1\0\25", 3); /* 21 interactions */
    for (int i = 0; i < 21; i++)
        bytes_put(&window, "\1a\1\0", 4);
    bytes_put(&window, "", 1);
    assert_int_equal(decode_exactly(window.at, window.n, names, &s), -1);
    window.at[2] = 20; /* and now one entry too many behind them */
    assert_int_equal(decode_exactly(window.at, window.n, names, &s), -1);
    bytes_free(&window);
    names_free(names);
}

/* Whatever the bytes: refused, or a state within its limits that is stored and comes back the same. */
static void damaged_bytes_are_refused_or_are_another_state(void **state)
{
    (void)state;
    uint32_t dice = 5, taken = 0;
    struct names *names = names_new();
    for (int round = 0; round < 40000; round++) {
        struct user_state s, back, again;
        struct bytes stored = {0}, second = {0};
        random_state(&dice, names, &s);
        user_state_encode(&s, names, &stored);
        for (unsigned n = 1 + roll(&dice, 3); n > 0 && stored.n > 0; n--)
            stored.at[roll(&dice, (unsigned)stored.n)] ^= (char)(1u << roll(&dice, 8));
        if (roll(&dice, 4) == 0 && stored.n > 0)
            stored.n = roll(&dice, (unsigned)stored.n);
        if (decode_exactly(stored.at, stored.n, names, &back) == 0) {
            taken++;
            assert_true(back.n_ids <= STATE_IDS && back.n_seen <= STATE_WINDOW &&
                        back.n_bought <= STATE_WINDOW);
            user_state_encode(&back, names, &second);
            assert_int_equal(decode_exactly(second.at, second.n, names, &again), 0);
            same_stored(&back, names, &again, names);
        }
        bytes_free(&stored);
        bytes_free(&second);
        if (names_count(names) > 10000) {
            names_free(names);
            names = names_new();
        }
    }
    assert_true(taken > 1000);
    names_free(names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(views_carts_and_purchases_are_seen_and_only_purchases_bought),
        cmocka_unit_test(the_windows_keep_the_last_20_in_order_of_arrival),
        cmocka_unit_test(repeats_of_an_item_are_kept),
        cmocka_unit_test(a_refund_removes_the_newest_purchase_of_its_item),
        cmocka_unit_test(what_has_left_the_window_does_not_come_back_by_a_refund),
        cmocka_unit_test(a_repeated_id_changes_nothing_whatever_its_type),
        cmocka_unit_test(the_last_32_ids_are_known_and_older_ones_are_not),
        cmocka_unit_test(forget_empties_all_three),
        cmocka_unit_test(an_empty_state_is_stored_as_nothing),
        cmocka_unit_test(the_stored_form_is_the_one_of_the_header),
        cmocka_unit_test(a_state_comes_back_in_another_dictionary),
        cmocka_unit_test(a_state_that_was_cut_or_has_bytes_behind_it_is_none),
        cmocka_unit_test(a_stored_state_has_limits),
        cmocka_unit_test(damaged_bytes_are_refused_or_are_another_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
