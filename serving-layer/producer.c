#define _GNU_SOURCE
#include "serving-layer/producer.h"

#include <event2/event.h>
#include <fcntl.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"
#include "handover/event_log.h"
#include "serving-layer/partition_of.h"

struct producer {
    rd_kafka_t *kafka;
    rd_kafka_topic_t *topic;
    struct event *wake, *later;
    int fds[2]; /* librdkafka writes a byte when reports wait */
    int partitions, acknowledge_ms;
    size_t outstanding, outstanding_max;
};

struct post {
    struct producer *producer;
    producer_done done;
    void *context;
    size_t waits, failed;
    struct producer_place *place; /* NULL: nobody asks */
};

static void post_end(struct post *post)
{
    post->done(post->failed, post->context);
    free(post);
}

static void on_report(rd_kafka_t *kafka, const rd_kafka_message_t *message, void *opaque)
{
    struct post *post = message->_private;
    (void)kafka;
    (void)opaque;
    post->producer->outstanding--;
    if (message->err) {
        post->failed++;
        log_debug("producer", "not acknowledged: %s", rd_kafka_err2str(message->err));
    }
    if (post->place && !message->err)
        *post->place = (struct producer_place){message->partition, message->offset};
    if (--post->waits == 0)
        post_end(post);
}

static void on_wake(evutil_socket_t fd, short what, void *context)
{
    struct producer *producer = context;
    char bytes[256];
    (void)what;
    while (read(fd, bytes, sizeof bytes) == (ssize_t)sizeof bytes) {
    }
    rd_kafka_poll(producer->kafka, 0);
}

static int producer_connect(struct producer *producer, const struct producer_settings *settings,
                            struct err *err)
{
    char why[256], number[16];
    rd_kafka_conf_t *conf = event_log_conf(settings->kafka, "tandem-serve");
    event_log_conf_producer(conf);
    snprintf(number, sizeof number, "%d", settings->acknowledge_ms);
    event_log_set(conf, "message.timeout.ms", number);
    event_log_set(conf, "linger.ms", "0.5");
    snprintf(number, sizeof number, "%d", settings->outstanding + INGEST_EVENTS_MAX);
    event_log_set(conf, "queue.buffering.max.messages", number);
    rd_kafka_conf_set_dr_msg_cb(conf, on_report);
    producer->kafka = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (!producer->kafka) {
        rd_kafka_conf_destroy(conf); /* taken only on success */
        return err_set(err, ERR_FATAL, "kafka producer: %s", why);
    }
    producer->topic = rd_kafka_topic_new(producer->kafka, settings->topic, NULL);
    if (!producer->topic)
        return err_set(err, ERR_FATAL, "kafka topic %s: %s", settings->topic,
                       rd_kafka_err2str(rd_kafka_last_error()));
    return 0;
}

/*
 * librdkafka wakes when its queue of reports begins to fill, not while it is filled. What came before it was told to wake
 * (a refused connection) would keep it silent for ever: so the queue is emptied once afterwards.
 */
static int producer_wakes(struct producer *producer, struct event_base *base, struct err *err)
{
    if (pipe2(producer->fds, O_NONBLOCK | O_CLOEXEC))
        return err_set(err, ERR_FATAL, "producer: no pipe");
    producer->wake = event_new(base, producer->fds[0], EV_READ | EV_PERSIST, on_wake, producer);
    event_add(producer->wake, NULL);
    rd_kafka_queue_t *reports = rd_kafka_queue_get_main(producer->kafka);
    rd_kafka_queue_io_event_enable(reports, producer->fds[1], "1", 1);
    rd_kafka_queue_destroy(reports);
    event_active(producer->wake, EV_READ, 0);
    return 0;
}

struct producer *producer_new(struct event_base *base, const struct producer_settings *settings,
                              struct err *err)
{
    struct producer *producer = xcalloc(1, sizeof *producer);
    producer->fds[0] = producer->fds[1] = -1;
    producer->partitions = settings->partitions;
    producer->acknowledge_ms = settings->acknowledge_ms;
    producer->outstanding_max = (size_t)settings->outstanding;
    if (producer_connect(producer, settings, err) || producer_wakes(producer, base, err)) {
        producer_free(producer);
        return NULL;
    }
    return producer;
}

void producer_free(struct producer *producer)
{
    if (!producer)
        return;
    if (producer->kafka) {
        if (rd_kafka_flush(producer->kafka, producer->acknowledge_ms + 1000))
            log_warn("producer", "ends with events that Kafka has not acknowledged: n=%zu",
                     producer->outstanding);
        if (producer->topic)
            rd_kafka_topic_destroy(producer->topic);
        rd_kafka_destroy(producer->kafka);
    }
    if (producer->wake)
        event_free(producer->wake);
    for (int i = 0; i < 2; i++)
        if (producer->fds[i] >= 0)
            close(producer->fds[i]);
    free(producer);
}

bool producer_has_room(const struct producer *producer, size_t events)
{
    return producer->outstanding + events <= producer->outstanding_max;
}

void producer_post_at(struct producer *producer, const struct ingest_body *body,
                      struct producer_place *place, producer_done done, void *context)
{
    struct post *post = xmalloc(sizeof *post);
    *post = (struct post){.producer = producer,
                          .done = done,
                          .context = context,
                          .waits = 1, /* ourselves, so that no report ends it meanwhile */
                          .place = place};
    if (place)
        *place = (struct producer_place){-1, -1};
    for (size_t i = 0; i < body->n; i++) {
        struct text json = ingest_text(body, body->record[i].json),
                    user = ingest_text(body, body->record[i].user);
        if (rd_kafka_produce(producer->topic, partition_of(user, producer->partitions),
                             RD_KAFKA_MSG_F_COPY, (void *)(uintptr_t)json.at, json.n, user.at,
                             user.n, post)) {
            post->failed++;
            continue;
        }
        post->waits++;
        producer->outstanding++;
    }
    if (--post->waits == 0)
        post_end(post);
}

void producer_post(struct producer *producer, const struct ingest_body *body, producer_done done,
                   void *context)
{
    producer_post_at(producer, body, NULL, done, context);
}
