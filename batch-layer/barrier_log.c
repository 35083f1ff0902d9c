#include "batch-layer/barrier_log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/stop.h"
#include "handover/barrier.h"
#include "handover/event_log.h"

enum { FLUSH_MS = 500, ASK_MS = 2000, PAUSE_MS = 100 }; /* so soon a stop is noticed */

struct deliveries {
    int acknowledged;
    rd_kafka_resp_err_t failed; /* the last failure */
};

static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    (void)client;
    struct deliveries *deliveries = opaque;
    if (message->err)
        deliveries->failed = message->err;
    else
        deliveries->acknowledged++;
}

static rd_kafka_t *producer_new(const char *bootstrap, int timeout_ms,
                                struct deliveries *deliveries, struct err *err)
{
    rd_kafka_conf_t *conf = event_log_conf(bootstrap, "tandem-batch-barrier");
    event_log_conf_producer(conf);
    char timeout[16];
    snprintf(timeout, sizeof timeout, "%d", timeout_ms);
    event_log_set(conf, "message.timeout.ms", timeout);
    event_log_set(conf, "linger.ms", "0");
    rd_kafka_conf_set_opaque(conf, deliveries);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    char why[256];
    rd_kafka_t *producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (!producer) {
        rd_kafka_conf_destroy(conf);
        err_set(err, ERR_FATAL, "kafka: producer: %s", why);
    }
    return producer;
}

/* Spelled out: the macros of producev are GNU C. */
static int produce(rd_kafka_t *producer, const char *topic, int partition, const char *number,
                   struct err *err)
{
    const rd_kafka_vu_t record[] = {
        {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = topic},
        {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = partition},
        {.vtype = RD_KAFKA_VTYPE_HEADER,
         .u.header = {BARRIER_HEADER, number, (ssize_t)strlen(number)}},
    };
    rd_kafka_error_t *refused =
        rd_kafka_produceva(producer, record, sizeof record / sizeof *record);
    if (!refused)
        return 0;
    err_set(err, ERR_RETRY, "kafka: barrier %s for partition %d: %s", number, partition,
            rd_kafka_error_string(refused));
    rd_kafka_error_destroy(refused);
    return -1;
}

/* Waits until the broker has all of them, at most timeout_ms. */
static void flush(rd_kafka_t *producer, int timeout_ms)
{
    int64_t until_us = clock_monotonic_us() + (int64_t)timeout_ms * 1000;
    while (rd_kafka_flush(producer, FLUSH_MS) == RD_KAFKA_RESP_ERR__TIMED_OUT && !stop_asked() &&
           clock_monotonic_us() < until_us)
        ;
}

/* Asks for the topic again and again while the broker is away, at most timeout_ms. */
static int check(rd_kafka_t *producer, const char *topic, int partitions, int timeout_ms,
                 struct err *err)
{
    int64_t until_us = clock_monotonic_us() + (int64_t)timeout_ms * 1000;
    for (;;) {
        if (event_log_check(producer, topic, partitions, ASK_MS, err) == 0)
            return 0;
        if (err->kind != ERR_RETRY || clock_monotonic_us() >= until_us || !stop_sleep_ms(PAUSE_MS))
            return -1;
    }
}

/* Hands all barriers to the producer and waits for what became of them. */
static int produce_all(rd_kafka_t *producer, const char *topic, int partitions, int64_t n,
                       int timeout_ms, const struct deliveries *deliveries, struct err *err)
{
    char number[24];
    snprintf(number, sizeof number, "%" PRId64, n);
    for (int p = 0; p < partitions; p++) {
        if (produce(producer, topic, p, number, err))
            return -1;
    }
    flush(producer, timeout_ms);
    if (deliveries->acknowledged == partitions)
        return 0;
    return err_set(err, ERR_RETRY, "kafka: barrier %s: %d of %d partitions acknowledged it: %s",
                   number, deliveries->acknowledged, partitions,
                   deliveries->failed ? rd_kafka_err2str(deliveries->failed) : "timed out");
}

int barrier_log_produce(const char *bootstrap, const char *topic, int partitions, int64_t n,
                        int timeout_ms, struct err *err)
{
    struct deliveries deliveries = {0};
    rd_kafka_t *producer = producer_new(bootstrap, timeout_ms, &deliveries, err);
    if (!producer)
        return -1;
    int failed = check(producer, topic, partitions, timeout_ms, err);
    if (!failed)
        failed = produce_all(producer, topic, partitions, n, timeout_ms, &deliveries, err);
    if (failed)
        rd_kafka_purge(producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_destroy(producer);
    return failed;
}
