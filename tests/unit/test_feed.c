#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tools/feed.h"
#include "tools/pace.h"

enum { SECOND_US = 1000000 };

/* A source of `left` equal records, and a sink that can hold `room` of them. */
struct ends {
    int64_t left, room;
    struct sink_figures figures;
};

static int next_record(void *self, struct record *record, struct err *err)
{
    (void)err;
    struct ends *e = self;
    *record = (struct record){.key = text_of("u"), .value = text_of("{}")};
    return e->left-- > 0;
}

static double unknown_fraction(void *self)
{
    (void)self;
    return -1;
}

static int send_record(void *self, const struct record *record, struct err *err)
{
    (void)record;
    struct ends *e = self;
    if (e->figures.sent == e->room)
        return err_set(err, ERR_FATAL, "no room");
    e->figures.sent++;
    return 0;
}

static void no_work(void *self, int ms)
{
    (void)self;
    (void)ms;
}

static int acknowledge_all(void *self, struct err *err)
{
    (void)err;
    struct ends *e = self;
    e->figures.acknowledged = e->figures.sent;
    return 0;
}

static int run(struct ends *e, int64_t limit, struct err *err)
{
    struct source source = {e, next_record, unknown_fraction};
    struct sink sink = {e, send_record, no_work, acknowledge_all, NULL, &e->figures};
    struct feed_settings settings = {0, limit};
    int64_t elapsed_us;
    return feed_run(&source, &sink, &settings, &elapsed_us, err);
}

static void a_feed_ends_with_its_source(void **state)
{
    (void)state;
    struct err err;
    struct ends e = {.left = 1000, .room = 5000};
    assert_int_equal(run(&e, 0, &err), 0);
    assert_int_equal(e.figures.acknowledged, 1000);
}

static void a_feed_ends_at_its_limit(void **state)
{
    (void)state;
    struct err err;
    struct ends e = {.left = 1000, .room = 5000};
    assert_int_equal(run(&e, 300, &err), 0);
    assert_int_equal(e.figures.acknowledged, 300);
    assert_int_equal(e.left, 700); /* nothing was read that is not sent */
}

static void what_was_sent_before_a_failure_is_waited_for(void **state)
{
    (void)state;
    struct err err;
    struct ends e = {.left = 1000, .room = 10};
    assert_int_equal(run(&e, 0, &err), -1);
    assert_string_equal(err.message, "no room");
    assert_int_equal(e.figures.acknowledged, 10);
}

static void a_rate_is_kept_evenly(void **state)
{
    (void)state;
    struct pace pace = pace_start(3000, 0);
    for (int i = 0; i < 30000; i++) {
        int64_t due_us = pace_wait_us(&pace, 0);
        assert_int_equal(due_us, (int64_t)i * SECOND_US / 3000);
        pace_count(&pace);
    }
}

static void after_a_stall_no_more_than_a_second_is_caught_up_with(void **state)
{
    (void)state;
    struct pace pace = pace_start(100, 0);
    int64_t now_us = 60 * INT64_C(1000000);
    int sent = 0;
    for (; pace_wait_us(&pace, now_us) <= 0; sent++)
        pace_count(&pace);
    assert_in_range(sent, 100, 101);
}

static void no_rate_means_no_wait(void **state)
{
    (void)state;
    struct pace pace = pace_start(0, 0);
    pace_count(&pace);
    assert_int_equal(pace_wait_us(&pace, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_feed_ends_with_its_source),
        cmocka_unit_test(a_feed_ends_at_its_limit),
        cmocka_unit_test(what_was_sent_before_a_failure_is_waited_for),
        cmocka_unit_test(a_rate_is_kept_evenly),
        cmocka_unit_test(after_a_stall_no_more_than_a_second_is_caught_up_with),
        cmocka_unit_test(no_rate_means_no_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
