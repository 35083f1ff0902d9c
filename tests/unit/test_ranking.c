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

enum { ROWS_MAX = 9 };

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
    const struct batch_edition edition = {1, 1, boundary, 0, "shop", 1, 0};
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

/* ---- pairs ---- */

static struct ranker *ranker;

static size_t related(const struct snapshot *snapshot, enum similar_by by, enum score_kind score,
                      const char *items, enum layer layer, size_t n, struct bytes *into)
{
    struct text item[4];
    size_t n_items = strlen(items); /* a letter each */
    for (size_t i = 0; i < n_items; i++)
        item[i] = (struct text){items + i, 1};
    const struct rank_question question = {by, score, item, n_items, 0};
    const struct rank_bounds bounds = {.layer = layer, .n = n};
    into->n = 0;
    return rank_related(ranker, snapshot, 0, &question, &bounds, into);
}

/* users: x 4, a 1, b 9, c 4, d 4; with x: a 1, b 3, c 2, d 2. cosine: a 1/2, b 3/6 = 1/2, c 2/4 = 1/2, d 2/4. With one
 * more user of d from the speed layer who has not seen x: d 2/sqrt(20). */
static void similar_items_are_ranked_by_cosine_ties_by_item(void **state)
{
    (void)state;
    struct bytes found = {0};
    const struct snapshot *snapshot =
        show(2, (const char *const[]){"x=4 a=1 b=9 c=4 d=4", "d=2 c=2 b=3 a=1"},
             (const char *const[]){"d=1", ""});
    size_t n = related(snapshot, BY_TOGETHER, SCORE_COSINE, "x", LAYER_MERGED, 10, &found);
    assert_string_equal(written(&found, n), "a:0.5000:0 b:0.5000:0 c:0.5000:0 d:0.4472:0");
    n = related(snapshot, BY_TOGETHER, SCORE_COSINE, "x", LAYER_BATCH, 10, &found);
    assert_string_equal(written(&found, n), "a:0.5000:0 b:0.5000:0 c:0.5000:0 d:0.5000:0");
    n = related(snapshot, BY_TOGETHER, SCORE_COUNT, "x", LAYER_MERGED, 3, &found);
    assert_string_equal(written(&found, n), "b:3.0000:0 c:2.0000:0 d:2.0000:0");
    assert_int_equal(related(snapshot, BY_TOGETHER, SCORE_COSINE, "?", LAYER_MERGED, 10, &found),
                     0);
    bytes_free(&found);
    clear();
}

static void what_comes_next_is_weighed_in_pairs_at_distance_one(void **state)
{
    (void)state;
    struct bytes found = {0};
    const struct snapshot *snapshot = show(2, (const char *const[]){"x=4 a=4 b=1", "a=2520 b=1260"},
                                           (const char *const[]){"", "a=2520"});
    size_t n = related(snapshot, BY_NEXT, SCORE_COSINE, "x", LAYER_MERGED, 10, &found);
    assert_string_equal(written(&found, n), "a:0.5000:0 b:0.2500:0");
    n = related(snapshot, BY_NEXT, SCORE_COUNT, "x", LAYER_MERGED, 10, &found);
    assert_string_equal(written(&found, n), "a:2.0000:0 b:0.5000:0");
    bytes_free(&found);
    clear();
}

/* Seen through the speed layer alone, windows that moved on leave negative counts: no similarity. */
static void negative_counts_of_the_speed_layer_are_no_similarity(void **state)
{
    (void)state;
    struct bytes found = {0};
    const struct snapshot *snapshot =
        show(2, (const char *const[]){"x=9 a=9 b=9 c=9", "a=5 b=5 c=5"},
             (const char *const[]){"x=4 a=1 b=-2 c=1", "a=-1 b=1 c=2"});
    for (enum score_kind kind = SCORE_COSINE; kind <= SCORE_COUNT; kind += SCORE_COUNT) {
        size_t n = related(snapshot, BY_TOGETHER, kind, "x", LAYER_SPEED, 10, &found);
        assert_string_equal(written(&found, n), kind == SCORE_COUNT ? "c:2.0000:0" : "c:1.0000:0");
    }
    bytes_free(&found);
    clear();
}

