/* The whole system on real servers: batch view + speed segments = one pass over all events, through runs and their crashes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "batch-layer/run.h"
#include "tests/integration/deployment.h"

static int up(void **state)
{
    (void)state;
    deployment_up((struct deployment_settings){0});
    return 0;
}

static void events_before_during_and_after_a_run_are_counted_exactly(void **state)
{
    (void)state;
    feed(5000, 1, "--bad-share 0.01 --duplicate-share 0.02");
    must_be_exact();
    must_exit(
        0, "$BIN/tandem-feed generate --events 6000 --rate 3000 --seed 2 --users 200 --items 100 & "
           "$BIN/tandem-batch run; code=$?; wait; exit $code");
    must_be_exact();
    feed(2000, 3, NULL);
    must_be_exact();
    json_t *status = answer_of("/v1/status", NULL);
    assert_int_equal(number_in(status, "batch"), 1);
    json_decref(status);
    assert_int_equal(sql_number("SELECT drift FROM run WHERE n = 1"), 0);
}

static void a_retried_event_counts_once(void **state)
{
    (void)state;
    const char *event =
        "{\"event_id\":\"retry-1\",\"type\":\"view\",\"user\":\"retrier\",\"item\":\"only-this\",\"ts\":1700000000000}";
    post_event(202, event);
    post_event(202, event);
    wait_caught_up();
    assert_int_equal(counter("popular", "472222", "only-this"), 1);
    assert_int_equal(counter("item_users", "all", "only-this"), 1);
}

static void a_bad_record_is_kept_and_counted_by_nobody(void **state)
{
    (void)state;
    int64_t before = sql_number("SELECT count(*) FROM bad_events");
    must_exit(
        0,
        "printf '%%s\\n' garbage '{\"type\":\"view\"}' '{\"event_id\":\"b\",\"type\":\"view\",\"user\":\"u\",\"item\":\"i\",\"ts\":1.0}'"
        " | $BIN/tandem-feed replay - --keep-bad");
    must_be_exact();
    assert_int_equal(sql_number("SELECT count(*) FROM bad_events") - before, 3);
    assert_int_equal(sql_number("SELECT count(*) FROM bad_events WHERE reason = ''"), 0);
}

static void a_refused_batch_stores_nothing(void **state)
{
    (void)state;
    wait_caught_up();
    int64_t before = sql_number("SELECT sum(\\\"offset\\\") FROM archive_offset");
    post_event(
        422,
        "[{\"type\":\"view\",\"user\":\"u\",\"item\":\"i\"},{\"type\":\"view\",\"user\":\"u\"}]");
    wait_caught_up();
    assert_int_equal(sql_number("SELECT sum(\\\"offset\\\") FROM archive_offset"), before);
}

static void a_forgotten_user_is_gone_from_views_and_master_dataset(void **state)
{
    (void)state;
    post_event(
        202,
        "[{\"type\":\"view\",\"user\":\"leaver\",\"item\":\"leave-a\"},{\"type\":\"view\",\"user\":\"leaver\",\"item\":\"leave-b\"}]");
    wait_caught_up();
    assert_int_equal(counter("together", "leave-a", "leave-b"), 1);
    must_exit(0, "$BIN/tandem-batch run");
    post_event(202, "{\"type\":\"forget\",\"user\":\"leaver\"}");
    wait_caught_up();
    assert_int_equal(counter("together", "leave-a", "leave-b"), 0);
    must_exit(0, "$BIN/tandem-batch run");
    assert_int_equal(counter("together", "leave-a", "leave-b"), 0);
    assert_int_equal(sql_number("SELECT count(*) FROM events WHERE \\\"user\\\" = 'leaver'"), 0);
    assert_int_equal(sql_number("SELECT count(*) FROM user_state WHERE \\\"user\\\" = 'leaver'"),
                     0);
    post_event(202, "{\"type\":\"view\",\"user\":\"leaver\",\"item\":\"leave-b\"}");
    must_be_exact();
    assert_int_equal(counter("item_users", "all", "leave-b"), 1);
}

static void a_run_killed_at_any_step_goes_on_at_the_next_start(void **state)
{
    (void)state;
    for (size_t i = 0; run_failpoints[i]; i++) {
        feed(500, 100 + (int)i, NULL);
        int code = run("TANDEM_CRASH_AT=%s $BIN/tandem-batch run", run_failpoints[i]);
        if (code != 137)
            fprintf(stderr, "exit %d at %s\n", code, run_failpoints[i]);
        assert_int_equal(code, 137);
        feed(300, 200 + (int)i, NULL);
        must_exit(0, "$BIN/tandem-batch run");
        must_be_exact();
    }
    assert_int_equal(sql_number("SELECT count(*) FROM run WHERE drift <> 0"), 0);
    assert_int_equal(sql_number("SELECT count(*) FROM run WHERE finished_at IS NULL"), 0);
}

/* Many runs have passed: rows have been begun, added to and written whole again. */
static void a_row_is_one_whole_piece_and_the_increments_behind_it(void **state)
{
    (void)state;
    feed(300, 250, NULL);
    must_exit(0, "$BIN/tandem-batch run");
    int64_t n = sql_number("SELECT n FROM publication");
    assert_true(sql_number("SELECT count(*) FROM view_row WHERE NOT whole") > 0);
    assert_true(sql_number("SELECT count(*) FROM view_row WHERE whole AND n > 1") > 0);
    assert_int_equal(sql_number("SELECT max(n) FROM view_row"), n);
    assert_int_equal(
        sql_number("SELECT count(*) FROM (SELECT FROM view_row GROUP BY view, \\\"group\\\""
                   " HAVING count(*) FILTER (WHERE whole) <> 1 OR count(*) > 33"
                   " OR min(n) < min(n) FILTER (WHERE whole)) wrong"),
        0);
    assert_int_equal(
        sql_number(
            "SELECT count(*) FROM (SELECT sum(octet_length(counters)) FILTER (WHERE whole) AS w,"
            " sum(octet_length(counters)) AS all FROM view_row GROUP BY view, \\\"group\\\") s"
            " WHERE 2 * w < \\\"all\\\""),
        0);
    must_be_exact();
}

