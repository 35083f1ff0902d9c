#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "serving-layer/batch_view.h"
#include "views/row.h"

static const int64_t boundary[2] = {10, 20};
static const struct batch_edition first = {1, 2, boundary, 1000, "shop", 1, 0};
static const struct batch_edition second = {2, 2, boundary, 2000, "shop", 2, 0};

static void put(struct batch_view *batch, unsigned view, const char *group, int n, int64_t value)
{
    struct bytes row = {0};
    char member[16];
    for (int i = 0; i < n; i++) {
        snprintf(member, sizeof member, "m%04d", i);
        row_put(&row, text_of(member), value + i);
    }
    assert_int_equal(batch_view_put_row(batch, view, text_of(group), bytes_text(&row)), 0);
    bytes_free(&row);
}

static void add(struct batch_view *batch, const char *group, const char *member, int64_t value)
{
    struct bytes row = {0};
    row_put(&row, text_of(member), value);
    assert_int_equal(batch_view_add_row(batch, 0, text_of(group), bytes_text(&row)), 0);
    bytes_free(&row);
}

static int64_t count(const struct batch_view *batch, unsigned view, const char *group,
                     const char *member)
{
    uint32_t symbol = names_find(batch_view_names(batch), text_of(member));
    return symbol == NAMES_ABSENT
               ? 0
               : batch_row_count(batch_view_row(batch, view, text_of(group)), symbol);
}

static void put_user(struct batch_view *batch, const char *user, int n, const char *const *items)
{
    struct names *names = names_new();
    struct user_state state = {.n_seen = (uint32_t)n};
    struct bytes stored = {0};
    for (int i = 0; i < n; i++)
        state.seen[i] = (struct interaction){i, names_put(names, text_of(items[i])), EVENT_VIEW};
    state.n_bought = n > 1 ? 1 : 0;
    state.bought[0] = state.seen[n > 1];
    user_state_encode(&state, names, &stored);
    assert_int_equal(batch_view_put_user(batch, 1, text_of(user), bytes_text(&stored)), 0);
    bytes_free(&stored);
    names_free(names);
}

/* Walks a row: how many counters, and that each is what batch_row_count says. */
static size_t walk(const struct batch_row *row)
{
    size_t cursor = 0, n = 0;
    uint32_t member, before = 0;
    int64_t value;
    for (; batch_row_next(row, &cursor, &member, &value); n++) {
        assert_true(n == 0 || member > before);
        assert_int_not_equal(value, 0);
        assert_int_equal(batch_row_count(row, member), value);
        before = member;
    }
    struct member_count *all = calloc(batch_row_counters(row) + 1, sizeof *all);
    assert_int_equal(batch_row_take(row, all), n);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(batch_row_count(row, all[i].member), all[i].value);
    free(all);
    return n;
}

static void every_form_of_row_holds_its_counters(void **state)
{
    (void)state;
    struct batch_view *batch = batch_view_new(&first, NULL, false);
    put(batch, 0, "dense", 3000, -5); /* one of its values is 0: not there */
    put(batch, 0, "pairs", 7, 100);
    put(batch, 0, "wide", 7, INT64_C(1) << 40);
    put(batch, 0, "lowest", 1, INT64_MIN);
    batch_view_seal(batch);
    assert_int_equal(walk(batch_view_row(batch, 0, text_of("dense"))), 2999);
    assert_int_equal(walk(batch_view_row(batch, 0, text_of("pairs"))), 7);
    assert_int_equal(walk(batch_view_row(batch, 0, text_of("wide"))), 7);
    assert_int_equal(count(batch, 0, "dense", "m0000"), -5);
    assert_int_equal(count(batch, 0, "dense", "m2999"), 2994);
    assert_int_equal(count(batch, 0, "pairs", "m0006"), 106);
    assert_int_equal(count(batch, 0, "pairs", "m0007"), 0);
    assert_int_equal(count(batch, 0, "wide", "m0003"), (INT64_C(1) << 40) + 3);
    assert_int_equal(count(batch, 0, "lowest", "m0000"), INT64_MIN);
    assert_null(batch_view_row(batch, 1, text_of("pairs")));
    assert_int_equal(batch_row_count(NULL, 0), 0);
    batch_view_free(batch);
}

static void a_counter_in_memory_takes_eight_bytes_or_less(void **state)
{
    (void)state;
    struct batch_view *batch = batch_view_new(&first, NULL, false);
    struct batch_view_figures figures;
    char group[16];
    for (int i = 0; i < 100; i++) {
        snprintf(group, sizeof group, "m%04d", i);
        put(batch, 0, group, 1 + 10 * i, 1);
    }
    batch_view_seal(batch);
    batch_view_figures(batch, &figures);
    assert_int_equal(figures.counters, 100 + 10 * 4950);
    assert_true(figures.bytes < 9 * figures.counters);
    batch_view_free(batch);
}

