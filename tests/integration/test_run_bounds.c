/* What a run holds at a time is bounded: not all pieces of a group, not the whole segment of the speed layer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/integration/deployment.h"

static int up(void **state)
{
    (void)state;
    deployment_up((struct deployment_settings){.redis_servers = 2});
    return 0;
}

static void sql(const char *statement)
{
    must_exit(0, "psql -XAtq1 -v ON_ERROR_STOP=1 \"$TANDEM_POSTGRES\" -c \"%s\"", statement);
}

static int64_t published(void)
{
    return sql_number("SELECT n FROM publication");
}

/*
 * What a transaction has written that is rolled back counts as no row in the planner's statistics: they say that tables are
 * empty which the next attempt fills, and joins may then read them whole once a row. So a run has them counted anew.
 */
static void after_a_publication_that_was_rolled_back_the_planner_knows_what_is_there(void **state)
{
    (void)state;
    sql("ALTER TABLE view_row SET (autovacuum_enabled = off);"
        "ALTER TABLE user_state SET (autovacuum_enabled = off)");
    must_exit(0, "$BIN/tandem-feed generate --events 5000 --seed 9 --users 2000 --items 1000"
                 " 2>>$TANDEM_LOCAL/feed.log");
    wait_caught_up();
    must_exit(137, "TANDEM_CRASH_AT=run:publish:before-commit $BIN/tandem-batch run");
    sql("ANALYZE view_row; ANALYZE user_state");
    assert_int_equal(sql_number("SELECT count(*) FROM pg_class WHERE relname IN"
                                " ('view_row', 'user_state') AND reltuples = 0 AND relpages > 0"),
                     2);
    must_exit(0, "$BIN/tandem-batch run");
    assert_int_equal(
        sql_number("SELECT (SELECT reltuples >= count(*) AND count(*) > 100 FROM view_row, pg_class"
                   " WHERE relname = 'view_row' GROUP BY reltuples)::int + (SELECT reltuples >="
                   " count(*) AND count(*) > 100 FROM user_state, pg_class"
                   " WHERE relname = 'user_state' GROUP BY reltuples)::int"),
        2);
    must_be_exact();
}

/*
 * Postgres holds 1 GB in one value; a group of a long history has more pieces than that. Here, whoever puts as much as two of
 * them together in a statement fails.
 */
static void aggregates_of_bytes_fail(void)
{
    sql("CREATE SCHEMA refusing;"
        "CREATE FUNCTION refusing.refuse2(bytea, bytea) RETURNS bytea LANGUAGE plpgsql AS"
        " 'BEGIN RAISE EXCEPTION ''bytes are aggregated''; END';"
        "CREATE FUNCTION refusing.refuse3(bytea, bytea, bytea) RETURNS bytea LANGUAGE plpgsql AS"
        " 'BEGIN RAISE EXCEPTION ''bytes are aggregated''; END';"
        "CREATE AGGREGATE refusing.string_agg(bytea, bytea) (SFUNC = refusing.refuse3, STYPE = bytea);"
        "CREATE AGGREGATE refusing.array_agg(bytea) (SFUNC = refusing.refuse2, STYPE = bytea)");
}

#define AGGREGATES_FAIL "PGOPTIONS='-c search_path=refusing,pg_catalog,public' "
#define REFUSING        AGGREGATES_FAIL "$BIN/tandem-batch "

