/*
 * A release that adds a view, beside live traffic: the older programs (build/bin/older: the same without the row of
 * popular_country) are replaced one at a time, then `rebuild --view`. Every answer is exact or refused, all the while.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/integration/deployment.h"

#define POPULAR_GROUP "482135" /* an hour */

static int up(void **state)
{
    (void)state;
    deployment_up((struct deployment_settings){.redis_servers = 2, .servers_only = true});
    must_exit(0, "$BIN/older/tandem-batch setup");
    start_program("serve", "older/tandem-serve");
    start_program("archive", "older/tandem-batch archive");
    start_program("speed-1", "older/tandem-speed");
    start_program("speed-2", "older/tandem-speed");
    wait_until(20, "curl -fsS http://$TANDEM_LISTEN/readyz >$TANDEM_LOCAL/ready 2>&1");
    return 0;
}

static void view(const char *id)
{
    char event[256];
    snprintf(event, sizeof event,
             "{\"event_id\":\"%s\",\"type\":\"view\",\"user\":\"u-%s\",\"item\":\"thing\","
             "\"ts\":1735686000000,\"country\":\"GB\"}",
             id, id);
    post_event(202, event);
}

/* The new view's path answers with this status, and says what to do where it is not answered from. */
static void new_view_answers(int status)
{
    must_exit(0,
              "code=$(curl -s -o $TANDEM_LOCAL/answer -w '%%{http_code}' "
              "\"http://$TANDEM_LISTEN/v1/views/popular_country/482135%%2FGB\"); "
              "[ $code = %d ] || { cat $TANDEM_LOCAL/answer >&2; exit 1; }",
              status);
    if (status == 503)
        must_exit(0, "grep -q 'rebuild --view popular_country' $TANDEM_LOCAL/answer");
}

static void new_view_counts(int64_t expected)
{
    assert_int_equal(counter("popular", POPULAR_GROUP, "thing"), expected);
    assert_int_equal(counter("popular_country", "482135%2FGB", "thing"), expected);
}

static void a_view_that_is_not_whole_is_refused_and_every_other_is_exact(void **state)
{
    (void)state;
    view("before-any-run");
    feed(3000, 1, NULL);
    wait_caught_up();
    must_exit(0, "$BIN/older/tandem-batch run");
    view("old-segment");
    feed(1000, 2, NULL);
    stop_program("serve");
    start_program("serve", "tandem-serve");
    wait_until(20, "curl -fsS http://$TANDEM_LISTEN/readyz >$TANDEM_LOCAL/ready 2>&1");
    new_view_answers(503);
    must_be_exact();
    assert_int_equal(counter("popular", POPULAR_GROUP, "thing"), 2);
}

static void a_rebuild_refuses_while_an_older_speed_layer_runs(void **state)
{
    (void)state;
    int64_t runs = sql_number("SELECT count(*) FROM run");
    must_exit(1, "$BIN/tandem-batch rebuild --view popular_country 2>$TANDEM_LOCAL/rebuild.log");
    must_exit(0, "grep -q 'does not count popular_country' $TANDEM_LOCAL/rebuild.log");
    assert_int_equal(sql_number("SELECT count(*) FROM run"), runs);
    must_exit(2, "$BIN/tandem-batch rebuild --view popular_continent");
    must_be_exact();
}

/* Its segment holds the new view from the middle on: it is not served and not compared. */
static void a_run_between_leaves_the_view_out(void **state)
{
    (void)state;
    stop_program("speed-1");
    start_program("speed-1", "tandem-speed");
    view("mixed-segment");
    feed(1000, 3, NULL);
    wait_caught_up();
    must_exit(0, "$BIN/tandem-batch run 2>$TANDEM_LOCAL/run.log");
    must_exit(0, "grep -q 'left out.*popular_country' $TANDEM_LOCAL/run.log");
    assert_int_equal(sql_number("SELECT drift FROM run ORDER BY n DESC LIMIT 1"), 0);
    assert_int_equal(sql_number("SELECT count(*) FROM view_row WHERE view = 'popular_country'"), 0);
    new_view_answers(503);
    must_be_exact();
}

/* At once: the rebuild waits until the partitions of the older one have their new owner. */
static void a_rebuild_of_the_view_makes_it_exact_beside_live_traffic(void **state)
{
    (void)state;
    view("new-segment");
    stop_program("speed-2");
    must_exit(0, "$BIN/tandem-feed generate --events 4000 --rate 2000 --seed 4 --users 200 "
                 "--items 100 & $BIN/tandem-batch rebuild --view popular_country; code=$?; wait; "
                 "exit $code");
    assert_int_equal(sql_number("SELECT drift FROM run ORDER BY n DESC LIMIT 1"), 0);
    wait_until(10, "curl -fsS \"http://$TANDEM_LISTEN/v1/views/popular_country/482135%%2FGB\" "
                   ">$TANDEM_LOCAL/answer 2>&1");
    new_view_counts(4);
    view("after");
    must_be_exact();
    new_view_counts(5);
    assert_int_equal(sql_number("SELECT count(*) FROM view_state WHERE served"), 12);
}

