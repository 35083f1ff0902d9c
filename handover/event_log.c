#include "handover/event_log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "handover/barrier.h"

enum { MARK_TIMEOUT_MS = 10000, MARK_POLL_MS = 100 };

static void client_log(const rd_kafka_t *client, int level, const char *facility, const char *text)
{
    (void)client;
    log_line(level <= 3 ? LOG_WARN : LOG_DEBUG, "kafka", "%s %s", facility, text);
}

void event_log_set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char why[256];
    if (rd_kafka_conf_set(conf, name, value, why, sizeof why) != RD_KAFKA_CONF_OK) {
        log_error("kafka", "%s=%s: %s", name, value, why);
        abort();
    }
}

rd_kafka_conf_t *event_log_conf(const char *bootstrap, const char *client_id)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    event_log_set(conf, "bootstrap.servers", bootstrap);
    event_log_set(conf, "client.id", client_id);
    event_log_set(conf, "reconnect.backoff.ms", "50");
    event_log_set(conf, "reconnect.backoff.max.ms", "1000");
    event_log_set(conf, "log.connection.close", "false");
    event_log_set(conf, "socket.nagle.disable", "true");
    event_log_set(conf, "broker.address.family", "any");
    rd_kafka_conf_set_log_cb(conf, client_log);
    return conf;
}

void event_log_conf_producer(rd_kafka_conf_t *conf)
{
    event_log_set(conf, "acks", "all");
    event_log_set(conf, "enable.idempotence", "true");
    event_log_set(
        conf, "partitioner",
        "murmur2_random"); /* Java's default: any client lands a user in the same partition */
}

static int topic_check(const rd_kafka_metadata_topic_t *topic, const char *name, int partitions,
                       struct err *err)
{
    if (topic->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
        return err_set(err, ERR_FATAL, "kafka: there is no topic %s: run `tandem-batch setup`",
                       name);
    if (topic->err)
        return err_set(err, ERR_RETRY, "kafka: topic %s: %s", name, rd_kafka_err2str(topic->err));
    if (topic->partition_cnt != partitions)
        return err_set(
            err, ERR_FATAL,
            "kafka: topic %s has %d partitions, TANDEM_PARTITIONS is %d: the number is fixed at setup; set it back, or "
            "set up a new topic",
            name, topic->partition_cnt, partitions);
    return 0;
}

/* `judge` is asked about the topic's metadata; unknown topics have an error there. */
static int topic_ask(rd_kafka_t *client, const char *topic, int timeout_ms,
                     int (*judge)(const rd_kafka_metadata_topic_t *topic, const char *name,
                                  int partitions, struct err *err),
                     int partitions, struct err *err)
{
    rd_kafka_topic_t *handle = rd_kafka_topic_new(client, topic, NULL);
    if (!handle)
        return err_set(err, ERR_FATAL, "kafka: topic %s: %s", topic,
                       rd_kafka_err2str(rd_kafka_last_error()));
    const struct rd_kafka_metadata *metadata;
    rd_kafka_resp_err_t failed = rd_kafka_metadata(client, 0, handle, &metadata, timeout_ms);
    int result;
    if (failed) {
        result = err_set(err, ERR_RETRY, "kafka: metadata of topic %s: %s", topic,
                         rd_kafka_err2str(failed));
    } else {
        result = metadata->topic_cnt == 1
                     ? judge(&metadata->topics[0], topic, partitions, err)
                     : err_set(err, ERR_RETRY, "kafka: no metadata of topic %s", topic);
        rd_kafka_metadata_destroy(metadata);
    }
    rd_kafka_topic_destroy(handle);
    return result;
}

int event_log_check(rd_kafka_t *client, const char *topic, int partitions, int timeout_ms,
                    struct err *err)
{
    return topic_ask(client, topic, timeout_ms, topic_check, partitions, err);
}

/* The protocol's timestamps -1 and -2 ask for the end and the beginning; librdkafka hands them on as they are. */
int event_log_edges(rd_kafka_t *client, const char *topic, int first, int n, enum log_edge edge,
                    int64_t *offset, int timeout_ms, struct err *err)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(n);
    for (int i = 0; i < n; i++)
        rd_kafka_topic_partition_list_add(list, topic, first + i)->offset = edge;
    rd_kafka_resp_err_t failed = rd_kafka_offsets_for_times(client, list, timeout_ms);
    for (int i = 0; !failed && i < n; i++) {
        failed = list->elems[i].err ? list->elems[i].err
                 : list->elems[i].offset < 0
                     ? RD_KAFKA_RESP_ERR__TIMED_OUT /* asked for, and not answered */
                     : RD_KAFKA_RESP_ERR_NO_ERROR;
        offset[i] = list->elems[i].offset;
    }
    rd_kafka_topic_partition_list_destroy(list);
    return failed ? err_set(err, ERR_RETRY, "kafka: %s of %s: %s",
                            edge == LOG_END ? "end" : "beginning", topic, rd_kafka_err2str(failed))
                  : 0;
}

