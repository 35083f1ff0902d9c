/* The store of batch views on a real Postgres. The layers are stopped: the test writes what a run would publish. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/mem.h"
#include "serving-layer/batch_store.h"
#include "tests/integration/deployment.h"
#include "views/row.h"

enum { PARTITIONS = 4, PATIENCE_US = 10 * 1000000 };

static char *postgres;
static struct batch_store *store;

static void sql(const char *statements)
{
    must_exit(0, "psql -XAtq1 -v ON_ERROR_STOP=1 \"$TANDEM_POSTGRES\" -c \"%s\"", statements);
}

static const char *hex(const struct bytes *bytes)
{
    static char text[4096];
    for (size_t i = 0; i < bytes->n; i++)
        snprintf(text + 2 * i, 3, "%02x", (unsigned char)bytes->at[i]);
    text[2 * bytes->n] = 0;
    return text;
}

static void publish(int n, const char *more)
{
    char *text = xasprintf(
        "%s; UPDATE publication SET n = %d, boundary = '{%d,0,0,0}', published_at = now();"
        " NOTIFY tandem_publication",
        more, n, n * 10);
    sql(text);
    free(text);
}

static void publish_row(int n, const char *group, int64_t value)
{
    struct bytes row = {0};
    if (value)
        row_put(&row, text_of("m"), value);
    char *text = xasprintf("DELETE FROM view_row WHERE \\\"group\\\" = '%s';"
                           "INSERT INTO view_row VALUES ('together', '%s', %d, true, '\\\\x%s')",
                           group, group, n, hex(&row));
    publish(n, text);
    free(text);
    bytes_free(&row);
}

/* Holds the newest version once it is n. */
static const struct batch_view *acquire(int64_t n)
{
    for (int64_t end_us = clock_monotonic_us() + PATIENCE_US; clock_monotonic_us() < end_us;
         usleep(5000)) {
        const struct batch_view *batch = batch_store_acquire(store);
        if (batch && batch_view_edition(batch)->n == n)
            return batch;
        batch_store_release(store, batch);
    }
    fail_msg("batch view %d did not come", (int)n);
    return NULL;
}

static int64_t count(const struct batch_view *batch, const char *group)
{
    unsigned view = (unsigned)catalogue_find(text_of("together"));
    uint32_t member = names_find(batch_view_names(batch), text_of("m"));
    return member == NAMES_ABSENT
               ? 0
               : batch_row_count(batch_view_row(batch, view, text_of(group)), member);
}

static void lease_becomes(int n)
{
    wait_until(
        10,
        "[ \"$(psql -XAtq \"$TANDEM_POSTGRES\" -c 'SELECT n FROM serving_lease WHERE expires_at > now()')\" = '%d' ]",
        n);
}

static void a_publication_is_loaded_and_what_is_held_stays(void **state)
{
    (void)state;
    publish_row(1, "a", 5);
    const struct batch_view *one = acquire(1);
    publish_row(2, "b", 7);
    const struct batch_view *two = acquire(2);
    assert_int_equal(count(one, "a"), 5);
    assert_int_equal(count(one, "b"), 0);
    assert_int_equal(count(two, "a"), 5);
    assert_int_equal(count(two, "b"), 7);
    assert_int_equal(batch_view_edition(two)->boundary[0], 20);
    lease_becomes(1); /* the oldest that is held */
    batch_store_release(store, one);
    lease_becomes(2);
    batch_store_release(store, two);
}

static void a_row_that_became_empty_is_gone(void **state)
{
    (void)state;
    publish_row(3, "b", 0);
    const struct batch_view *batch = acquire(3);
    assert_int_equal(count(batch, "b"), 0);
    assert_int_equal(count(batch, "a"), 5);
    batch_store_release(store, batch);
}

