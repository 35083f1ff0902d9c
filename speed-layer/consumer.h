/*
 * consumer: the speed layer's end of the log: membership in the consumer group, and records from the offsets that the speed
 * view says. The one file of this layer with librdkafka. Not for: deciding what is done with a partition.
 *
 * Being given partitions and fetching them are two steps: the group says which partitions are this instance's, then the
 * worker claims them in Redis, then consumer_start begins at the claimed offsets. In between the instance stays a member.
 * One thread; nothing is called back but from inside consumer_poll and consumer_close.
 */
#ifndef TANDEM_SPEED_CONSUMER_H
#define TANDEM_SPEED_CONSUMER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "handover/database.h" /* PARTITIONS_MAX */
#include "views/text.h"

struct consumer;
struct rd_kafka_message_s;

struct consumer_settings {
    const char *kafka, *topic, *group;
    int partitions;
};

/* Joins the group. NULL: err. */
struct consumer *consumer_open(const struct consumer_settings *settings, struct err *err);
void consumer_close(struct consumer *consumer); /* leaves the group; every record was released */

/* What the group has given to this instance. `changes` goes up with every rebalance: what was claimed before is void. */
struct assignment {
    uint64_t changes;
    int n;
    int partition[PARTITIONS_MAX];
};
const struct assignment *consumer_assignment(const struct consumer *consumer);

/* Fetch the assigned partitions from these offsets (by partition). */
int consumer_start(struct consumer *consumer, const int64_t *offset, struct err *err);
/* Fetch nothing, stay in the group. */
int consumer_stop(struct consumer *consumer, struct err *err);

struct record {
    int partition;
    int64_t offset;
    int64_t barrier; /* > 0: its number; 0: an event or a bad record; -1: malformed, a bad record */
    int64_t at_ms;   /* its timestamp in the log; <= 0: it has none */
    struct text value; /* lives until the record is released; at NULL: none */
    struct rd_kafka_message_s *message;
};

/*
 * Waits up to `timeout_ms`. 1: `record` is the caller's, who releases it; 0: none came; -1: err, ERR_FATAL when Kafka no
 * longer has the offset. May change the assignment.
 */
int consumer_poll(struct consumer *consumer, int timeout_ms, struct record *record,
                  struct err *err);
void record_release(struct record *record);

/* Tells Kafka how far the partitions are, for people who look at the group's lag. Nothing ever reads it back. */
void consumer_hint(struct consumer *consumer, const int64_t *offset);

/* The end of the partition's log as far as heard of, or -1. */
int64_t consumer_log_end(const struct consumer *consumer, int partition);

#endif
