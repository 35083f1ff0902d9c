/*
 * Postgres goes away, cuts connections and runs out of disk inside a transaction; Kafka goes away under load and drops the
 * records that somebody still needs. Nothing is lost, nothing is double, and who cannot go on says what to do.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/integration/deployment.h"
#include "tests/integration/faults.h"

static int up(void **state)
{
    (void)state;
    deployment_up((struct deployment_settings){.redis_servers = 1});
    feed(2000, 1, NULL);
    must_exit(0, "$BIN/tandem-batch run");
    return 0;
}

/* ---- Postgres: killed inside a transaction, connections cut ---- */

#define PSQL "psql -XAtq -v ON_ERROR_STOP=1 \"$TANDEM_POSTGRES\" "

/* Locks the table so that nobody can write it, until Postgres is killed; `doing` has begun, and waits in its COPY. */
static void kill_postgres_inside_copy_of(const char *table, const char *doing)
{
    must_exit(0,
              PSQL "-c 'BEGIN; LOCK TABLE %s IN SHARE MODE; SELECT pg_sleep(60)' "
                   ">>$TANDEM_LOCAL/up.log 2>&1 &",
              table);
    wait_until(10,
               PSQL "-c \"SELECT 1 FROM pg_locks WHERE relation = '%s'::regclass AND mode = "
                    "'ShareLock' AND granted\" | grep -q 1",
               table);
    must_exit(0, "%s", doing);
    wait_until(20,
               PSQL "-c \"SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND "
                    "query LIKE 'COPY %s%%%%'\" | grep -q 1",
               table);
    kill_server("postgres");
}

static void postgres_killed_inside_a_copy_of_the_archive_loses_nothing(void **state)
{
    (void)state;
    log_mark("archive");
    kill_postgres_inside_copy_of("events",
                                 "$BIN/tandem-feed generate --events 3000 --seed 50 --users 200 "
                                 "--items 100 2>>$TANDEM_LOCAL/feed.log");
    log_says("archive", 20, "postgres: .*trying again");
    start_server("postgres");
    must_be_exact();
    must_be_live();
}

static void postgres_killed_inside_publish_leaves_the_older_batch_view(void **state)
{
    (void)state;
    int64_t before = sql_number("SELECT n FROM publication");
    kill_postgres_inside_copy_of(
        "view_row",
        "$BIN/tandem-batch run --retries 0 >$TANDEM_LOCAL/run.log 2>&1 & echo $! >$TANDEM_LOCAL/run.pid");
    wait_until(20, "! kill -0 $(cat $TANDEM_LOCAL/run.pid) 2>>$TANDEM_LOCAL/kill.err");
    must_exit(0, "grep -q 'error run: run .*, step publish: postgres: ' $TANDEM_LOCAL/run.log");
    start_server("postgres");
    assert_int_equal(sql_number("SELECT n FROM publication"), before);
    must_be_exact();
    must_exit(0, "$BIN/tandem-batch run");
    assert_int_equal(sql_number("SELECT n FROM publication"), before + 1);
    must_be_exact();
}

/* A line of Postgres' configuration, taken in at once; NULL: taken out again. */
static void postgres_set(const char *line)
{
    must_exit(0,
              "conf=$(readlink -f $TANDEM_LOCAL/data/postgres)/main/postgresql.auto.conf; "
              "sed -i '/^synchronous_standby_names/d' $conf && echo \"%s\" >>$conf && "
              "kill -HUP $(cat $TANDEM_LOCAL/run/postgres.pid)",
              line ? line : "");
}

/*
 * With a standby that is not there, COMMIT commits and then waits. Cut there: the archive's, and the run's when it publishes
 * (it has two connections then). So the commit is done, and who asked for it does not know. Who else waits is let go.
 */
