/*
 * micro_batch: the records of one partition that wait, and the part of them that is folded and applied next: consecutive,
 * of one segment. Here the segment rule is kept: a micro-batch ends before a barrier that opens a new segment.
 *
 *     micro_batch_put ...; micro_batch_cut; micro_batch_learn for each unknown user; micro_batch_fold;
 *     send `deltas`, the touched users' states and the new offset; micro_batch_done
 *
 * The users' states stay known from one to the next. The micro-batches of several partitions may share their names, and
 * then fold into the same deltas. Not for: I/O. One thread at a time.
 */
#ifndef TANDEM_SPEED_MICRO_BATCH_H
#define TANDEM_SPEED_MICRO_BATCH_H

#include "speed-layer/arrivals.h"
#include "speed-layer/consumer.h"
#include "views/event.h"
#include "views/fold.h"

struct micro_batch;

struct cut {
    int64_t from, to; /* offsets: every record in [from, to) */
    int64_t segment;
    size_t type[EVENT_TYPES + 1]; /* records that are events, by type */
    size_t bad, duplicates;       /* records that are none; events not counted again */
};

/* Borrows `names`, of what it folds, and `doubted`, at first -1, which must outlive all micro-batches of the partition. */
struct micro_batch *micro_batch_new(int partition, struct names *names, int64_t *doubted);
void micro_batch_free(struct micro_batch *batch);

/* Forgets everything and begins at `offset` in `segment`, as claimed. */
void micro_batch_begin(struct micro_batch *batch, int64_t offset, int64_t segment);

/*
 * Takes the record, which follows those before. -1, ERR_RETRY: the first one after a claim stands behind the claimed offset.
 * That may be a record fetched before the claim, so claim again; the second time it is a hole in the log (the marks of
 * somebody's transactions) and is passed.
 */
int micro_batch_put(struct micro_batch *batch, struct record record, struct err *err);
size_t micro_batch_waiting(const struct micro_batch *batch);

/* Cuts at most `max` records off what waits and finds the users whose state is not known; returns how many those are. */
size_t micro_batch_cut(struct micro_batch *batch, struct event_decoder *decoder, size_t max);
const struct cut *micro_batch_is(const struct micro_batch *batch);
int micro_batch_partition(const struct micro_batch *batch);
/* When the cut's records came into the log, barriers left out. */
void micro_batch_arrivals(const struct micro_batch *batch, struct arrivals *into);

/* Unknown users, numbered from 0. */
size_t micro_batch_unknown(const struct micro_batch *batch);
struct text micro_batch_user(const struct micro_batch *batch, size_t unknown);
bool micro_batch_learnt(const struct micro_batch *batch, size_t unknown);
/* n = 0: an empty state. -1, ERR_FATAL: these bytes are no state. */
int micro_batch_learn(struct micro_batch *batch, size_t unknown, struct text stored,
                      struct err *err);

/* Adds to the deltas what the cut changes. All users must be known. */
void micro_batch_fold(struct micro_batch *batch, struct event_decoder *decoder,
                      struct deltas *deltas);
const struct fold *micro_batch_states(
    const struct micro_batch *batch); /* touched users: fold_next_touched */

/* The cut was sent: what waits begins behind it. */
void micro_batch_done(struct micro_batch *batch);

/* Forgets all users' states, and goes on with other names. Nothing may be cut. */
void micro_batch_forget_states(struct micro_batch *batch, struct names *names);

size_t micro_batch_bytes(const struct micro_batch *batch); /* of users' states; names excluded */
size_t micro_batch_users(const struct micro_batch *batch); /* states known */

#endif
