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
#include "handover/speed_keys.h"
#include "handover/speed_view.h"
#include "serving-layer/batch_store.h"
#include "serving-layer/partition_of.h"
#include "serving-layer/reader.h"
#include "tests/integration/redis_server.h"
#include "views/row.h"

enum {
    PARTITIONS = 4,
    EVENTS = 160,
    BARRIERS = 5,
    GROUPS = 3,
    MEMBERS = 6,
    ROWS = GROUPS + 1,
    SERVERS_MAX = 2,
    TIMEOUT_MS = 400
};

static uint64_t seed;

static unsigned pick(unsigned n)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(seed >> 33) % n;
}

/* ---- the world ---- */

struct
    fact { /* an event: a counter of one row moves, and its user has seen one item. Barriers: none */
    int row, member;
    int64_t delta;
    int item;
};

static struct world {
    int n_servers;
    struct redis_server server[SERVERS_MAX];
    redisContext *redis[SERVERS_MAX];
    struct speed_servers servers;
    char list[128], deployment[33];
    struct fact fact[PARTITIONS][EVENTS];
    int64_t barrier[BARRIERS][PARTITIONS]; /* barrier[0] is 0 */
    char user[PARTITIONS][16];

    int64_t published, retired; /* N */
    struct {                    /* workers */
        bool claimed;
        char token[17];
        int64_t offset, segment;
    } worker[PARTITIONS];
    struct batch_view *view[64]; /* all versions that ever were seen; freed at the end */
    int n_views;
    int64_t seen; /* newest N that the store has */
    bool store_stuck;

    struct event_base *base;
    struct reader *reader;
    int asked, answered, degraded;
} world;

static const char *member_name(int member)
{
    static const char *const names[] = {"a", "bb", "c:c", "d d", "\xc3\xa9", "f"};
    return names[member];
}

static struct row_ref row_of(int row)
{
    if (row == GROUPS)
        return (struct row_ref){(unsigned)catalogue_find(text_of("item_users")), text_of("all")};
    return (struct row_ref){(unsigned)catalogue_find(text_of("together")),
                            text_of(member_name(row))};
}

/* The segment rule: the largest barrier at or below. */
static int64_t segment_of(int p, int64_t offset)
{
    int64_t n = 0;
    while (n + 1 < BARRIERS && world.barrier[n + 1][p] <= offset)
        n++;
    return n;
}

static bool is_barrier(int p, int64_t offset)
{
    for (int n = 1; n < BARRIERS; n++)
        if (world.barrier[n][p] == offset)
            return true;
    return false;
}

static void world_invent(void)
{
    for (int p = 0; p < PARTITIONS; p++) {
        for (int n = 1; n < BARRIERS; n++)
            world.barrier[n][p] =
                world.barrier[n - 1][p] + 1 + (int64_t)pick(EVENTS / BARRIERS - 1);
        for (int i = 0; i < EVENTS; i++)
            world.fact[p][i] = (struct fact){(int)pick(ROWS), (int)pick(MEMBERS),
                                             (int64_t)pick(5) - 1, (int)pick(MEMBERS)};
        for (int i = 0;; i++) {
            snprintf(world.user[p], sizeof world.user[p], "user-%d", i);
            if (partition_of(text_of(world.user[p]), PARTITIONS) == p)
                break;
        }
    }
}

/* The plain sum of all events below `until`. */
static int64_t truth(int row, int member, const int64_t *until)
{
    int64_t sum = 0;
    for (int p = 0; p < PARTITIONS; p++)
        for (int64_t i = 0; i < until[p]; i++)
            if (!is_barrier(p, i) && world.fact[p][i].row == row &&
                world.fact[p][i].member == member)
                sum += world.fact[p][i].delta;
    return sum;
}

/* What the partition's user has seen below `until`: the last three, and nothing after every item "f" (as if forgotten). */
static int truth_seen(int p, int64_t until, int items[3])
{
    int n = 0;
    for (int64_t i = 0; i < until; i++) {
        if (is_barrier(p, i))
            continue;
        int item = world.fact[p][i].item;
        if (n == 3) {
            items[0] = items[1], items[1] = items[2];
            n = 2;
        }
        items[n++] = item;
        if (item == MEMBERS - 1)
            n = 0;
    }
    return n;
}

