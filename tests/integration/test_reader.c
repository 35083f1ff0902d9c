/*
 * The reader against real Redis servers, written to by the real functions of tandem.lua. A random schedule picks who steps
 * next: a worker applies a micro-batch, a row is compacted, a batch view is published, old segments are retired, the server is
 * flushed or comes back with an earlier state, requests are sent and answered. Each answer is held against the plain sum of
 * all events below its own as_of. The store of batch views is one of the test's own: it decides when a version is seen.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <event2/event.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/random.h"
#include "serving-layer/batch_store.h"
#include "tests/integration/reader_world.h"
#include "views/row.h"

enum { TIMEOUT_MS = 400 };

/* ---- the store of batch views ---- */

static struct batch_view *view_of(int64_t n)
{
    const int64_t *boundary = world.barrier[n];
    const struct batch_edition edition = {
        n, PARTITIONS, boundary, 0, world.deployment, (uint64_t)world.n_views + 1, 0};
    struct batch_view *before = world.n_views ? world.view[world.n_views - 1] : NULL;
    struct batch_view *batch = batch_view_new(&edition, before, true);
    for (int row = 0; row < ROWS; row++) {
        struct bytes packed = {0};
        for (int member = 0; member < MEMBERS; member++)
            if (truth(row, member, boundary))
                row_put(&packed, text_of(member_name(member)), truth(row, member, boundary));
        assert_int_equal(
            batch_view_put_row(batch, row_of(row).view, row_of(row).group, bytes_text(&packed)), 0);
        bytes_free(&packed);
    }
    for (int p = 0; p < PARTITIONS; p++) {
        struct bytes state = {0};
        state_put(p, boundary[p], &state);
        assert_int_equal(batch_view_put_user(batch, p, text_of(world.user[p]), bytes_text(&state)),
                         0);
        bytes_free(&state);
    }
    batch_view_seal(batch);
    return batch;
}

static void store_look(void)
{
    if (world.n_views && world.seen == world.published)
        return;
    assert_true(world.n_views < 64);
    world.view[world.n_views] = view_of(world.published);
    world.n_views++;
    world.seen = world.published;
}

const struct batch_view *batch_store_acquire(struct batch_store *store)
{
    (void)store;
    return world.n_views ? world.view[world.n_views - 1] : NULL;
}

void batch_store_release(struct batch_store *store, const struct batch_view *batch)
{
    (void)store, (void)batch;
}

void batch_store_refresh(struct batch_store *store)
{
    (void)store;
    if (!world.store_stuck)
        store_look();
}

static void publish_step(void)
{
    if (world.published + 1 < BARRIERS)
        world.published++;
    if (pick(2))
        store_look();
}

/* ---- answers ---- */

struct asked {
    int n_rows, row[6], user; /* user: its partition, or -1 */
};

static void explain(const struct snapshot *snapshot, int row, int member)
{
    print_message("row %d member %d N=%" PRId64 " published=%" PRId64 " retired=%" PRId64
                  " degraded=%d\n",
                  row, member, snapshot_batch(snapshot), world.published, world.retired,
                  snapshot_degraded(snapshot));
    for (int p = 0; p < PARTITIONS; p++)
        print_message("partition %d: boundary %" PRId64 " as_of %" PRId64 " worker at %" PRId64
                      " segment %" PRId64 "\n",
                      p, snapshot_boundary(snapshot)[p], snapshot_as_of(snapshot)[p],
                      world.worker[p].offset, world.worker[p].segment);
}

static void check_row(const struct snapshot *snapshot, size_t at, int row)
{
    const int64_t *as_of = snapshot_as_of(snapshot), *boundary = snapshot_boundary(snapshot);
    struct bytes counts = {0};
    size_t n = snapshot_row(snapshot, at, LAYER_MERGED, &counts), not_zero = 0;
    for (int member = 0; member < MEMBERS; member++) {
        int64_t whole = truth(row, member, as_of), below = truth(row, member, boundary);
        struct text name = text_of(member_name(member));
        not_zero += whole != 0;
        if (snapshot_count(snapshot, at, LAYER_MERGED, name) != whole)
            explain(snapshot, row, member);
        assert_int_equal(snapshot_count(snapshot, at, LAYER_MERGED, name), whole);
        assert_int_equal(snapshot_count(snapshot, at, LAYER_BATCH, name), below);
        assert_int_equal(snapshot_count(snapshot, at, LAYER_SPEED, name), whole - below);
    }
    assert_int_equal(n, not_zero);
    for (size_t i = 0; i < n; i++) {
        const struct member_count *count = (const struct member_count *)(const void *)counts.at + i;
        assert_int_equal(count->value,
                         snapshot_count_of(snapshot, at, LAYER_MERGED, count->member));
    }
    bytes_free(&counts);
}