static void runs_go_on_with_the_view(void **state)
{
    (void)state;
    must_exit(0, "$BIN/tandem-batch run");
    assert_int_equal(sql_number("SELECT drift FROM run ORDER BY n DESC LIMIT 1"), 0);
    must_be_exact();
    new_view_counts(5);
}

static void an_older_speed_layer_is_refused_once_the_view_is_served(void **state)
{
    (void)state;
    must_exit(1, "timeout 20 $BIN/older/tandem-speed 2>$TANDEM_LOCAL/older.log");
    must_exit(0, "grep -q 'popular_country is served' $TANDEM_LOCAL/older.log");
    must_be_exact();
}

/* A cron that was forgotten: the view falls behind, is refused, and comes back by the same command. */
static void a_run_of_the_older_release_takes_the_view_out_until_it_is_rebuilt(void **state)
{
    (void)state;
    view("older-run");
    wait_caught_up();
    must_exit(0, "$BIN/older/tandem-batch run 2>$TANDEM_LOCAL/run.log");
    must_exit(0, "grep -q 'popular_country is of a newer release' $TANDEM_LOCAL/run.log");
    wait_until(10, "[ $(curl -s -o /dev/null -w '%%{http_code}' "
                   "\"http://$TANDEM_LISTEN/v1/views/popular_country/482135%%2FGB\") = 503 ]");
    must_be_exact();
    must_exit(0, "$BIN/tandem-batch rebuild --view popular_country --view popular");
    wait_until(10, "curl -fsS \"http://$TANDEM_LISTEN/v1/views/popular_country/482135%%2FGB\" "
                   ">$TANDEM_LOCAL/answer 2>&1");
    must_be_exact();
    new_view_counts(6);
}

/* Every step of it, killed: the next start goes on there. */
static void a_killed_rebuild_of_a_view_goes_on(void **state)
{
    (void)state;
    static const char *const at[] = {"run:archive:stored", "run:aggregate:chunk",
                                     "run:publish:before-commit", "run:publish:after-commit",
                                     "run:retire:dropped"};
    for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
        view(at[i]);
        wait_caught_up();
        must_exit(137,
                  "TANDEM_CRASH_AT=%s $BIN/tandem-batch rebuild --view popular_country "
                  "--chunk-events 1500",
                  at[i]);
        must_be_exact();
        must_exit(0, "$BIN/tandem-batch rebuild --view popular_country --chunk-events 1500");
        must_be_exact();
        new_view_counts(7 + (int64_t)i);
    }
}

static void a_rebuild_of_all_keeps_it(void **state)
{
    (void)state;
    must_exit(0, "$BIN/tandem-batch rebuild");
    assert_int_equal(sql_number("SELECT drift FROM run ORDER BY n DESC LIMIT 1"), 0);
    must_be_exact();
    new_view_counts(11);
}

/* docs/roads-back.md: the view goes, everything else stays exact, beside live traffic. */
static void the_new_release_may_be_taken_back(void **state)
{
    (void)state;
    must_exit(0, "psql -XAtq -v ON_ERROR_STOP=1 \"$TANDEM_POSTGRES\" "
                 "-c \"DELETE FROM view_state WHERE view = 'popular_country'\"");
    view("taken-back");
    wait_caught_up();
    must_exit(0, "$BIN/older/tandem-batch run");
    stop_program("speed-1");
    start_program("speed-1", "older/tandem-speed");
    stop_program("speed-2");
    start_program("speed-2", "older/tandem-speed");
    feed(500, 9, NULL);
    wait_until(10, "[ $(curl -s -o /dev/null -w '%%{http_code}' "
                   "\"http://$TANDEM_LISTEN/v1/views/popular_country/482135%%2FGB\") = 503 ]");
    must_be_exact();
    assert_int_equal(counter("popular", POPULAR_GROUP, "thing"), 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_view_that_is_not_whole_is_refused_and_every_other_is_exact),
        cmocka_unit_test(a_rebuild_refuses_while_an_older_speed_layer_runs),
        cmocka_unit_test(a_run_between_leaves_the_view_out),
        cmocka_unit_test(a_rebuild_of_the_view_makes_it_exact_beside_live_traffic),
        cmocka_unit_test(runs_go_on_with_the_view),
        cmocka_unit_test(an_older_speed_layer_is_refused_once_the_view_is_served),
        cmocka_unit_test(a_run_of_the_older_release_takes_the_view_out_until_it_is_rebuilt),
        cmocka_unit_test(a_killed_rebuild_of_a_view_goes_on),
        cmocka_unit_test(a_rebuild_of_all_keeps_it),
        cmocka_unit_test(the_new_release_may_be_taken_back),
    };
    int failed = cmocka_run_group_tests(tests, up, NULL);
    deployment_down(failed == 0);
    return failed;
}
