/* /metrics of the three programs on a whole Tandem: figures move by what was done, and promtool finds nothing to say. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/integration/deployment.h"

/* Where the deployment's programs answer: ports behind that of the API. */
enum program { SERVE, ARCHIVE, SPEED };

static int up(void **state)
{
    (void)state;
    deployment_up((struct deployment_settings){0});
    return 0;
}

static char *scrape(enum program program)
{
    return output_of("curl -fsS http://127.0.0.1:$((${TANDEM_LISTEN##*:} + %d))/metrics",
                     (int)program);
}

/* The sum of the samples whose line begins so, -1: there is none. "a_total{" has all labels, "a_total " the one without. */
static double figure(enum program program, const char *begins)
{
    char *text = scrape(program), *rest = text, *line;
    double sum = -1;
    while ((line = strsep(&rest, "\n"))) {
        if (strncmp(line, begins, strlen(begins)) != 0)
            continue;
        sum = (sum < 0 ? 0 : sum) + strtod(strrchr(line, ' '), NULL);
    }
    free(text);
    return sum;
}

/* Until it is so; what a program says of how it stands may be a second old. */
static void becomes(enum program program, const char *begins, double value)
{
    for (int i = 0; i < 150 && figure(program, begins) != value; i++)
        usleep(100000);
    if (figure(program, begins) != value)
        fprintf(stderr, "%s is %g\n", begins, figure(program, begins));
    assert_true(figure(program, begins) == value);
}

static void before_the_first_run_nothing_is_said_of_one(void **state)
{
    (void)state;
    assert_true(figure(SERVE, "tandem_batch_number ") == 0);
    assert_true(figure(SERVE, "tandem_run_number ") == -1);
    assert_true(figure(SERVE, "tandem_run_drift ") == -1);
    assert_true(figure(SERVE, "tandem_audit_differing ") == -1);
}

static void each_event_is_counted_once_in_each_layer(void **state)
{
    (void)state;
    feed(1000, 1, NULL);
    wait_caught_up();
    assert_true(figure(SPEED, "tandem_speed_events_total{") == 1000);
    assert_true(figure(SPEED, "tandem_speed_events_total{type=\"view\"}") > 100);
    becomes(ARCHIVE, "tandem_archive_events_total{", 1000);
    becomes(ARCHIVE, "tandem_archive_next_offset{", 1000);
    becomes(ARCHIVE, "tandem_archive_transaction_records_sum ", 1000);
    assert_true(figure(ARCHIVE, "tandem_archive_transaction_duration_seconds_sum ") > 0);
    becomes(SPEED, "tandem_speed_next_offset{", 1000);
    becomes(SPEED, "tandem_speed_lag_records{", 0);
    becomes(ARCHIVE, "tandem_archive_lag_records{", 0);
    becomes(SERVE, "tandem_log_end_offset{", 1000);
    becomes(SERVE, "tandem_archived_offset{", 1000);
    becomes(SPEED, "tandem_speed_apply_records_sum ", 1000);
    becomes(SPEED, "tandem_speed_freshness_seconds_count ", 1000);
    assert_true(figure(SPEED, "tandem_speed_freshness_seconds_bucket{le=\"300\"}") == 1000);
    assert_true(figure(SPEED, "tandem_speed_apply_duration_seconds_sum ") > 0);
    assert_true(figure(SPEED, "tandem_speed_counters_total ") >= 1000);
    assert_true(figure(SPEED, "tandem_speed_users_cached ") > 10);
    assert_true(figure(SPEED, "tandem_speed_bad_records_total ") == 0);
    assert_true(figure(SPEED, "tandem_speed_duplicates_total ") == 0);
}

