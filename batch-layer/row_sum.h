/*
 * row_sum: sums the pieces of one row, one at a time, into canonical form (views/row.h). Holds the sum and as many bytes
 * of pieces again, not all pieces: they may be more than memory, or Postgres in one value, can hold.
 * Each piece is read by itself: one that is no row does not run into the next. Owns its memory. One thread at a time.
 */
#ifndef TANDEM_BATCH_ROW_SUM_H
#define TANDEM_BATCH_ROW_SUM_H

#include "views/bytes.h"

/* Zero-initialised; the sum is then empty. */
struct row_sum {
    struct bytes sum; /* canonical */
    struct bytes log; /* pieces that are not in it yet */
    struct bytes unused[2];
};

/* Adds a piece, canonical or a log; -1: these bytes are no row, and the sum is as before. */
int row_sum_add(struct row_sum *sum, struct text piece);
/* The sum, canonical, until the next call. */
struct text row_sum_text(struct row_sum *sum);
void row_sum_clear(struct row_sum *sum); /* keeps the memory */
void row_sum_free(struct row_sum *sum);

#endif
