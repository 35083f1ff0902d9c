#include "tests/integration/reader_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/random.h"
#include "handover/speed_keys.h"
#include "serving-layer/partition_of.h"
#include "tests/integration/redis_state.h"
#include "views/row.h"

struct world world;
uint64_t seed;

unsigned pick(unsigned n)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(seed >> 33) % n;
}

/* ---- the log ---- */

const char *member_name(int member)
{
    static const char *const names[] = {"a", "bb", "c:c", "d d", "\xc3\xa9", "f"};
    return names[member];
}

struct row_ref row_of(int row)
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

void world_invent(void)
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
int64_t truth(int row, int member, const int64_t *until)
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
int truth_seen(int p, int64_t until, int items[3])
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

void state_put(int p, int64_t until, struct bytes *into)
{
    struct names *names = names_new();
    struct user_state state = {0};
    int items[3];
    state.n_seen = (uint32_t)truth_seen(p, until, items);
    for (uint32_t i = 0; i < state.n_seen; i++)
        state.seen[i] =
            (struct interaction){0, names_put(names, text_of(member_name(items[i]))), EVENT_VIEW};
    state.n_bought = state.n_seen / 2;
    memcpy(state.bought, state.seen, state.n_bought * sizeof *state.bought);
    user_state_encode(&state, names, into);
    names_free(names);
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
        world.redis[p % world.n_servers], "FCALL tandem2_claim 1 tandem %s %s %d %s %d %s %s",
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
    static const char *const head[] = {"FCALL", "tandem2_apply", "1", "tandem"};
    for (int i = 0; i < 4; i++)
        argument(&arguments, length, &n, text_of(head[i]));
    argument_number(&arguments, length, &n, segment);
    argument_number(&arguments, length, &n, 4096);
    argument_number(&arguments, length, &n, 1);
    argument_number(&arguments, length, &n, p);
    argument(&arguments, length, &n, text_of(world.worker[p].token));
    argument_number(&arguments, length, &n, from);
    argument_number(&arguments, length, &n, to);
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

void worker_step(void)
{
    int p = (int)pick(PARTITIONS);
    if (!world.worker[p].claimed)
        worker_claim(p);
    else
        worker_apply(p);
}

/* As the speed layer compacts: read, sum, swap. Between the two another worker may append. */
void compact_step(void)
{
    int server = (int)pick((unsigned)world.n_servers);
    int64_t segment = world.published + (int64_t)pick(2);
    struct row_ref ref = row_of((int)pick(ROWS));
    struct bytes name = {0}, content = {0};
    speed_row_name(&name, catalogue[ref.view].name, ref.group);
    redisReply *epoch = redisCommand(world.redis[server], "HGET tandem epoch");
    assert_non_null(epoch);
    if (epoch->type == REDIS_REPLY_STRING) {
        redisReply *row = redisCommand(world.redis[server], "FCALL tandem2_row 1 tandem %s %d %b",
                                       epoch->str, (int)segment, name.at, name.n);
        assert_non_null(row);
        if (row->elements == 3 && row->element[2]->len) {
            row_canonical((struct text){row->element[2]->str, (size_t)row->element[2]->len},
                          &content);
            if (pick(2))
                worker_step();
            freeReplyObject(
                redisCommand(world.redis[server], "FCALL tandem2_swap 1 tandem %s %d %b %s %d %b",
                             epoch->str, (int)segment, name.at, name.n, row->element[1]->str,
                             (int)row->element[2]->len, content.at ? content.at : "", content.n));
        }
        freeReplyObject(row);
    }
    freeReplyObject(epoch);
    bytes_free(&name);
    bytes_free(&content);
}

void retire_step(void)
{
    struct err err;
    for (int s = 0; s < world.n_servers; s++)
        if (speed_view_drop(world.redis[s], world.deployment, world.published, &err))
            fail_msg("%s", err.message);
    world.retired = world.published;
}

void flush_step(void)
{
    freeReplyObject(redisCommand(world.redis[pick((unsigned)world.n_servers)], "FLUSHALL"));
}

static struct redis_state saved[SERVERS_MAX];

void saved_free(int s)
{
    redis_state_forget(&saved[s]);
}

void save_step(void)
{
    int s = (int)pick((unsigned)world.n_servers);
    redis_state_save(&saved[s], world.redis[s]);
}

void crash_step(void)
{
    int s = (int)pick((unsigned)world.n_servers);
    if (pick(2))
        redis_state_crash(&saved[s], world.redis[s]);
    else
        redis_state_go_back(&saved[s], world.redis[s]);
}