/* All 10 users; x 3, a 2, b 5. With x: a 2: 2 (2 ln(20/6) + ln(10/24) + 7 ln(70/56)) = 6.1890; b 1: less than chance. */
static void what_goes_together_less_often_than_chance_has_no_likelihood(void **state)
{
    (void)state;
    struct bytes found = {0};
    const struct snapshot *snapshot =
        show(3, (const char *const[]){"x=3 a=2 b=5", "all=9", "a=2 b=1"},
             (const char *const[]){"", "all=1", ""});
    size_t n = related(snapshot, BY_TOGETHER, SCORE_LLR, "x", LAYER_MERGED, 10, &found);
    assert_string_equal(written(&found, n), "a:6.1890:0");
    bytes_free(&found);
    clear();
}

/* users: p 4, q 1, r 1, a 4, b 1. together: p-a 2, p-b 1, p-q 1; q-a 1, q-p 1; r-b 1.
 * a: 2/4 + 1/2 = 1; b: 1/2 + 0 + 1/1 = 1.5. */
static const struct snapshot *show_three_items(void)
{
    return show(4, (const char *const[]){"p=4 q=1 r=1 a=4 b=1", "a=2 b=1 q=1", "a=1 p=1", ""},
                (const char *const[]){"", "", "", "b=1"});
}

static void recommendations_add_cosines_and_say_because(void **state)
{
    (void)state;
    struct bytes found = {0};
    struct because because[STATE_WINDOW];
    const struct text items[] = {text_of("p"), text_of("q"), text_of("r")};
    const struct snapshot *snapshot = show_three_items();
    const uint32_t seen[] = {snapshot_find(snapshot, items[0]), snapshot_find(snapshot, items[1])};
    const struct rank_question question = {BY_TOGETHER, SCORE_COSINE, items, 3, 0};
    struct rank_bounds bounds = {.n = 10, .without = seen, .n_without = 2};
    assert_true(seen[0] < seen[1]);
    size_t n = rank_related(ranker, snapshot, 0, &question, &bounds, &found);
    assert_string_equal(written(&found, n), "b:1.5000:0 a:1.0000:0");
    uint32_t b = ((const struct ranked *)(const void *)found.at)->member;
    assert_int_equal(rank_because(snapshot, 0, &question, LAYER_MERGED, b, because), 2);
    assert_true(text_equal(because[0].item, text_of("r")));
    assert_true(fabs(because[0].score - 1) < 1e-9);
    assert_true(text_equal(because[1].item, text_of("p")));
    assert_int_equal(because[1].count, 1);
    assert_int_equal(because[1].term[0].counts.users_a, 4);
    found.n = 0;
    bounds.n_without = 0;
    n = rank_related(ranker, snapshot, 0, &question, &bounds, &found);
    assert_string_equal(written(&found, n), "b:1.5000:0 a:1.0000:0 p:0.5000:0 q:0.5000:0");
    bytes_free(&found);
    clear();
}

static void a_muted_item_speaks_for_nothing(void **state)
{
    (void)state;
    struct bytes found = {0};
    struct because because[STATE_WINDOW];
    const struct text items[] = {text_of("p"), text_of("q"), text_of("r")};
    const struct snapshot *snapshot = show_three_items();
    const struct rank_question question = {BY_TOGETHER, SCORE_COSINE, items, 3, 4 | 1};
    const struct rank_bounds bounds = {.n = 10};
    size_t n = rank_related(ranker, snapshot, 0, &question, &bounds, &found);
    assert_string_equal(written(&found, n), "a:0.5000:0 p:0.5000:0");
    uint32_t a = ((const struct ranked *)(const void *)found.at)->member;
    assert_int_equal(rank_because(snapshot, 0, &question, LAYER_MERGED, a, because), 1);
    assert_true(text_equal(because[0].item, text_of("q")));
    bytes_free(&found);
    clear();
}