static void state_put(int p, int64_t until, struct bytes *into)
{
    struct names *names = names_new();
    struct user_state state = {0};
    int items[3];
    state.n_seen = (uint32_t)truth_seen(p, until, items);
    for (uint32_t i = 0; i < state.n_seen; i++)
        state.seen[i] =
            (struct interaction){0, names_put(names, text_of(member_name(items[i]))), EVENT_VIEW};
    user_state_encode(&state, names, into);
    names_free(names);
}

/* ---- the store of batch views ---- */

static struct batch_view *view_of(int64_t n)
{
    const int64_t *boundary = world.barrier[n];
    const struct batch_edition edition = {n, PARTITIONS,       boundary,
                                          0, world.deployment, (uint64_t)world.n_views + 1};
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

/* ---- those who write ---- */

static redisReply *call(int server, struct bytes *arguments, const size_t *length, int n)
{
    const char *argv[64];
    size_t at = 0;
    for (int i = 0; i < n; i++) {
        argv[i] = arguments->at + at;
        at += length[i];
    }
    redisReply *reply = redisCommandArgv(world.redis[server], n, argv, length);
    assert_non_null(reply);
    if (reply->type == REDIS_REPLY_ERROR)
        fail_msg("%s", reply->str);
    bytes_free(arguments);
    return reply;
}

static void argument(struct bytes *arguments, size_t *length, int *n, struct text text)
{
    bytes_put_text(arguments, text);
    length[(*n)++] = text.n;
}

static void argument_number(struct bytes *arguments, size_t *length, int *n, int64_t number)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%" PRId64, number);
    argument(arguments, length, n, text_of(digits));
}

static int64_t number_of(const redisReply *reply)
{
    return strtoll(reply->str, NULL, 10);
}

static void worker_claim(int p)
{
    char epoch[17], layout[16], boundary[24];
    random_hex(epoch, 8);
    random_hex(world.worker[p].token, 8);
    snprintf(layout, sizeof layout, "%d/%d", p % world.n_servers, world.n_servers);
    snprintf(boundary, sizeof boundary, "%" PRId64, world.barrier[world.published][p]);
    redisReply *reply = redisCommand(
        world.redis[p % world.n_servers], "FCALL tandem_claim 1 tandem %s %s %d %s %d %s %s",
        world.deployment, epoch, p, world.worker[p].token, (int)world.published, boundary, layout);
    assert_non_null(reply);
    assert_int_equal(reply->type, REDIS_REPLY_ARRAY);
    assert_string_equal(reply->element[0]->str, "OK");
    world.worker[p].claimed = true;
    world.worker[p].offset = number_of(reply->element[2]);
    world.worker[p].segment = number_of(reply->element[3]);
    freeReplyObject(reply);
}

/* Up to four events of one segment. */
static void worker_apply(int p)
{
    int64_t from = world.worker[p].offset, to = from, segment = segment_of(p, from);
    while (to < EVENTS && to < from + 4 && segment_of(p, to) == segment)
        to++;
    if (to == from)
        return;
    struct bytes arguments = {0};
    size_t length[64];
    int n = 0;
    static const char *const head[] = {"FCALL", "tandem_apply", "1", "tandem"};
    for (int i = 0; i < 4; i++)
        argument(&arguments, length, &n, text_of(head[i]));
    argument_number(&arguments, length, &n, p);
    argument(&arguments, length, &n, text_of(world.worker[p].token));
    argument_number(&arguments, length, &n, from);
    argument_number(&arguments, length, &n, to);
    argument_number(&arguments, length, &n, segment);
    argument_number(&arguments, length, &n, 1);
    for (int64_t i = from; i < to; i++) {
        const struct fact *fact = &world.fact[p][i];
        struct bytes name = {0}, piece = {0};
        if (is_barrier(p, i))
            continue;
        speed_row_name(&name, catalogue[row_of(fact->row).view].name, row_of(fact->row).group);
        row_put(&piece, text_of(member_name(fact->member)), fact->delta);
        argument(&arguments, length, &n, bytes_text(&name));
        argument(&arguments, length, &n, bytes_text(&piece));
        bytes_free(&name);
        bytes_free(&piece);
    }
    struct bytes state = {0};
    state_put(p, to, &state);
    argument(&arguments, length, &n, text_of(world.user[p]));
    argument(&arguments, length, &n, bytes_text(&state));
    bytes_free(&state);
    redisReply *reply = call(p % world.n_servers, &arguments, length, n);
    if (strcmp(reply->element[0]->str, "OK") == 0)
        world.worker[p].offset = to, world.worker[p].segment = segment;
    else
        world.worker[p].claimed = false;
    freeReplyObject(reply);
}

