/*
 * figures: what the speed layer did since it was started, for /metrics and for its log line. Nothing is decided by them.
 * The worker's thread writes, any may print.
 */
#ifndef TANDEM_SPEED_FIGURES_H
#define TANDEM_SPEED_FIGURES_H

#include <stdbool.h>

#include "speed-layer/speed_store.h"

struct figures_told { /* in the last log line */
    int64_t at_us;
    uint64_t events, bad, duplicates, applies, rows, counters, states, compactions, compacted_bytes;
};

#define FIGURES_NONE UINT64_MAX

struct
    figures { /* events are counted when they are sent: twice, where a failure makes them be sent again */
    _Atomic uint64_t events[EVENT_TYPES + 1], bad, duplicates;
    _Atomic uint64_t claims, fenced, pauses;
    /* As of a moment ago: */
    _Atomic uint64_t
        next[PARTITIONS_MAX]; /* offset behind what was sent, FIGURES_NONE: not claimed */
    _Atomic uint64_t lag[PARTITIONS_MAX]; /* records, FIGURES_NONE: not known */
    _Atomic uint64_t assigned, claimed;   /* partitions */
    _Atomic uint64_t users, bytes, due;   /* states known, memory held by them; rows to compact */
    struct figures_told told;
};

void figures_begin(struct figures *figures);
/* A micro-batch was sent. */
void figures_sent(struct figures *figures, const struct cut *cut);

/* Logs a line when something happened since the last one; due every 10 s. */
bool figures_are_due(const struct figures *figures);
void figures_log(struct figures *figures, struct speed_store *store);

void figures_print(const struct figures *figures, const struct speed_store *store, int partitions,
                   struct metrics *into);

#endif