static void cutter_begins(void)
{
    postgres_set("synchronous_standby_names = 'nobody'");
    must_exit(
        0,
        ": >$TANDEM_LOCAL/cutting; (while [ -e $TANDEM_LOCAL/cutting ]; do " PSQL
        "-c \"SELECT CASE WHEN query LIKE '%%COMMIT' AND (application_name = 'tandem-batch archive' OR "
        "(SELECT count(*) FROM pg_stat_activity WHERE application_name = 'tandem-batch') = 2) "
        "THEN pg_terminate_backend(pid) ELSE pg_cancel_backend(pid) END "
        "FROM pg_stat_activity WHERE wait_event = 'SyncRep'\"; "
        "sleep 0.02; done) >$TANDEM_LOCAL/cut.log 2>&1 &");
}

static void a_commit_whose_answer_never_came_is_counted_once(void **state)
{
    (void)state;
    int64_t before = sql_number("SELECT n FROM publication");
    log_mark("archive");
    cutter_begins();
    feed_in_background(1500, 400, 51);
    must_exit(0,
              "$BIN/tandem-batch run --retries 0 >$TANDEM_LOCAL/run.log 2>&1 & echo $! >$TANDEM_LOCAL/run.pid");
    feed_has_ended();
    log_says("archive", 10, "postgres: COMMIT of the archive: ");
    /* Postgres ends a session of which temporary tables are left with a commit of its own, which waits, too. */
    wait_until(30, PSQL
               "-c \"SELECT 1 FROM pg_stat_activity WHERE application_name = 'tandem-batch' AND "
               "wait_event = 'SyncRep' AND now() - query_start > '1 s'\" | grep -q 1 || "
               "! kill -0 $(cat $TANDEM_LOCAL/run.pid)");
    must_exit(0, "rm $TANDEM_LOCAL/cutting");
    postgres_set(NULL);
    wait_until(20, "! kill -0 $(cat $TANDEM_LOCAL/run.pid) 2>>$TANDEM_LOCAL/kill.err");
    must_exit(0, "grep -q 'step publish: postgres: COMMIT: ' $TANDEM_LOCAL/run.log");
    assert_int_equal(sql_number("SELECT n FROM publication"), before + 1);
    must_be_exact();
    must_exit(0, "$BIN/tandem-batch run");
    assert_int_equal(sql_number("SELECT n FROM publication"), before + 2);
    must_be_exact();
}

/* Runs may fail while it goes on, but only so: 0 done, 1 failed; none finds drift. */
static void runs_while_it_goes_on(int n)
{
    must_exit(0,
              "for i in $(seq %d); do $BIN/tandem-batch run --wait-s 5 --retries 0 --check-wait-s 1 "
              ">>$TANDEM_LOCAL/run.log 2>&1; code=$?; [ $code -le 1 ] || exit $code; done",
              n);
}

static void connections_cut_at_random_moments_lose_and_double_nothing(void **state)
{
    (void)state;
    must_exit(
        0, "(for i in $(seq 40); do " PSQL
           "-c \"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE "
           "application_name LIKE 'tandem-%%' AND random() < 0.5\"; sleep 0.$((RANDOM %% 20 + 1)); "
           "done) >>$TANDEM_LOCAL/cut.log 2>&1 & echo $! >$TANDEM_LOCAL/cutter.pid");
    reader_begins();
    feed_in_background(3000, 800, 52);
    runs_while_it_goes_on(8);
    feed_has_ended();
    wait_until(120, "! kill -0 $(cat $TANDEM_LOCAL/cutter.pid) 2>>$TANDEM_LOCAL/kill.err");
    must_exit(0, "$BIN/tandem-batch run");
    must_be_exact();
    must_be_live();
    answers_were_right();
}

