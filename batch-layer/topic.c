#include "batch-layer/topic.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/mem.h"
#include "common/stop.h"
#include "handover/event_log.h"

enum { ANSWER_MS = 10000, CREATED_MS = 30000, POLL_MS = 100 };

rd_kafka_t *topic_client_open(const char *bootstrap, struct err *err)
{
    /* A consumer: a producer's question for a topic makes the broker create it where it may. */
    char why[256];
    rd_kafka_conf_t *conf = event_log_conf(bootstrap, "tandem-batch-setup");
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    if (!client) {
        rd_kafka_conf_destroy(conf);
        err_set(err, ERR_FATAL, "kafka: %s", why);
    }
    return client;
}

/* ---- what is there ---- */

static bool is_unknown(rd_kafka_resp_err_t why)
{
    return why == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
           why == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
}

/* How many partitions it has (0: unknown topic), and whether each has a leader. */
static int partitions_find(rd_kafka_t *client, const char *topic, int *partitions, bool *led,
                           struct err *err)
{
    rd_kafka_topic_t *handle = rd_kafka_topic_new(client, topic, NULL);
    if (!handle)
        return err_set(err, ERR_FATAL, "kafka: topic %s: %s", topic,
                       rd_kafka_err2str(rd_kafka_last_error()));
    const struct rd_kafka_metadata *metadata;
    rd_kafka_resp_err_t why = rd_kafka_metadata(client, 0, handle, &metadata, ANSWER_MS);
    rd_kafka_topic_destroy(handle);
    if (why)
        return err_set(err, ERR_RETRY, "kafka: topic %s: %s", topic, rd_kafka_err2str(why));
    const rd_kafka_metadata_topic_t *found = metadata->topics;
    why = metadata->topic_cnt == 1 ? found->err : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    *partitions = why ? 0 : found->partition_cnt;
    *led = !why;
    for (int i = 0; i < *partitions; i++)
        if (found->partitions[i].leader < 0)
            *led = false;
    rd_kafka_metadata_destroy(metadata);
    if (why && !is_unknown(why))
        return err_set(err,
                       why == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
                               why == RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION
                           ? ERR_FATAL
                           : ERR_RETRY,
                       "kafka: topic %s: %s", topic, rd_kafka_err2str(why));
    return 0;
}

int topic_find(rd_kafka_t *client, const char *topic, struct topic_found *found, struct err *err)
{
    bool led;
    *found = (struct topic_found){0};
    if (partitions_find(client, topic, &found->partitions, &led, err))
        return -1;
    if (found->partitions == 0)
        return 0;
    int64_t *end = xcalloc((size_t)found->partitions, sizeof *end);
    int failed = event_log_edges(client, topic, 0, found->partitions, LOG_END, end, ANSWER_MS, err);
    for (int p = 0; !failed && p < found->partitions; p++)
        found->end += end[p];
    free(end);
    return failed;
}

/* ---- creating ---- */

/* Brokers learn of a new topic one by one. */
static int created_wait(rd_kafka_t *client, const char *topic, int partitions, struct err *err)
{
    int64_t until_us = clock_monotonic_us() + CREATED_MS * INT64_C(1000);
    for (;;) {
        int n;
        bool led;
        if (partitions_find(client, topic, &n, &led, err))
            return -1;
        if (n == partitions && led)
            return 0;
        if (clock_monotonic_us() > until_us)
            return err_set(err, ERR_RETRY, "kafka: topic %s has no leader after %d s", topic,
                           CREATED_MS / 1000);
        if (!stop_sleep_ms(POLL_MS))
            return err_set(err, ERR_RETRY, "stopped while waiting for topic %s", topic);
    }
}