/* 1: it is there; 0: it is not. */
static int topic_is_there(const rd_kafka_metadata_topic_t *topic, const char *name, int partitions,
                          struct err *err)
{
    (void)partitions;
    if (topic->err && topic->err != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
        return err_set(err, ERR_RETRY, "kafka: topic %s: %s", name, rd_kafka_err2str(topic->err));
    return !topic->err;
}

void event_log_mark(const rd_kafka_message_t *message, char *deployment, size_t bytes)
{
    if (message->key_len == 10 && memcmp(message->key, "deployment", 10) == 0)
        snprintf(deployment, bytes, "%.*s", (int)message->len,
                 message->payload ? (const char *)message->payload : "");
}

/* Reads the mark's partition to its end; the last value of the key wins. */
static int mark_read(rd_kafka_t *consumer, const char *topic, char *deployment, size_t bytes,
                     struct err *err)
{
    for (int waited = 0; waited < MARK_TIMEOUT_MS;) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(consumer, MARK_POLL_MS);
        if (!message) {
            waited += MARK_POLL_MS;
            continue;
        }
        rd_kafka_resp_err_t why = message->err;
        if (!why)
            event_log_mark(message, deployment, bytes);
        rd_kafka_message_destroy(message);
        if (why == RD_KAFKA_RESP_ERR__PARTITION_EOF)
            return 0;
        if (why)
            return err_set(err, ERR_RETRY, "kafka: topic %s: %s", topic, rd_kafka_err2str(why));
    }
    return err_set(err, ERR_RETRY, "kafka: topic %s: no answer within %d ms", topic,
                   MARK_TIMEOUT_MS);
}

/* A consumer that belongs to no group: its partition is assigned by hand. */
static rd_kafka_t *mark_consumer_open(const char *bootstrap, struct err *err)
{
    static const char *const settled[][2] = {
        {"group.id", "tandem-check"}, /* never joined */
        {"enable.auto.commit", "false"},
        {"enable.partition.eof", "true"},
        {"fetch.wait.max.ms", "1"}, /* as late is the news of the end */
    };
    char why[256];
    rd_kafka_conf_t *conf = event_log_conf(bootstrap, "tandem-check");
    for (size_t i = 0; i < sizeof settled / sizeof *settled; i++)
        event_log_set(conf, settled[i][0], settled[i][1]);
    rd_kafka_t *consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    if (!consumer) {
        rd_kafka_conf_destroy(conf);
        err_set(err, ERR_FATAL, "kafka: %s", why);
        return NULL;
    }
    rd_kafka_poll_set_consumer(consumer);
    return consumer;
}

static int mark_assign(rd_kafka_t *consumer, const char *topic, struct err *err)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, 0)->offset = RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_resp_err_t failed = rd_kafka_assign(consumer, list);
    rd_kafka_topic_partition_list_destroy(list);
    return failed ? err_set(err, ERR_FATAL, "kafka: assign %s: %s", topic, rd_kafka_err2str(failed))
                  : 0;
}

int event_log_deployment(const char *bootstrap, const char *topic, char *deployment, size_t bytes,
                         struct err *err)
{
    char mark[300];
    snprintf(mark, sizeof mark, "%s.deployment", topic);
    rd_kafka_t *consumer = mark_consumer_open(bootstrap, err);
    if (!consumer)
        return -1;
    deployment[0] = 0;
    /* Asked first: librdkafka does not tell an assigned consumer that its topic is not there. */
    int result = topic_ask(consumer, mark, MARK_TIMEOUT_MS, topic_is_there, 1, err);
    if (result > 0)
        result =
            mark_assign(consumer, mark, err) || mark_read(consumer, mark, deployment, bytes, err)
                ? -1
                : 0;
    rd_kafka_consumer_close(consumer);
    rd_kafka_destroy(consumer);
    return result;
}

int event_log_check_deployment(const char *bootstrap, const char *topic, int partitions,
                               const char *deployment, struct err *err)
{
    char why[256], mark[128] = "";
    rd_kafka_conf_t *conf = event_log_conf(bootstrap, "tandem-check");
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (!client) {
        rd_kafka_conf_destroy(conf);
        return err_set(err, ERR_FATAL, "kafka: %s", why);
    }
    int result = event_log_check(client, topic, partitions, MARK_TIMEOUT_MS, err);
    rd_kafka_destroy(client);
    if (result || event_log_deployment(bootstrap, topic, mark, sizeof mark, err))
        return -1;
    if (strcmp(mark, deployment) != 0)
        return err_set(
            err, ERR_FATAL,
            "kafka: topic %s belongs to deployment %s, Postgres to %s: check TANDEM_TOPIC and TANDEM_POSTGRES, or run "
            "`tandem-batch setup` for a new deployment",
            topic, mark[0] ? mark : "(none)", deployment);
    return 0;
}

int64_t event_log_barrier(const rd_kafka_message_t *message)
{
    rd_kafka_headers_t *headers;
    const void *value;
    size_t n;
    if (rd_kafka_message_headers(message, &headers) ||
        rd_kafka_header_get_last(headers, BARRIER_HEADER, &value, &n))
        return 0;
    return barrier_number((struct text){value, value ? n : 0});
}