static void check_window(const struct snapshot *snapshot, enum window window, enum layer layer,
                         const int *items, int n)
{
    const uint32_t *found;
    assert_int_equal(snapshot_window(snapshot, window, layer, &found), n);
    for (int i = 0; i < n; i++)
        assert_true(text_equal(snapshot_name(snapshot, found[i]), text_of(member_name(items[i]))));
}

static void check_windows(const struct snapshot *snapshot, int p)
{
    int items[3], n = truth_seen(p, snapshot_as_of(snapshot)[p], items);
    check_window(snapshot, WINDOW_SEEN, LAYER_MERGED, items, n);
    check_window(snapshot, WINDOW_BOUGHT, LAYER_MERGED, items, n / 2);
    n = truth_seen(p, snapshot_boundary(snapshot)[p], items);
    check_window(snapshot, WINDOW_SEEN, LAYER_BATCH, items, n);
    check_window(snapshot, WINDOW_BOUGHT, LAYER_BATCH, items, n / 2);
}

static void on_answer(const struct snapshot *snapshot, void *context)
{
    struct asked *asked = context;
    assert_non_null(snapshot);
    for (int p = 0; p < PARTITIONS; p++)
        assert_true(snapshot_as_of(snapshot)[p] >= snapshot_boundary(snapshot)[p]);
    for (int i = 0; i < asked->n_rows; i++)
        check_row(snapshot, (size_t)i, asked->row[i]);
    if (asked->user >= 0)
        check_windows(snapshot, asked->user);
    world.answered++;
    world.degraded += snapshot_degraded(snapshot);
    free(asked);
}

static void ask(void)
{
    struct asked *asked = xcalloc(1, sizeof *asked);
    struct row_ref rows[6];
    asked->n_rows = (int)pick(7);
    asked->user = (int)pick(PARTITIONS + 2) - 2;
    for (int i = 0; i < asked->n_rows; i++) {
        asked->row[i] = (int)pick(ROWS);
        rows[i] = row_of(asked->row[i]);
    }
    reader_ask(world.reader, rows, (size_t)asked->n_rows,
               asked->user >= 0 ? text_of(world.user[asked->user]) : text_of(""), on_answer, asked);
    world.asked++;
}

static void answers_wait(void)
{
    int64_t end_us = clock_monotonic_us() + 10 * 1000000;
    while (world.answered < world.asked && clock_monotonic_us() < end_us)
        event_base_loop(world.base, EVLOOP_ONCE);
    assert_int_equal(world.answered, world.asked);
}

static int servers_up(void)
{
    struct reader_figures figures;
    reader_figures(world.reader, &figures);
    return figures.servers_up;
}

/* Until each server can be read from. */
static void servers_wait(void)
{
    int64_t end_us = clock_monotonic_us() + 10 * 1000000;
    event_base_loop(world.base, EVLOOP_NONBLOCK);
    while (servers_up() < world.n_servers && clock_monotonic_us() < end_us)
        event_base_loop(world.base, EVLOOP_ONCE);
    assert_int_equal(servers_up(), world.n_servers);
}

/* ---- a schedule ---- */

static void world_begin(int n_servers)
{
    struct err err;
    struct world fresh = {.n_servers = n_servers};
    memcpy(fresh.server, world.server, sizeof fresh.server);
    world = fresh; /* also after a test that failed */
    world_invent();
    random_hex(world.deployment, 16);
    snprintf(world.list, sizeof world.list,
             n_servers > 1 ? "127.0.0.1:%d,127.0.0.1:%d" : "127.0.0.1:%d", world.server[0].port,
             world.server[1].port);
    assert_int_equal(speed_servers_parse(world.list, &world.servers, &err), 0);
    for (int s = 0; s < n_servers; s++) {
        world.redis[s] = speed_view_open(&world.servers, s, 5000, &err);
        if (!world.redis[s])
            fail_msg("%s", err.message);
        freeReplyObject(redisCommand(world.redis[s], "FLUSHALL"));
    }
    store_look();
    world.base = event_base_new();
    const struct reader_settings settings = {world.list, PARTITIONS, NULL, TIMEOUT_MS};
    world.reader = reader_new(world.base, NULL, &settings);
}

static void world_end(void)
{
    reader_free(world.reader);
    event_base_free(world.base);
    for (int i = world.n_views; i > 0; i--)
        batch_view_free(world.view[i - 1]);
    for (int s = 0; s < world.n_servers; s++) {
        saved_free(s);
        redisFree(world.redis[s]);
    }
}

static void step(void)
{
    unsigned x = pick(1000);
    if (x < 400)
        worker_step();
    else if (x < 520)
        compact_step();
    else if (x < 530)
        publish_step();
    else if (x < 536)
        retire_step();
    else if (x < 540)
        flush_step();
    else if (x < 550)
        save_step();
    else if (x < 556)
        crash_step();
    else if (x < 570)
        servers_wait();
    else if (x < 800)
        ask();
    else if (x < 900)
        event_base_loop(world.base, EVLOOP_NONBLOCK);
    else
        answers_wait();
}

