/*
 * Postgres is lost and comes back from a pg_dump of an earlier day (docs/roads-back.md): the rest is in the log. What is archived,
 * run and answered from then on is exact, whether Redis is ahead of the dump or empty.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "handover/database.h"
#include "tests/integration/deployment.h"

static void programs_stop(void)
{
    stop_program("serve");
    stop_program("speed-1");
    stop_program("archive");
}

static void programs_start(void)
{
    start_program("archive", "tandem-batch archive");
    start_program("speed-1", "tandem-speed");
    start_program("serve", "tandem-serve");
    wait_until(30, "curl -fsS http://$TANDEM_LISTEN/readyz >$TANDEM_LOCAL/ready 2>&1");
}

static void post(const char *id, const char *type, const char *user)
{
    char event[256];
    snprintf(event, sizeof event,
             "{\"event_id\":\"%s\",\"type\":\"%s\",\"user\":\"%s\"%s,\"ts\":1700000000000}", id,
             type, user, *type == 'f' ? "" : ",\"item\":\"thing\"");
    post_event(202, event);
}

/* Batch view 1 is in the dump; 2 and 3, a forget and more events come after it. */
static int up(void **state)
{
    (void)state;
    deployment_up((struct deployment_settings){.redis_servers = 2});
    feed(4000, 1, "--bad-share 0.01");
    post("a1", "view", "anna");
    wait_caught_up();
    must_exit(0, "$BIN/tandem-batch run");
    feed(1000, 2, NULL);
    wait_caught_up();
    must_exit(0, "pg_dump -Fc -f $TANDEM_LOCAL/old.dump \"$TANDEM_POSTGRES\"");
    for (int seed = 3; seed < 5; seed++) {
        feed(1500, seed, NULL);
        wait_caught_up();
        must_exit(0, "$BIN/tandem-batch run");
    }
    post("a2", "forget", "anna");
    feed(1000, 5, NULL);
    must_be_exact();
    return 0;
}

static void dump_restore(const char *dump)
{
    programs_stop();
    must_exit(0,
              "psql -XAtq -v ON_ERROR_STOP=1 \"$TANDEM_POSTGRES\" -c 'DROP SCHEMA public CASCADE' "
              "-c 'CREATE SCHEMA public' 2>$TANDEM_LOCAL/drop.log && "
              "pg_restore --exit-on-error -d \"$TANDEM_POSTGRES\" $TANDEM_LOCAL/%s",
              dump);
}

static void first_dump_restore(void)
{
    dump_restore("old.dump");
    must_exit(0, "$BIN/tandem-batch setup"); /* nothing to do, and it says so */
    assert_int_equal(sql_number("SELECT n FROM publication"), 1);
}

static void redis_ahead_of_the_dump_answers_degraded_until_runs_have_caught_up(void **state)
{
    (void)state;
    first_dump_restore();
    programs_start();
    wait_until(30, "grep -q 'if an older dump was restored' $TANDEM_LOCAL/log/speed-1.log");
    json_t *answer = answer_of("/v1/views/users/all", NULL);
    assert_int_equal(number_in(answer, "batch"), 1);
    assert_true(json_is_true(json_object_get(answer, "degraded")));
    json_decref(answer);
    must_exit(0, "$BIN/tandem-batch run --check-wait-s 2");
    must_exit(0, "$BIN/tandem-batch run --check-wait-s 2");
    assert_int_equal(sql_number("SELECT n FROM publication"), 3);
    must_be_exact();
    feed(500, 6, NULL);
    must_be_exact();
    must_exit(0, "$BIN/tandem-batch run");
    assert_int_equal(sql_number("SELECT drift FROM run ORDER BY n DESC LIMIT 1"), 0);
    must_be_exact();
    assert_int_equal(counter("item_users", "all", "thing"), 0);
    assert_int_equal(
        sql_number("SELECT count(*) FROM events WHERE \"user\" = 'anna' AND type <> 7"), 0);
}