static void the_next_version_shares_what_did_not_change(void **state)
{
    (void)state;
    struct batch_view *old = batch_view_new(&first, NULL, false);
    put(old, 0, "same", 5, 1);
    put(old, 0, "changed", 5, 1);
    put(old, 0, "emptied", 5, 1);
    batch_view_seal(old);
    struct batch_view *new = batch_view_new(&second, old, true);
    put(new, 0, "changed", 6, 2);
    put(new, 0, "emptied", 0, 0);
    put(new, 1, "added", 1, 9);
    batch_view_seal(new);
    assert_ptr_equal(batch_view_row(old, 0, text_of("same")),
                     batch_view_row(new, 0, text_of("same")));
    assert_int_equal(count(old, 0, "changed", "m0000"), 1);
    assert_int_equal(count(old, 0, "emptied", "m0000"), 1);
    assert_null(batch_view_row(old, 1, text_of("added")));
    batch_view_free(old);
    assert_int_equal(batch_view_edition(new)->n, 2);
    assert_int_equal(batch_view_edition(new)->boundary[1], 20);
    assert_int_equal(count(new, 0, "same", "m0004"), 5);
    assert_int_equal(count(new, 0, "changed", "m0005"), 7);
    assert_null(batch_view_row(new, 0, text_of("emptied")));
    assert_int_equal(count(new, 1, "added", "m0000"), 9);
    batch_view_free(new);
}

/* They are kept up to date with each row, in each version for itself. */
static void figures_are_those_of_a_view_that_was_loaded_as_a_whole(void **state)
{
    (void)state;
    struct batch_view_figures before, old_now, next, expected;
    struct batch_view *old = batch_view_new(&first, NULL, false);
    put(old, 0, "longer", 50, 1);
    put(old, 0, "shorter", 5, 1);
    put(old, 0, "emptied", 5, 1);
    batch_view_figures(old, &before);
    struct batch_view *new = batch_view_new(&second, old, true);
    put(new, 0, "longer", 60, 2);
    put(new, 0, "shorter", 2, 2);
    put(new, 0, "emptied", 0, 0);
    put(new, 1, "added", 3, 9);
    put(new, 1, "added", 4, 9);
    batch_view_figures(new, &next);
    batch_view_figures(old, &old_now);
    struct batch_view *whole = batch_view_new(&second, NULL, false);
    put(whole, 0, "longer", 60, 2);
    put(whole, 0, "shorter", 2, 2);
    put(whole, 1, "added", 4, 9);
    batch_view_figures(whole, &expected);
    assert_memory_equal(&before, &old_now, sizeof before);
    assert_int_equal(before.counters, 60);
    assert_int_equal(next.rows, 3);
    assert_int_equal(next.counters, 66);
    assert_int_equal(expected.counters, 66);
    assert_int_equal(next.bytes - names_bytes(batch_view_names(new)),
                     expected.bytes - names_bytes(batch_view_names(whole)));
    batch_view_free(old);
    batch_view_free(new);
    batch_view_free(whole);
}

static void an_increment_is_added_to_any_form_of_row(void **state)
{
    (void)state;
    static const char *const groups[] = {"dense", "pairs", "wide", "new"};
    struct batch_view *old = batch_view_new(&first, NULL, false);
    put(old, 0, "dense", 2999, 1);
    put(old, 0, "pairs", 7, 1);
    put(old, 0, "wide", 7, INT64_C(1) << 40);
    batch_view_seal(old);
    struct batch_view *new = batch_view_new(&second, old, true);
    for (int i = 0; i < 4; i++) {
        add(new, groups[i], "m0003", 5);
        add(new, groups[i], "before", 9);
        add(new, groups[i], "before", -2);
        add(new, groups[i], "m0000", -count(old, 0, groups[i], "m0000"));
    }
    add(new, "pairs", "m0001", INT64_C(1) << 40);
    add(new, "new", "before", -7);
    add(new, "new", "m0003", -5);
    batch_view_seal(new);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(count(new, 0, groups[i], "m0003"), count(old, 0, groups[i], "m0003") + 5);
        assert_int_equal(count(new, 0, groups[i], "before"), 7);
        assert_int_equal(count(new, 0, groups[i], "m0000"), 0);
        assert_int_equal(count(new, 0, groups[i], "m0005"), count(old, 0, groups[i], "m0005"));
        assert_int_equal(walk(batch_view_row(new, 0, text_of(groups[i]))),
                         batch_row_counters(batch_view_row(old, 0, text_of(groups[i]))));
    }
    assert_int_equal(count(new, 0, "pairs", "m0001"), (INT64_C(1) << 40) + 2);
    assert_null(batch_view_row(new, 0, text_of("new"))); /* its counters cancelled out */
    batch_view_free(old);
    batch_view_free(new);
}

