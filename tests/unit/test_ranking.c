/* Scores calculated by hand: cosine(a, b) = together(a, b) / sqrt(users(a) users(b)). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "serving-layer/ranking.h"
#include "serving-layer/snapshot.h"
#include "views/row.h"

enum { ROWS_MAX = 4 };

/* A snapshot of rows written as "member=value member=value", batch and speed. */
static struct stage {
    struct batch_view *batch;
    struct symbols symbols;
    struct sums speed[ROWS_MAX], scratch;
    const struct sums *speed_of[ROWS_MAX];
    struct parts parts[ROWS_MAX];
    const struct parts *rows[ROWS_MAX];
    struct snapshot snapshot;
} stage;

static const int64_t boundary[1] = {0};

static void each(const char *written, void (*take)(void *into, struct text member, int64_t value),
                 void *into)
{
    char member[64];
    int64_t value;
    int n;
    for (; sscanf(written, " %63[^= ]=%ld%n", member, &value, &n) == 2; written += n)
        take(into, text_of(member), value);
}

static void into_row(void *into, struct text member, int64_t value)
{
    row_put(into, member, value);
}

static void into_speed(void *into, struct text member, int64_t value)
{
    sums_add(into, symbols_put(&stage.symbols, member), value);
}

static const struct snapshot *show(int n, const char *const *batch_rows,
                                   const char *const *speed_rows)
{
    const struct batch_edition edition = {1, 1, boundary, 0, "shop", 1};
    stage.batch = batch_view_new(&edition, NULL, false);
    for (int i = 0; i < n; i++) {
        struct bytes row = {0};
        each(batch_rows[i], into_row, &row);
        assert_int_equal(batch_view_put_row(stage.batch, 0,
                                            (struct text){(char[]){(char)('0' + i)}, 1},
                                            bytes_text(&row)),
                         0);
        bytes_free(&row);
    }
    symbols_begin(&stage.symbols, batch_view_names(stage.batch));
    for (int i = 0; i < n; i++) {
        each(speed_rows[i], into_speed, &stage.speed[i]);
        stage.speed_of[i] = &stage.speed[i];
        stage.parts[i] = (struct parts){
            batch_view_row(stage.batch, 0, (struct text){(char[]){(char)('0' + i)}, 1}),
            &stage.speed_of[i], 1};
        stage.rows[i] = &stage.parts[i];
    }
    stage.snapshot = (struct snapshot){.edition = batch_view_edition(stage.batch),
                                       .symbols = &stage.symbols,
                                       .as_of = boundary,
                                       .rows = stage.rows,
                                       .n_rows = (size_t)n,
                                       .scratch = &stage.scratch};
    return &stage.snapshot;
}

static void clear(void)
{
    for (int i = 0; i < ROWS_MAX; i++)
        sums_free(&stage.speed[i]);
    sums_free(&stage.scratch);
    symbols_free(&stage.symbols);
    batch_view_free(stage.batch);
    stage = (struct stage){0};
}

/* "item:score:count item:score:count", scores with four digits. */
static const char *written(const struct bytes *found, size_t n)
{
    static char text[1024];
    size_t at = 0;
    text[0] = 0;
    for (size_t i = 0; i < n; i++) {
        const struct ranked *ranked = (const struct ranked *)(const void *)found->at + i;
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%.*s:%.4f:%ld", i ? " " : "",
                               (int)ranked->item.n, ranked->item.at, ranked->score,
                               (long)ranked->count);
    }
    return text;
}

static void counts_are_ranked_largest_first_ties_by_member_in_byte_order(void **state)
{
    (void)state;
    struct bytes found = {0};
    const struct snapshot *snapshot = show(1, (const char *const[]){"b=3 a=3 Z=3 c=7 d=1 gone=2"},
                                           (const char *const[]){"gone=-2 new=3 d=-4"});
    size_t n = rank_counts(snapshot, 0, LAYER_MERGED, 100, &found);
    assert_string_equal(written(&found, n),
                        "c:7.0000:7 Z:3.0000:3 a:3.0000:3 b:3.0000:3 new:3.0000:3 d:-3.0000:-3");
    found.n = 0;
    n = rank_counts(snapshot, 0, LAYER_MERGED, 3, &found);
    assert_string_equal(written(&found, n), "c:7.0000:7 Z:3.0000:3 a:3.0000:3");
    found.n = 0;
    n = rank_counts(snapshot, 0, LAYER_SPEED, 100, &found);
    assert_string_equal(written(&found, n), "new:3.0000:3 gone:-2.0000:-2 d:-4.0000:-4");
    found.n = 0;
    assert_int_equal(rank_counts(snapshot, 0, LAYER_BATCH, 0, &found), 0);
    bytes_free(&found);
    clear();
}

/* users: x 4, a 1, b 9, c 4, d 4; with x: a 1, b 3, c 2, d 2. cosine: a 1/2, b 3/6 = 1/2, c 2/4 = 1/2, d 2/4. With one
 * more user of d from the speed layer who has not seen x: d 2/sqrt(20). */
