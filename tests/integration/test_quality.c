/* The checks of the data before publishing: what they let pass, what they stop, and what an operator does then. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/integration/deployment.h"
#include "tests/integration/run_job.h"

#define RUN "$BIN/tandem-batch run --check-min-events 100 "

static int64_t published(void)
{
    return sql_number("SELECT n FROM publication");
}

/* So many lines of a shop's events, each of a user of its own, with more fields: "$i" is the line's number. */
static void shop(int lines, const char *type, const char *more)
{
    static int batch;
    batch++;
    must_exit(
        0,
        "seq %d | awk -v now=$(date +%%s)000 '{ printf \"{\\\"event_id\\\":\\\"b%d-%%d\\\",\\\"type\\\":\\\"%s\\\","
        "\\\"user\\\":\\\"b%d-%%d\\\",\\\"item\\\":\\\"i%%d\\\"%s}\\n\", $1, $1, $1 %% 50, now }' | "
        "$BIN/tandem-feed replay - 2>>$TANDEM_LOCAL/feed.log",
        lines, batch, type, batch, more);
}

#define SOLD \
    ",\\\"ts\\\":%s,\\\"price\\\":250,\\\"currency\\\":\\\"EUR\\\",\\\"country\\\":\\\"DE\\\",\\\"device\\\":\\\"web\\\""

/* The last run's barrier, as far as anybody can see, was so many days ago. */
static void days_pass(int days)
{
    char statement[200];
    snprintf(statement, sizeof statement,
             "UPDATE run_step SET started_at = now() - interval '%d days' WHERE step = 'barrier'"
             " AND n = (SELECT max(n) FROM run)",
             days);
    sql_do(statement);
}

static void ordinary_day(void)
{
    days_pass(1);
    shop(1000, "purchase", SOLD);
}

static int up(void **state)
{
    (void)state;
    deployment_up((struct deployment_settings){0});
    return 0;
}

static int64_t checks_that_are(const char *result, const char *name)
{
    char query[200];
    snprintf(query, sizeof query,
             "SELECT count(*) FROM run_check WHERE n = (SELECT max(n) FROM run) AND result = '%s'"
             " AND name LIKE '%s'",
             result, name);
    return sql_number(query);
}

static void a_first_run_and_those_without_history_pass(void **state)
{
    (void)state;
    shop(1000, "purchase", SOLD);
    must_exit(0, RUN);
    assert_int_equal(sql_number("SELECT count(*) FROM run_check WHERE n = 1"), 11);
    assert_int_equal(checks_that_are("not judged", "%%"), 5); /* events, revenue, missing_* */
    for (int i = 0; i < 4; i++) {
        ordinary_day();
        must_exit(0, RUN);
    }
    assert_int_equal(checks_that_are("passed", "%%"), 11);
    assert_int_equal(
        sql_number(
            "SELECT (measured BETWEEN 1 AND 1.5)::int FROM run_check WHERE n = 5 AND name = 'events'"),
        1);
    must_be_exact();
}

static void missed_nights_are_caught_up_by_one_run_that_no_check_stops(void **state)
{
    (void)state;
    int64_t before = published();
    days_pass(3);
    shop(3000, "purchase", SOLD);
    must_exit(0, RUN);
    assert_int_equal(published(), before + 1);
    assert_int_equal(sql_number("SELECT events FROM run ORDER BY n DESC LIMIT 1"), 3000);
    assert_int_equal(
        sql_number(
            "SELECT (measured BETWEEN 1 AND 1.5)::int FROM run_check WHERE name = 'events' ORDER BY n DESC LIMIT 1"),
        1);
    must_be_exact();
}

/* The check NAME, and no other, stops the next run; again and again, until it is accepted. */
static void stops(const char *name)
{
    int64_t before = published();
    must_exit(5, RUN "2>$TANDEM_LOCAL/refused.log");
    must_exit(
        0,
        "grep -q '^error run: check failed n=.* name=%s measured=' $TANDEM_LOCAL/refused.log && tail -1 "
        "$TANDEM_LOCAL/refused.log | grep -qE -- 'not published, checks failed: %s: .*--accept-check %s goes on$'",
        name, name, name);
    assert_int_equal(published(), before);
    assert_int_equal(checks_that_are("failed", "%%"), 1);
    must_be_exact(); /* answers are right meanwhile */
    must_exit(5, RUN "--accept-check %s", *name == 'b' ? "events" : "bad"); /* another one */
    must_exit(0, RUN "--accept-check bad --accept-check %s", name);
    assert_int_equal(published(), before + 1);
    assert_int_equal(checks_that_are("accepted", name), 1);
    assert_int_equal(
        sql_number(
            "SELECT count(*) FROM run_step WHERE step = 'check' AND failure LIKE '%checks failed%'"
            " AND n = (SELECT max(n) FROM run)"),
        2);
    must_be_exact();
}

static void producers_that_have_stopped_or_doubled_stop_it(void **state)
{
    (void)state;
    days_pass(1);
    shop(40, "purchase", SOLD);
    must_exit(5, RUN);
    assert_int_equal(checks_that_are("failed", "events") + checks_that_are("failed", "revenue"), 2);
    must_exit(5, RUN "--accept-check events");
    must_exit(0, "TANDEM_ACCEPT_CHECK=events,revenue " RUN);
    ordinary_day();
    must_exit(0, RUN);
    days_pass(1);
    shop(12000, "view", ",\\\"ts\\\":%s,\\\"country\\\":\\\"DE\\\",\\\"device\\\":\\\"web\\\"");
    shop(1000, "purchase", SOLD);
    stops("events");
}