static int created_result(rd_kafka_event_t *event, const char *topic, struct err *err)
{
    if (!event)
        return err_set(err, ERR_RETRY, "kafka: create topic %s: no answer", topic);
    rd_kafka_resp_err_t why = rd_kafka_event_error(event);
    if (why)
        return err_set(err, ERR_RETRY, "kafka: create topic %s: %s", topic,
                       rd_kafka_event_error_string(event));
    size_t n;
    const rd_kafka_topic_result_t **results =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &n);
    why = n == 1 ? rd_kafka_topic_result_error(results[0]) : RD_KAFKA_RESP_ERR__FAIL;
    if (!why || why == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
        return 0;
    const char *text = n == 1 ? rd_kafka_topic_result_error_string(results[0]) : NULL;
    return err_set(err, why == RD_KAFKA_RESP_ERR__TIMED_OUT ? ERR_RETRY : ERR_FATAL,
                   "kafka: create topic %s: %s", topic, text ? text : rd_kafka_err2str(why));
}

/* Takes `wanted`. */
static int create(rd_kafka_t *client, rd_kafka_NewTopic_t *wanted, const char *topic,
                  struct err *err)
{
    char why[256];
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    rd_kafka_AdminOptions_set_request_timeout(options, ANSWER_MS, why, sizeof why);
    rd_kafka_AdminOptions_set_operation_timeout(options, ANSWER_MS, why, sizeof why);
    rd_kafka_queue_t *answers = rd_kafka_queue_new(client);
    rd_kafka_CreateTopics(client, &wanted, 1, options, answers);
    rd_kafka_event_t *event = rd_kafka_queue_poll(answers, 2 * ANSWER_MS);
    int failed = created_result(event, topic, err);
    if (event)
        rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(answers);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_NewTopic_destroy(wanted);
    return failed;
}

int topic_create(rd_kafka_t *client, const char *topic, int partitions, int replication,
                 const struct topic_setting *settings, size_t n_settings, struct err *err)
{
    char why[256];
    rd_kafka_NewTopic_t *wanted =
        rd_kafka_NewTopic_new(topic, partitions, replication, why, sizeof why);
    if (!wanted)
        return err_set(err, ERR_FATAL, "kafka: topic %s: %s", topic, why);
    for (size_t i = 0; i < n_settings; i++)
        rd_kafka_NewTopic_set_config(wanted, settings[i].name, settings[i].value);
    if (create(client, wanted, topic, err))
        return -1;
    return created_wait(client, topic, partitions, err);
}

/* ---- the mark ---- */

void topic_mark_name(char *into, size_t bytes, const char *topic)
{
    snprintf(into, bytes, "%s.deployment", topic);
}

static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    (void)client;
    *(rd_kafka_resp_err_t *)opaque = message->err;
}

/* 0 once `delivered` says what became of it or time is over. */
static rd_kafka_resp_err_t mark_produce(rd_kafka_t *producer, const char *mark,
                                        const char *deployment)
{
    static const char key[] = "deployment";
    rd_kafka_topic_t *handle = rd_kafka_topic_new(producer, mark, NULL);
    if (!handle)
        return rd_kafka_last_error();
    rd_kafka_resp_err_t refused = RD_KAFKA_RESP_ERR_NO_ERROR;
    if (rd_kafka_produce(handle, 0, RD_KAFKA_MSG_F_COPY, (void *)deployment, strlen(deployment),
                         key, strlen(key), NULL))
        refused = rd_kafka_last_error();
    else
        rd_kafka_flush(producer, ANSWER_MS);
    rd_kafka_topic_destroy(handle);
    return refused;
}

int topic_mark_write(const char *bootstrap, const char *topic, const char *deployment,
                     struct err *err)
{
    char why[256], mark[300];
    topic_mark_name(mark, sizeof mark, topic);
    rd_kafka_resp_err_t delivered = RD_KAFKA_RESP_ERR__TIMED_OUT;
    rd_kafka_conf_t *conf = event_log_conf(bootstrap, "tandem-batch-setup");
    event_log_conf_producer(conf);
    rd_kafka_conf_set_opaque(conf, &delivered);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_t *producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (!producer) {
        rd_kafka_conf_destroy(conf);
        return err_set(err, ERR_FATAL, "kafka: producer: %s", why);
    }
    rd_kafka_resp_err_t refused = mark_produce(producer, mark, deployment);
    rd_kafka_purge(producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_destroy(producer);
    if (refused || delivered)
        return err_set(err, ERR_RETRY, "kafka: mark %s: %s", mark,
                       rd_kafka_err2str(refused ? refused : delivered));
    return 0;
}
