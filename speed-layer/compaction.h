/*
 * compaction: which rows of one Redis server have grown past DUE_TIMES their compacted size and are due, and what a row's
 * log becomes. Pure bookkeeping: speed_store.c reads the rows and swaps them. May be forgotten at any time: a row that is
 * compacted once too often, or later, has the same sums.
 */
#ifndef TANDEM_SPEED_COMPACTION_H
#define TANDEM_SPEED_COMPACTION_H

#include <stdint.h>

#include "views/bytes.h"

struct compaction;

struct compaction *compaction_new(void);
void compaction_free(struct compaction *compaction);
void compaction_forget(struct compaction *compaction); /* while nothing is under way */
bool compaction_is_full(
    const struct compaction *compaction); /* it takes no rows that it does not know */

/* A row is this long now, which is long enough to think of compacting it. */
void compaction_note(struct compaction *compaction, int64_t segment, struct text row_name,
                     size_t length_bytes);

size_t compaction_due(const struct compaction *compaction); /* rows that wait */

/* Takes the row that has waited longest; false: none waits. It is not due again until compaction_done. */
bool compaction_take(struct compaction *compaction, uint32_t *row, size_t *length_bytes);
/* Which row that is. `row_name` lives until the next note. */
void compaction_row(const struct compaction *compaction, uint32_t row, int64_t *segment,
                    struct text *row_name);
/* The row is `length_bytes` long when compacted; 0: it was not done, as far as is known. */
void compaction_done(struct compaction *compaction, uint32_t row, size_t length_bytes);

/* Sums a log, appended to `into`, in no order. -1: these bytes are no row. Keeps its memory between calls. */
int compaction_sum(struct compaction *compaction, struct text log, struct bytes *into);

#endif
