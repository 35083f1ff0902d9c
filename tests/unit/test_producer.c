/* The producer of the event loops where Kafka is away: every post is answered all the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <event2/event.h>

#include "common/log.h"
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
    const struct producer_settings settings = {"127.0.0.1:1", "events", ACKNOWLEDGE_MS, 1000};
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

int main(void)
{
    log_set_level(LOG_ERROR); /* that Kafka is away is what is meant to be */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_post_is_answered_where_kafka_was_away_from_the_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
