#include "speed-layer/speed_store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/failpoint.h"
#include "common/log.h"
#include "common/mem.h"
#include "handover/speed_view.h"
#include "speed-layer/calls.h"
#include "speed-layer/claim.h"
#include "speed-layer/compaction.h"
#include "speed-layer/redis_link.h"

enum { EPOCH_TEXT_BYTES = 64 };

/* How much is compacted at once: a server's other clients wait for about a millisecond. */
enum { COMPACT_ROWS = 16, COMPACT_BYTES = 128 * 1024 };

/* A call whose answer is awaited. Answers come in the order of the calls. */
enum call_kind { CALL_APPLY, CALL_ROW, CALL_SWAP };
struct call {
    enum call_kind kind;
    uint32_t row;      /* row, swap: of the server's compaction */
    uint64_t turn;     /* of speed_store_send */
    int64_t segment;   /* apply */
    int64_t queued_us; /* apply */
    size_t records;    /* apply: of them, the arrivals that wait */
    size_t length;     /* swap: of the new content */
};

struct server {
    struct redis_link *link; /* NULL: not connected, or none of the partitions is there */
    char epoch[EPOCH_TEXT_BYTES];
    struct call *call; /* awaited: [first, end) */
    size_t first, end, cap;
    struct arrivals arrivals; /* of those calls */
    struct compaction *compaction;
    int compacting; /* rows being read or swapped */
};

struct speed_store {
    struct speed_servers servers;
    struct server server[SPEED_SERVERS_MAX];
    char token[PARTITIONS_MAX][CLAIM_TOKEN_BYTES];
    int timeout_ms;
    uint64_t turn;
    bool fenced;
    struct command command;
    struct bytes scratch;
    struct speed_store_figures figures;
    int64_t slowest_apply_us;
};

const struct histogram_scale speed_store_apply_records = {
    .bounds = 10, .bound = {1, 3, 10, 30, 100, 300, 1000, 3000, 10000, 30000}, .unit = 1};

const struct histogram_scale speed_store_apply_us = {
    .bounds = 12,
    .bound = {250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 1000000, 5000000},
    .unit = 1e-6};

struct speed_store *speed_store_new(const char *redis, int timeout_ms, struct err *err)
{
    struct speed_store *store = xcalloc(1, sizeof *store);
    if (speed_servers_parse(redis, &store->servers, err)) {
        free(store);
        return NULL;
    }
    store->timeout_ms = timeout_ms;
    for (int s = 0; s < store->servers.n; s++)
        store->server[s].compaction = compaction_new();
    return store;
}

void speed_store_free(struct speed_store *store)
{
    if (!store)
        return;
    speed_store_disconnect(store);
    for (int s = 0; s < store->servers.n; s++) {
        compaction_free(store->server[s].compaction);
        arrivals_free(&store->server[s].arrivals);
        free(store->server[s].call);
    }
    command_free(&store->command);
    bytes_free(&store->scratch);
    free(store);
}

static struct server *server_of(struct speed_store *store, int partition)
{
    return &store->server[speed_server_of(&store->servers, partition)];
}

/* What is known of rows belongs to the connection: the server may come back with others. */
void speed_store_disconnect(struct speed_store *store)
{
    for (int s = 0; store && s < store->servers.n; s++) {
        struct server *server = &store->server[s];
        redis_link_close(server->link);
        server->link = NULL;
        server->first = server->end = 0;
        arrivals_forget(&server->arrivals);
        server->compacting = 0;
        compaction_forget(server->compaction);
    }
}

int speed_store_connect(struct speed_store *store, const int *partition, int n, struct err *err)
{
    speed_store_disconnect(store);
    store->fenced = false;
    for (int i = 0; i < n; i++) {
        struct server *server = server_of(store, partition[i]);
        if (server->link)
            continue;
        server->link =
            redis_link_open(&store->servers, speed_server_of(&store->servers, partition[i]),
                            store->timeout_ms, err);
        if (!server->link)
            return -1;
    }
    return 0;
}

