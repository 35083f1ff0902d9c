/*
 * segment_rows: the rows of one finished segment of the speed view, over all Redis servers. Holds their names and which servers
 * have them, not their bytes: those of a few rows at a time are fetched. Not for: a live segment.
 * No snapshot: the caller sees to it that the segment stands still from the first call to the last.
 */
#ifndef TANDEM_BATCH_SEGMENT_ROWS_H
#define TANDEM_BATCH_SEGMENT_ROWS_H

#include <hiredis/hiredis.h>
#include <stdint.h>

#include "common/err.h"
#include "views/bytes.h"

#define SEGMENT_ROW_ABSENT UINT32_MAX

struct segment_rows;

struct segment_rows *segment_rows_new(int64_t segment);
void segment_rows_free(struct segment_rows *rows); /* NULL is fine */

/* Adds the names of server i's rows (SCAN). */
int segment_rows_name(struct segment_rows *rows, redisContext *redis, int i, struct err *err);

/* Takes a group's row out: its number, or SEGMENT_ROW_ABSENT. */
uint32_t segment_rows_take(struct segment_rows *rows, struct text view, struct text group);

/* Takes out the rows that were never taken: start with *cursor = 0; false at the end. Texts live until rows are added. */
bool segment_rows_left(struct segment_rows *rows, uint32_t *cursor, uint32_t *row,
                       struct text *view, struct text *group);

/* Appends server i's log (views/row.h) of rows[k] to logs[k], where it has one; absent ones are passed over. One MGET. */
int segment_rows_fetch(const struct segment_rows *rows, redisContext *redis, int i,
                       const uint32_t *wanted, size_t n, struct bytes *logs, struct err *err);

#endif