static void many_rows_come_and_go(void **state)
{
    (void)state;
    struct batch_view *batch = batch_view_new(&first, NULL, false);
    char group[16];
    for (int i = 0; i < 3000; i++) {
        snprintf(group, sizeof group, "g%d", i);
        put(batch, (unsigned)i % 3, group, 1, i + 1);
    }
    for (int i = 0; i < 3000; i += 2) {
        snprintf(group, sizeof group, "g%d", i);
        put(batch, (unsigned)i % 3, group, 0, 0);
    }
    for (int i = 0; i < 3000; i++) {
        snprintf(group, sizeof group, "g%d", i);
        assert_int_equal(count(batch, (unsigned)i % 3, group, "m0000"), i % 2 ? i + 1 : 0);
    }
    batch_view_free(batch);
}

/* The dictionary is larger than two digits of a number, and no row comes in its order. */
static void rows_of_any_length_and_order_are_held_in_the_order_of_the_dictionary(void **state)
{
    (void)state;
    enum { NAMES = 70000, STRIDE = 7919 };
    struct batch_view *batch = batch_view_new(&first, NULL, false);
    char group[16], member[16];
    put(batch, 0, "all", NAMES, 1);
    for (int n = 1; n < NAMES; n += 1 + n / 3) {
        struct bytes row = {0};
        for (int i = 0; i < n; i++) {
            int m = (int)((int64_t)i * STRIDE % NAMES);
            snprintf(member, sizeof member, "m%04d", m);
            row_put(&row, text_of(member), m + 1);
        }
        snprintf(group, sizeof group, "g%d", n);
        assert_int_equal(batch_view_put_row(batch, 0, text_of(group), bytes_text(&row)), 0);
        assert_int_equal(walk(batch_view_row(batch, 0, text_of(group))), n);
        for (int i = 0; i < n; i += 1 + n / 50) {
            int m = (int)((int64_t)i * STRIDE % NAMES);
            snprintf(member, sizeof member, "m%04d", m);
            assert_int_equal(count(batch, 0, group, member), m + 1);
        }
        bytes_free(&row);
    }
    batch_view_free(batch);
}

static void users_windows_are_kept_in_order_with_repeats_and_go_when_forgotten(void **state)
{
    (void)state;
    const uint32_t *items;
    struct batch_view *old = batch_view_new(&first, NULL, false);
    put_user(old, "u1", 3, (const char *const[]){"a", "b", "a"});
    put_user(old, "u2", 1, (const char *const[]){"b"});
    batch_view_seal(old);
    struct batch_view *new = batch_view_new(&second, old, true);
    put_user(new, "u2", 0, NULL);
    struct batch_view *without = batch_view_new(&second, old, false);
    assert_int_equal(batch_view_window(new, WINDOW_SEEN, 1, text_of("u1"), &items), 3);
    assert_int_equal(items[0], items[2]);
    assert_true(text_equal(names_text(batch_view_names(new), items[1]), text_of("b")));
    assert_int_equal(batch_view_window(new, WINDOW_BOUGHT, 1, text_of("u1"), &items), 1);
    assert_true(text_equal(names_text(batch_view_names(new), items[0]), text_of("b")));
    assert_int_equal(batch_view_window(old, WINDOW_BOUGHT, 1, text_of("u2"), &items), 0);
    assert_int_equal(batch_view_window(new, WINDOW_SEEN, 0, text_of("u1"), &items), 0);
    assert_int_equal(batch_view_window(new, WINDOW_SEEN, 1, text_of("u2"), &items), 0);
    assert_int_equal(batch_view_window(old, WINDOW_SEEN, 1, text_of("u2"), &items), 1);
    assert_int_equal(batch_view_window(without, WINDOW_SEEN, 1, text_of("u1"), &items), 0);
    batch_view_free(old);
    batch_view_free(new);
    batch_view_free(without);
}

static void damaged_bytes_are_refused(void **state)
{
    (void)state;
    struct batch_view *batch = batch_view_new(&first, NULL, false);
    assert_int_equal(batch_view_put_row(batch, 0, text_of("g"), text_of("\x05xx")), -1);
    assert_int_equal(batch_view_put_user(batch, 0, text_of("u"), text_of("nonsense")), -1);
    batch_view_free(batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_of_row_holds_its_counters),
        cmocka_unit_test(a_counter_in_memory_takes_eight_bytes_or_less),
        cmocka_unit_test(the_next_version_shares_what_did_not_change),
        cmocka_unit_test(figures_are_those_of_a_view_that_was_loaded_as_a_whole),
        cmocka_unit_test(an_increment_is_added_to_any_form_of_row),
        cmocka_unit_test(many_rows_come_and_go),
        cmocka_unit_test(rows_of_any_length_and_order_are_held_in_the_order_of_the_dictionary),
        cmocka_unit_test(users_windows_are_kept_in_order_with_repeats_and_go_when_forgotten),
        cmocka_unit_test(damaged_bytes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
