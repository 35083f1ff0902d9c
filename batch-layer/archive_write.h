/*
 * archive_write: a batch of records, and the one transaction that takes it into Postgres with the offsets behind it.
 * Not for: where records come from, trying again.
 */
#ifndef TANDEM_BATCH_ARCHIVE_WRITE_H
#define TANDEM_BATCH_ARCHIVE_WRITE_H

#include "batch-layer/archive_figures.h"
#include "batch-layer/archive_log.h"
#include "handover/database.h"
#include "views/event.h"

enum {
    BATCH_RECORDS = 10000,
    BATCH_BYTES = 4 << 20, /* of keys and values: bad records may be large */
};

/* Records of all partitions, in each partition in log order. Owns them. */
struct archive_batch {
    int partitions;
    int64_t next[PARTITIONS_MAX]; /* the offset behind what is archived */
    int64_t upto[PARTITIONS_MAX]; /* the offset behind what the batch holds */
    struct log_record record[BATCH_RECORDS];
    int n;
    size_t bytes;
};

/* Takes a record. One that is below the partition's place has been taken already and is let go. */
void archive_batch_take(struct archive_batch *batch, struct log_record *record);
bool archive_batch_full(const struct archive_batch *batch);
/* Lets go of all records; what was archived stays as it is. */
void archive_batch_drop(struct archive_batch *batch);

struct archive_writer;

struct archive_writer *archive_writer_new(void);
void archive_writer_free(struct archive_writer *writer); /* NULL is fine */

/*
 * One transaction: events, bad records, first barriers, and archive_offset from next to upto by compare-and-set. 0: it is
 * in, next = upto, the batch is empty, `figures` has more. -1: whether it is in is not known: connect again and read
 * archive_offset. (ERR_RETRY also when someone else has moved archive_offset.)
 */
int archive_write(struct archive_writer *writer, PGconn *db, struct archive_batch *batch,
                  struct archive_figures *figures, struct err *err);

#endif
