#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "serving-layer/merge.h"
#include "views/row.h"

static const int64_t boundary[1] = {0};

static struct batch_view *view_of(int n, const int64_t *values)
{
    const struct batch_edition edition = {1, 1, boundary, 0, "shop", 1, 0};
    struct batch_view *batch = batch_view_new(&edition, NULL, false);
    struct bytes row = {0};
    for (int i = 0; i < n; i++)
        row_put(&row, (struct text){(char[]){(char)('a' + i)}, 1}, values[i]);
    assert_int_equal(batch_view_put_row(batch, 0, text_of("g"), bytes_text(&row)), 0);
    bytes_free(&row);
    return batch;
}

/* The value of a member in what merge_row made, 0 where it is not there; n is how many there are. */
static int64_t merged(const struct parts *parts, enum layer layer, uint32_t member, size_t *n)
{
    struct bytes counts = {0};
    struct sums scratch = {0};
    int64_t value = 0;
    *n = merge_row(parts, layer, &scratch, &counts);
    for (size_t i = 0; i < *n; i++) {
        const struct member_count *count = (const struct member_count *)(const void *)counts.at + i;
        assert_int_not_equal(count->value, 0);
        if (count->member == member)
            value = count->value;
    }
    assert_int_equal(value, merge_count(parts, layer, member));
    counts.n = 0;
    int64_t pieces = 0; /* they add up to the same */
    size_t n_pieces = merge_pieces(parts, layer, &counts);
    for (size_t i = 0; i < n_pieces; i++) {
        const struct member_count *count = (const struct member_count *)(const void *)counts.at + i;
        pieces += count->member == member ? count->value : 0;
    }
    assert_int_equal(pieces, value);
    assert_int_equal(counts.n, n_pieces * sizeof(struct member_count));
    struct tally tally = {0};
    tally_begin(&tally, 100);
    merge_add_parts(parts, layer, 0.5, &tally);
    assert_true(tally_of(&tally, member)->part == 0.5 * (double)value);
    tally_free(&tally);
    bytes_free(&counts);
    sums_free(&scratch);
    return value;
}

static void counters_of_both_layers_are_added_and_zeros_dropped(void **state)
{
    (void)state;
    struct batch_view *batch = view_of(3, (const int64_t[]){5, 2, 9}); /* symbols 0, 1, 2 */
    struct sums one = {0}, two = {0};
    sums_add(&one, 0, -5);
    sums_add(&one, 1, 3);
    sums_add(&one, 7, 1);
    sums_add(&two, 7, 1);
    sums_add(&two, 8, 4);
    sums_add(&one, 8, -4);
    const struct sums *speed[] = {&one, &two};
    const struct parts parts = {batch_view_row(batch, 0, text_of("g")), speed, 2};
    size_t n;
    assert_int_equal(merged(&parts, LAYER_MERGED, 0, &n), 0);
    assert_int_equal(n, 3); /* members 1, 2 and 7 */
    assert_int_equal(merged(&parts, LAYER_MERGED, 1, &n), 5);
    assert_int_equal(merged(&parts, LAYER_MERGED, 2, &n), 9);
    assert_int_equal(merged(&parts, LAYER_MERGED, 7, &n), 2);
    assert_int_equal(merged(&parts, LAYER_BATCH, 0, &n), 5);
    assert_int_equal(n, 3);
    assert_int_equal(merged(&parts, LAYER_SPEED, 0, &n), -5);
    assert_int_equal(n, 3); /* members 0, 1 and 7 */
    sums_free(&one);
    sums_free(&two);
    batch_view_free(batch);
}

static void either_layer_may_have_nothing(void **state)
{
    (void)state;
    struct batch_view *batch = view_of(1, (const int64_t[]){5});
    struct sums one = {0};
    size_t n;
    sums_add(&one, 3, 1);
    const struct sums *speed[] = {&one};
    const struct parts only_batch = {batch_view_row(batch, 0, text_of("g")), NULL, 0},
                       only_speed = {NULL, speed, 1}, nothing = {NULL, NULL, 0};
    assert_int_equal(merged(&only_batch, LAYER_MERGED, 0, &n), 5);
    assert_int_equal(merged(&only_speed, LAYER_MERGED, 3, &n), 1);
    assert_int_equal(merged(&nothing, LAYER_MERGED, 3, &n), 0);
    assert_int_equal(n, 0);
    sums_free(&one);
    batch_view_free(batch);
}

static void random_sums_are_what_an_array_says(void **state)
{
    (void)state;
    static int64_t plain[5000];
    struct sums sums = {0};
    uint32_t random = 1;
    for (int i = 0; i < 100000; i++) {
        random = random * 1664525 + 1013904223;
        uint32_t member = (random >> 8) % 5000;
        int64_t value = (int64_t)((random >> 4) % 9) - 4;
        plain[member] += value;
        sums_add(&sums, member, value);
    }
    for (uint32_t member = 0; member < 5000; member++)
        assert_int_equal(sums_get(&sums, member), plain[member]);
    assert_int_equal(sums_get(&sums, 5000), 0);
    sums_clear(&sums);
    assert_int_equal(sums_get(&sums, 1), 0);
    sums_free(&sums);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counters_of_both_layers_are_added_and_zeros_dropped),
        cmocka_unit_test(either_layer_may_have_nothing),
        cmocka_unit_test(random_sums_are_what_an_array_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
