/*
 * master_dataset: the rows of table `events`, in and out by COPY BINARY; out also those that are packed (prune.c). Written by the archive only; immutable but for
 * forget.h. Not for: transactions and offsets (archive_write.h), bad records, what the events mean.
 * A reader or writer has its connection for itself until it has ended. One thread at a time.
 */
#ifndef TANDEM_BATCH_MASTER_DATASET_H
#define TANDEM_BATCH_MASTER_DATASET_H

#include <libpq-fe.h>
#include <stdint.h>

#include "batch-layer/copy.h"
#include "common/err.h"
#include "views/event.h"

/* ---- in ---- */

/* Begins; ended by copy_in_end or copy_in_abandon. */
int master_copy_begin(struct copy_in *in, PGconn *db, struct err *err);
int master_copy_event(struct copy_in *in, int partition, int64_t offset, const struct event *event,
                      struct err *err);

/* ---- out ---- */

struct master_rows;

/* All events of the partition below *upto are packed, none at or above it; 0: none is. */
int master_packed_upto(PGconn *db, int partition, int64_t *upto, struct err *err);

/* The events of one partition with from <= offset < to, in log order, as of one snapshot. NULL: err. */
struct master_rows *master_rows_open(PGconn *db, int partition, int64_t from, int64_t to,
                                     struct err *err);
/*
 * The events of a `share` (0 to 1) of the users, chosen by a hash of the user and `seed`: user by user, each user's in log order,
 * as of one snapshot.
 */
struct master_rows *master_sample_open(PGconn *db, double share, int64_t seed, struct err *err);
/* 1 and the next event, whose texts live until the next call; 0 at the end; -1. */
int master_rows_next(struct master_rows *rows, int64_t *offset, struct event *event,
                     struct err *err);
/* NULL is fine. What was not read yet is cancelled: the connection can be used again. */
void master_rows_close(struct master_rows *rows);

/* The fields of one row, as COPY has them, as an event: for master_rows_next and its test. */
enum { MASTER_FIELDS = 14 };
int master_row_event(const struct text fields[MASTER_FIELDS], int64_t *offset, struct event *event,
                     struct err *err);

#endif