static void a_second_run_at_the_same_time_refuses(void **state)
{
    (void)state;
    stop_program("archive"); /* so that the first run waits for its barrier */
    must_exit(
        0,
        "$BIN/tandem-batch run >$TANDEM_LOCAL/first-run.log 2>&1 & echo $! >$TANDEM_LOCAL/first-run.pid");
    wait_until(
        20,
        "[ \"$(psql -XAtq \"$TANDEM_POSTGRES\" -c \"SELECT count(*) FROM run WHERE published_at IS NULL\")\" = 1 ]");
    must_exit(3, "$BIN/tandem-batch run");
    start_program("archive", "tandem-batch archive");
    wait_until(
        30,
        "[ \"$(psql -XAtq \"$TANDEM_POSTGRES\" -c \"SELECT count(*) FROM run WHERE finished_at IS NULL\")\" = 0 ]");
    must_be_exact();
}

static void a_rebuild_from_the_first_event_changes_no_answer(void **state)
{
    (void)state;
    feed(1000, 300, NULL);
    wait_caught_up();
    char *before = output_of(
        "curl -fsS http://$TANDEM_LISTEN/v1/views/item_users/all?n=100000 | sed 's/\"batch\".*//'");
    must_exit(0, "$BIN/tandem-batch rebuild");
    wait_caught_up();
    char *after = output_of(
        "curl -fsS http://$TANDEM_LISTEN/v1/views/item_users/all?n=100000 | sed 's/\"batch\".*//'");
    assert_string_equal(before, after);
    assert_true(strlen(before) > 100);
    free(before);
    free(after);
    must_be_exact();
}