static void a_duplicate_and_a_bad_record_are_counted_as_what_they_are(void **state)
{
    (void)state;
    const char *event =
        "{\"event_id\":\"twice\",\"type\":\"cart\",\"user\":\"twice\",\"item\":\"i\",\"ts\":1700000000000}";
    double carts = figure(SPEED, "tandem_speed_events_total{type=\"cart\"}");
    post_event(202, event);
    post_event(202, event);
    post_event(422, "{\"type\":\"cart\",\"user\":\"twice\"}");
    must_exit(0, "echo garbage | $BIN/tandem-feed replay - --keep-bad 2>>$TANDEM_LOCAL/feed.log");
    wait_caught_up();
    assert_true(figure(SPEED, "tandem_speed_events_total{type=\"cart\"}") == carts + 2);
    assert_true(figure(SPEED, "tandem_speed_events_total{") == 1002);
    assert_true(figure(SPEED, "tandem_speed_duplicates_total ") == 1);
    assert_true(figure(SPEED, "tandem_speed_bad_records_total ") == 1);
    becomes(SPEED, "tandem_speed_apply_records_sum ", 1003);
    becomes(ARCHIVE, "tandem_archive_events_total{", 1002);
    becomes(ARCHIVE, "tandem_archive_bad_records_total{", 1);
    assert_true(figure(SERVE, "tandem_events_accepted_total ") == 2);
    assert_true(figure(SERVE, "tandem_event_posts_refused_total ") == 1);
    assert_true(figure(SERVE, "tandem_http_requests_total{method=\"POST\",route=\"/v1/events\","
                              "status=\"2xx\"}") == 2);
    assert_true(figure(SERVE, "tandem_http_request_duration_seconds_count{method=\"POST\","
                              "route=\"/v1/events\"}") == 3);
}

static void a_run_is_seen_from_its_number_to_its_drift(void **state)
{
    (void)state;
    must_exit(0, "$BIN/tandem-batch run 2>>$TANDEM_LOCAL/run.log");
    becomes(SERVE, "tandem_batch_number ", 1);
    becomes(SERVE, "tandem_run_state{state=\"done\"}", 1);
    double age = figure(SERVE, "tandem_batch_age_seconds "),
           took = figure(SERVE, "tandem_run_duration_seconds "),
           since = (double)time(NULL) - figure(SERVE, "tandem_run_finished_timestamp_seconds ");
    assert_true(age >= 0 && age < 60);
    assert_true(took > 0 && took < 60);
    assert_true(since > -2 && since < 60);
    assert_true(figure(SERVE, "tandem_run_started_timestamp_seconds ") <
                figure(SERVE, "tandem_run_finished_timestamp_seconds "));
    assert_true(figure(SERVE, "tandem_run_state{") == 1);
    assert_true(figure(SERVE, "tandem_run_number ") == 1);
    assert_true(figure(SERVE, "tandem_run_events ") == 1002);
    assert_true(figure(SERVE, "tandem_run_drift ") == 0);
    assert_true(figure(SERVE, "tandem_run_checks_failed ") == 0);
    becomes(ARCHIVE, "tandem_archive_barriers_total ", 4);
    assert_true(figure(SPEED, "tandem_speed_events_total{") == 1002); /* a barrier is no event */
    must_be_exact();
    becomes(SERVE, "tandem_audit_differing ", 0);
    assert_true(figure(SERVE, "tandem_audit_counters ") > 1000);
}

static void a_redis_server_that_is_away_shows_in_both_layers(void **state)
{
    (void)state;
    double before = figure(SERVE, "tandem_view_answers_degraded_total ");
    assert_true(figure(SERVE, "tandem_redis_servers_up ") == 1);
    becomes(SPEED, "tandem_speed_claimed_partitions ", 4);
    kill_server("redis-0");
    wait_until(10, "curl -fsS http://$TANDEM_LISTEN/v1/popular | grep -q '\"degraded\":true'");
    assert_true(figure(SERVE, "tandem_view_answers_degraded_total ") > before);
    assert_true(figure(SERVE, "tandem_redis_servers_up ") == 0);
    becomes(SPEED, "tandem_speed_claimed_partitions ", 0);
    assert_true(figure(SPEED, "tandem_speed_assigned_partitions ") == 4);
    assert_true(figure(SPEED, "tandem_speed_lag_records{") == -1); /* not 0 */
    assert_true(figure(SPEED, "tandem_speed_pauses_total ") >= 1);
    double claims = figure(SPEED, "tandem_speed_claims_total ");
    start_server("redis-0");
    becomes(SPEED, "tandem_speed_claimed_partitions ", 4);
    assert_true(figure(SPEED, "tandem_speed_claims_total ") > claims);
    post_event(202, "{\"type\":\"view\",\"user\":\"after\",\"item\":\"i\"}");
    must_be_exact();
    assert_true(figure(SERVE, "tandem_redis_servers_up ") == 1);
}