/* The empty state of who was forgotten is pruned with the segments below it: a late instance never sees it. */
static void a_forgotten_user_is_gone_also_when_the_empty_state_is_pruned(void **state)
{
    (void)state;
    struct names *names = names_new();
    struct user_state user = {.n_seen = 1,
                              .seen = {{0, names_put(names, text_of("m")), EVENT_VIEW}}};
    struct bytes stored = {0};
    const uint32_t *items;
    char text[4096];
    user_state_encode(&user, names, &stored);
    snprintf(text, sizeof text,
             "INSERT INTO user_state VALUES (0, 'u', 4, '\\\\x%s'), (0, 'v', 4, '\\\\x%s')",
             hex(&stored), hex(&stored));
    publish(4, text);
    const struct batch_view *batch = acquire(4);
    assert_int_equal(batch_view_window(batch, WINDOW_SEEN, 0, text_of("u"), &items), 1);
    batch_store_release(store, batch);
    publish(5, "INSERT INTO user_state VALUES (0, 'v', 5, '')");
    batch = acquire(5);
    assert_int_equal(batch_view_window(batch, WINDOW_SEEN, 0, text_of("u"), &items), 1);
    assert_int_equal(batch_view_window(batch, WINDOW_SEEN, 0, text_of("v"), &items), 0);
    batch_store_release(store, batch);
    publish(
        6,
        "DELETE FROM user_state WHERE \\\"user\\\" = 'u'; UPDATE publication SET states_from = 6");
    batch = acquire(6);
    assert_int_equal(batch_view_window(batch, WINDOW_SEEN, 0, text_of("u"), &items), 0);
    batch_store_release(store, batch);
    bytes_free(&stored);
    names_free(names);
}

static void postgres_away_keeps_what_is_there(void **state)
{
    (void)state;
    struct batch_store_figures figures = {0};
    kill_server("postgres");
    for (int64_t end_us = clock_monotonic_us() + PATIENCE_US; clock_monotonic_us() < end_us;
         usleep(5000)) {
        batch_store_figures(store, &figures);
        if (!figures.connected)
            break;
    }
    assert_false(figures.connected);
    assert_false(figures.fatal);
    batch_store_release(store, acquire(6));
    start_server("postgres");
    publish_row(7, "b", 9);
    const struct batch_view *batch = acquire(7);
    assert_int_equal(count(batch, "b"), 9);
    batch_store_release(store, batch);
    lease_becomes(7);
}

/* A backup was put back: nothing of the newer version may stay. */
static void a_number_that_went_back_is_loaded_whole(void **state)
{
    (void)state;
    publish(2, "DELETE FROM view_row WHERE \\\"group\\\" = 'a'");
    const struct batch_view *batch = acquire(2);
    assert_int_equal(count(batch, "a"), 0);
    assert_int_equal(count(batch, "b"), 9);
    batch_store_release(store, batch);
}

static void another_number_of_partitions_is_fatal_and_says_what_to_do(void **state)
{
    (void)state;
    const struct batch_store_settings settings = {postgres, PARTITIONS + 1};
    struct batch_store_figures figures = {0};
    struct batch_store *other = batch_store_new(&settings);
    for (int64_t end_us = clock_monotonic_us() + PATIENCE_US;
         !figures.fatal && clock_monotonic_us() < end_us; usleep(5000))
        batch_store_figures(other, &figures);
    assert_true(figures.fatal);
    assert_non_null(strstr(figures.message, "TANDEM_PARTITIONS"));
    assert_false(batch_store_ready(other));
    batch_store_free(other);
}

static void a_clean_stop_removes_the_lease(void **state)
{
    (void)state;
    assert_int_equal(sql_number("SELECT count(*) FROM serving_lease"), 1);
    batch_store_free(store);
    store = NULL;
    assert_int_equal(sql_number("SELECT count(*) FROM serving_lease"), 0);
}

static int up(void **state)
{
    (void)state;
    deployment_up((struct deployment_settings){.partitions = PARTITIONS});
    static const char *const layers[] = {"serve", "archive", "speed-1"};
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++)
        stop_program(layers[i]);
    postgres = output_of("printf %%s \"$TANDEM_POSTGRES\"");
    const struct batch_store_settings settings = {postgres, PARTITIONS};
    store = batch_store_new(&settings);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_publication_is_loaded_and_what_is_held_stays),
        cmocka_unit_test(a_row_that_became_empty_is_gone),
        cmocka_unit_test(a_forgotten_user_is_gone_also_when_the_empty_state_is_pruned),
        cmocka_unit_test(postgres_away_keeps_what_is_there),
        cmocka_unit_test(a_number_that_went_back_is_loaded_whole),
        cmocka_unit_test(another_number_of_partitions_is_fatal_and_says_what_to_do),
        cmocka_unit_test(a_clean_stop_removes_the_lease),
    };
    int failed = cmocka_run_group_tests(tests, up, NULL);
    deployment_down(failed == 0);
    free(postgres);
    return failed;
}
