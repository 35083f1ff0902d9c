/* What is stored in Postgres is damaged, or an open run cannot succeed: `tandem-batch rebuild` heals it, always. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/integration/deployment.h"

/* A member of five bytes that are not there. */
#define NO_ROW "'\\\\x05'::bytea"

static int up(void **state)
{
    (void)state;
    deployment_up((struct deployment_settings){.redis_servers = 2});
    feed(2000, 1, NULL);
    wait_caught_up();
    must_exit(0, "$BIN/tandem-batch run");
    return 0;
}

static void sql(const char *statement)
{
    must_exit(0, "psql -XAtq1 -v ON_ERROR_STOP=1 \"$TANDEM_POSTGRES\" -c \"%s\"", statement);
}

static int64_t open_runs(void)
{
    return sql_number("SELECT count(*) FROM run WHERE published_at IS NULL");
}

/* The last run is n, a rebuild, and nothing is left behind. */
static void rebuild_has_become(int64_t n)
{
    assert_int_equal(sql_number("SELECT n FROM publication"), n);
    assert_int_equal(sql_number("SELECT count(*) FROM run WHERE kind = 'rebuild' AND state = 'done'"
                                " AND n = (SELECT n FROM publication)"),
                     1);
    assert_int_equal(open_runs(), 0);
    assert_int_equal(sql_number("SELECT count(*) FROM staged_row"), 0);
}

static void a_row_that_does_not_parse_is_counted_as_drift_and_written_anew(void **state)
{
    (void)state;
    feed(500, 2, NULL);
    wait_caught_up();
    int64_t n = sql_number("SELECT n FROM publication");
    stop_program("serve");
    sql("UPDATE view_row SET counters = " NO_ROW " WHERE view = 'item_users'");
    start_program("serve", "tandem-serve");
    wait_until(20, "grep -q 'tandem-batch rebuild' $TANDEM_LOCAL/log/serve.log");
    must_exit(4, "$BIN/tandem-batch rebuild 2>$TANDEM_LOCAL/rebuild.log");
    must_exit(0, "grep -q 'drift view=item_users group=all' $TANDEM_LOCAL/rebuild.log");
    rebuild_has_become(n + 1);
    assert_int_equal(sql_number("SELECT drift FROM run ORDER BY n DESC LIMIT 1"), 1);
    wait_until(20, "curl -fsS http://$TANDEM_LISTEN/readyz >$TANDEM_LOCAL/ready 2>&1");
    must_be_exact();
}

/* The row has enough pieces to be written whole again, for which the run would have to read it. */
static void a_run_that_cannot_publish_over_a_damaged_row_is_taken_over_by_a_rebuild(void **state)
{
    (void)state;
    int64_t n = sql_number("SELECT n FROM publication");
    sql("UPDATE view_row SET counters = " NO_ROW ", pieces = 40 WHERE view = 'item_users'");
    feed(500, 3, NULL);
    wait_caught_up();
    must_exit(1, "$BIN/tandem-batch run");
    must_exit(1, "$BIN/tandem-batch run");
    assert_int_equal(open_runs(), 1);
    must_exit(4, "$BIN/tandem-batch rebuild");
    rebuild_has_become(n + 1);
    must_be_exact();
}

static void damaged_user_states_are_healed_by_a_rebuild(void **state)
{
    (void)state;
    int64_t n = sql_number("SELECT n FROM publication");
    stop_program("speed-1");
    sql("UPDATE user_state SET state = " NO_ROW);
    feed(500, 4, NULL);
    must_exit(1, "$BIN/tandem-batch run --check-wait-s 1");
    must_exit(1, "$BIN/tandem-batch run --check-wait-s 1");
    must_exit(0, "$BIN/tandem-batch rebuild --check-wait-s 1");
    rebuild_has_become(n + 1);
    start_program("speed-1", "tandem-speed");
    feed(500, 5, NULL);
    must_be_exact();
    must_exit(0, "$BIN/tandem-batch run");
    must_be_exact();
}

/* The taking over may die, too, and what it takes over may have been killed anywhere before it was published. */
static void a_rebuild_takes_over_a_run_that_was_killed_at_any_step(void **state)
{
    (void)state;
    static const char *const killed_at[] = {"run:barrier:opened", "run:archive:stored",
                                            "run:aggregate:chunk", "run:check:compared",
                                            "run:publish:before-commit"};
    for (size_t i = 0; i < sizeof killed_at / sizeof *killed_at; i++) {
        int64_t n = sql_number("SELECT n FROM publication");
        feed(300, 100 + (int)i, NULL);
        post_event(202, "[{\"type\":\"view\",\"user\":\"leaver\",\"item\":\"leave-a\"},"
                        "{\"type\":\"forget\",\"user\":\"leaver\"}]");
        wait_caught_up();
        must_exit(137, "TANDEM_CRASH_AT=%s $BIN/tandem-batch run --chunk-events 100", killed_at[i]);
        feed(300, 200 + (int)i, NULL);
        must_exit(137, "TANDEM_CRASH_AT=%s $BIN/tandem-batch rebuild --chunk-events 1000",
                  i % 2 ? "run:taken-over" : "run:aggregate:chunk");
        must_exit(0, "$BIN/tandem-batch rebuild --chunk-events 1000");
        rebuild_has_become(n + 1);
        must_be_exact();
        assert_int_equal(sql_number("SELECT count(*) FROM events WHERE \\\"user\\\" = 'leaver'"),
                         0);
    }
    assert_int_equal(sql_number("SELECT count(*) FROM run WHERE n > 5 AND drift <> 0"), 0);
}

static void a_rebuild_whose_own_staged_rows_are_damaged_starts_over(void **state)
{
    (void)state;
    int64_t n = sql_number("SELECT n FROM publication");
    must_exit(137, "TANDEM_CRASH_AT=run:aggregate:done $BIN/tandem-batch rebuild");
    sql("UPDATE staged_row SET counters = " NO_ROW " WHERE view = 'item_users'");
    must_exit(0, "$BIN/tandem-batch rebuild");
    rebuild_has_become(n + 1);
    must_be_exact();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_that_does_not_parse_is_counted_as_drift_and_written_anew),
        cmocka_unit_test(a_run_that_cannot_publish_over_a_damaged_row_is_taken_over_by_a_rebuild),
        cmocka_unit_test(damaged_user_states_are_healed_by_a_rebuild),
        cmocka_unit_test(a_rebuild_takes_over_a_run_that_was_killed_at_any_step),
        cmocka_unit_test(a_rebuild_whose_own_staged_rows_are_damaged_starts_over),
    };
    int failed = cmocka_run_group_tests(tests, up, NULL);
    deployment_down(failed == 0);
    return failed;
}