static void an_archiver_that_stands_by_says_so_and_takes_over(void **state)
{
    (void)state;
    must_exit(0, "$BIN/tandem-batch archive --metrics 127.0.0.1:$((${TANDEM_LISTEN##*:} + 6)) "
                 "2>$TANDEM_LOCAL/log/second.log & echo $! >$TANDEM_LOCAL/second.pid");
    const char *second = "[ \"$(curl -fsS 127.0.0.1:$((${TANDEM_LISTEN##*:} + 6))/metrics | "
                         "awk '/^tandem_archive_working / {print $2}')\" = %d ]";
    wait_until(10, second, 0);
    becomes(ARCHIVE, "tandem_archive_working ", 1);
    stop_program("archive");
    wait_until(10, second, 1);
    must_exit(0, "kill $(cat $TANDEM_LOCAL/second.pid)");
    wait_until(10, "! kill -0 $(cat $TANDEM_LOCAL/second.pid) 2>/dev/null");
    start_program("archive",
                  "tandem-batch archive --metrics 127.0.0.1:$((${TANDEM_LISTEN##*:} + 1))");
    becomes(ARCHIVE, "tandem_archive_working ", 1);
}

static void promtool_finds_nothing_to_say_of_any_program(void **state)
{
    (void)state;
    for (int program = SERVE; program <= SPEED; program++)
        must_exit(
            0,
            "curl -fsS http://127.0.0.1:$((${TANDEM_LISTEN##*:} + %d))/metrics"
            " | tee $TANDEM_LOCAL/scraped-%d | promtool check metrics >$TANDEM_LOCAL/said 2>&1"
            " && [ ! -s $TANDEM_LOCAL/said ] || { cat $TANDEM_LOCAL/said >&2; false; }",
            program, program);
}

/* tests/lint/metrics reads the names out of the sources: here are those that are really printed. */
static void what_is_printed_is_what_the_docs_list(void **state)
{
    (void)state;
    must_exit(
        0,
        "cat $TANDEM_LOCAL/scraped-* | awk '/^# TYPE/ {print $3}' | sort -u >$TANDEM_LOCAL/printed;"
        " tests/lint/metrics --list | diff - $TANDEM_LOCAL/printed >&2");
}

static void all_say_their_version_and_their_memory(void **state)
{
    (void)state;
    for (int program = SERVE; program <= SPEED; program++) {
        assert_true(figure((enum program)program, "tandem_build_info{version=") == 1);
        assert_true(figure((enum program)program, "process_resident_memory_bytes ") > 1 << 20);
        assert_true(figure((enum program)program, "process_start_time_seconds ") > 1700000000);
    }
}

static void an_address_that_cannot_be_listened_on_ends_the_start(void **state)
{
    (void)state;
    must_exit(2, "$BIN/tandem-speed --metrics 9464 2>$TANDEM_LOCAL/said");
    must_exit(0, "grep -q 'TANDEM_METRICS=9464 is not host:port' $TANDEM_LOCAL/said");
    must_exit(1, "$BIN/tandem-speed --metrics $TANDEM_LISTEN 2>$TANDEM_LOCAL/said");
    must_exit(2, "$BIN/tandem-batch archive --metrics :http 2>$TANDEM_LOCAL/said");
    must_exit(1, "$BIN/tandem-batch archive --metrics $TANDEM_LISTEN 2>$TANDEM_LOCAL/said");
    must_exit(0, "grep -q 'cannot listen on' $TANDEM_LOCAL/said");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(before_the_first_run_nothing_is_said_of_one),
        cmocka_unit_test(each_event_is_counted_once_in_each_layer),
        cmocka_unit_test(a_duplicate_and_a_bad_record_are_counted_as_what_they_are),
        cmocka_unit_test(a_run_is_seen_from_its_number_to_its_drift),
        cmocka_unit_test(a_redis_server_that_is_away_shows_in_both_layers),
        cmocka_unit_test(an_archiver_that_stands_by_says_so_and_takes_over),
        cmocka_unit_test(promtool_finds_nothing_to_say_of_any_program),
        cmocka_unit_test(what_is_printed_is_what_the_docs_list),
        cmocka_unit_test(all_say_their_version_and_their_memory),
        cmocka_unit_test(an_address_that_cannot_be_listened_on_ends_the_start),
    };
    int failed = cmocka_run_group_tests(tests, up, NULL);
    deployment_down(failed == 0);
    return failed;
}
