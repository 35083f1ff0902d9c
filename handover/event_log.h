/*
 * event_log: what every program that speaks to Kafka shares: settings, the topic check, the deployment's mark, the header
 * of a barrier. Not for: consuming or producing loops, which are each layer's own.
 *
 * The mark: a compacted topic `<topic>.deployment` with one partition and one record, key "deployment", value the id.
 */
#ifndef TANDEM_HANDOVER_EVENT_LOG_H
#define TANDEM_HANDOVER_EVENT_LOG_H

#include <librdkafka/rdkafka.h>
#include <stdint.h>

#include "common/err.h"

/* Base settings: bootstrap servers, client.id, logs to common/log, quick reconnects. Caller owns. */
rd_kafka_conf_t *event_log_conf(const char *bootstrap, const char *client_id);

/* Settings of a producer that loses nothing: acks=all, idempotence, partitioner murmur2_random. */
void event_log_conf_producer(rd_kafka_conf_t *conf);

/* Sets one property; a refused one is our bug and ends the process. */
void event_log_set(rd_kafka_conf_t *conf, const char *name, const char *value);

/*
 * Asks the cluster for the topic. ERR_RETRY: Kafka is away; ERR_FATAL with what to do: no such topic, or it has another
 * number of partitions. `client`: any producer or consumer.
 */
int event_log_check(rd_kafka_t *client, const char *topic, int partitions, int timeout_ms,
                    struct err *err);

/*
 * Where partitions first .. first + n - 1 begin (the first record that Kafka still has) or end (the next record), into
 * offset[0 .. n - 1]. ERR_RETRY: no answer within the time. Not by rd_kafka_query_watermark_offsets: before librdkafka 2.3
 * that waits for ever while a broker is away (confluentinc/librdkafka, issue 2588).
 */
enum log_edge { LOG_BEGIN = RD_KAFKA_OFFSET_BEGINNING, LOG_END = RD_KAFKA_OFFSET_END };
int event_log_edges(rd_kafka_t *client, const char *topic, int first, int n, enum log_edge edge,
                    int64_t *offset, int timeout_ms, struct err *err);

/* Reads the deployment's mark into `deployment` ("" when there is none). Opens and closes a consumer of its own. */
int event_log_deployment(const char *bootstrap, const char *topic, char *deployment, size_t bytes,
                         struct err *err);

/* One record of that topic: where it is the mark, its value goes into `deployment`. */
void event_log_mark(const rd_kafka_message_t *message, char *deployment, size_t bytes);

/* Both checks: partitions and that the mark is `deployment`. */
int event_log_check_deployment(const char *bootstrap, const char *topic, int partitions,
                               const char *deployment, struct err *err);

/* What a record is by its headers: > 0 the number of a barrier, 0 none (an event or a bad record), -1 a malformed barrier
 * header (a bad record with reason EVENT_LOG_BAD_BARRIER). */
#define EVENT_LOG_BAD_BARRIER "tandem-barrier header is not a number"
int64_t event_log_barrier(const rd_kafka_message_t *message);

#endif
