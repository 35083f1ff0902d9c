/*
 * topic: the Kafka side of set-up: what topics there are, creating them, writing the deployment's mark (handover/event_log.h).
 * Not for: events.
 */
#ifndef TANDEM_BATCH_TOPIC_H
#define TANDEM_BATCH_TOPIC_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"

/* A client that asks and creates, and that never makes a topic by asking for it. NULL: err. Caller: rd_kafka_destroy. */
rd_kafka_t *topic_client_open(const char *bootstrap, struct err *err);

struct topic_found {
    int partitions; /* 0: there is no such topic */
    int64_t end;    /* sum of the log ends of all partitions: 0 where no record ever was */
};

int topic_find(rd_kafka_t *client, const char *topic, struct topic_found *found, struct err *err);

struct topic_setting {
    const char *name, *value;
};

/* Creates it and waits until every partition has a leader. A topic that is there already is left as it is. */
int topic_create(rd_kafka_t *client, const char *topic, int partitions, int replication,
                 const struct topic_setting *settings, size_t n_settings, struct err *err);

/* Names the topic of the mark. */
void topic_mark_name(char *into, size_t bytes, const char *topic);

/* Writes the mark; returns once Kafka has acknowledged it. */
int topic_mark_write(const char *bootstrap, const char *topic, const char *deployment,
                     struct err *err);

#endif
