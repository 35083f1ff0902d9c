/* `tandem-batch replay`: the log alone gives the same counters as the batch view, or those that differ are named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/integration/deployment.h"
#include "tests/integration/faults.h"

static int up(void **state)
{
    (void)state;
    deployment_up((struct deployment_settings){0});
    return 0;
}

static void sql(const char *statement)
{
    must_exit(0, "psql -XAtq1 -v ON_ERROR_STOP=1 \"$TANDEM_POSTGRES\" -c \"%s\"", statement);
}

static void replay_exits(int exit_code, const char *options)
{
    must_exit(exit_code,
              "$BIN/tandem-batch replay %s >$TANDEM_LOCAL/replay.out 2>$TANDEM_LOCAL/replay.log",
              options);
}

static void without_a_batch_view_it_says_what_to_do(void **state)
{
    (void)state;
    replay_exits(1, "");
    must_exit(0, "grep -q 'tandem-batch run' $TANDEM_LOCAL/replay.log");
}

static void the_log_alone_gives_the_same_counters(void **state)
{
    (void)state;
    feed(6000, 1, "--bad-share 0.01 --duplicate-share 0.02");
    post_event(
        202,
        "{\"event_id\":\"f1\",\"type\":\"view\",\"user\":\"gone\",\"item\":\"x\",\"ts\":1700000000000}");
    post_event(202,
               "{\"event_id\":\"f2\",\"type\":\"forget\",\"user\":\"gone\",\"ts\":1700000000001}");
    wait_caught_up();
    must_exit(0, "$BIN/tandem-batch run");
    feed(3000, 2, NULL);
    wait_caught_up();
    must_exit(0, "$BIN/tandem-batch run");
    feed(500, 3, NULL); /* behind the boundary */
    replay_exits(0, "");
    /* chunks: users' states go out to the temporary tables and come back */
    replay_exits(0, "--chunk-events 700");
    must_exit(0, "grep -Eq '^all .* 0$' $TANDEM_LOCAL/replay.out");
    must_exit(0, "! grep -Eq '^all +0 ' $TANDEM_LOCAL/replay.out");
}

static void nothing_is_left_behind(void **state)
{
    (void)state;
    assert_int_equal(sql_number("SELECT count(*) FROM pg_class WHERE relname = 'chunk_state'"), 0);
    assert_int_equal(sql_number("SELECT count(*) FROM staged_row"), 0);
    assert_int_equal(sql_number("SELECT count(*) FROM run WHERE events > 0"), 2);
    must_be_exact();
}

static void a_counter_that_differs_is_named(void **state)
{
    (void)state;
    sql("CREATE TABLE kept AS SELECT * FROM view_row");
    /* users, all -> all: one counter; a byte more or less is another number */
    sql("UPDATE view_row SET counters = set_byte(counters, length(counters) - 1, "
        "get_byte(counters, length(counters) - 1) # 2) WHERE view = 'users' AND whole");
    sql("DELETE FROM view_row WHERE view = 'traffic_device' AND \\\"group\\\" = "
        "(SELECT min(\\\"group\\\") FROM view_row WHERE view = 'traffic_device')");
    replay_exits(4, "");
    must_exit(0, "grep -q '^users  *all  *all ' $TANDEM_LOCAL/replay.out");
    must_exit(0, "grep -q '^traffic_device .* 0  ' $TANDEM_LOCAL/replay.out");
    sql("TRUNCATE view_row");
    sql("INSERT INTO view_row SELECT * FROM kept");
    sql("DROP TABLE kept");
    replay_exits(0, "");
}

/* It goes on to the boundary of what was published meanwhile, if it had not compared before. */
static void a_run_beside_it_does_not_disturb_it(void **state)
{
    (void)state;
    feed(20000, 4, NULL);
    wait_caught_up();
    must_exit(0,
              "$BIN/tandem-batch replay --chunk-events 500 >$TANDEM_LOCAL/replay.out "
              "2>$TANDEM_LOCAL/replay.log & sleep 0.3; $BIN/tandem-batch run || exit 1; wait $!");
    must_exit(0, "grep -q 'compared n=[23] ' $TANDEM_LOCAL/replay.log");
}

static void a_log_without_its_beginning_is_refused(void **state)
{
    (void)state;
    kafka_forgets_everything();
    replay_exits(1, "");
    must_exit(0, "grep -q 'begins at offset' $TANDEM_LOCAL/replay.log");
    must_be_exact();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_batch_view_it_says_what_to_do),
        cmocka_unit_test(the_log_alone_gives_the_same_counters),
        cmocka_unit_test(nothing_is_left_behind),
        cmocka_unit_test(a_counter_that_differs_is_named),
        cmocka_unit_test(a_run_beside_it_does_not_disturb_it),
        cmocka_unit_test(a_log_without_its_beginning_is_refused),
    };
    int failed = cmocka_run_group_tests(tests, up, NULL);
    deployment_down(failed == 0);
    return failed;
}
