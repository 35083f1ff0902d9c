/*
 * segment_rows: all rows of one finished segment of the speed view, summed up over the Redis servers, in packed form:
 * what the check holds against a run's own result. Not for: a live segment.
 */
#ifndef TANDEM_BATCH_SEGMENT_ROWS_H
#define TANDEM_BATCH_SEGMENT_ROWS_H

#include <hiredis/hiredis.h>
#include <stdint.h>

#include "common/err.h"
#include "views/bytes.h"

struct segment_rows;

struct segment_rows *segment_rows_new(void);
void segment_rows_free(struct segment_rows *rows);

/* Adds one server's rows of the segment: SCAN and MGET, no snapshot: the caller sees to it that they stand still. */
int segment_rows_read(struct segment_rows *rows, redisContext *redis, int64_t segment,
                      struct err *err);

/* Takes a group's row out: its log (views/row.h), n = 0: there is none. Lives until the rows are freed. */
struct text segment_rows_take(struct segment_rows *rows, struct text view, struct text group);

/* Walks the rows that were never taken: start with *cursor = 0; false at the end. */
bool segment_rows_left(const struct segment_rows *rows, size_t *cursor, struct text *view,
                       struct text *group, struct text *log);

#endif