static int command_queue(struct speed_store *store, struct server *server, struct err *err)
{
    return redis_link_queue(server->link, &store->command, err);
}

/* FENCED, STALE, SKIP, GONE (partition ..), DROPPED (retired): this instance's idea of a partition is void. */
static int refused(struct speed_store *store, const char *function,
                   const struct redis_answer *answer, struct err *err)
{
    store->fenced = answer_is(answer, "FENCED");
    return redis_answer_unexpected(answer, function, err);
}

int speed_store_claim(struct speed_store *store, int partition,
                      const struct publication *publication, int64_t *offset, int64_t *segment,
                      struct err *err)
{
    struct server *server = server_of(store, partition);
    const struct claim_place place = {partition, speed_server_of(&store->servers, partition),
                                      store->servers.n, redis_link_name(server->link)};
    struct claimed claimed;
    claim_put(&store->command, &place, publication, store->token[partition]);
    struct redis_answer *answer = command_queue(store, server, err)
                                      ? NULL
                                      : redis_link_answer(server->link, "tandem2_claim", err);
    if (!answer)
        return -1;
    int failed = claim_answered(answer, &place, publication, &claimed, err);
    if (!failed) {
        *offset = claimed.offset;
        *segment = claimed.segment;
        snprintf(server->epoch, sizeof server->epoch, "%s", claimed.epoch.at);
        if (claimed.emptied)
            log_warn("speed",
                     "redis %s: came back with a torn append-only file that it has repaired "
                     "wrongly: emptied, it is filled again from the log",
                     place.redis);
    }
    redis_answer_free(answer);
    return failed;
}

/* ---- calls that are not waited for ---- */

static struct call *call_add(struct speed_store *store, struct server *server, enum call_kind kind)
{
    if (server->end == server->cap && server->first > 0) {
        server->end -= server->first;
        memmove(server->call, server->call + server->first, server->end * sizeof *server->call);
        server->first = 0;
    }
    server->call = grown(server->call, &server->cap, server->end + 1, sizeof *server->call);
    struct call *call = &server->call[server->end++];
    *call = (struct call){.kind = kind, .turn = store->turn};
    return call;
}

bool speed_store_goes_with(const struct speed_store *store, const struct micro_batch *batch,
                           const struct micro_batch *other)
{
    return speed_server_of(&store->servers, micro_batch_partition(batch)) ==
               speed_server_of(&store->servers, micro_batch_partition(other)) &&
           micro_batch_is(batch)->segment == micro_batch_is(other)->segment;
}

/*
 * Exact because it is one atomic call that compares each partition's owner and offset, and moves the offsets with the
 * counters and the states: whether or not its answer arrives, the next claim's offset says if it happened.
 */
int speed_store_apply(struct speed_store *store, const struct apply *apply, struct err *err)
{
    const char *token[PARTITIONS_MAX];
    for (size_t i = 0; i < apply->n; i++)
        token[i] = store->token[micro_batch_partition(apply->batch[i])];
    struct server *server = server_of(store, micro_batch_partition(apply->batch[0]));
    struct apply_size size = call_apply(&store->command, apply, token);
    if (command_queue(store, server, err))
        return -1;
    struct call *call = call_add(store, server, CALL_APPLY);
    call->segment = micro_batch_is(apply->batch[0])->segment;
    call->queued_us = clock_monotonic_us();
    size_t before = arrivals_waiting(&server->arrivals);
    for (size_t i = 0; i < apply->n; i++)
        micro_batch_arrivals(apply->batch[i], &server->arrivals);
    call->records = arrivals_waiting(&server->arrivals) - before;
    metrics_add(&store->figures.rows, size.rows);
    metrics_add(&store->figures.counters, size.counters);
    return 0;
}

