#include "tools/kafka.h"

#include <librdkafka/rdkafka.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/options.h" /* PARTITIONS_MAX */
#include "common/stop.h"
#include "handover/event_log.h"

enum {
    CHECK_MS = 5000,
    POLL_MS = 100,
    READ_IDLE_MS = 60000, /* so long may the log be silent while it should still have records */
    STOP_FLUSH_MS = 10000
};

static const char mark_header[] = "tandem-backfill";

int kafka_partition_of(struct text key, int partitions)
{
    return rd_kafka_msg_partitioner_murmur2_random(NULL, key.at, key.n, partitions, NULL, NULL);
}

static rd_kafka_t *client_new(rd_kafka_type_t type, rd_kafka_conf_t *conf, struct err *err)
{
    char why[256];
    rd_kafka_t *client = rd_kafka_new(type, conf, why, sizeof why);
    if (!client) {
        rd_kafka_conf_destroy(conf);
        err_set(err, ERR_FATAL, "kafka client: %s", why);
    }
    return client;
}

/* Kafka may still be starting: said once, then tried again until it is there or a stop is asked. */
static int wait_for_topic(rd_kafka_t *client, const struct kafka_settings *s, struct err *err)
{
    bool said = false;
    while (event_log_check(client, s->topic, s->partitions, CHECK_MS, err)) {
        if (err->kind != ERR_RETRY)
            return -1;
        if (!said)
            log_warn("feed", "waiting for Kafka at %s: %s", s->bootstrap, err->message);
        said = true;
        if (!stop_sleep_ms(1000))
            return -1;
    }
    return 0;
}

/* ---- the sink ---- */

struct kafka_sink {
    rd_kafka_t *client;
    rd_kafka_topic_t *topic;
    const char *name; /* of the topic: the settings' */
    struct sink_figures figures;
    rd_kafka_resp_err_t first_failure;
};

static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    (void)client;
    struct kafka_sink *k = opaque;
    if (!message->err) {
        k->figures.acknowledged++;
        return;
    }
    if (k->figures.failed++ == 0)
        k->first_failure = message->err;
}

/* With the header that says where in its file it stood. Not producev: its macros are GNU C. */
static rd_kafka_resp_err_t produce_marked(struct kafka_sink *k, const struct record *record)
{
    enum { PARTS = 5 };
    rd_kafka_vu_t part[PARTS];
    memset(part, 0, sizeof part);
    part[0].vtype = RD_KAFKA_VTYPE_RKT;
    part[0].u.rkt = k->topic;
    part[1].vtype = RD_KAFKA_VTYPE_KEY;
    part[1].u.mem.ptr = (void *)record->key.at;
    part[1].u.mem.size = record->key.n;
    part[2].vtype = RD_KAFKA_VTYPE_VALUE;
    part[2].u.mem.ptr = (void *)record->value.at;
    part[2].u.mem.size = record->value.n;
    part[3].vtype = RD_KAFKA_VTYPE_HEADER;
    part[3].u.header.name = mark_header;
    part[3].u.header.val = record->mark.at;
    part[3].u.header.size = (ssize_t)record->mark.n;
    part[4].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
    part[4].u.i = RD_KAFKA_MSG_F_COPY;
    rd_kafka_error_t *error = rd_kafka_produceva(k->client, part, PARTS);
    rd_kafka_resp_err_t failed = error ? rd_kafka_error_code(error) : RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_error_destroy(error);
    return failed;
}

static rd_kafka_resp_err_t produce(struct kafka_sink *k, const struct record *record)
{
    if (record->mark.n)
        return produce_marked(k, record);
    return rd_kafka_produce(k->topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY,
                            (void *)record->value.at, record->value.n,
                            record->key.n ? record->key.at : NULL, record->key.n, NULL)
               ? rd_kafka_last_error()
               : RD_KAFKA_RESP_ERR_NO_ERROR;
}

static int kafka_send(void *self, const struct record *record, struct err *err)
{
    struct kafka_sink *k = self;
    rd_kafka_resp_err_t failed;
    while ((failed = produce(k, record))) {
        if (failed != RD_KAFKA_RESP_ERR__QUEUE_FULL)
            return err_set(err, ERR_FATAL, "produce to %s: %s", k->name, rd_kafka_err2str(failed));
        if (stop_asked())
            return err_set(err, ERR_RETRY, "produce to %s: a stop was asked while waiting for room",
                           k->name);
        rd_kafka_poll(k->client, POLL_MS);
    }
    k->figures.sent++;
    return 0;
}

