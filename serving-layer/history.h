/*
 * history: what the master dataset has of one user or one item, newest first, a page at a time. Blocking: for jobs (jobs.h).
 *
 * Order: within a partition that of the log, from its end; of several partitions (an item's events) whichever's next event has the
 * later `ts`. A user's events are in one partition (partition_of.h).
 * Cost: a page reads a bounded piece of the table, whatever is in it, so it may hold fewer events than asked for, or none, and still
 * have a next one. A user's events below the published boundary are found by user_events (batch-layer/forget.c), which reads
 * a 1024th of the partition's offsets and looks up the user's; an item's, and those that came since the last run, by reading rows back from the end of the log.
 */
#ifndef TANDEM_SERVING_HISTORY_H
#define TANDEM_SERVING_HISTORY_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "common/options.h" /* PARTITIONS_MAX */
#include "views/bytes.h"

enum {
    HISTORY_EVENTS_MAX = 500,
    HISTORY_SCANNED_ROWS = 100000,  /* of a page, all partitions together */
    HISTORY_CURSOR_BYTES = 20 * 256 /* an offset a partition */
};

struct history_ask {
    const char *name;   /* of the user or item */
    int user_partition; /* -1: it is an item */
    int type;           /* enum event_type; 0: all */
    int n;              /* 1 to HISTORY_EVENTS_MAX */
    int partitions;
    bool from_end;                  /* the first page: `before` is not set */
    int64_t before[PARTITIONS_MAX]; /* only what is below, an offset a partition */
};

struct history_page {    /* zero-initialise; bytes_free(&page.events) */
    struct bytes events; /* JSON objects, separated by commas; appended to what is there */
    size_t n;
    bool more;
    int64_t before[PARTITIONS_MAX];   /* of the next page */
    int64_t archived[PARTITIONS_MAX]; /* how far the archive had come */
};

int history_read(PGconn *db, const struct history_ask *ask, struct history_page *page,
                 struct err *err);

/* A cursor, as text. -1: it is none of a deployment with so many partitions. */
void history_cursor_put(struct bytes *into, const int64_t *before, int partitions);
int history_cursor_parse(struct text cursor, int64_t *before, int partitions);

#endif