static void apply_count(struct speed_store *store, struct server *server, struct call call)
{
    struct speed_store_figures *figures = &store->figures;
    int64_t us = clock_monotonic_us() - call.queued_us;
    if (us > store->slowest_apply_us)
        store->slowest_apply_us = us;
    histogram_add(&figures->apply_us, &speed_store_apply_us, us);
    histogram_add(&figures->apply_records, &speed_store_apply_records, (int64_t)call.records);
    arrivals_answered(&server->arrivals, call.records, clock_unix_ms(), &figures->freshness_ms);
}

static int apply_answered(struct speed_store *store, struct server *server, struct call call,
                          const struct redis_answer *answer, struct err *err)
{
    if (!answer_is(answer, "OK"))
        return refused(store, "tandem2_apply", answer, err);
    failpoint("speed-after-apply");
    apply_count(store, server, call);
    for (size_t i = 1; i + 1 < answer_elements(answer); i += 2) {
        int64_t length = answer_number(answer, i + 1);
        if (length > 0)
            compaction_note(server->compaction, call.segment, answer_text(answer, i),
                            (size_t)length);
    }
    return 0;
}

/* ---- compaction: read a row, sum it, swap it; one connection, one epoch ---- */

static void row_put_name(struct speed_store *store, const struct server *server, uint32_t row)
{
    int64_t segment;
    struct text name;
    compaction_row(server->compaction, row, &segment, &name);
    command_put(&store->command, text_of(server->epoch));
    command_put_number(&store->command, segment);
    command_put(&store->command, name);
}

static int server_compact(struct speed_store *store, struct server *server, struct err *err)
{
    size_t bytes = 0, length;
    uint32_t row;
    if (compaction_is_full(server->compaction))
        compaction_forget(server->compaction);
    while (server->compacting < COMPACT_ROWS && bytes < COMPACT_BYTES &&
           compaction_take(server->compaction, &row, &length)) {
        command_begin(&store->command, "tandem2_row");
        row_put_name(store, server, row);
        if (command_queue(store, server, err))
            return -1;
        call_add(store, server, CALL_ROW)->row = row;
        server->compacting++;
        bytes += length;
    }
    return 0;
}

int speed_store_compact(struct speed_store *store, struct err *err)
{
    for (int s = 0; s < store->servers.n; s++)
        if (store->server[s].link && !store->server[s].compacting &&
            server_compact(store, &store->server[s], err))
            return -1;
    return 0;
}

static int row_answered(struct speed_store *store, struct server *server, struct call call,
                        const struct redis_answer *answer, struct err *err)
{
    if (!answer_is(answer,
                   "OK")) { /* its segment was retired, or the server flushed: apply will tell */
        server->compacting--;
        compaction_done(server->compaction, call.row, 0);
        return 0;
    }
    struct text content = answer_text(answer, 2);
    bytes_clear(&store->scratch);
    if (compaction_sum(server->compaction, content, &store->scratch))
        return err_set(err, ERR_FATAL,
                       "redis %s: a row is damaged: FLUSHALL there, it is filled from the log",
                       redis_link_name(server->link));
    failpoint("speed-row-read");
    command_begin(&store->command, "tandem2_swap");
    row_put_name(store, server, call.row);
    command_put(&store->command, answer_text(answer, 1));
    command_put_number(&store->command, (int64_t)content.n);
    command_put(&store->command, bytes_text(&store->scratch));
    if (command_queue(store, server, err))
        return -1;
    struct call *swap = call_add(store, server, CALL_SWAP);
    swap->row = call.row;
    swap->length = store->scratch.n;
    metrics_add(&store->figures.compacted_bytes, content.n);
    return 0;
}

static void swap_answered(struct speed_store *store, struct server *server, struct call call,
                          const struct redis_answer *answer)
{
    bool done = answer_is(answer, "OK"); /* else somebody else was first */
    server->compacting--;
    compaction_done(server->compaction, call.row, done && call.length ? call.length : 1);
    metrics_add(&store->figures.compactions, done);
}

/* ---- sending and reading answers ---- */

