/*
 * archive: `tandem-batch archive`: Kafka to the master dataset, exactly once, for ever. One works at a time, held by an
 * advisory lock on the connection that writes; others wait and take over. Not for: what happens to events afterwards.
 *
 *   archive.c         the loop: lock, offsets, batches, what to do when something fails
 *   archive_log.c     records out of Kafka
 *   archive_write.c   one batch of records into Postgres: one transaction
 *   archive_figures.c what it did, for /metrics
 */
#ifndef TANDEM_BATCH_ARCHIVE_H
#define TANDEM_BATCH_ARCHIVE_H

#include <stddef.h>

/* Names at which TANDEM_CRASH_AT lets an archiver die (common/failpoint.h), in order; NULL at the end. */
extern const char *const archive_failpoints[];

#endif
