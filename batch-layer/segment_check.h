/*
 * segment_check: holds what an aggregated run changes in the batch view against the rows of the speed layer's segment, counter
 * by counter, a few groups at a time: what it holds does not grow with the segment but for the rows' names.
 * Not for: whether the segment is finished and stood still (run_check).
 */
#ifndef TANDEM_BATCH_SEGMENT_CHECK_H
#define TANDEM_BATCH_SEGMENT_CHECK_H

#include "batch-layer/run_steps.h"
#include "batch-layer/segment_rows.h"

enum { SEGMENT_CHECK_REPORTED = 10 };

/* Zero-initialised; freed in any case. */
struct segment_check {
    int64_t drift; /* counters that differ */
    int64_t groups;
    char *line[SEGMENT_CHECK_REPORTED]; /* the first of them, in words */
    size_t n_lines;
};

/*
 * Compares all. `redis`: a connection to each server, `rows`: named. 0; 1: `why` a server could not be read, and what was
 * found so far says nothing; -1: `err`, which is Postgres'.
 */
int segment_check_all(struct segment_check *check, const struct run *run, struct segment_rows *rows,
                      redisContext *const *redis, struct err *why, struct err *err);
void segment_check_free(struct segment_check *check);

#endif