/* Rows: item_users, bought_users, then next, together, bought_together of x.
 * a: 0.5 * 1 / sqrt(4 * 4) + 0.3 * 2 / 4 + 0.2 * 1 / sqrt(1 * 1) = 0.125 + 0.15 + 0.2 */
static void a_blend_weighs_three_relations_each_with_its_own_users(void **state)
{
    (void)state;
    struct bytes found = {0};
    struct because because[STATE_WINDOW];
    const struct text x = text_of("x");
    const struct rank_question question = {BY_BLEND, SCORE_COSINE, &x, 1, 0};
    const struct rank_bounds bounds = {.n = 10};
    struct row_ref rows[RANK_ROWS_MAX];
    assert_int_equal(rank_rows(&question, rows), 5);
    assert_string_equal(catalogue[rows[0].view].name, "item_users");
    assert_string_equal(catalogue[rows[1].view].name, "bought_users");
    assert_string_equal(catalogue[rows[2].view].name, "next");
    assert_string_equal(catalogue[rows[3].view].name, "together");
    assert_string_equal(catalogue[rows[4].view].name, "bought_together");
    const struct snapshot *snapshot =
        show(5, (const char *const[]){"x=4 a=4 b=1", "x=1 a=1", "a=2520 b=1260", "a=1", "a=1"},
             (const char *const[]){"", "", "", "a=1", ""});
    size_t n = rank_related(ranker, snapshot, 0, &question, &bounds, &found);
    assert_string_equal(written(&found, n), "a:0.4750:0 b:0.1250:0");
    uint32_t a = ((const struct ranked *)(const void *)found.at)->member;
    assert_int_equal(rank_because(snapshot, 0, &question, LAYER_MERGED, a, because), 1);
    assert_int_equal(because[0].n_terms, 3);
    assert_int_equal(because[0].count, 2);
    assert_true(fabs(because[0].score - 0.475) < 1e-12);
    bytes_free(&found);
    clear();
}

/* Of items a and b; the row of all users is there for LLR alone. */
static const struct snapshot *show_blend(bool with_all)
{
    static const char *const batch[] = {"a=31 b=17 c=29 d=11 e=5",
                                        "a=13 b=5 c=7 d=3",
                                        "all=97",
                                        "c=5040 d=7777 e=1",
                                        "c=2520 d=840",
                                        "c=13 d=4 e=2",
                                        "c=9 d=1",
                                        "c=3",
                                        "c=2 d=1"};
    static const char *const speed[] = {"b=3 e=2", "", "all=5", "e=99", "", "e=1", "", "d=1", ""};
    const char *some_batch[ROWS_MAX], *some_speed[ROWS_MAX];
    int n = 0;
    for (int i = 0; i < ROWS_MAX; i++)
        if (with_all || i != 2) {
            some_batch[n] = batch[i];
            some_speed[n++] = speed[i];
        }
    return show(n, some_batch, some_speed);
}

/* What adds up row by row must be what is added pair by pair: the two ways of calculating a score are one. */
static void scores_are_the_sum_of_what_is_explained(void **state)
{
    (void)state;
    struct bytes found = {0};
    struct because because[STATE_WINDOW];
    const struct text items[] = {text_of("a"), text_of("b")};
    for (enum score_kind kind = SCORE_COSINE; kind <= SCORE_COUNT; kind++) {
        const struct rank_question question = {BY_BLEND, kind, items, 2, 0};
        const struct rank_bounds bounds = {.n = 10};
        const struct snapshot *snapshot = show_blend(kind == SCORE_LLR);
        found.n = 0;
        size_t n = rank_related(ranker, snapshot, 0, &question, &bounds, &found);
        assert_true(n >= 3);
        for (size_t i = 0; i < n; i++) {
            const struct ranked *ranked = (const struct ranked *)(const void *)found.at + i;
            double sum = 0;
            size_t k = rank_because(snapshot, 0, &question, LAYER_MERGED, ranked->member, because);
            while (k-- > 0)
                sum += because[k].score;
            assert_true(fabs(sum - ranked->score) < 1e-6);
        }
        clear();
    }
    bytes_free(&found);
}

