/* The catalogue in memory: against an obvious one, and its order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "serving-layer/item_table.h"

enum { IDS = 5000, STEPS = 200000, MANY = 100000 };

static uint64_t state = 1;

static uint32_t chance(uint32_t n)
{
    state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (uint32_t)(state >> 33) % n;
}

static struct item item_numbered(uint32_t id, int64_t version, char into[32])
{
    int n = snprintf(into, 32, "item-%u", id);
    return (struct item){.item = {into, (size_t)n},
                         .title = {into, (size_t)(version % 4)},
                         .created_ms = version % 100,
                         .updated_ms = version * 3,
                         .version = version,
                         .price = -1};
}

/* What should be there: the version by id, 0: nothing. */
static void is_the_same(const struct item_table *table, const int64_t *version)
{
    char name[32];
    uint64_t n = 0, sum = 0;
    for (uint32_t id = 0; id < IDS; id++) {
        struct item wanted = item_numbered(id, version[id], name);
        const struct item *found = item_table_find(table, wanted.item);
        assert_int_equal(found ? found->version : 0, version[id]);
        n += version[id] != 0;
        sum += (uint64_t)version[id];
        if (found)
            assert_true(text_equal(found->title, wanted.title));
    }
    assert_int_equal(item_table_digest(table).n, n);
    assert_int_equal(item_table_digest(table).sum, sum);
    struct item_place place = item_list_place(item_table_list(table), INT64_MAX, text_of(""));
    const struct item *before = NULL, *item;
    for (; (item = item_list_next(item_table_list(table), &place)); before = item, n--)
        assert_true(!before ||
                    item_order(before->created_ms, before->item, item->created_ms, item->item) < 0);
    assert_int_equal(n, 0);
}

static void it_holds_what_was_put_and_not_removed_in_order(void **unused)
{
    (void)unused;
    struct item_table *table = item_table_new();
    int64_t *version = calloc(IDS, sizeof *version);
    assert_non_null(version);
    char name[32];
    for (int64_t step = 1; step <= STEPS; step++) {
        uint32_t id = chance(IDS);
        bool grows = step % (STEPS / 2) < STEPS / 4; /* then it shrinks, then again */
        struct item item = item_numbered(id, step, name);
        if (chance(100) < (grows ? 90 : 10)) {
            item_table_put(table, &item);
            version[id] = step;
        } else {
            item_table_remove(table, item.item);
            version[id] = 0;
        }
        if (step % (STEPS / 8) == 0)
            is_the_same(table, version);
    }
    free(version);
    item_table_free(table);
}

static void a_round_keeps_what_was_put_or_confirmed(void **unused)
{
    (void)unused;
    struct item_table *table = item_table_new();
    int64_t *version = calloc(IDS, sizeof *version);
    assert_non_null(version);
    char name[32];
    for (uint32_t id = 0; id < IDS; id++) {
        struct item item = item_numbered(id, 1 + id, name);
        item_table_put(table, &item);
    }
    item_table_round(table);
    for (uint32_t id = 0; id < IDS; id += 3) {
        struct item item = item_numbered(id, id % 2 ? 1 + id : 1000 + id, name);
        bool same = item_table_confirm(table, &item);
        assert_int_equal(same, id % 2);
        if (!same)
            item_table_put(table, &item);
        version[id] = item.version;
    }
    while (item_table_sweep(table))
        ;
    is_the_same(table, version);
    free(version);
    item_table_free(table);
}

static void a_walk_goes_on_behind_a_place_that_is_gone(void **unused)
{
    (void)unused;
    struct item_table *table = item_table_new();
    char name[32];
    for (uint32_t id = 0; id < 3000; id++) {
        struct item item = item_numbered(id, 1 + id, name);
        item_table_put(table, &item);
    }
    struct item_place place = item_list_place(item_table_list(table), 50, text_of("item-1549"));
    const struct item *item = item_list_next(item_table_list(table), &place);
    assert_true(text_equal(item->item, text_of("item-1549")));
    item_table_remove(table, text_of("item-1549"));
    place = item_list_place(item_table_list(table), 50, text_of("item-1549"));
    item = item_list_next(item_table_list(table), &place);
    assert_true(text_equal(item->item, text_of("item-1649")));
    item_table_free(table);
}

static void an_item_costs_at_most_250_bytes_beside_its_texts(void **unused)
{
    (void)unused;
    struct item_table *table = item_table_new();
    char name[32];
    size_t texts, rest;
    for (uint32_t id = 0; id < MANY; id++) {
        struct item item = item_numbered(id, 1 + chance(1000000), name);
        item_table_put(table, &item);
    }
    item_table_bytes(table, &texts, &rest);
    print_message("   %zu bytes an item beside its texts\n", rest / MANY);
    assert_true(rest / MANY <= 250 - 16); /* the allocator's own */
    item_table_free(table);
}

static void a_category_has_what_is_beneath_it(void **unused)
{
    (void)unused;
    assert_true(item_category_in(text_of("home"), text_of("home")));
    assert_true(item_category_in(text_of("home/lights"), text_of("home")));
    assert_true(item_category_in(text_of("home/lights/red"), text_of("home/lights")));
    assert_false(item_category_in(text_of("homes"), text_of("home")));
    assert_false(item_category_in(text_of("home"), text_of("home/lights")));
    assert_false(item_category_in(text_of(""), text_of("home")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_holds_what_was_put_and_not_removed_in_order),
        cmocka_unit_test(a_round_keeps_what_was_put_or_confirmed),
        cmocka_unit_test(a_walk_goes_on_behind_a_place_that_is_gone),
        cmocka_unit_test(an_item_costs_at_most_250_bytes_beside_its_texts),
        cmocka_unit_test(a_category_has_what_is_beneath_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