static void a_run_in_many_chunks_gives_what_one_in_one_chunk_gives(void **state)
{
    (void)state;
    aggregates_of_bytes_fail();
    must_exit(0, AGGREGATES_FAIL
              "psql -XAtq \"$TANDEM_POSTGRES\" -c \"SELECT string_agg(v, '') FROM"
              " (VALUES ('a'::bytea)) t (v)\" 2>&1 | grep -q 'bytes are aggregated'");
    feed(2000, 1, NULL);
    wait_caught_up();
    must_exit(0, REFUSING "run --chunk-events 50");
    assert_true(sql_number("SELECT substring(detail FROM 'chunks ([0-9]+)')::int FROM run_step"
                           " WHERE step = 'aggregate' ORDER BY n DESC LIMIT 1") >= 40);
    must_be_exact();
    /* increments, and rows that are written whole again */
    sql("UPDATE view_row SET pieces = 40 WHERE view IN ('item_users', 'together')");
    feed(1000, 2, NULL);
    wait_caught_up();
    must_exit(0, REFUSING "run --chunk-events 50");
    assert_true(sql_number("SELECT count(*) FROM view_row WHERE NOT whole") > 0);
    assert_int_equal(sql_number("SELECT count(*) FROM view_row WHERE view = 'item_users'"), 1);
    must_be_exact();
    char *before =
        output_of("curl -fsS http://$TANDEM_LISTEN/v1/views/item_users/all?layer=batch\\&n=100000"
                  " | sed 's/\"batch\".*//'");
    must_exit(0, REFUSING "rebuild --chunk-events 50");
    wait_until(10, "curl -fsS http://$TANDEM_LISTEN/v1/status | grep -q '\"batch\":%d'",
               (int)published());
    char *after =
        output_of("curl -fsS http://$TANDEM_LISTEN/v1/views/item_users/all?layer=batch\\&n=100000"
                  " | sed 's/\"batch\".*//'");
    assert_string_equal(before, after);
    free(before);
    free(after);
    must_be_exact();
    assert_int_equal(sql_number("SELECT count(*) FROM run WHERE drift IS DISTINCT FROM 0"), 0);
}

/* Redis logs all that it is asked for; the check asks for the rows in more than one MGET, none of them long. */
static void the_check_asks_for_a_few_rows_at_a_time(void **state)
{
    (void)state;
    must_exit(0, "$BIN/tandem-feed generate --events 5000 --seed 3 --users 1000 --items 2000"
                 " 2>>$TANDEM_LOCAL/feed.log");
    wait_caught_up();
    must_exit(0, "for r in $(echo $TANDEM_REDIS | tr , ' '); do"
                 " redis-cli -u redis://$r config set slowlog-max-len 1000000 &&"
                 " redis-cli -u redis://$r config set slowlog-log-slower-than 0; done"
                 " >>$TANDEM_LOCAL/up.log");
    must_exit(0, "$BIN/tandem-batch run");
    must_exit(0, "for r in $(echo $TANDEM_REDIS | tr , ' '); do"
                 " redis-cli -u redis://$r slowlog get -1;"
                 " redis-cli -u redis://$r config set slowlog-log-slower-than -1; done"
                 " >$TANDEM_LOCAL/slowlog.txt");
    char *longest = output_of(
        "awk '/^MGET$/ {mget = 1} /more arguments/ && mget {gsub(/[^0-9]/, \"\"); if ($0 + 31 > max) max = $0 + 31; mget = 0}"
        " END {print max + 0}' $TANDEM_LOCAL/slowlog.txt");
    char *calls = output_of("grep -c '^MGET$' $TANDEM_LOCAL/slowlog.txt");
    fprintf(stderr, "%s MGETs, of %s keys at most\n", calls, longest);
    assert_true(atoi(longest) > 50 && atoi(longest) <= 200);
    assert_true(atoi(calls) > 10);
    free(longest);
    free(calls);
    assert_int_equal(sql_number("SELECT drift FROM run ORDER BY n DESC LIMIT 1"), 0);
}

