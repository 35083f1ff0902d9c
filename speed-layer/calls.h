/*
 * calls: the arguments of the speed layer's calls of tandem.lua. Pure: puts commands together, sends nothing.
 */
#ifndef TANDEM_SPEED_CALLS_H
#define TANDEM_SPEED_CALLS_H

#include "handover/database.h"
#include "speed-layer/command.h"
#include "speed-layer/micro_batch.h"
#include "views/deltas.h"

struct claim {
    int partition;
    const char *token, *epoch_candidate, *layout;
};
void call_claim(struct command *command, const struct claim *claim,
                const struct publication *publication);

/* Folded micro-batches of one segment that are applied together. */
struct apply {
    size_t long_row;                  /* bytes: rows of this length are named in the answer */
    struct micro_batch *const *batch; /* n of them */
    size_t n;
    const struct deltas *deltas; /* of all */
    const struct names *names;   /* of the deltas */
};
struct apply_size {
    uint64_t rows, counters;
};
/* `token` of each micro-batch's partition. */
struct apply_size call_apply(struct command *command, const struct apply *apply,
                             const char *const *token);

/* The batch's unknown users, in their order. */
void call_states(struct command *command, const char *token, const struct micro_batch *batch);

#endif