static void the_audit_finds_a_counter_that_is_wrong(void **state)
{
    (void)state;
    wait_caught_up();
    must_exit(0, "$BIN/tandem-batch run");
    must_exit(
        0, "psql -XAtq -v ON_ERROR_STOP=1 \"$TANDEM_POSTGRES\" -c \"UPDATE view_row SET counters = "
           "'\\\\x0378797a02'::bytea WHERE view = 'users'\""); /* a member xyz with the value 1 */
    must_exit(4, "$BIN/tandem-batch audit >$TANDEM_LOCAL/audit.txt");
    /* xyz was seen by nobody; what is missing instead is named with what each partition's events give */
    must_exit(
        0,
        "grep -A1 'users  *all  *xyz  *0  *1 ' $TANDEM_LOCAL/audit.txt | grep 'no event of any partition'");
    must_exit(
        0,
        "grep -A1 'users  *all  *all ' $TANDEM_LOCAL/audit.txt | grep -E 'of partition(  [0-3]: [0-9]+)+$'");
    wait_until(10,
               "curl -fsS http://$TANDEM_LISTEN/metrics | grep '^tandem_audit_differing [1-9]'");
    must_exit(0, "$BIN/tandem-batch rebuild || [ $? = 4 ]");
    must_be_exact();
}

static void a_sample_of_the_groups_is_audited_beside_live_traffic(void **state)
{
    (void)state;
    must_exit(
        0,
        "$BIN/tandem-feed generate --events 3000 --rate 3000 --seed 77 --users 200 --items 100 & "
        "$BIN/tandem-batch audit --sample 10%% --seed 5 >$TANDEM_LOCAL/sample.txt; code=$?; wait; exit $code");
    must_exit(0, "$BIN/tandem-batch audit >$TANDEM_LOCAL/whole.txt");
    char *sampled = output_of("awk '/^all / {print $2}' $TANDEM_LOCAL/sample.txt | tr -d ,");
    char *whole = output_of("awk '/^all / {print $2}' $TANDEM_LOCAL/whole.txt | tr -d ,");
    assert_true(atoi(sampled) > 0 && atoi(sampled) < atoi(whole) / 4);
    free(sampled);
    free(whole);
    must_exit(2, "$BIN/tandem-batch audit --sample 0%%");
    must_exit(2, "$BIN/tandem-batch audit --sample some");
    wait_until(10, "curl -fsS http://$TANDEM_LISTEN/metrics | grep '^tandem_audit_differing 0'");
}

static void an_independent_recomputation_agrees(void **state)
{
    (void)state;
    must_exit(
        0,
        "$BIN/tandem-feed generate --events 2000 --rate 400 --seed 400 --users 200 --items 100 & "
        "(sleep 1; $BIN/tandem-batch run) & "
        "python3 tests/recompute.py check --url http://$TANDEM_LISTEN --dump-command \"$BIN/tandem-feed dump\"; "
        "code=$?; wait; exit $code");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_before_during_and_after_a_run_are_counted_exactly),
        cmocka_unit_test(a_retried_event_counts_once),
        cmocka_unit_test(a_bad_record_is_kept_and_counted_by_nobody),
        cmocka_unit_test(a_refused_batch_stores_nothing),
        cmocka_unit_test(a_forgotten_user_is_gone_from_views_and_master_dataset),
        cmocka_unit_test(a_run_killed_at_any_step_goes_on_at_the_next_start),
        cmocka_unit_test(a_row_is_one_whole_piece_and_the_increments_behind_it),
        cmocka_unit_test(a_second_run_at_the_same_time_refuses),
        cmocka_unit_test(a_rebuild_from_the_first_event_changes_no_answer),
        cmocka_unit_test(the_audit_finds_a_counter_that_is_wrong),
        cmocka_unit_test(a_sample_of_the_groups_is_audited_beside_live_traffic),
        cmocka_unit_test(an_independent_recomputation_agrees),
    };
    int failed = cmocka_run_group_tests(tests, up, NULL);
    deployment_down(failed == 0);
    return failed;
}
