/*
 * What comes from Redis: replies that are not what was asked for, of every shape, to everybody who reads them. The first byte
 * says to whom, the second what was asked for, the rest is what the server sends.
 */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "batch-layer/segment_rows.h"
#include "batch-layer/speed_state.h"
#include "serving-layer/speed_reply.h"
#include "speed-layer/speed_store.h"
#include "tests/fuzz/canned_redis.h"
#include "tests/fuzz/harness.h"
#include "tests/fuzz/slow_texts.h"
#include "views/row.h"

enum { PARTITIONS = 2, ROWS = 2, USERS = 2, N = 1 };

/* How a good server greets: INFO, then FUNCTION LOAD. */
static const char greeting[] =
    "$53\r\nredis_version:7.0.15\r\nmaxmemory_policy:noeviction\r\n\r\n\r\n"
    "*0\r\n$6\r\ntandem\r\n"; /* INFO, FUNCTION LIST, FUNCTION LOAD */

static struct speed_servers one_server(void)
{
    struct speed_servers servers = {.n = 1};
    snprintf(servers.server[0].host, sizeof servers.server[0].host, "canned");
    servers.server[0].port = 6379;
    return servers;
}

/* ---- a reader's EXEC ---- */

struct world {
    int64_t boundary[PARTITIONS], as_of[PARTITIONS];
    struct batch_edition edition;
    struct names *batch;
    struct symbols symbols;
    struct kept_rows kept;
    struct kept_row *row[ROWS];
    struct speed_user user[USERS];
    struct speed_read read;
    struct speed_seen seen;
};

static void world_begin(struct world *w, uint8_t asked)
{
    static const char *const names[] = {"a", "b"};
    *w = (struct world){.boundary = {5, 7}, .batch = names_new()};
    w->edition = (struct batch_edition){N, PARTITIONS, w->boundary, 0, "d", 1, 0};
    symbols_begin(&w->symbols, w->batch);
    for (int i = 0; i < ROWS; i++)
        w->row[i] = kept_rows_get(&w->kept, 0, text_of(names[i]));
    for (int i = 0; i < USERS; i++)
        w->user[i] = (struct speed_user){.user = text_of(names[i]), .partition = i};
    memcpy(w->as_of, w->boundary, sizeof w->as_of);
    w->read = (struct speed_read){&w->edition, "d",     &w->kept,      &w->symbols, w->row,
                                  asked % 3,   w->user, asked / 3 % 3, w->as_of};
    speed_seen_reset(&w->seen);
    w->seen.top = N + asked / 9 % 3;
}

static void world_end(struct world *w)
{
    kept_rows_clear(&w->kept);
    fuzz_holds(w->kept.bytes == 0 && w->kept.n_parts == 0, "what was kept is given back");
    symbols_free(&w->symbols);
    names_free(w->batch);
    for (int i = 0; i < USERS; i++)
        bytes_free(&w->user[i].state);
}

/* deployment epoch retired layout begun done, then o<p> s<p> t<p> of each partition */
enum { BEGUN = 4, DONE, FIRST_OFFSET };

/* A number in the state's hash, where it is not absent. */
static bool number_at(const redisReply *state, size_t at, int64_t *number)
{
    const redisReply *text = state->element[at];
    return text->type == REDIS_REPLY_STRING &&
           slow_number((struct text){text->str, text->len}, 0, INT64_MAX, number);
}

static void offsets_are_right(const struct world *w, const redisReply *state)
{
    const redisReply *begun = state->element[BEGUN], *done = state->element[DONE];
    fuzz_holds(begun->type == done->type && (begun->type == REDIS_REPLY_NIL ||
                                             text_equal((struct text){begun->str, begun->len},
                                                        (struct text){done->str, done->len})),
               "a torn server is not answered from");
    for (size_t p = 0; p < PARTITIONS; p++) {
        int64_t offset = w->boundary[p], stored;
        if (number_at(state, FIRST_OFFSET + 3 * p, &stored) && stored > offset)
            offset = stored;
        fuzz_holds(w->as_of[p] == offset, "as_of is the larger of offset and boundary");
        fuzz_holds(!number_at(state, FIRST_OFFSET + 3 * p + 1, &stored) || stored <= w->seen.top,
                   "every segment that has begun was asked for");
    }
}