int speed_store_send(struct speed_store *store, struct err *err)
{
    store->turn++;
    for (int s = 0; s < store->servers.n; s++) {
        struct redis_link *link = store->server[s].link;
        if (link && redis_link_send(link, err))
            return -1;
    }
    return 0;
}

static int call_settle(struct speed_store *store, struct server *server, struct err *err)
{
    static const char *const function[] = {"tandem2_apply", "tandem2_row", "tandem2_swap"};
    struct call call = server->call[server->first++];
    struct redis_answer *answer = redis_link_answer(server->link, function[call.kind], err);
    if (!answer)
        return -1;
    int failed = 0;
    if (call.kind == CALL_APPLY)
        failed = apply_answered(store, server, call, answer, err);
    else if (call.kind == CALL_ROW)
        failed = row_answered(store, server, call, answer, err);
    else
        swap_answered(store, server, call, answer);
    redis_answer_free(answer);
    return failed;
}

int speed_store_settle(struct speed_store *store, bool all, struct err *err)
{
    for (int s = 0; s < store->servers.n; s++) {
        struct server *server = &store->server[s];
        while (server->first < server->end &&
               (all || server->call[server->first].turn + 1 < store->turn))
            if (call_settle(store, server, err))
                return -1;
    }
    return 0;
}

bool speed_store_idle(const struct speed_store *store)
{
    for (int s = 0; s < store->servers.n; s++)
        if (store->server[s].first < store->server[s].end)
            return false;
    return true;
}

bool speed_store_was_fenced(const struct speed_store *store)
{
    return store->fenced;
}

/* ---- users' states ---- */

static int states_ask(struct speed_store *store, const struct micro_batch *batch, struct err *err)
{
    int partition = micro_batch_partition(batch);
    call_states(&store->command, store->token[partition], batch);
    return command_queue(store, server_of(store, partition), err);
}

static int states_answered(struct speed_store *store, struct micro_batch *batch, struct err *err)
{
    int partition = micro_batch_partition(batch), failed = 0;
    struct redis_answer *answer =
        redis_link_answer(server_of(store, partition)->link, "tandem2_states", err);
    if (!answer)
        return -1;
    if (!answer_is(answer, "OK") || answer_elements(answer) != 1 + micro_batch_unknown(batch))
        failed = refused(store, "tandem2_states", answer, err);
    for (size_t i = 1; !failed && i < answer_elements(answer); i++)
        if (answer_text(answer, i).at) /* else nil: not known here */
            failed = micro_batch_learn(batch, i - 1, answer_text(answer, i), err);
    metrics_add(&store->figures.states, answer_elements(answer) - 1);
    redis_answer_free(answer);
    return failed;
}

int speed_store_check(struct speed_store *store, struct micro_batch *const *batch, size_t n,
                      struct err *err)
{
    if (speed_store_settle(store, true, err))
        return -1;
    for (size_t i = 0; i < n; i++)
        if (states_ask(store, batch[i], err))
            return -1;
    for (size_t i = 0; i < n; i++)
        if (states_answered(store, batch[i], err))
            return -1;
    return 0;
}

int speed_store_states(struct speed_store *store, struct micro_batch *const *batch, size_t n,
                       struct err *err)
{
    struct micro_batch *asking[PARTITIONS_MAX];
    size_t n_asking = 0;
    for (size_t i = 0; i < n; i++)
        if (micro_batch_unknown(batch[i]))
            asking[n_asking++] = batch[i];
    return speed_store_check(store, asking, n_asking, err);
}

/* ---- figures ---- */

const struct speed_store_figures *speed_store_figures(const struct speed_store *store)
{
    return &store->figures;
}

size_t speed_store_due(const struct speed_store *store)
{
    size_t due = 0;
    for (int s = 0; s < store->servers.n; s++)
        due += compaction_due(store->server[s].compaction);
    return due;
}

int64_t speed_store_slowest_apply_us(struct speed_store *store)
{
    int64_t us = store->slowest_apply_us;
    store->slowest_apply_us = 0;
    return us;
}
