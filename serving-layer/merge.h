/*
 * merge: batch view N + what the speed layer has since (design.md, section 1), counter by counter. Pure.
 */
#ifndef TANDEM_SERVING_MERGE_H
#define TANDEM_SERVING_MERGE_H

#include "serving-layer/batch_view.h"
#include "serving-layer/reader.h"
#include "serving-layer/sums.h"

/* The parts of one row: what is added. The batch row may be NULL. */
struct parts {
    const struct batch_row *batch;
    const struct sums *const
        *speed; /* one a server and segment; of each, members are symbols of the same dictionary */
    size_t n_speed;
};

/* Sums wrap at 64 bits, as in views/deltas.h. */
static inline int64_t merge_count(const struct parts *parts, enum layer layer, uint32_t member)
{
    uint64_t sum = layer == LAYER_SPEED ? 0 : (uint64_t)batch_row_count(parts->batch, member);
    for (size_t i = 0; layer != LAYER_BATCH && i < parts->n_speed; i++)
        sum += (uint64_t)sums_get(parts->speed[i], member);
    return (int64_t)sum;
}

/*
 * All counters that are not 0, in no order, appended to `into` as struct member_count; returns how many. `scratch` is used
 * where there is more than one speed part.
 */
size_t merge_row(const struct parts *parts, enum layer layer, struct sums *scratch,
                 struct bytes *into);

/* The same not added up: a member may come several times, and its sum be 0. For who adds up anyhow: several times as fast. */
size_t merge_pieces(const struct parts *parts, enum layer layer, struct bytes *into);

/* Adds `each` times a counter to its member's part, for all pieces: what a ranking spends most of its time with. */
void merge_add_parts(const struct parts *parts, enum layer layer, double each, struct tally *tally);

#endif