static void row_is_right(const struct world *w, size_t r, int64_t segment, const redisReply *log)
{
    struct bytes canonical = {0};
    struct counter counter;
    const struct kept_part *part = kept_part_find(w->row[r], 0, segment);
    fuzz_holds(row_canonical((struct text){log->str, log->len}, &canonical) >= 0, "it is a row");
    fuzz_holds((part ? part->length : 0) == log->len, "all of a row is kept");
    for (struct text rest = bytes_text(&canonical); row_next(&rest, &counter) == 1;)
        fuzz_holds(part && sums_get(&part->sums, symbols_find(&w->symbols, counter.member)) ==
                               counter.value,
                   "a kept row has the log's sums");
    bytes_free(&canonical);
}

/* What a reply that may be answered from has said, read once more. */
static void answer_is_right(const struct world *w, const redisReply *exec)
{
    size_t at = 1;
    offsets_are_right(w, exec->element[0]);
    for (int64_t segment = N; w->read.n_rows && segment <= w->seen.top; segment++) {
        at++;
        for (size_t r = 0; r < w->read.n_rows; r++)
            row_is_right(w, r, segment, exec->element[at++]);
    }
    for (size_t u = 0; u < w->read.n_users; u++) {
        const redisReply *found = NULL;
        for (int64_t segment = w->seen.top; segment >= N; segment--, at++)
            if (!found && exec->element[at]->type == REDIS_REPLY_STRING)
                found = exec->element[at];
        fuzz_holds(w->user[u].found == (found != NULL), "a user is found in the newest segment");
        fuzz_holds(!found || text_equal(bytes_text(&w->user[u].state),
                                        (struct text){found->str, found->len}),
                   "a user's state is the newest one");
    }
}

static void as_exec(uint8_t asked, struct text bytes)
{
    struct world w;
    struct speed_servers servers = one_server();
    redisReader *reader = redisReaderCreate();
    void *reply;
    world_begin(&w, asked);
    redisReaderFeed(reader, bytes.at, bytes.n);
    for (bool first = true; redisReaderGetReply(reader, &reply) == REDIS_OK && reply;) {
        const char *why = NULL;
        int64_t top = w.seen.top;
        bool known = w.seen.epoch[0];
        enum reply_verdict verdict = speed_reply_take(reply, &w.read, &servers, 0, &w.seen, &why);
        fuzz_holds(verdict != REPLY_BROKEN || why, "who refuses says why");
        if (verdict == REPLY_OK && first && !known && w.seen.top == top &&
            w.seen.epoch[0]) /* nothing was kept before: the reply is all there is */
            answer_is_right(&w, reply);
        first = false;
        freeReplyObject(reply);
    }
    redisReaderFree(reader);
    world_end(&w);
}

/* ---- connections ---- */

static redisContext *connection(struct text bytes, bool greets, struct bytes *said)
{
    struct err err;
    struct speed_servers servers = one_server();
    if (greets)
        bytes_put_text(said, text_of(greeting));
    bytes_put_text(said, bytes);
    canned_redis_says(bytes_text(said));
    redisContext *redis = speed_view_open(&servers, 0, 1000, &err);
    fuzz_holds(redis || !greets, "a server that greets as it should is taken");
    return redis;
}

static void as_segment(redisContext *redis)
{
    struct err err;
    struct segment_rows *rows = segment_rows_new(N);
    struct text view, group;
    uint32_t cursor = 0, row;
    struct bytes log = {0};
    segment_rows_name(rows, redis, 0, &err);
    segment_rows_take(rows, text_of("together"), text_of("a"));
    while (segment_rows_left(rows, &cursor, &row, &view, &group)) {
        fuzz_holds(!memchr(view.at, ':', view.n), "a view's name has no colon");
        segment_rows_fetch(rows, redis, 0, &row, 1, &log, &err);
    }
    bytes_free(&log);
    segment_rows_free(rows);
}

