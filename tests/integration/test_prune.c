/* `tandem-batch prune`: old events are packed, and everything that reads them goes on as before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/integration/deployment.h"

#define ALL_EVENTS \
    "(SELECT e.* FROM archive_offset a, event_rows(a.partition, 0, a.\\\"offset\\\") e) e"

static void sql(const char *statement)
{
    must_exit(0, "psql -XAtq1 -v ON_ERROR_STOP=1 \"$TANDEM_POSTGRES\" -c \"%s\"", statement);
}

static int64_t number_of(const char *format)
{
    char *text = output_of("psql -XAtq \"$TANDEM_POSTGRES\" -c \"%s\"", format);
    int64_t number = atoll(text);
    free(text);
    return number;
}

static void person(int first, int n)
{
    char event[256];
    for (int i = first; i < first + n; i++) {
        snprintf(
            event, sizeof event,
            "{\"event_id\":\"p%d\",\"type\":\"view\",\"user\":\"person\",\"item\":\"i%d\",\"ts\":%lld}",
            i, i, 1700000000000LL + i);
        post_event(202, event);
    }
}

/* Two runs, of which the first is to be 40 days old. */
static int up(void **state)
{
    (void)state;
    deployment_up((struct deployment_settings){0});
    person(0, 5);
    feed(9000, 1, "--bad-share 0.01 --duplicate-share 0.02");
    person(5, 5);
    wait_caught_up();
    must_exit(0, "$BIN/tandem-batch run");
    person(10, 5);
    feed(3000, 2, NULL);
    wait_caught_up();
    must_exit(0, "$BIN/tandem-batch run");
    return 0;
}

static char *persons_events(void)
{
    return output_of("curl -fsS \"http://$TANDEM_LISTEN/v1/users/person/events?n=100\" | "
                     "python3 -c 'import json, sys; print(json.load(sys.stdin)[\"events\"])'");
}

static void without_an_old_run_there_is_nothing_to_do(void **state)
{
    (void)state;
    must_exit(0, "$BIN/tandem-batch prune --keep-days 30");
    assert_int_equal(sql_number("SELECT count(*) FROM events_packed"), 0);
    must_exit(2, "$BIN/tandem-batch prune");
}

static void killed_on_the_way_it_goes_on_and_nothing_is_lost(void **state)
{
    (void)state;
    sql("UPDATE run SET published_at = now() - interval '40 days' WHERE n = 1");
    int64_t all = sql_number("SELECT count(*) FROM events");
    int64_t below = sql_number("SELECT count(*) FROM events e, run r WHERE r.n = 1"
                               " AND e.\"offset\" < r.boundary[e.partition + 1]");
    char *before = persons_events();
    must_exit(137, "TANDEM_CRASH_AT=prune:packed $BIN/tandem-batch prune --keep-days 30");
    assert_int_equal(sql_number("SELECT count(*) FROM events_packed"), 0);
    must_exit(137, "TANDEM_CRASH_AT=prune:after-commit $BIN/tandem-batch prune --keep-days 30");
    must_be_exact();
    must_exit(0, "$BIN/tandem-batch prune --keep-days 30");
    assert_int_equal(sql_number("SELECT sum(n) FROM events_packed"), below);
    assert_int_equal(sql_number("SELECT count(*) FROM events"), all - below);
    assert_int_equal(number_of("SELECT count(*) FROM " ALL_EVENTS), all);
    char *after = persons_events();
    assert_string_equal(before, after);
    free(before);
    free(after);
    must_be_exact();
    must_exit(0, "$BIN/tandem-batch prune --keep-days 30"); /* again: nothing */
    assert_int_equal(sql_number("SELECT sum(n) FROM events_packed"), below);
}

static void packed_events_take_a_fraction_of_the_room(void **state)
{
    (void)state;
    int64_t packed = sql_number("SELECT sum(pg_column_size(rows)) / sum(n) FROM events_packed");
    int64_t plain = sql_number("SELECT avg(pg_column_size(e)) FROM events e");
    print_message("bytes an event: plain %d, packed %d\n", (int)plain, (int)packed);
    assert_true(packed > 0 && packed < plain);
}

static void runs_rebuilds_and_replays_are_exact_over_packed_events(void **state)
{
    (void)state;
    feed(1000, 3, NULL);
    wait_caught_up();
    must_exit(0, "$BIN/tandem-batch run");
    must_exit(0, "$BIN/tandem-batch rebuild --chunk-events 2000");
    assert_int_equal(sql_number("SELECT drift FROM run ORDER BY n DESC LIMIT 1"), 0);
    must_be_exact();
    must_exit(0, "$BIN/tandem-batch rebuild --view together");
    must_exit(0, "$BIN/tandem-batch replay >$TANDEM_LOCAL/replay.out");
    must_be_exact();
}

static void a_forgotten_user_vanishes_from_packed_events_too(void **state)
{
    (void)state;
    assert_int_equal(
        number_of("SELECT count(*) FROM " ALL_EVENTS " WHERE e.\\\"user\\\" = 'person'"), 15);
    post_event(
        202, "{\"event_id\":\"pf\",\"type\":\"forget\",\"user\":\"person\",\"ts\":1700000000099}");
    person(20, 1);
    wait_caught_up();
    int64_t all = number_of("SELECT count(*) FROM " ALL_EVENTS);
    must_exit(0, "$BIN/tandem-batch run");
    assert_int_equal(
        number_of("SELECT count(*) FROM " ALL_EVENTS " WHERE e.\\\"user\\\" = 'person'"), 1);
    assert_int_equal(number_of("SELECT count(*) FROM " ALL_EVENTS), all);
    assert_int_equal(
        number_of("SELECT count(DISTINCT e.\\\"user\\\") FROM " ALL_EVENTS
                  " WHERE e.event_id ~ '^p[0-9f]+$' AND e.\\\"user\\\" LIKE 'forgotten-%'"),
        1);
    assert_int_equal(
        number_of("SELECT count(*) FROM " ALL_EVENTS
                  " WHERE e.event_id ~ '^p[0-9f]+$' AND e.\\\"user\\\" LIKE 'forgotten-%'"),
        16);
    must_exit(0, "$BIN/tandem-batch rebuild");
    assert_int_equal(sql_number("SELECT drift FROM run ORDER BY n DESC LIMIT 1"), 0);
    must_be_exact();
}

static void it_waits_for_no_run_and_a_run_waits_for_none(void **state)
{
    (void)state;
    must_exit(
        3,
        "psql -XAtq \"$TANDEM_POSTGRES\" -c 'SELECT pg_advisory_lock(%lld)' -c 'SELECT pg_sleep(20)' "
        ">$TANDEM_LOCAL/lock.log & sleep 5; $BIN/tandem-batch prune --keep-days 30; code=$?; "
        "wait; exit $code",
        0x74616e64656d0001LL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_an_old_run_there_is_nothing_to_do),
        cmocka_unit_test(killed_on_the_way_it_goes_on_and_nothing_is_lost),
        cmocka_unit_test(packed_events_take_a_fraction_of_the_room),
        cmocka_unit_test(runs_rebuilds_and_replays_are_exact_over_packed_events),
        cmocka_unit_test(a_forgotten_user_vanishes_from_packed_events_too),
        cmocka_unit_test(it_waits_for_no_run_and_a_run_waits_for_none),
    };
    int failed = cmocka_run_group_tests(tests, up, NULL);
    deployment_down(failed == 0);
    return failed;
}