static void kafka_work(void *self, int ms)
{
    struct kafka_sink *k = self;
    rd_kafka_poll(k->client, ms);
}

/* Ends by itself: librdkafka fails what is not acknowledged in message.timeout.ms. After a stop nobody waits that long. */
static int kafka_flush(void *self, struct err *err)
{
    struct kafka_sink *k = self;
    int64_t asked_us = 0;
    while (rd_kafka_flush(k->client, POLL_MS) == RD_KAFKA_RESP_ERR__TIMED_OUT) {
        if (stop_asked() && !asked_us)
            asked_us = clock_monotonic_us();
        if (asked_us && clock_monotonic_us() - asked_us > STOP_FLUSH_MS * INT64_C(1000))
            break;
    }
    k->figures.failed = k->figures.sent - k->figures.acknowledged;
    if (k->figures.failed == 0)
        return 0;
    return err_set(err, ERR_FATAL, "%lld events were not acknowledged by Kafka: %s",
                   (long long)k->figures.failed,
                   k->first_failure ? rd_kafka_err2str(k->first_failure)
                                    : "still waiting when the stop was asked");
}

static void kafka_close(void *self)
{
    struct kafka_sink *k = self;
    rd_kafka_purge(k->client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_topic_destroy(k->topic);
    rd_kafka_destroy(k->client);
    free(k);
}

int kafka_sink_open(const struct kafka_settings *s, struct sink *sink, struct err *err)
{
    struct kafka_sink *k = xcalloc(1, sizeof *k);
    rd_kafka_conf_t *conf = event_log_conf(s->bootstrap, "tandem-feed");
    event_log_conf_producer(conf);
    event_log_set(conf, "linger.ms", "10");
    event_log_set(conf, "message.timeout.ms", "300000");
    event_log_set(conf, "queue.buffering.max.messages", "200000");
    if (s->gapless)
        event_log_set(conf, "enable.gapless.guarantee", "true");
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_conf_set_opaque(conf, k);
    k->name = s->topic;
    k->client = client_new(RD_KAFKA_PRODUCER, conf, err);
    if (k->client && wait_for_topic(k->client, s, err) == 0) {
        k->topic = rd_kafka_topic_new(k->client, s->topic, NULL);
        *sink = (struct sink){k, kafka_send, kafka_work, kafka_flush, kafka_close, &k->figures};
        return 0;
    }
    if (k->client)
        rd_kafka_destroy(k->client);
    free(k);
    return -1;
}

/* ---- reading the log ---- */

struct reading {
    const struct kafka_settings *settings;
    rd_kafka_t *client;
    int64_t *next, *until; /* by partition */
    int left;              /* partitions not yet at their end */
};

/* Checks where the reading begins and finds where it ends. */
static int find_ends(struct reading *r, struct err *err)
{
    const struct kafka_settings *s = r->settings;
    int64_t begin[PARTITIONS_MAX], end[PARTITIONS_MAX];
    if (event_log_edges(r->client, s->topic, 0, s->partitions, LOG_BEGIN, begin, CHECK_MS, err) ||
        event_log_edges(r->client, s->topic, 0, s->partitions, LOG_END, end, CHECK_MS, err))
        return -1;
    for (int p = 0; p < s->partitions; p++) {
        if (r->until[p] < 0)
            r->until[p] = end[p];
        if (r->next[p] < 0)
            r->next[p] = begin[p];
        if (r->until[p] > end[p])
            return err_set(err, ERR_FATAL, "%s/%d ends at offset %lld, before the wanted %lld",
                           s->topic, p, (long long)end[p], (long long)r->until[p]);
        if (r->next[p] < begin[p] && r->next[p] < r->until[p])
            return err_set(err, ERR_FATAL,
                           "%s/%d begins at offset %lld: Kafka no longer has what was before",
                           s->topic, p, (long long)begin[p]);
        r->left += r->next[p] < r->until[p];
    }
    return 0;
}

static int assign(struct reading *r, struct err *err)
{
    const struct kafka_settings *s = r->settings;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(s->partitions);
    for (int p = 0; p < s->partitions; p++)
        if (r->next[p] < r->until[p])
            rd_kafka_topic_partition_list_add(list, s->topic, p)->offset = r->next[p];
    rd_kafka_resp_err_t failed =
        list->cnt ? rd_kafka_assign(r->client, list) : RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_topic_partition_list_destroy(list);
    return failed ? err_set(err, ERR_FATAL, "read %s: %s", s->topic, rd_kafka_err2str(failed)) : 0;
}

static struct text mark_of(const rd_kafka_message_t *m)
{
    rd_kafka_headers_t *headers;
    const void *value;
    size_t n;
    if (rd_kafka_message_headers(m, &headers) ||
        rd_kafka_header_get_last(headers, mark_header, &value, &n))
        return (struct text){NULL, 0};
    return (struct text){value, n};
}

/* 1: goes on; -1: the caller's `each` or the record failed. */
static int take(struct reading *r, const rd_kafka_message_t *m,
                int (*each)(void *, const struct log_record *), void *context, struct err *err)
{
    if (m->err && m->err != RD_KAFKA_RESP_ERR__PARTITION_EOF)
        return err_set(err, ERR_RETRY, "read %s: %s", r->settings->topic,
                       rd_kafka_message_errstr(m));
    int p = m->partition;
    if (r->next[p] >= r->until[p])
        return 1; /* behind what was wanted */
    if (!m->err && m->offset < r->until[p]) {
        struct log_record record = {
            p, m->offset, event_log_barrier(m), {m->payload, m->payload ? m->len : 0}, mark_of(m)};
        if (each(context, &record))
            return err_set(err, ERR_FATAL, "read %s: ended early", r->settings->topic);
    }
    r->next[p] = m->err ? m->offset : m->offset + 1; /* an EOF stands at the next offset */
    r->left -= r->next[p] >= r->until[p];
    return 1;
}

static int read_all(struct reading *r, int (*each)(void *, const struct log_record *),
                    void *context, struct err *err)
{
    int64_t heard_us = clock_monotonic_us();
    while (r->left > 0) {
        if (stop_asked())
            return err_set(err, ERR_FATAL, "a stop was asked");
        rd_kafka_message_t *m = rd_kafka_consumer_poll(r->client, POLL_MS);
        int64_t now_us = clock_monotonic_us();
        if (!m && now_us - heard_us > READ_IDLE_MS * INT64_C(1000))
            return err_set(err, ERR_RETRY, "read %s: nothing came for a minute",
                           r->settings->topic);
        if (!m)
            continue;
        heard_us = now_us;
        int taken = take(r, m, each, context, err);
        rd_kafka_message_destroy(m);
        if (taken < 0)
            return -1;
    }
    return 0;
}

static int64_t *copy_of(const int64_t *vector, int n)
{
    int64_t *copy = xcalloc((size_t)n, sizeof *copy);
    memcpy(copy, vector, (size_t)n * sizeof *copy);
    return copy;
}

int kafka_read(const struct kafka_settings *s, const int64_t *from, const int64_t *until,
               int (*each)(void *, const struct log_record *), void *context, struct err *err)
{
    rd_kafka_conf_t *conf = event_log_conf(s->bootstrap, "tandem-feed");
    event_log_set(conf, "group.id",
                  "tandem-feed-dump"); /* needed to assign; nothing is committed */
    event_log_set(conf, "enable.auto.commit", "false");
    event_log_set(conf, "auto.offset.reset", "error");
    event_log_set(conf, "enable.partition.eof", "true");
    struct reading r = {.settings = s};
    r.client = client_new(RD_KAFKA_CONSUMER, conf, err);
    if (!r.client)
        return -1;
    rd_kafka_poll_set_consumer(r.client);
    r.next = copy_of(from, s->partitions);
    r.until = copy_of(until, s->partitions);
    int failed = wait_for_topic(r.client, s, err) || find_ends(&r, err) || assign(&r, err) ||
                 read_all(&r, each, context, err);
    rd_kafka_consumer_close(r.client);
    rd_kafka_destroy(r.client);
    free(r.next);
    free(r.until);
    return failed ? -1 : 0;
}