static void worker_step(void)
{
    int p = (int)pick(PARTITIONS);
    if (!world.worker[p].claimed)
        worker_claim(p);
    else
        worker_apply(p);
}

/* As the speed layer compacts: read, sum, swap. Between the two another worker may append. */
static void compact_step(void)
{
    int server = (int)pick((unsigned)world.n_servers);
    int64_t segment = world.published + (int64_t)pick(2);
    struct row_ref ref = row_of((int)pick(ROWS));
    struct bytes name = {0}, content = {0};
    speed_row_name(&name, catalogue[ref.view].name, ref.group);
    redisReply *epoch = redisCommand(world.redis[server], "HGET tandem epoch");
    assert_non_null(epoch);
    if (epoch->type == REDIS_REPLY_STRING) {
        redisReply *row = redisCommand(world.redis[server], "FCALL tandem_row 1 tandem %s %d %b",
                                       epoch->str, (int)segment, name.at, name.n);
        assert_non_null(row);
        if (row->elements == 3 && row->element[2]->len) {
            row_canonical((struct text){row->element[2]->str, (size_t)row->element[2]->len},
                          &content);
            if (pick(2))
                worker_step();
            freeReplyObject(
                redisCommand(world.redis[server], "FCALL tandem_swap 1 tandem %s %d %b %s %d %b",
                             epoch->str, (int)segment, name.at, name.n, row->element[1]->str,
                             (int)row->element[2]->len, content.at ? content.at : "", content.n));
        }
        freeReplyObject(row);
    }
    freeReplyObject(epoch);
    bytes_free(&name);
    bytes_free(&content);
}

static void retire_step(void)
{
    struct err err;
    for (int s = 0; s < world.n_servers; s++)
        if (speed_view_drop(world.redis[s], world.deployment, world.published, &err))
            fail_msg("%s", err.message);
    world.retired = world.published;
}

static void flush_step(void)
{
    freeReplyObject(redisCommand(world.redis[pick((unsigned)world.n_servers)], "FLUSHALL"));
}

/* Breaks the readers' connections and puts back an earlier state, all at once: what a crash does. */
struct saved {
    redisReply *keys, *dump[256];
};
static struct saved saved[SERVERS_MAX];

static void saved_free(int s)
{
    for (size_t i = 0; saved[s].keys && i < saved[s].keys->elements; i++)
        freeReplyObject(saved[s].dump[i]);
    freeReplyObject(saved[s].keys);
    saved[s] = (struct saved){0};
}

static void save_step(void)
{
    int s = (int)pick((unsigned)world.n_servers);
    saved_free(s);
    saved[s].keys = redisCommand(world.redis[s], "KEYS *");
    assert_true(saved[s].keys->elements < 256);
    for (size_t i = 0; i < saved[s].keys->elements; i++)
        saved[s].dump[i] = redisCommand(world.redis[s], "DUMP %b", saved[s].keys->element[i]->str,
                                        saved[s].keys->element[i]->len);
}

static void crash_step(void)
{
    int s = (int)pick((unsigned)world.n_servers), n = 3;
    redisContext *redis = world.redis[s];
    redisAppendCommand(redis, "MULTI");
    redisAppendCommand(redis, "CLIENT KILL TYPE normal SKIPME yes");
    if (saved[s].keys) {
        redisAppendCommand(redis, "FLUSHALL");
        for (size_t i = 0; i < saved[s].keys->elements; i++, n++)
            redisAppendCommand(redis, "RESTORE %b 0 %b", saved[s].keys->element[i]->str,
                               saved[s].keys->element[i]->len, saved[s].dump[i]->str,
                               saved[s].dump[i]->len);
        n++;
    }
    redisAppendCommand(redis, "EXEC");
    for (int i = 0; i < n; i++) {
        void *reply = NULL;
        assert_int_equal(redisGetReply(redis, &reply), REDIS_OK);
        if (((redisReply *)reply)->type == REDIS_REPLY_ERROR)
            fail_msg("%s", ((redisReply *)reply)->str);
        freeReplyObject(reply);
    }
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

static void check_seen(const struct snapshot *snapshot, int p)
{
    const uint32_t *seen;
    int items[3], n = truth_seen(p, snapshot_as_of(snapshot)[p], items);
    assert_int_equal(snapshot_seen(snapshot, &seen), n);
    for (int i = 0; i < n; i++)
        assert_true(text_equal(snapshot_name(snapshot, seen[i]), text_of(member_name(items[i]))));
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
        check_seen(snapshot, asked->user);
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
