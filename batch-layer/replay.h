/*
 * replay: recomputes every view from the master dataset, from the first event up to an offset a partition, and from there
 * forward, never back. The audit's own truth: it knows nothing of runs, segments or stored states.
 * One thread at a time. Holds a state a user and a counter a counter in memory.
 */
#ifndef TANDEM_BATCH_REPLAY_H
#define TANDEM_BATCH_REPLAY_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "views/fold.h"

struct replay;

struct replay *replay_new(int partitions);
void replay_free(struct replay *replay);

/*
 * Keeps only the counters of groups for which `wanted` says so; before anything is replayed. All events are folded all the same.
 */
void replay_keep(struct replay *replay,
                 bool (*wanted)(const void *context, unsigned view, struct text group),
                 const void *context);

/* Counts these views alone (bits of the catalogue); before anything is replayed. */
void replay_views(struct replay *replay, uint64_t views);

/* The events below these offsets are in the counters. An offset a partition, borrowed. */
const int64_t *replay_at(const struct replay *replay);

/* Goes on to `to` (nowhere behind replay_at, nowhere ahead of the archive). `progress`, if not NULL, hears of each chunk. */
int replay_to(struct replay *replay, PGconn *db, const int64_t *to,
              void (*progress)(void *context, int64_t offsets), void *context, struct err *err);

/* The counters: to be read; and to be asked for a row that they do not have, by adding 0. */
struct deltas *replay_counters(struct replay *replay);
struct names *replay_names(struct replay *replay);

#endif
