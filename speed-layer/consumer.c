#include "speed-layer/consumer.h"

#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <stdlib.h>

#include "common/log.h"
#include "common/mem.h"
#include "handover/event_log.h"

/* rd_kafka_consumer_close waits for the coordinator, rd_kafka_destroy for its threads: neither for long. */
struct consumer {
    rd_kafka_t *kafka;
    char *topic;
    int partitions;
    struct assignment assigned;
    bool too_many; /* the group gave a partition that this deployment does not have */
};

static void assignment_take(struct consumer *consumer, const rd_kafka_topic_partition_list_t *list)
{
    struct assignment *assigned = &consumer->assigned;
    assigned->n = 0;
    assigned->changes++;
    for (int i = 0; list && i < list->cnt; i++) {
        if (list->elems[i].partition < consumer->partitions)
            assigned->partition[assigned->n++] = list->elems[i].partition;
        else
            consumer->too_many = true;
    }
    log_info("consumer", "assigned partitions=%d", assigned->n);
}

/* Called from consumer_poll and consumer_close. Nothing may wait here; so a new assignment is answered with an empty list
 * first, which ends the rebalance, and the claimed offsets follow with consumer_start. */
static void on_rebalance(rd_kafka_t *kafka, rd_kafka_resp_err_t why,
                         rd_kafka_topic_partition_list_t *list, void *opaque)
{
    struct consumer *consumer = opaque;
    rd_kafka_resp_err_t failed;
    if (why == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        assignment_take(consumer, list);
        rd_kafka_topic_partition_list_t *none = rd_kafka_topic_partition_list_new(0);
        failed = rd_kafka_assign(kafka, none);
        rd_kafka_topic_partition_list_destroy(none);
    } else {
        assignment_take(consumer, NULL);
        failed = rd_kafka_assign(kafka, NULL);
    }
    if (failed)
        log_warn("consumer", "rebalance: %s", rd_kafka_err2str(failed));
}

/*
 * Quick to wake and bounded in memory, whatever the number of partitions. When the queue is full librdkafka 2.0.2 looks again
 * only after a second, so the queue must hold more than a second's records: 16 MiB of keys and values.
 */
static rd_kafka_conf_t *consumer_conf(const struct consumer_settings *settings, void *opaque)
{
    static const char *const settled[][2] = {
        {"enable.auto.commit", "false"},
        {"enable.auto.offset.store", "false"},
        {"auto.offset.reset", "error"},
        {"partition.assignment.strategy", "range"}, /* eager */
        {"session.timeout.ms", "6000"},
        {"heartbeat.interval.ms", "1000"},
        {"max.poll.interval.ms", "60000"},
        {"fetch.wait.max.ms", "100"},
        {"fetch.error.backoff.ms", "20"}, /* also how long a full queue waits before the next fetch */
        {"fetch.message.max.bytes", "524288"},
        {"fetch.max.bytes", "4194304"},
        {"queued.max.messages.kbytes", "16384"},
        {"queued.min.messages", "100000"},
    };
    rd_kafka_conf_t *conf = event_log_conf(settings->kafka, "tandem-speed");
    event_log_set(conf, "group.id", settings->group);
    for (size_t i = 0; i < sizeof settled / sizeof *settled; i++)
        event_log_set(conf, settled[i][0], settled[i][1]);
    rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
    rd_kafka_conf_set_opaque(conf, opaque);
    return conf;
}

