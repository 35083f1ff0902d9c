/*
 * kafka: the one file of tandem-feed that speaks to Kafka: a sink of records, and a reader of the whole topic. Not for: what
 * records mean. The sink's calls belong to one thread.
 */
#ifndef TANDEM_TOOLS_KAFKA_H
#define TANDEM_TOOLS_KAFKA_H

#include "tools/record.h"

struct kafka_settings {
    const char *bootstrap, *topic;
    int partitions;
    bool gapless; /* of a sink: nothing of a partition is in the log behind a record that is not */
};

/* In which partition a sink puts the records of a key. */
int kafka_partition_of(struct text key, int partitions);

/*
 * An idempotent producer: a record that is acknowledged is in the log once, in the order sent; one that was not
 * acknowledged within five minutes has failed. Borrows the settings' texts until close. Waits until Kafka is there; -1: err (wrong topic, or a stop was asked).
 */
int kafka_sink_open(const struct kafka_settings *settings, struct sink *sink, struct err *err);

/* A record of the log as it stands there; borrowed for the call. */
struct log_record {
    int partition;
    int64_t offset;
    int64_t barrier;   /* as event_log_barrier: > 0 a barrier, 0 none, -1 malformed */
    struct text value; /* at = NULL: no value */
    struct text mark;  /* n = 0: none */
};

/*
 * A from of -1 is the first record that there is. Calls `each` for every record from `from[p]` up to below `until[p]`; of each partition in order. An until of -1 is
 * the end of that partition at the time of the call. `each` returns -1 to end early.
 */
int kafka_read(const struct kafka_settings *settings, const int64_t *from, const int64_t *until,
               int (*each)(void *context, const struct log_record *record), void *context,
               struct err *err);

#endif