static size_t asked; /* how often the filter was */

static bool no_vowels(void *context, struct text item)
{
    asked++;
    return !strchr(context, item.at[0]);
}

static void a_filter_is_asked_only_about_what_would_be_among_the_best(void **state)
{
    (void)state;
    struct bytes found = {0};
    char row[20000] = "x=1 ", pairs[20000] = "";
    size_t at = 4, pair_at = 0;
    for (int i = 0; i < 1000; i++) { /* 1009 is a prime: a permutation of 1 .. 1008 */
        at += (size_t)snprintf(row + at, sizeof row - at, "%c%d=1 ", 'a' + i % 26, i);
        pair_at += (size_t)snprintf(pairs + pair_at, sizeof pairs - pair_at, "%c%d=%d ",
                                    'a' + i % 26, i, (i + 1) * 577 % 1009);
    }
    const struct snapshot *snapshot =
        show(2, (const char *const[]){row, pairs}, (const char *const[]){"", ""});
    const struct text x = text_of("x");
    const struct rank_question question = {BY_TOGETHER, SCORE_COUNT, &x, 1, 0};
    const struct rank_bounds bounds = {.n = 5, .filter = {no_vowels, (char[]){"aeiou"}}};
    asked = 0;
    size_t n = rank_related(ranker, snapshot, 0, &question, &bounds, &found);
    assert_int_equal(n, 5);
    for (size_t i = 0; i < n; i++)
        assert_null(
            strchr("aeiou", ((const struct ranked *)(const void *)found.at + i)->item.at[0]));
    assert_in_range(asked, 5, 100);
    bytes_free(&found);
    clear();
}

/* ---- hours ---- */

static void rows_are_summed_for_popular_over_hours(void **state)
{
    (void)state;
    struct bytes found = {0};
    const struct rank_bounds bounds = {.n = 10};
    const struct snapshot *snapshot = show(3, (const char *const[]){"a=3 b=1", "b=5 c=-2", "a=1"},
                                           (const char *const[]){"", "c=1 d=4", "a=-4"});
    size_t n = rank_sum(ranker, snapshot, 0, 3, &bounds, &found);
    assert_string_equal(written(&found, n), "b:6.0000:6 d:4.0000:4");
    bytes_free(&found);
    clear();
}

/* An hour against two before: a (30 + 10) / (20 * 1/2 + 10) = 2, b (1 + 10) / 10 = 1.1, c falls, d: refunds before do not help. */
static void trending_is_the_rate_of_the_last_hours_against_that_before(void **state)
{
    (void)state;
    struct bytes found = {0};
    const struct rank_bounds bounds = {.n = 10};
    const struct snapshot *snapshot =
        show(3, (const char *const[]){"a=29 b=1 c=9 d=10", "a=12 c=20", "a=8 c=20 d=-20"},
             (const char *const[]){"a=1", "", ""});
    size_t n = rank_trending(ranker, snapshot, 1, 2, &bounds, &found);
    assert_string_equal(written(&found, n), "a:2.0000:30 d:2.0000:10 b:1.1000:1");
    assert_int_equal(((const struct ranked *)(const void *)found.at)->before, 20);
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
        cmocka_unit_test(what_goes_together_less_often_than_chance_has_no_likelihood),
        cmocka_unit_test(recommendations_add_cosines_and_say_because),
        cmocka_unit_test(a_muted_item_speaks_for_nothing),
        cmocka_unit_test(a_blend_weighs_three_relations_each_with_its_own_users),
        cmocka_unit_test(scores_are_the_sum_of_what_is_explained),
        cmocka_unit_test(a_filter_is_asked_only_about_what_would_be_among_the_best),
        cmocka_unit_test(rows_are_summed_for_popular_over_hours),
        cmocka_unit_test(trending_is_the_rate_of_the_last_hours_against_that_before),
        cmocka_unit_test(the_best_n_are_those_that_sorting_everything_gives),
    };
    ranker = ranker_new();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    ranker_free(ranker);
    return failed;
}