struct consumer *consumer_open(const struct consumer_settings *settings, struct err *err)
{
    struct consumer *consumer = xcalloc(1, sizeof *consumer);
    consumer->topic = xstrdup(settings->topic);
    consumer->partitions = settings->partitions;
    rd_kafka_conf_t *conf = consumer_conf(settings, consumer);
    char why[256];
    consumer->kafka = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    if (!consumer->kafka) {
        rd_kafka_conf_destroy(conf); /* taken only on success */
        err_set(err, ERR_FATAL, "kafka consumer: %s", why);
        consumer_close(consumer);
        return NULL;
    }
    rd_kafka_poll_set_consumer(consumer->kafka);
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, settings->topic, RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t failed = rd_kafka_subscribe(consumer->kafka, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    if (failed) {
        err_set(err, ERR_FATAL, "kafka subscribe to %s: %s", settings->topic,
                rd_kafka_err2str(failed));
        consumer_close(consumer);
        return NULL;
    }
    return consumer;
}

void consumer_close(struct consumer *consumer)
{
    if (!consumer)
        return;
    if (consumer->kafka) {
        rd_kafka_consumer_close(consumer->kafka);
        rd_kafka_destroy(consumer->kafka);
    }
    free(consumer->topic);
    free(consumer);
}

const struct assignment *consumer_assignment(const struct consumer *consumer)
{
    return &consumer->assigned;
}

static rd_kafka_topic_partition_list_t *assigned_list(const struct consumer *consumer,
                                                      const int64_t *offset)
{
    const struct assignment *assigned = &consumer->assigned;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(assigned->n);
    for (int i = 0; i < assigned->n; i++) {
        int p = assigned->partition[i];
        rd_kafka_topic_partition_list_add(list, consumer->topic, p)->offset = offset[p];
    }
    return list;
}

/* Takes the list. */
static int fetch_these(struct consumer *consumer, rd_kafka_topic_partition_list_t *list,
                       struct err *err)
{
    rd_kafka_resp_err_t failed = rd_kafka_assign(consumer->kafka, list);
    rd_kafka_topic_partition_list_destroy(list);
    return failed ? err_set(err, ERR_RETRY, "kafka assign: %s", rd_kafka_err2str(failed)) : 0;
}

int consumer_start(struct consumer *consumer, const int64_t *offset, struct err *err)
{
    return fetch_these(consumer, assigned_list(consumer, offset), err);
}

int consumer_stop(struct consumer *consumer, struct err *err)
{
    return fetch_these(consumer, rd_kafka_topic_partition_list_new(0), err);
}

/* What librdkafka cannot mend by itself. It mends connections. */
static int message_error(struct consumer *consumer, const rd_kafka_message_t *message,
                         struct err *err)
{
    const char *topic = consumer->topic;
    switch (message->err) {
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
        return err_set(
            err, ERR_FATAL,
            "%s[%d]: Kafka does not have the next offset that the speed view needs (%s). Its "
            "retention is shorter than the outage was, or the topic was made anew. If the "
            "archive has passed it: `tandem-batch run`, then start again. Nothing was skipped",
            topic, message->partition, rd_kafka_message_errstr(message));
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR__FATAL:
        return err_set(err, ERR_FATAL, "kafka topic %s: %s", topic,
                       rd_kafka_message_errstr(message));
    default:
        log_debug("consumer", "%s[%d]: %s", topic, message->partition,
                  rd_kafka_message_errstr(message));
        return 0;
    }
}

int consumer_poll(struct consumer *consumer, int timeout_ms, struct record *record, struct err *err)
{
    rd_kafka_timestamp_type_t of_what;
    rd_kafka_message_t *message = rd_kafka_consumer_poll(consumer->kafka, timeout_ms);
    if (consumer->too_many) {
        if (message)
            rd_kafka_message_destroy(message);
        return err_set(
            err, ERR_FATAL,
            "topic %s has more than %d partitions: users have moved between partitions; a "
            "deployment with another number needs a topic of its own",
            consumer->topic, consumer->partitions);
    }
    if (!message)
        return 0;
    if (message->err) {
        int failed = message_error(consumer, message, err);
        rd_kafka_message_destroy(message);
        return failed;
    }
    *record = (struct record){.partition = message->partition,
                              .offset = message->offset,
                              .barrier = event_log_barrier(message),
                              .at_ms = rd_kafka_message_timestamp(message, &of_what),
                              .value = {message->payload, message->len},
                              .message = message};
    return 1;
}

void record_release(struct record *record)
{
    rd_kafka_message_destroy(record->message);
}

void consumer_hint(struct consumer *consumer, const int64_t *offset)
{
    rd_kafka_topic_partition_list_t *list = assigned_list(consumer, offset);
    if (list->cnt && rd_kafka_commit(consumer->kafka, list, 1))
        log_debug("consumer", "committed offsets could not be sent");
    rd_kafka_topic_partition_list_destroy(list);
}

int64_t consumer_log_end(const struct consumer *consumer, int partition)
{
    int64_t low = -1, high = -1;
    rd_kafka_resp_err_t failed =
        rd_kafka_get_watermark_offsets(consumer->kafka, consumer->topic, partition, &low, &high);
    return failed ? -1 : high;
}
