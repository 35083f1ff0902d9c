#include "batch-layer/archive_log.h"

#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <stdlib.h>

#include "common/log.h"
#include "common/mem.h"
#include "handover/event_log.h"

#define LOG "archive"

enum { CHECK_MS = 5000, HURRY_MS = 100, QUEUE_LOW = 20000 };

struct archive_log {
    rd_kafka_t *kafka;
    rd_kafka_queue_t *queue; /* what was fetched, for its length */
    char *topic;
    int partitions;
};

/* Bounded in memory: what is queued is at most some 12 MiB of records and as much of librdkafka's own. */
static rd_kafka_conf_t *consumer_conf(const char *kafka)
{
    static const char *const settled[][2] = {
        {"group.id", "tandem-archive"}, /* never joined: partitions are assigned by hand */
        {"enable.auto.commit", "false"},        {"enable.auto.offset.store", "false"},
        {"auto.offset.reset", "error"},         {"fetch.wait.max.ms", "10"},
        {"fetch.min.bytes", "262144"},          {"fetch.error.backoff.ms", "20"},
        {"fetch.message.max.bytes", "1048576"}, {"fetch.max.bytes", "4194304"},
        {"queued.max.messages.kbytes", "8192"}, {"queued.min.messages", "50000"},
    };
    rd_kafka_conf_t *conf = event_log_conf(kafka, "tandem-archive");
    for (size_t i = 0; i < sizeof settled / sizeof *settled; i++)
        event_log_set(conf, settled[i][0], settled[i][1]);
    return conf;
}

struct archive_log *archive_log_open(const char *kafka, const char *topic, int partitions,
                                     struct err *err)
{
    char why[256];
    rd_kafka_conf_t *conf = consumer_conf(kafka);
    struct archive_log *log = xcalloc(1, sizeof *log);
    log->topic = xstrdup(topic);
    log->partitions = partitions;
    log->kafka = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    if (!log->kafka) {
        rd_kafka_conf_destroy(conf); /* taken only on success */
        err_set(err, ERR_FATAL, "kafka consumer: %s", why);
        archive_log_close(log);
        return NULL;
    }
    rd_kafka_poll_set_consumer(log->kafka);
    log->queue = rd_kafka_queue_get_consumer(log->kafka);
    return log;
}

void archive_log_close(struct archive_log *log)
{
    if (!log)
        return;
    if (log->kafka) {
        rd_kafka_queue_destroy(log->queue);
        rd_kafka_consumer_close(log->kafka);
        rd_kafka_destroy(log->kafka);
    }
    free(log->topic);
    free(log);
}

/* ---- where to read ---- */

int archive_log_stop(struct archive_log *log, struct err *err)
{
    rd_kafka_resp_err_t failed = rd_kafka_assign(log->kafka, NULL);
    return failed ? err_set(err, ERR_RETRY, "kafka unassign: %s", rd_kafka_err2str(failed)) : 0;
}

int archive_log_start(struct archive_log *log, const int64_t *offset, struct err *err)
{
    /* Who has asked for the topic is connected to its brokers: the first records come in milliseconds, not a second. */
    if (archive_log_stop(log, err) ||
        event_log_check(log->kafka, log->topic, log->partitions, CHECK_MS, err))
        return -1;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(log->partitions);
    for (int p = 0; p < log->partitions; p++)
        rd_kafka_topic_partition_list_add(list, log->topic, p)->offset = offset[p];
    rd_kafka_resp_err_t failed = rd_kafka_assign(log->kafka, list);
    rd_kafka_topic_partition_list_destroy(list);
    return failed ? err_set(err, ERR_RETRY, "kafka assign: %s", rd_kafka_err2str(failed)) : 0;
}

/* ---- records ---- */

/* Nobody but a person can say that those events are lost: so it stops, and names the statement that says it. */
static int records_are_gone(const struct archive_log *log, const rd_kafka_message_t *message,
                            struct err *err)
{
    int64_t begin, end;
    if (event_log_edges(log->kafka, log->topic, message->partition, 1, LOG_BEGIN, &begin, CHECK_MS,
                        err) ||
        event_log_edges(log->kafka, log->topic, message->partition, 1, LOG_END, &end, CHECK_MS,
                        err))
        return -1;
    return err_set(
        err, ERR_FATAL,
        "%s[%d]: Kafka does not have the next offset that the master dataset needs, only %" PRId64
        " to %" PRId64 ": its retention is shorter than the outage was, or the topic was "
        "made anew. Nothing was skipped. To accept the loss, as docs/operations.md says "
        "(Records that are gone): "
        "`UPDATE archive_offset SET \"offset\" = %" PRId64 " WHERE partition = %d`",
        log->topic, message->partition, begin, end, begin, message->partition);
}

/* What librdkafka cannot mend by itself. It mends connections. */
static int message_error(const struct archive_log *log, const rd_kafka_message_t *message,
                         struct err *err)
{
    switch (message->err) {
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE: return records_are_gone(log, message, err);
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR__FATAL:
        return err_set(err, ERR_FATAL, "kafka topic %s[%d]: %s", log->topic, message->partition,
                       rd_kafka_message_errstr(message));
    default:
        log_debug(LOG, "%s[%d]: %s", log->topic, message->partition,
                  rd_kafka_message_errstr(message));
        return 0;
    }
}

int archive_log_poll(struct archive_log *log, int timeout_ms, struct log_record *record,
                     struct err *err)
{
    rd_kafka_message_t *message = rd_kafka_consumer_poll(log->kafka, timeout_ms);
    if (!message)
        return 0;
    if (message->err) {
        int failed = message_error(log, message, err);
        rd_kafka_message_destroy(message);
        return failed;
    }
    *record = (struct log_record){.partition = message->partition,
                                  .offset = message->offset,
                                  .barrier = event_log_barrier(message),
                                  .key = {message->key, message->key_len},
                                  .value = {message->payload, message->len},
                                  .message = message};
    return 1;
}

void log_record_release(struct log_record *record)
{
    rd_kafka_message_destroy(record->message);
}

/* ---- the log's end ---- */

void archive_log_hurry(struct archive_log *log, int partition)
{
    int64_t end;
    struct err unused; /* the question alone wakes librdkafka */
    if (rd_kafka_queue_length(log->queue) < QUEUE_LOW)
        event_log_edges(log->kafka, log->topic, partition, 1, LOG_END, &end, HURRY_MS, &unused);
}

int64_t archive_log_lag(struct archive_log *log, int partition, int64_t offset)
{
    int64_t low, high;
    if (rd_kafka_get_watermark_offsets(log->kafka, log->topic, partition, &low, &high) || high < 0)
        return -1;
    return high > offset ? high - offset : 0;
}
