/*
 * speed_store: what the speed layer does in Redis: claim, apply, look up users' states, compact. Calls of `apply` are sent
 * and not waited for, so that Redis works while the next micro-batches are folded.
 * Not for: deciding when to claim again. One thread.
 *
 * After any -1 nothing that was sent is known to be done or not: disconnect, forget what is cached, claim again.
 */
#ifndef TANDEM_SPEED_SPEED_STORE_H
#define TANDEM_SPEED_SPEED_STORE_H

#include "common/metrics.h"
#include "handover/database.h"
#include "speed-layer/calls.h"
#include "speed-layer/micro_batch.h"
#include "views/deltas.h"

struct speed_store;

/* `redis`: host:port[,host:port...]. NULL: err. */
struct speed_store *speed_store_new(const char *redis, int timeout_ms, struct err *err);
void speed_store_free(struct speed_store *store);

/* Connects anew to each server that holds one of the partitions. */
int speed_store_connect(struct speed_store *store, const int *partition, int n, struct err *err);
void speed_store_disconnect(struct speed_store *store);

/* Makes this instance the owner of the partition; gives where to go on. The publication was read after the connect. */
int speed_store_claim(struct speed_store *store, int partition,
                      const struct publication *publication, int64_t *offset, int64_t *segment,
                      struct err *err);

/* Learns the unknown users of the batches that the speed view knows. Waits for all that was sent before. */
int speed_store_states(struct speed_store *store, struct micro_batch *const *batch, size_t n,
                       struct err *err);

/* Are these partitions still this instance's? Finds a server that was flushed while there was nothing to do. Waits, too. */
int speed_store_check(struct speed_store *store, struct micro_batch *const *batch, size_t n,
                      struct err *err);

/* May these be applied together: are they of one server and one segment? */
bool speed_store_goes_with(const struct speed_store *store, const struct micro_batch *batch,
                           const struct micro_batch *other);

/* Queues folded micro-batches that go together, with their deltas, as one atomic call. */
int speed_store_apply(struct speed_store *store, const struct apply *apply, struct err *err);

/* Queues the reading of rows that have grown too long; they are swapped when they have come. */
int speed_store_compact(struct speed_store *store, struct err *err);

/* Sends what is queued. */
int speed_store_send(struct speed_store *store, struct err *err);

/* Reads the answers to what was sent before the last send; `all`: to everything. */
int speed_store_settle(struct speed_store *store, bool all, struct err *err);
bool speed_store_idle(const struct speed_store *store); /* no answer is awaited */

/* The last failure: another instance has claimed a partition since. It may be its rightful owner. */
bool speed_store_was_fenced(const struct speed_store *store);

struct speed_store_figures { /* written by the store's thread, read by any */
    _Atomic uint64_t rows, counters, states, compactions, compacted_bytes;
    struct histogram apply_records; /* events and bad records of a call */
    struct histogram apply_us;      /* from queued to answered */
    struct histogram freshness_ms;  /* arrivals.h */
};
extern const struct histogram_scale speed_store_apply_records, speed_store_apply_us;
const struct speed_store_figures *speed_store_figures(const struct speed_store *store);

size_t speed_store_due(const struct speed_store *store); /* rows that wait for compaction */
/* The longest time of an apply since the last call, µs. */
int64_t speed_store_slowest_apply_us(struct speed_store *store);

#endif