static void a_full_disk_of_postgres_is_waited_for(void **state)
{
    (void)state;
    stop_program("postgres");
    bool small = disk_begin("postgres", 400);
    start_server("postgres");
    if (!small)
        skip();
    must_be_exact();
    log_mark("archive");
    reader_begins();
    disk_fill();
    feed(20000, 53, NULL);
    log_says("archive", 30, "trying again");
    must_be_live(); /* answers and the speed layer go on */
    must_exit(1, "$BIN/tandem-batch run --wait-s 2 --retries 0 2>&1");
    disk_clear();
    start_server("postgres"); /* it may have ended: its log, too, was on that disk */
    must_be_exact();
    disk_fill();
    must_exit(1, "$BIN/tandem-batch run --wait-s 2 --retries 0 2>&1");
    disk_clear();
    start_server("postgres");
    must_exit(0, "$BIN/tandem-batch run");
    must_be_exact();
    must_exit(0, PSQL "-c \"UPDATE run SET published_at = now() - interval '40 days'\"");
    disk_fill();
    must_exit(1, "$BIN/tandem-batch rebuild --wait-s 2 2>&1");
    must_exit(1, "$BIN/tandem-batch prune --keep-days 30 2>&1");
    disk_clear();
    start_server("postgres");
    must_exit(0, "$BIN/tandem-batch prune --keep-days 30");
    must_exit(0, "$BIN/tandem-batch rebuild");
    must_be_exact();
    must_be_live();
    answers_were_right();
    disk_end();
    start_server("postgres");
    must_be_exact();
}

/* ---- Kafka: away, and records that are gone ---- */

/* Four clients that post one event after another and write down what each answer was: "STATUS ID Retry-After". */
static void clients_begin(void)
{
    must_exit(
        0,
        "cd $TANDEM_LOCAL && : >posting && for w in 1 2 3 4; do (i=0; "
        "while [ -e posting ]; do i=$((i + 1)); "
        "event=\"{\\\"event_id\\\":\\\"w$w-$i\\\",\\\"type\\\":\\\"view\\\",\\\"user\\\":\\\"w$w\\\",\\\"item\\\":\\\"i$w\\\"}\"; "
        "status=$(curl -sS -m 30 -D head.$w -o body.$w -w '%%{http_code}' --data-binary \"$event\" "
        "-H 'Content-Type: application/json' http://$TANDEM_LISTEN/v1/events); "
        "echo \"$status w$w-$i $(grep -i '^retry-after:' head.$w | tr -d '\\r')\" >>ledger.$w; "
        "sleep 0.02; done) 2>>posting.err & echo $! >>posting.pid; done");
}

static void clients_end(void)
{
    must_exit(0, "rm $TANDEM_LOCAL/posting");
    wait_until(40, "for p in $(cat $TANDEM_LOCAL/posting.pid); do ! kill -0 $p || exit 1; done "
                   "2>>$TANDEM_LOCAL/kill.err");
    must_exit(0, "cat $TANDEM_LOCAL/ledger.* >$TANDEM_LOCAL/ledger");
}

static void kafka_away_under_load_is_a_503_and_nothing_acknowledged_is_lost(void **state)
{
    (void)state;
    stop_program("serve");
    start_program("serve", "tandem-serve --acknowledge-ms 2000");
    wait_until(20, "curl -fsS -o $TANDEM_LOCAL/ready http://$TANDEM_LISTEN/readyz");
    clients_begin();
    must_exit(0, "sleep 1");
    kill_server("kafka");
    must_exit(0, "sleep 10");
    start_server("kafka");
    wait_until(30, "tail -qn 1 $TANDEM_LOCAL/ledger.* | grep -c ^202 | grep -q 4");
    clients_end();
    must_exit(0,
              "! grep -vE '^(202|503) ' $TANDEM_LOCAL/ledger && ! grep ^503 $TANDEM_LOCAL/ledger | "
              "grep -vi 'Retry-After: [0-9]' && grep -q ^503 $TANDEM_LOCAL/ledger");
    must_be_exact();
    char *lost = output_of(
        "grep ^202 $TANDEM_LOCAL/ledger | cut -d ' ' -f 2 >$TANDEM_LOCAL/acknowledged; " PSQL
        "-c 'CREATE TEMP TABLE acknowledged (event_id text)' "
        "-c \"\\\\copy acknowledged FROM $TANDEM_LOCAL/acknowledged\" "
        "-c 'SELECT count(*) FROM acknowledged a WHERE 1 <> (SELECT count(*) FROM events e WHERE "
        "e.event_id = a.event_id)'");
    assert_int_equal(atoi(lost), 0);
    free(lost);
}

static void wait_archived(void)
{
    wait_until(30, "curl -fsS http://$TANDEM_LISTEN/v1/status | python3 -c 'import json, sys; "
                   "s = json.load(sys.stdin); sys.exit(s[\"archived\"] != s[\"log_end\"])'");
}

