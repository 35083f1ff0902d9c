/* Set-up and the archive on real servers: killed anywhere, nothing is missing and nothing twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "batch-layer/archive.h"
#include "batch-layer/setup.h"
#include "handover/barrier.h"
#include "handover/event_log.h"
#include "tests/integration/deployment.h"

enum { KILLED = 137, SEEN_S = 30 };

/* ---- set-up ---- */

static void forget_tables(void)
{
    must_exit(0, "psql -XAtq \"$TANDEM_POSTGRES\" -c 'DROP SCHEMA public CASCADE' "
                 "-c 'CREATE SCHEMA public' 2>>$TANDEM_LOCAL/psql.log");
}

static void a_setup_killed_at_any_step_is_completed_by_the_next(void **state)
{
    (void)state;
    for (int i = 0; setup_failpoints[i]; i++) {
        forget_tables();
        must_exit(KILLED, "TANDEM_TOPIC=setup-%d TANDEM_CRASH_AT=%s $BIN/tandem-batch setup", i,
                  setup_failpoints[i]);
        must_exit(0, "TANDEM_TOPIC=setup-%d $BIN/tandem-batch setup", i);
        must_exit(0, "TANDEM_TOPIC=setup-%d $BIN/tandem-batch setup", i);
        assert_int_equal(sql_number("SELECT count(*) FROM deployment, publication"), 1);
        assert_int_equal(sql_number("SELECT count(*) FROM archive_offset"), 4);
    }
}

static void two_setups_at_once_make_one_deployment(void **state)
{
    (void)state;
    forget_tables();
    must_exit(0, "export TANDEM_TOPIC=two; $BIN/tandem-batch setup & $BIN/tandem-batch setup && "
                 "wait $! && $BIN/tandem-batch setup");
}

static void an_empty_database_beside_a_used_topic_is_refused(void **state)
{
    (void)state;
    forget_tables();
    must_exit(1, "TANDEM_TOPIC=two $BIN/tandem-batch setup");
    assert_int_equal(sql_number("SELECT (to_regclass('deployment') IS NULL)::int"), 1);
}

static void another_number_of_partitions_is_refused(void **state)
{
    (void)state;
    must_exit(0, "$BIN/tandem-batch setup");
    must_exit(1, "TANDEM_PARTITIONS=5 $BIN/tandem-batch setup");
    must_exit(1, "TANDEM_PARTITIONS=5 $BIN/tandem-batch archive");
}

/* ---- the archive ---- */

/* Waits until all of the log is archived, then looks for each of its offsets in exactly one place. */
static void must_be_archived_once(void)
{
    wait_until(SEEN_S,
               "[ \"$($BIN/tandem-feed dump | wc -l)\" = \"$(psql -XAtq \"$TANDEM_POSTGRES\" -c "
               "'SELECT sum(\"offset\") FROM archive_offset')\" ]");
    char *missing = output_of(
        "psql -XAtq \"$TANDEM_POSTGRES\" -c 'CREATE TEMP TABLE log (p int2, o int8, b text, v text)' "
        "-c \"\\copy log FROM PROGRAM '$BIN/tandem-feed dump'\" "
        "-c 'WITH archived AS (SELECT partition, \"offset\" FROM events UNION ALL"
        " SELECT partition, \"offset\" FROM bad_events)"
        " SELECT count(*) FROM (SELECT p, o FROM log WHERE b = $$$$ EXCEPT ALL SELECT * FROM archived) x' "
        "-c 'WITH archived AS (SELECT partition, \"offset\" FROM events UNION ALL"
        " SELECT partition, \"offset\" FROM bad_events)"
        " SELECT count(*) FROM (SELECT * FROM archived EXCEPT ALL SELECT p, o FROM log WHERE b = $$$$) x'");
    assert_string_equal(missing, "0\n0\n");
    free(missing);
}

static void an_archiver_killed_at_any_step_loses_and_doubles_nothing(void **state)
{
    (void)state;
    for (int i = 0; archive_failpoints[i]; i++) {
        feed(2000, 10 + i, "--bad-share 0.02");
        must_exit(KILLED, "TANDEM_CRASH_AT=%s $BIN/tandem-batch archive", archive_failpoints[i]);
    }
    start_program("archive", "tandem-batch archive");
    must_be_archived_once();
    assert_true(sql_number("SELECT count(*) FROM bad_events") > 0);
}