/* A member x with the value 1: in a row of many, in a row that nobody else has; and a row of which nothing is left. */
static void what_the_speed_layer_has_otherwise_is_drift_and_named(void **state)
{
    (void)state;
    int64_t n = published();
    feed(500, 4, NULL);
    wait_caught_up();
    stop_program("speed-1");
    must_exit(
        0,
        "r=${TANDEM_REDIS%%,*}; { redis-cli -u redis://$r append tandem:row:%d:users:all $(printf '\\001x\\002');"
        " redis-cli -u redis://$r set tandem:row:%d:together:nobody $(printf '\\001x\\002');"
        " redis-cli -u redis://$r set tandem:row:%d:together:broken x; } >>$TANDEM_LOCAL/up.log",
        (int)n, (int)n, (int)n);
    must_exit(4, "$BIN/tandem-batch run 2>$TANDEM_LOCAL/drift.log");
    must_exit(
        0,
        "grep -q 'drift view=users group=all member=x batch=0 speed=1$' $TANDEM_LOCAL/drift.log");
    must_exit(
        0,
        "grep -q 'drift view=together group=nobody member=x batch=0 speed=1$' $TANDEM_LOCAL/drift.log");
    must_exit(
        0,
        "grep -q \"drift view=together group=broken: the speed layer's bytes are no row\" $TANDEM_LOCAL/drift.log");
    assert_int_equal(sql_number("SELECT drift FROM run ORDER BY n DESC LIMIT 1"), 3);
    start_program("speed-1", "tandem-speed");
    must_be_exact();
}

/* Nearly each event is of a new item: what comes after the list was made is left to the next audit. */
static void an_audit_ends_beside_ever_new_items(void **state)
{
    (void)state;
    must_exit(
        0, "$BIN/tandem-feed generate --events 40000 --rate 2000 --seed 5 --users 5000"
           " --items 10000000 2>>$TANDEM_LOCAL/feed.log & feed=$!; code=0;"
           " until grep -q 'appeared_meanwhile=[1-9]' $TANDEM_LOCAL/audit.log || [ $code != 0 ]; do"
           " kill -0 $feed || exit 9; $BIN/tandem-batch audit >$TANDEM_LOCAL/audit.txt"
           " 2>$TANDEM_LOCAL/audit.log; code=$?; done; wait; exit $code");
    char *known =
        output_of("sed -n 's/.*compared groups=\\([0-9]*\\) .*/\\1/p' $TANDEM_LOCAL/audit.log");
    char *later =
        output_of("sed -n 's/.* appeared_meanwhile=\\([0-9]*\\)$/\\1/p' $TANDEM_LOCAL/audit.log");
    assert_true(atoi(known) > 0 && atoi(later) > 0);
    int64_t compared = sql_number("SELECT groups FROM audit_result ORDER BY at DESC LIMIT 1");
    assert_true(compared > 0 && compared <= atoi(known)); /* empty ones are not counted there */
    free(known);
    free(later);
    must_be_exact();
}

static void a_run_sweeps_the_leases_of_instances_that_died_long_ago(void **state)
{
    (void)state;
    sql("INSERT INTO serving_lease VALUES ('killed', 0, now() - interval '25 hours'),"
        " ('late', 0, now() - interval '1 hour')");
    must_exit(0, "$BIN/tandem-batch run");
    assert_int_equal(sql_number("SELECT count(*) FROM serving_lease WHERE instance = 'killed'"), 0);
    assert_int_equal(sql_number("SELECT count(*) FROM serving_lease WHERE instance = 'late'"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(after_a_publication_that_was_rolled_back_the_planner_knows_what_is_there),
        cmocka_unit_test(a_run_in_many_chunks_gives_what_one_in_one_chunk_gives),
        cmocka_unit_test(the_check_asks_for_a_few_rows_at_a_time),
        cmocka_unit_test(what_the_speed_layer_has_otherwise_is_drift_and_named),
        cmocka_unit_test(an_audit_ends_beside_ever_new_items),
        cmocka_unit_test(a_run_sweeps_the_leases_of_instances_that_died_long_ago),
    };
    int failed = cmocka_run_group_tests(tests, up, NULL);
    deployment_down(failed == 0);
    return failed;
}
