/* The producer of the event loops where Kafka is away: every post is answered all the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <event2/event.h>
#include <librdkafka/rdkafka.h>

#include <librdkafka/rdkafka_mock.h> /* behind it */
#include <stdio.h>

#include "common/log.h"
#include "handover/event_log.h"
#include "serving-layer/ingest_body.h"
#include "serving-layer/producer.h"

enum { PRODUCERS = 24, ACKNOWLEDGE_MS = 200, LONGEST_S = 20 };

static struct ingest_record record = {{0, 2}, {2, 1}, {3, 1}};

static void body_make(struct ingest_body *body)
{
    *body = (struct ingest_body){.record = &record, .n = 1};
    bytes_put(&body->text, "{}ue", 4);
}

static void on_done(size_t failed, void *context)
{
    assert_int_equal(failed, 1);
    ++*(int *)context;
}

static void nothing(evutil_socket_t fd, short what, void *context)
{
    (void)fd, (void)what, (void)context;
}

static void wait_until_answered(struct event_base *base, const int *answered)
{
    struct event *tick = event_new(base, -1, EV_PERSIST, nothing, NULL);
    event_add(tick, &(struct timeval){0, 100000});
    for (int i = 0; *answered < PRODUCERS && i < LONGEST_S * 10; i++)
        event_base_loop(base, EVLOOP_ONCE);
    event_free(tick);
}

/* A connection that is refused at once is reported before the loop can be woken for it: that must not swallow what follows. */
static void every_post_is_answered_where_kafka_was_away_from_the_start(void **state)
{
    (void)state;
    struct event_base *base = event_base_new();
    const struct producer_settings settings = {"127.0.0.1:1", "events", 4, ACKNOWLEDGE_MS, 1000};
    struct producer *producer[PRODUCERS];
    struct ingest_body body;
    struct err err;
    int answered = 0;
    body_make(&body);
    for (int i = 0; i < PRODUCERS; i++) {
        producer[i] = producer_new(base, &settings, &err);
        assert_non_null(producer[i]);
        producer_post(producer[i], &body, on_done, &answered);
    }
    wait_until_answered(base, &answered);
    assert_int_equal(answered, PRODUCERS);
    for (int i = 0; i < PRODUCERS; i++)
        producer_free(producer[i]);
    event_base_free(base);
    bytes_free(&body.text);
}

enum { SET_UP = 4, GROWN = 8, USERS = 64 };

static void on_posted(size_t failed, void *context)
{
    assert_int_equal(failed, 0);
    *(bool *)context = true;
}

/* Producers that hash over the topic's own number of partitions would send users to where no layer looks. */
static void users_stay_in_the_deployments_partitions_when_the_topic_has_more(void **state)
{
    (void)state;
    struct err err;
    struct event_base *base = event_base_new();
    rd_kafka_conf_t *conf = event_log_conf("127.0.0.1:1", "test");
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, NULL, 0);
    rd_kafka_mock_cluster_t *kafka = rd_kafka_mock_cluster_new(client, 1);
    assert_int_equal(rd_kafka_mock_topic_create(kafka, "events", GROWN, 1), 0);
    const struct producer_settings settings = {rd_kafka_mock_cluster_bootstraps(kafka), "events",
                                               SET_UP, 10000, 1000};
    struct producer *producer = producer_new(base, &settings, &err);
    struct ingest_record records[USERS];
    struct ingest_body body = {.record = records, .n = USERS};
    bytes_put(&body.text, "{}", 2);
    for (size_t i = 0; i < USERS; i++) {
        char user[16];
        size_t n = (size_t)snprintf(user, sizeof user, "user-%zu", i);
        records[i] = (struct ingest_record){{0, 2}, {body.text.n, n}, {0, 2}};
        bytes_put(&body.text, user, n);
    }
    bool posted = false;
    producer_post(producer, &body, on_posted, &posted);
    while (!posted)
        event_base_loop(base, EVLOOP_ONCE);
    rd_kafka_conf_t *looks = event_log_conf(settings.kafka, "test");
    rd_kafka_t *looker = rd_kafka_new(RD_KAFKA_PRODUCER, looks, NULL, 0);
    int64_t end[GROWN], inside = 0;
    assert_int_equal(event_log_edges(looker, "events", 0, GROWN, LOG_END, end, 10000, &err), 0);
    for (int p = 0; p < GROWN; p++)
        inside += p < SET_UP ? end[p] : 0;
    assert_int_equal(inside, USERS);
    rd_kafka_destroy(looker);
    producer_free(producer);
    rd_kafka_mock_cluster_destroy(kafka);
    rd_kafka_destroy(client);
    event_base_free(base);
    bytes_free(&body.text);
}

int main(void)
{
    log_set_level(LOG_ERROR); /* that Kafka is away is what is meant to be */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_post_is_answered_where_kafka_was_away_from_the_start),
        cmocka_unit_test(users_stay_in_the_deployments_partitions_when_the_topic_has_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