static void a_speed_layer_whose_records_are_gone_stops_and_goes_on_after_a_run(void **state)
{
    (void)state;
    must_be_exact();
    stop_program("speed-1");
    feed(1000, 60, NULL);
    wait_archived();
    kafka_forgets_everything();
    must_exit(1, "timeout 30 $BIN/tandem-speed 2>$TANDEM_LOCAL/gone.log");
    must_exit(0, "grep -q 'error speed: events.*tandem-batch run' $TANDEM_LOCAL/gone.log");
    must_exit(0, "$BIN/tandem-batch run --check-wait-s 1");
    start_program("speed-1", "tandem-speed");
    feed(500, 61, NULL);
    must_be_exact();
    /* The other way to need them: Redis has lost what the batch view has not yet. */
    feed(500, 62, NULL);
    must_be_exact();
    kafka_forgets_everything();
    log_mark("speed-1");
    must_exit(0, "redis-cli -u redis://$TANDEM_REDIS flushall >>$TANDEM_LOCAL/up.log");
    log_says("speed-1", 20, "error speed: events.*tandem-batch run");
    must_exit(0, "$BIN/tandem-batch run --check-wait-s 1");
    start_program("speed-1", "tandem-speed");
    must_be_exact();
    must_be_live();
}

static void a_rebuild_needs_nothing_that_kafka_has_forgotten(void **state)
{
    (void)state;
    feed(500, 63, NULL);
    must_be_exact();
    kafka_forgets_everything();
    must_exit(0, "$BIN/tandem-batch rebuild");
    must_be_exact();
}

/* As docs/operations.md says, word for word. */
static void an_archive_whose_records_are_gone_stops_and_says_how_to_accept_the_loss(void **state)
{
    (void)state;
    stop_program("archive");
    feed(1000, 64, NULL);
    kafka_forgets_everything();
    feed(500, 65, NULL);
    stop_program("speed-1");
    must_exit(0, "redis-cli -u redis://$TANDEM_REDIS flushall >>$TANDEM_LOCAL/up.log");
    for (int p = 0; p < 4; p++) { /* each start says it of one partition */
        must_exit(1, "timeout 30 $BIN/tandem-batch archive 2>$TANDEM_LOCAL/gone.log");
        must_exit(0, "grep -q 'error archive: events.*Nothing was skipped' $TANDEM_LOCAL/gone.log");
        must_exit(
            0,
            "sed -n 's/.*`\\(UPDATE archive_offset.*\\)`.*/\\1/p' $TANDEM_LOCAL/gone.log | "
            "tee -a $TANDEM_LOCAL/up.log | psql -X -v ON_ERROR_STOP=1 \"$TANDEM_POSTGRES\" | grep -q 'UPDATE 1'");
    }
    start_program("archive", "tandem-batch archive");
    must_exit(0, "$BIN/tandem-batch run --check-wait-s 1");
    start_program("speed-1", "tandem-speed");
    feed(500, 66, NULL);
    must_be_exact();
    must_be_live();
}

static int down(void **state)
{
    (void)state;
    disk_end(); /* one that a failed test has left */
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(postgres_killed_inside_a_copy_of_the_archive_loses_nothing),
        cmocka_unit_test(postgres_killed_inside_publish_leaves_the_older_batch_view),
        cmocka_unit_test(a_commit_whose_answer_never_came_is_counted_once),
        cmocka_unit_test(connections_cut_at_random_moments_lose_and_double_nothing),
        cmocka_unit_test(a_full_disk_of_postgres_is_waited_for),
        cmocka_unit_test(kafka_away_under_load_is_a_503_and_nothing_acknowledged_is_lost),
        cmocka_unit_test(a_speed_layer_whose_records_are_gone_stops_and_goes_on_after_a_run),
        cmocka_unit_test(a_rebuild_needs_nothing_that_kafka_has_forgotten),
        cmocka_unit_test(an_archive_whose_records_are_gone_stops_and_says_how_to_accept_the_loss),
    };
    int failed = cmocka_run_group_tests(tests, up, down);
    deployment_down(failed == 0);
    return failed;
}