static void lost_sessions_lose_and_double_nothing(void **state)
{
    (void)state;
    must_exit(0, "$BIN/tandem-feed generate --events 20000 --rate 10000 --seed 30 "
                 ">$TANDEM_LOCAL/background.log 2>&1 & echo $! >$TANDEM_LOCAL/background.pid");
    for (int i = 0; i < 8; i++)
        must_exit(
            0,
            "sleep 0.3; psql -XAtq \"$TANDEM_POSTGRES\" -c \"SELECT pg_terminate_backend(pid) FROM "
            "pg_stat_activity WHERE application_name = 'tandem-batch archive'\" >>$TANDEM_LOCAL/psql.log");
    wait_until(SEEN_S, "! kill -0 $(cat $TANDEM_LOCAL/background.pid) 2>>$TANDEM_LOCAL/psql.log");
    must_be_archived_once();
}

static void a_second_archiver_stands_by_and_takes_over(void **state)
{
    (void)state;
    start_program("archive-2", "tandem-batch archive");
    wait_until(SEEN_S, "grep -q 'standing by' $TANDEM_LOCAL/log/archive-2.log");
    kill_program("archive");
    feed(1000, 40, NULL);
    must_be_archived_once();
    stop_program("archive-2");
    start_program("archive", "tandem-batch archive");
}

static void an_archive_offset_that_someone_else_moved_is_read_again(void **state)
{
    (void)state;
    must_exit(0, "psql -XAtq \"$TANDEM_POSTGRES\" -c 'BEGIN' "
                 "-c 'DELETE FROM events WHERE partition = 1 AND \"offset\" >= 100' "
                 "-c 'DELETE FROM bad_events WHERE partition = 1 AND \"offset\" >= 100' "
                 "-c 'UPDATE archive_offset SET \"offset\" = 100 WHERE partition = 1' -c 'COMMIT'");
    feed(1000, 50, NULL);
    must_be_archived_once();
}

/* ---- records that are no events ---- */

struct odd {
    const char *value; /* NULL: null */
    size_t value_bytes;
    const char *barrier; /* NULL: no such header */
};

static void produce_to_partition_0(const struct odd *odd, size_t n)
{
    char why[256], *kafka = output_of("printf %%s \"$TANDEM_KAFKA\"");
    rd_kafka_conf_t *conf = event_log_conf(kafka, "test");
    event_log_conf_producer(conf);
    rd_kafka_t *producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    assert_non_null(producer);
    for (size_t i = 0; i < n; i++) {
        const rd_kafka_vu_t record[] = {
            {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = "events"},
            {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = 0},
            {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {(void *)odd[i].value, odd[i].value_bytes}},
            {.vtype = RD_KAFKA_VTYPE_HEADER,
             .u.header = {BARRIER_HEADER, odd[i].barrier,
                          (ssize_t)(odd[i].barrier ? strlen(odd[i].barrier) : 0)}},
        };
        assert_null(rd_kafka_produceva(producer, record, odd[i].barrier ? 4 : 3));
    }
    assert_int_equal(rd_kafka_flush(producer, 10000), 0);
    rd_kafka_destroy(producer);
    free(kafka);
}