static void an_emptied_redis_is_filled_from_the_log_at_once(void **state)
{
    (void)state;
    first_dump_restore();
    must_exit(
        0, "for s in $(echo $TANDEM_REDIS | tr , ' '); do redis-cli -u redis://$s FLUSHALL; done "
           ">$TANDEM_LOCAL/flush.log");
    programs_start();
    must_be_exact();
    must_exit(0, "$BIN/tandem-batch run");
    assert_int_equal(sql_number("SELECT drift FROM run ORDER BY n DESC LIMIT 1"), 0);
    must_be_exact();
    must_exit(0, "$BIN/tandem-batch run");
    must_exit(0, "$BIN/tandem-batch run");
    must_exit(0, "$BIN/tandem-batch run");
    must_be_exact();
    must_exit(0, "$BIN/tandem-batch replay >$TANDEM_LOCAL/replay.out");
}

static void a_rebuild_and_a_dump_again_are_exact(void **state)
{
    (void)state;
    must_exit(0, "$BIN/tandem-batch rebuild");
    must_exit(0, "pg_dump -Fc -f $TANDEM_LOCAL/old.dump \"$TANDEM_POSTGRES\"");
    feed(500, 8, NULL);
    wait_caught_up();
    must_exit(0, "$BIN/tandem-batch run");
    dump_restore("old.dump");
    programs_start();
    must_exit(0, "$BIN/tandem-batch run --check-wait-s 2");
    must_be_exact();
}

/* Programs refuse it until set-up has brought it up to date; a set-up that is killed on its way, or fails, changes nothing. */
static void a_dump_of_an_older_version_is_brought_up_to_date(void **state)
{
    (void)state;
    must_exit(0, "tests/integration/older_dump $TANDEM_LOCAL/older.dump");
    feed(500, 9, NULL);
    wait_caught_up();
    must_exit(0, "$BIN/tandem-batch run");
    dump_restore("older.dump");
    must_exit(1, "$BIN/tandem-batch run 2>$TANDEM_LOCAL/older.log");
    must_exit(0, "grep -q 'tandem-batch setup' $TANDEM_LOCAL/older.log");
    must_exit(137, "TANDEM_CRASH_AT=setup:tables:before-upgrade $BIN/tandem-batch setup");
    must_exit(0, "psql -XAtqc 'CREATE TABLE events_packed (n int)' \"$TANDEM_POSTGRES\"");
    must_exit(1, "$BIN/tandem-batch setup 2>$TANDEM_LOCAL/older.log");
    must_exit(0, "grep -q 'events_packed.*already exists' $TANDEM_LOCAL/older.log");
    must_exit(0, "psql -XAtqc 'DROP TABLE events_packed' \"$TANDEM_POSTGRES\"");
    assert_int_equal(sql_number("SELECT schema_version FROM deployment"), 5);
    assert_int_equal(sql_number("SELECT count(*) FROM pg_class WHERE relname = 'view_state'"), 0);
    must_exit(0, "$BIN/tandem-batch setup");
    assert_int_equal(sql_number("SELECT schema_version FROM deployment"), SCHEMA_VERSION);
    assert_int_equal(sql_number("SELECT count(*) FROM view_state WHERE served"), 12);
    programs_start();
    must_exit(0, "$BIN/tandem-batch run --check-wait-s 2");
    must_be_exact();
    must_exit(0, "$BIN/tandem-batch run");
    must_be_exact();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(redis_ahead_of_the_dump_answers_degraded_until_runs_have_caught_up),
        cmocka_unit_test(an_emptied_redis_is_filled_from_the_log_at_once),
        cmocka_unit_test(a_rebuild_and_a_dump_again_are_exact),
        cmocka_unit_test(a_dump_of_an_older_version_is_brought_up_to_date),
    };
    int failed = cmocka_run_group_tests(tests, up, NULL);
    deployment_down(failed == 0);
    return failed;
}
