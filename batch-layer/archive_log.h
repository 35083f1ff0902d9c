/*
 * archive_log: records of all partitions from given offsets on, out of Kafka, without a consumer group: where to go on is
 * Postgres' to say. Not for: what the records mean. One thread.
 */
#ifndef TANDEM_BATCH_ARCHIVE_LOG_H
#define TANDEM_BATCH_ARCHIVE_LOG_H

#include <stdint.h>

#include "common/err.h"
#include "views/text.h"

struct archive_log;

/* Borrows the texts. NULL: err. */
struct archive_log *archive_log_open(const char *kafka, const char *topic, int partitions,
                                     struct err *err);
void archive_log_close(struct archive_log *log); /* NULL is fine */

/* Begins anew at an offset a partition: nothing from before comes after. */
int archive_log_start(struct archive_log *log, const int64_t *offset, struct err *err);
/* Fetches nothing until the next start, and lets go of what was fetched. */
int archive_log_stop(struct archive_log *log, struct err *err);

struct log_record {
    int partition;
    int64_t offset;
    int64_t barrier;        /* handover/event_log.h: > 0 a barrier, -1 a malformed one, 0 none */
    struct text key, value; /* at = NULL: null. Live until released */
    void *message;
};

/* 1 and a record, which the caller releases; 0: none came within timeout_ms; -1. */
int archive_log_poll(struct archive_log *log, int timeout_ms, struct log_record *record,
                     struct err *err);
void log_record_release(struct log_record *record);

/*
 * Wakes the fetching of a partition. librdkafka 2.0.2 looks only once a second at a queue that was full
 * (github.com/confluentinc/librdkafka/issues/2879); an answer from the partition's broker makes it look at once. Without, a
 * catching up archiver would need a queue of a second's events, which is memory. May do nothing.
 */
void archive_log_hurry(struct archive_log *log, int partition);

/* Records of the partition between the offset and the log's end, as far as the client has heard of it; -1: not known. */
int64_t archive_log_lag(struct archive_log *log, int partition, int64_t offset);

#endif