static void what_is_no_event_is_stored_as_it_came(void **state)
{
    (void)state;
    enum { HUGE_BYTES = 900000 };
    char *huge = calloc(1, HUGE_BYTES);
    assert_non_null(huge);
    const struct odd odd[] = {
        {NULL, 0, NULL},          {"", 0, NULL},    {"\0\377\376{", 4, NULL},
        {huge, HUGE_BYTES, NULL}, {NULL, 0, "abc"}, {NULL, 0, "007"},
        {NULL, 0, "-1"},          {NULL, 0, " 9"},  {"{}", 2, "9x"},
    };
    int64_t before = sql_number("SELECT count(*) FROM bad_events");
    produce_to_partition_0(odd, sizeof odd / sizeof *odd);
    free(huge);
    wait_until(
        SEEN_S,
        "[ \"$(psql -XAtq \"$TANDEM_POSTGRES\" -c 'SELECT count(*) FROM bad_events')\" = %lld ]",
        (long long)before + (long long)(sizeof odd / sizeof *odd));
    assert_int_equal(sql_number("SELECT count(*) FROM bad_events WHERE value = '\\\\x00fffe7b'"),
                     1);
    assert_int_equal(sql_number("SELECT count(*) FROM bad_events WHERE length(value) = 900000"), 1);
    assert_int_equal(sql_number("SELECT count(*) FROM bad_events WHERE reason = 'is null'"), 1);
    assert_int_equal(
        sql_number("SELECT count(*) FROM bad_events WHERE reason = '" EVENT_LOG_BAD_BARRIER "'"),
        5);
}

static void archived_barriers_are(int n)
{
    wait_until(SEEN_S,
               "[ \"$(psql -XAtq \"$TANDEM_POSTGRES\" -c 'SELECT count(*) FROM barrier')\" = %d ]",
               n);
}

static void only_the_first_barrier_of_a_number_counts(void **state)
{
    (void)state;
    const struct odd odd[] = {
        {NULL, 0, "1"},
        {NULL, 0, "1"},
        {NULL, 0, "2"},
        {NULL, 0, "1"},
    };
    produce_to_partition_0(odd, 2);
    archived_barriers_are(1);
    int64_t first = sql_number("SELECT \\\"offset\\\" FROM barrier WHERE n = 1");
    produce_to_partition_0(odd, sizeof odd / sizeof *odd);
    archived_barriers_are(2);
    assert_int_equal(sql_number("SELECT \\\"offset\\\" FROM barrier WHERE n = 1"), first);
    assert_int_equal(sql_number("SELECT \\\"offset\\\" FROM barrier WHERE n = 2"), first + 4);
}

static void a_barrier_ahead_of_its_turn_is_none(void **state)
{
    (void)state;
    const struct odd odd[] = {
        {NULL, 0, "7"}, {NULL, 0, "999999999999999999"}, {NULL, 0, "7"}, {NULL, 0, "3"}};
    produce_to_partition_0(odd, sizeof odd / sizeof *odd);
    archived_barriers_are(3);
    assert_int_equal(sql_number("SELECT max(n) FROM barrier"), 3);
}

static void an_offset_that_kafka_does_not_have_is_not_jumped_over(void **state)
{
    (void)state;
    stop_program("archive");
    must_exit(
        0, "psql -XAtq \"$TANDEM_POSTGRES\" -c 'UPDATE archive_offset SET \"offset\" = 1000000000 "
           "WHERE partition = 2'");
    must_exit(1, "timeout 30 $BIN/tandem-batch archive"); /* it may be standing by */
    assert_int_equal(sql_number("SELECT \\\"offset\\\" FROM archive_offset WHERE partition = 2"),
                     1000000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_setup_killed_at_any_step_is_completed_by_the_next),
        cmocka_unit_test(two_setups_at_once_make_one_deployment),
        cmocka_unit_test(an_empty_database_beside_a_used_topic_is_refused),
        cmocka_unit_test(another_number_of_partitions_is_refused),
        cmocka_unit_test(an_archiver_killed_at_any_step_loses_and_doubles_nothing),
        cmocka_unit_test(lost_sessions_lose_and_double_nothing),
        cmocka_unit_test(a_second_archiver_stands_by_and_takes_over),
        cmocka_unit_test(an_archive_offset_that_someone_else_moved_is_read_again),
        cmocka_unit_test(what_is_no_event_is_stored_as_it_came),
        cmocka_unit_test(only_the_first_barrier_of_a_number_counts),
        cmocka_unit_test(a_barrier_ahead_of_its_turn_is_none),
        cmocka_unit_test(an_offset_that_kafka_does_not_have_is_not_jumped_over),
    };
    deployment_up((struct deployment_settings){.servers_only = true});
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    deployment_down(failed == 0);
    return failed;
}