static void similar_items_are_ranked_by_cosine_ties_by_item(void **state)
{
    (void)state;
    struct bytes found = {0};
    const struct snapshot *snapshot =
        show(2, (const char *const[]){"d=2 c=2 b=3 a=1", "x=4 a=1 b=9 c=4 d=4"},
             (const char *const[]){"", "d=1"});
    size_t n = rank_similar(snapshot, BY_TOGETHER, text_of("x"), LAYER_MERGED, 10, &found);
    assert_string_equal(written(&found, n), "a:0.5000:1 b:0.5000:3 c:0.5000:2 d:0.4472:2");
    found.n = 0;
    n = rank_similar(snapshot, BY_TOGETHER, text_of("x"), LAYER_BATCH, 10, &found);
    assert_string_equal(written(&found, n), "a:0.5000:1 b:0.5000:3 c:0.5000:2 d:0.5000:2");
    found.n = 0;
    assert_int_equal(
        rank_similar(snapshot, BY_TOGETHER, text_of("nobody saw it"), LAYER_MERGED, 10, &found), 0);
    bytes_free(&found);
    clear();
}

static void what_comes_next_is_weighed_in_pairs_at_distance_one(void **state)
{
    (void)state;
    struct bytes found = {0};
    const struct snapshot *snapshot = show(2, (const char *const[]){"a=2520 b=1260", "x=4 a=4 b=1"},
                                           (const char *const[]){"a=2520", ""});
    size_t n = rank_similar(snapshot, BY_NEXT, text_of("x"), LAYER_MERGED, 10, &found);
    assert_string_equal(written(&found, n), "a:0.5000:5040 b:0.2500:1260");
    bytes_free(&found);
    clear();
}

/* Seen through the speed layer alone, windows that moved on leave negative counts: no similarity. */
static void negative_counts_of_the_speed_layer_are_no_similarity(void **state)
{
    (void)state;
    struct bytes found = {0};
    const struct snapshot *snapshot =
        show(2, (const char *const[]){"a=5 b=5 c=5", "x=9 a=9 b=9 c=9"},
             (const char *const[]){"a=-1 b=1 c=2", "x=4 a=1 b=-2 c=1"});
    size_t n = rank_similar(snapshot, BY_TOGETHER, text_of("x"), LAYER_SPEED, 10, &found);
    assert_string_equal(written(&found, n), "c:1.0000:2");
    bytes_free(&found);
    clear();
}

/* users: p 4, q 1, r 1, a 4, b 1. together: p-a 2, p-b 1, p-q 1; q-a 1, q-p 1; r-b 1.
 * a: 2/4 + 1/2 = 1; b: 1/2 + 0 + 1/1 = 1.5. */
static void recommendations_add_cosines_and_say_because(void **state)
{
    (void)state;
    struct bytes found = {0};
    const struct text items[] = {text_of("p"), text_of("q"), text_of("r")};
    const struct snapshot *snapshot =
        show(4, (const char *const[]){"p=4 q=1 r=1 a=4 b=1", "a=2 b=1 q=1", "a=1 p=1", ""},
             (const char *const[]){"", "", "", "b=1"});
    size_t n = rank_recommendations(snapshot, items, 3, 10, &found);
    assert_string_equal(written(&found, n), "b:1.5000:2 a:1.0000:3");
    const struct ranked *b = (const void *)found.at;
    assert_int_equal(b->n_because, 2);
    assert_true(text_equal(b->because[0].item, text_of("r")));
    assert_true(fabs(b->because[0].score - 1) < 1e-9);
    assert_true(text_equal(b->because[1].item, text_of("p")));
    assert_int_equal(b->because[1].count, 1);
    bytes_free(&found);
    clear();
}

static void rows_are_summed_for_popular_over_hours(void **state)
{
    (void)state;
    struct bytes found = {0};
    const struct snapshot *snapshot = show(3, (const char *const[]){"a=3 b=1", "b=5 c=-2", "a=1"},
                                           (const char *const[]){"", "c=2 d=4", "a=-4"});
    size_t n = rank_sum(snapshot, 3, 10, &found);
    assert_string_equal(written(&found, n), "b:6.0000:6 d:4.0000:4");
    bytes_free(&found);
    clear();
}

static void the_best_n_are_those_that_sorting_everything_gives(void **state)
{
    (void)state;
    struct bytes found = {0};
    char row[20000], expected[64];
    size_t at = 0;
    for (int i = 0; i < 1000; i++)
        at += (size_t)snprintf(row + at, sizeof row - at, "m%04d=%d ", i, 1 + (i * 7919) % 1000);
    const struct snapshot *snapshot =
        show(1, (const char *const[]){row}, (const char *const[]){""});
    for (size_t n = 1; n < 1200; n += 97) {
        found.n = 0;
        size_t got = rank_counts(snapshot, 0, LAYER_MERGED, n, &found);
        assert_int_equal(got, n < 1000 ? n : 1000);
        for (size_t i = 0; i < got; i++) {
            const struct ranked *ranked = (const struct ranked *)(const void *)found.at + i;
            snprintf(expected, sizeof expected, "%.*s", (int)ranked->item.n, ranked->item.at);
            assert_int_equal(ranked->count, 1000 - (int)i);
            assert_int_equal(1 + (atoi(expected + 1) * 7919) % 1000, 1000 - (int)i);
        }
    }
    bytes_free(&found);
    clear();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_are_ranked_largest_first_ties_by_member_in_byte_order),
        cmocka_unit_test(similar_items_are_ranked_by_cosine_ties_by_item),
        cmocka_unit_test(what_comes_next_is_weighed_in_pairs_at_distance_one),
        cmocka_unit_test(negative_counts_of_the_speed_layer_are_no_similarity),
        cmocka_unit_test(recommendations_add_cosines_and_say_because),
        cmocka_unit_test(rows_are_summed_for_popular_over_hours),
        cmocka_unit_test(the_best_n_are_those_that_sorting_everything_gives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