static void as_state(redisContext *redis)
{
    struct err err = {ERR_NONE, ""};
    struct speed_state state;
    if (speed_state_read(redis, PARTITIONS, &state, &err) == 0)
        speed_state_check(redis, &state, "d", 0, 1, &err);
}

/* ---- the speed layer's calls, in the order of a worker's ---- */

/* In place of the consumer's: these records have no message of Kafka's. */
void record_release(struct record *record)
{
    (void)record;
}

static void batch_put(struct micro_batch *batch, int64_t offset, const char *value)
{
    struct err err;
    struct record record = {.offset = offset, .value = text_of(value)};
    micro_batch_put(batch, record, &err);
}

static void batch_apply(struct speed_store *store, struct micro_batch *batch, struct names *names)
{
    struct err err;
    struct event_decoder *decoder = event_decoder_new();
    struct deltas *deltas = deltas_new();
    const struct apply apply = {16, &batch, 1, deltas, names};
    micro_batch_cut(batch, decoder, 100);
    if (speed_store_states(store, &batch, 1, &err) == 0) {
        for (size_t i = 0; i < micro_batch_unknown(batch); i++)
            if (!micro_batch_learnt(batch, i))
                micro_batch_learn(batch, i, (struct text){"", 0}, &err);
        micro_batch_fold(batch, decoder, deltas);
        for (int turn = 0; turn < 3; turn++)
            if (speed_store_apply(store, &apply, &err) || speed_store_compact(store, &err) ||
                speed_store_send(store, &err) || speed_store_settle(store, turn > 0, &err))
                break;
    }
    deltas_free(deltas);
    event_decoder_free(decoder);
}

static void as_worker(struct text bytes, struct bytes *said)
{
    struct err err;
    struct publication publication = {.deployment = "d", .partitions = 1, .n = N};
    struct speed_store *store = speed_store_new("canned:6379", 1000, &err);
    struct names *names = names_new();
    int64_t offset, segment, doubted = -1;
    struct micro_batch *batch = micro_batch_new(0, names, &doubted);
    bytes_put_text(said, text_of(greeting));
    bytes_put_text(said, bytes);
    canned_redis_says(bytes_text(said));
    if (speed_store_connect(store, &(int){0}, 1, &err) == 0 &&
        speed_store_claim(store, 0, &publication, &offset, &segment, &err) == 0) {
        fuzz_holds(offset >= 0 && segment >= 0, "a claim gives an offset and a segment");
        micro_batch_begin(batch, offset, segment);
        batch_put(batch, offset,
                  "{\"event_id\":\"1\",\"type\":\"view\",\"user\":\"u\",\"item\":\"a\",\"ts\":1}");
        batch_put(
            batch, offset + 1,
            "{\"event_id\":\"2\",\"type\":\"purchase\",\"user\":\"v\",\"item\":\"b\",\"ts\":2}");
        batch_apply(store, batch, names);
    }
    micro_batch_free(batch);
    names_free(names);
    speed_store_free(store);
}

/* hiredis believes an array's length and takes memory for it at once: not ours to test. */
static bool promises_too_much(struct text bytes)
{
    for (size_t i = 0; i < bytes.n; i++)
        for (size_t digits = 0; bytes.at[i] == '*' && i + digits + 1 < bytes.n; digits++) {
            char c = bytes.at[i + digits + 1];
            if (digits > 5)
                return true;
            if (!strchr("+-0123456789", c) || !c)
                break;
        }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct text rest = {(const char *)data, n};
    if (promises_too_much(rest))
        return 0;
    uint8_t who = fuzz_byte(&rest) % 6, asked = fuzz_byte(&rest);
    struct bytes said = {0};
    struct err err;
    bytes_room(&said, 1);
    if (who == 0)
        as_exec(asked, rest);
    if (who == 1)
        as_worker(rest, &said);
    redisContext *redis = who > 1 ? connection(rest, who > 2, &said) : NULL;
    if (redis && who == 3)
        as_segment(redis);
    if (redis && who == 4)
        as_state(redis);
    if (redis && who == 5)
        speed_view_drop(redis, "d", N, &err);
    redisFree(redis);
    canned_redis_close();
    bytes_free(&said);
    return 0;
}