static uint64_t first_seed(void)
{
    uint64_t chosen;
    const char *given = getenv("TEST_SEED");
    if (given)
        return strtoull(given, NULL, 10);
    random_bytes(&chosen, sizeof chosen);
    return chosen >> 16;
}

static void schedules(int n_servers, int n, int steps)
{
    uint64_t first = first_seed();
    int asked = 0, degraded = 0;
    uint64_t repeated = 0;
    struct reader_figures figures;
    for (int i = 0; i < n; i++) {
        seed = first + (uint64_t)i;
        print_message("schedule TEST_SEED=%" PRIu64 "\n", seed);
        world_begin(n_servers);
        for (int k = 0; k < steps; k++)
            step();
        servers_wait();
        ask();
        answers_wait();
        reader_figures(world.reader, &figures);
        asked += world.asked, degraded += world.degraded, repeated += figures.reads_repeated;
        world_end();
    }
    print_message("%d answers, %d of them degraded, %" PRIu64 " reads repeated\n", asked, degraded,
                  repeated);
    assert_true(degraded < asked / 2);
}

static void every_answer_is_the_plain_sum_below_its_as_of(void **state)
{
    (void)state;
    schedules(1, 12, 1500);
}

static void every_answer_is_the_plain_sum_with_two_servers(void **state)
{
    (void)state;
    schedules(2, 12, 1500);
}

/* ---- single stories ---- */

static void requests_that_wait_share_one_read(void **state)
{
    (void)state;
    struct reader_figures before, after;
    seed = 1;
    world_begin(1);
    servers_wait();
    reader_figures(world.reader, &before);
    for (int i = 0; i < 100; i++)
        ask();
    answers_wait();
    reader_figures(world.reader, &after);
    assert_int_equal(after.reads - before.reads, 1);
    assert_int_equal(world.degraded, 0);
    world_end();
}

static void a_server_that_does_not_answer_leaves_its_partitions_at_the_boundary(void **state)
{
    (void)state;
    seed = 2;
    world_begin(2);
    for (int i = 0; i < 60; i++)
        worker_step();
    servers_wait();
    ask();
    answers_wait();
    assert_int_equal(world.degraded, 0);
    redis_server_freeze(&world.server[1]);
    ask();
    answers_wait();
    assert_int_equal(world.degraded, 1);
    int64_t began_us = clock_monotonic_us();
    ask(); /* it is known to be away by now: nobody waits for it again */
    answers_wait();
    assert_int_equal(world.degraded, 2);
    assert_true(clock_monotonic_us() - began_us < TIMEOUT_MS * 1000 / 2);
    redis_server_thaw(&world.server[1]);
    servers_wait();
    ask();
    answers_wait();
    assert_int_equal(world.degraded, 2);
    world_end();
}

static void another_deployments_server_is_not_answered_from(void **state)
{
    (void)state;
    seed = 3;
    world_begin(1);
    for (int i = 0; i < 60; i++)
        worker_step();
    servers_wait();
    freeReplyObject(redisCommand(world.redis[0], "HSET tandem deployment somebody-elses"));
    ask();
    answers_wait();
    assert_int_equal(world.degraded, 1);
    freeReplyObject(redisCommand(world.redis[0], "HSET tandem deployment %s", world.deployment));
    ask();
    answers_wait();
    assert_int_equal(world.degraded, 1);
    world_end();
}

static void retired_segments_without_a_newer_batch_view_leave_answers_at_the_boundary(void **state)
{
    (void)state;
    seed = 4;
    world_begin(1);
    for (int i = 0; i < 60; i++)
        worker_step();
    servers_wait();
    world.store_stuck = true;
    world.published++;
    retire_step();
    ask();
    answers_wait();
    assert_int_equal(world.degraded, 1);
    world.store_stuck = false;
    store_look();
    ask();
    answers_wait();
    assert_int_equal(world.degraded, 1);
    world_end();
}

static int servers_start(void **state)
{
    (void)state;
    log_set_level(LOG_ERROR);
    for (int s = 0; s < SERVERS_MAX; s++)
        if (redis_server_start(&world.server[s]))
            return -1;
    return 0;
}

static int servers_stop(void **state)
{
    (void)state;
    for (int s = 0; s < SERVERS_MAX; s++)
        redis_server_stop(&world.server[s]);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_answer_is_the_plain_sum_below_its_as_of),
        cmocka_unit_test(every_answer_is_the_plain_sum_with_two_servers),
        cmocka_unit_test(requests_that_wait_share_one_read),
        cmocka_unit_test(a_server_that_does_not_answer_leaves_its_partitions_at_the_boundary),
        cmocka_unit_test(another_deployments_server_is_not_answered_from),
        cmocka_unit_test(retired_segments_without_a_newer_batch_view_leave_answers_at_the_boundary),
    };
    return cmocka_run_group_tests(tests, servers_start, servers_stop);
}