static void a_currency_whose_prices_have_changed_their_unit_stops_it(void **state)
{
    (void)state;
    days_pass(1);
    shop(
        1000, "purchase",
        ",\\\"ts\\\":%s,\\\"price\\\":25000,\\\"currency\\\":\\\"EUR\\\",\\\"country\\\":\\\"DE\\\",\\\"device\\\":\\\"web\\\"");
    stops("revenue");
}

static void bad_records_duplicates_and_the_future_stop_it(void **state)
{
    (void)state;
    days_pass(1);
    shop(1000, "purchase", SOLD);
    must_exit(
        0,
        "yes garbage | head -300 | $BIN/tandem-feed replay - --keep-bad 2>>$TANDEM_LOCAL/feed.log");
    stops("bad");
    days_pass(1);
    must_exit(
        0,
        "$BIN/tandem-feed generate --events 1200 --seed 77 --duplicate-share 0.5 2>>$TANDEM_LOCAL/feed.log");
    must_exit(5, RUN);
    assert_int_equal(checks_that_are("failed", "duplicates"), 1);
    must_exit(
        0, RUN
        "--accept-check duplicates,events,revenue,missing_price,missing_country,missing_device");
    ordinary_day();
    must_exit(0, RUN "--accept-check revenue,events");
    days_pass(1);
    shop(950, "purchase", SOLD);
    shop(
        50, "purchase",
        ",\\\"ts\\\":4000000000000,\\\"price\\\":250,\\\"currency\\\":\\\"EUR\\\",\\\"country\\\":\\\"DE\\\",\\\"device\\\":\\\"web\\\"");
    stops("future");
}

static void fields_that_have_gone_missing_stop_it(void **state)
{
    (void)state;
    days_pass(1);
    shop(600, "purchase", SOLD);
    shop(400, "purchase", ",\\\"ts\\\":%s,\\\"country\\\":\\\"DE\\\",\\\"device\\\":\\\"web\\\"");
    stops("missing_price");
    days_pass(1);
    shop(1000, "purchase", ",\\\"ts\\\":%s,\\\"price\\\":250,\\\"currency\\\":\\\"EUR\\\"");
    must_exit(5, RUN);
    assert_int_equal(checks_that_are("failed", "missing_%%"), 2);
    must_exit(0, RUN "--accept-check missing_country --accept-check missing_device");
}

static void few_events_and_short_times_page_nobody(void **state)
{
    (void)state;
    days_pass(1);
    shop(20, "purchase", ",\\\"ts\\\":4000000000000");
    must_exit(0, "$BIN/tandem-batch run"); /* 1,000 is the default's least */
    assert_int_equal(checks_that_are("failed", "%%"), 0);
    shop(3000, "view", ",\\\"ts\\\":%s");
    must_exit(0, RUN); /* seconds after the last */
    assert_int_equal(checks_that_are("not judged", "events"), 1);
}

static void a_clock_that_was_set_back_between_two_runs_judges_nothing_by_time(void **state)
{
    (void)state;
    days_pass(-1);
    shop(3000, "view", ",\\\"ts\\\":%s");
    must_exit(0, RUN);
    assert_int_equal(checks_that_are("not judged", "events"), 1);
    must_be_exact();
}

/* Wrong in the tables themselves: nobody may wave it through; a rebuild is judged by it, too. */
static void damage_is_never_accepted(void **state)
{
    (void)state;
    feed(300, 91, NULL);
    wait_caught_up();
    must_exit(0, "$BIN/tandem-batch run --step extract && $BIN/tandem-batch run --step aggregate");
    sql_do("UPDATE run SET events = events + 1 WHERE n = (SELECT max(n) FROM run)");
    must_exit(5, RUN "2>$TANDEM_LOCAL/damage.log");
    must_exit(
        0,
        "tail -1 $TANDEM_LOCAL/damage.log | grep -q 'checks failed: totals: `tandem-batch rebuild`'");
    must_exit(2, RUN "--accept-check totals");
    must_exit(0, "$BIN/tandem-batch rebuild");
    sql_do(
        "UPDATE barrier SET \\\"offset\\\" = \\\"offset\\\" + 1000000 WHERE partition = 2 AND n = (SELECT max(n) FROM run)");
    must_exit(5, RUN "2>$TANDEM_LOCAL/damage.log");
    must_exit(
        0,
        "tail -1 $TANDEM_LOCAL/damage.log | grep -q 'checks failed: offsets: the tables barrier'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_first_run_and_those_without_history_pass),
        cmocka_unit_test(missed_nights_are_caught_up_by_one_run_that_no_check_stops),
        cmocka_unit_test(producers_that_have_stopped_or_doubled_stop_it),
        cmocka_unit_test(a_currency_whose_prices_have_changed_their_unit_stops_it),
        cmocka_unit_test(bad_records_duplicates_and_the_future_stop_it),
        cmocka_unit_test(fields_that_have_gone_missing_stop_it),
        cmocka_unit_test(few_events_and_short_times_page_nobody),
        cmocka_unit_test(a_clock_that_was_set_back_between_two_runs_judges_nothing_by_time),
        cmocka_unit_test(damage_is_never_accepted),
    };
    int failed = cmocka_run_group_tests(tests, up, NULL);
    deployment_down(failed == 0);
    return failed;
}
