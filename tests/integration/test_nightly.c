/*
 * The scheduler for where there is no cron, on a wall clock that the test sets: a run a night, at once when one was missed,
 * never two, whatever the clock does. The scheduler is this program itself, started with the word `nightly`, so that
 * its clock can be set (the linker puts __wrap_clock_unix_ms in its place); the runs that it starts have the true one.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "batch-layer/commands.h"
#include "tests/integration/deployment.h"
#include "tests/integration/faults.h"
#include "tests/integration/run_job.h"

static char program[256]; /* this one's file */
static pid_t scheduler;   /* 0: this process is the test */

int64_t __real_clock_unix_ms(void); // NOLINT(bugprone-reserved-identifier): the linker's names
int64_t __wrap_clock_unix_ms(void); // NOLINT(bugprone-reserved-identifier)

int64_t __wrap_clock_unix_ms(void) // NOLINT(bugprone-reserved-identifier)
{
    const char *path = getenv("NIGHTLY_CLOCK");
    char text[32] = "0";
    if (scheduler != getpid() || !path)
        return __real_clock_unix_ms();
    FILE *file = fopen(path, "r");
    if (file && !fgets(text, sizeof text, file))
        text[0] = 0;
    if (file)
        fclose(file);
    return __real_clock_unix_ms() + strtoll(text, NULL, 10) * 1000;
}

/* The scheduler's wall clock shows this time of UTC now, and goes on. */
static void clock_shows(const char *utc)
{
    must_exit(0,
              "echo $(($(date -ud '%s' +%%s) - $(date +%%s))) >$TANDEM_LOCAL/clock.new && "
              "mv $TANDEM_LOCAL/clock.new $TANDEM_LOCAL/clock",
              utc);
}

static void nightly_starts(const char *options)
{
    must_exit(0, ": >>$TANDEM_LOCAL/log/nightly.log");
    log_mark("nightly");
    must_exit(
        0,
        "deploy/local/stack spawn nightly -- env NIGHTLY_CLOCK=$TANDEM_LOCAL/clock '%s' nightly --at 02:30 --tz Europe/Berlin %s "
        ">>$TANDEM_LOCAL/up.log 2>&1",
        program, options);
}

static int64_t published(void)
{
    return sql_number("SELECT n FROM publication");
}

static int up(void **state)
{
    (void)state;
    deployment_up((struct deployment_settings){0});
    return 0;
}

static int nightly_ends(void **state)
{
    (void)state;
    stop_program("nightly");
    return 0;
}

static void where_there_was_no_run_yet_it_begins_at_once_and_then_waits(void **state)
{
    (void)state;
    feed(1000, 1, NULL);
    clock_shows("2026-01-10 12:00:00");
    nightly_starts("");
    log_says("nightly", 60, "^info nightly: run ended exit=0 ");
    log_says(
        "nightly", 5,
        "^info nightly: next run at=\"2026-01-11 02:30 CET\" zone=Europe/Berlin in_s=4[0-9]{4}$");
    assert_int_equal(published(), 1);
    stop_program("nightly");
    nightly_starts(""); /* the container was restarted: nothing is due */
    log_says("nightly", 20, "^info nightly: next run at=\"2026-01-11 02:30 CET\"");
    assert_int_equal(published(), 1);
    must_be_exact();
}

/* The night in which 02:00 becomes 03:00, and the one in which 03:00 becomes 02:00. */
static void a_night_in_which_the_clocks_change_has_one_run(void **state)
{
    (void)state;
    int64_t before = published();
    clock_shows("2026-03-29 00:59:54");
    nightly_starts("");
    log_says("nightly", 5, "next run at=\"2026-03-29 03:00 CEST\"");
    feed(500, 2, NULL);
    log_says("nightly", 60, "run ended exit=0");
    log_says("nightly", 5, "next run at=\"2026-03-30 02:30 CEST\"");
    assert_int_equal(published(), before + 1);
    stop_program("nightly");
    clock_shows("2026-10-25 00:29:54");
    nightly_starts("");
    log_says("nightly", 5, "next run at=\"2026-10-25 02:30 CEST\"");
    log_says("nightly", 60, "next run at=\"2026-10-26 02:30 CET\"");
    assert_int_equal(published(), before + 2);
    clock_shows("2026-10-25 01:29:57"); /* the second 02:30 comes and goes */
    must_exit(0, "sleep 25");
    assert_int_equal(published(), before + 2);
    must_be_exact();
}

static void a_night_that_was_slept_through_is_caught_up_at_once_by_one_run(void **state)
{
    (void)state;
    int64_t before = published();
    clock_shows("2026-05-01 12:00:00");
    nightly_starts("");
    log_says("nightly", 20, "next run at=\"2026-05-02 02:30 CEST\"");
    feed(1500, 3, NULL);
    sql_do("UPDATE run SET started_at = started_at - interval '4 days'");
    clock_shows("2026-05-05 09:00:00"); /* the machine wakes up: four nights were missed */
    log_says("nightly", 60, "run ended exit=0");
    log_says("nightly", 5, "next run at=\"2026-05-06 02:30 CEST\"");
    assert_int_equal(published(), before + 1);
    assert_int_equal(sql_number("SELECT events FROM run ORDER BY n DESC LIMIT 1"), 1500);
    must_be_exact();
}

static void a_clock_that_is_set_back_starts_no_run_twice(void **state)
{
    (void)state;
    int64_t before = published();
    clock_shows("2026-05-02 00:29:55");
    nightly_starts("");
    log_says("nightly", 60, "next run at=\"2026-05-03 02:30 CEST\"");
    log_mark("nightly");
    clock_shows("2026-05-02 00:20:00"); /* by time synchronisation, say; 02:30 comes again */
    log_says("nightly", 30, "next run at=\"2026-05-02 02:30 CEST\"");
    log_mark("nightly");
    clock_shows("2026-05-02 00:29:58");
    log_says("nightly", 60, "next run at=\"2026-05-03 02:30 CEST\"");
    /* The night that came twice by the clock may have one more, with nothing in it: never a wrong count, never none. */
    assert_true(published() - before <= 2);
    must_be_exact();
}

static void a_failed_night_says_so_and_is_tried_again(void **state)
{
    (void)state;
    int64_t before = published();
    stop_program("archive");
    clock_shows("2026-06-02 00:29:56");
    nightly_starts("--retries 0 --wait-s 1 --again-s 2");
    log_says("nightly", 40, "^error nightly: run failed exit=1 seconds=");
    log_says("nightly", 10,
             "^info nightly: next run at=\"2026-06-02 02:3[0-9] CEST\" .*in_s=[0-2]$");
    start_program("archive", "tandem-batch archive");
    log_says("nightly", 40, "^info nightly: run ended exit=0 ");
    log_says("nightly", 5, "next run at=\"2026-06-03 02:30 CEST\"");
    assert_true(published() > before);
    must_be_exact();
}

/* Its data is no better in half an hour; somebody has to look. What was left is done the next night, and that night's run, too. */
static void a_night_whose_check_failed_waits_for_the_next_or_for_an_operator(void **state)
{
    (void)state;
    int64_t before = published();
    must_exit(
        0,
        "yes garbage | head -300 | $BIN/tandem-feed replay - --keep-bad 2>>$TANDEM_LOCAL/feed.log");
    clock_shows("2026-06-10 00:29:57");
    nightly_starts("--check-min-events 100 --again-s 1");
    log_says("nightly", 40, "^error nightly: run failed exit=5 ");
    log_says("nightly", 5, "next run at=\"2026-06-11 02:30 CEST\"");
    must_exit(0, "sleep 3");
    assert_int_equal(published(), before);
    stop_program("nightly");
    clock_shows("2026-06-11 00:29:57");
    sql_do("UPDATE run SET started_at = started_at - interval '1 day' WHERE published_at IS NULL");
    nightly_starts("--check-min-events 100 --accept-check bad");
    log_says("nightly", 60, "next run at=\"2026-06-12 02:30 CEST\"");
    assert_int_equal(published(), before + 2); /* the left one, and tonight's */
    must_be_exact();
}

static void told_to_stop_it_ends_a_run_under_way_cleanly(void **state)
{
    (void)state;
    int64_t before = published();
    feed(500, 5, NULL);
    stop_program("archive");
    clock_shows("2026-07-02 00:29:57");
    nightly_starts("");
    log_says("nightly", 40, "run begins");
    wait_until(
        20,
        "[ \"$(psql -XAtq \"$TANDEM_POSTGRES\" -c \"SELECT state FROM run WHERE published_at IS NULL\")\" = barrier ]");
    must_exit(
        0,
        "pid=$(cat $TANDEM_LOCAL/run/nightly.pid); STOP_SECONDS=10 deploy/local/stack stop nightly "
        ">$TANDEM_LOCAL/stopped.log 2>&1; ! grep . $TANDEM_LOCAL/stopped.log");
    log_says("nightly", 1, "^info nightly: stopped$");
    must_exit(
        0,
        "[ $(psql -XAtq \"$TANDEM_POSTGRES\" -c \"SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'\") = 0 ]");
    start_program("archive", "tandem-batch archive");
    must_exit(0, "$BIN/tandem-batch run");
    assert_int_equal(published(), before + 1);
    must_be_exact();
}

/* kill -9 of the scheduler: its run ends with it, in order, and the next one goes on. */
static void killed_it_leaves_no_run_behind(void **state)
{
    (void)state;
    stop_program("archive");
    clock_shows("2026-08-02 00:29:57");
    nightly_starts("");
    log_says("nightly", 40, "run begins");
    wait_until(
        20,
        "[ \"$(psql -XAtq \"$TANDEM_POSTGRES\" -c \"SELECT state FROM run WHERE published_at IS NULL\")\" = barrier ]");
    kill_program("nightly");
    wait_until(
        10,
        "[ $(psql -XAtq \"$TANDEM_POSTGRES\" -c \"SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'\") = 0 ]");
    start_program("archive", "tandem-batch archive");
    nightly_starts("");
    log_says("nightly", 60, "next run at=\"2026-08-03 02:30 CEST\"");
    assert_int_equal(sql_number("SELECT count(*) FROM run WHERE finished_at IS NULL"), 0);
    must_be_exact();
}

static void what_it_cannot_do_is_refused_and_health_can_be_asked_for(void **state)
{
    (void)state;
    must_exit(2, "$BIN/tandem-batch nightly --at 25:00");
    must_exit(2, "$BIN/tandem-batch nightly --tz Europe/Nowhere 2>$TANDEM_LOCAL/zone.log");
    must_exit(0, "grep -q 'time zone Europe/Nowhere: .*tzdata' $TANDEM_LOCAL/zone.log");
    must_exit(2, "$BIN/tandem-batch nightly --step check");
    must_exit(
        0,
        "$BIN/tandem-batch run && $BIN/tandem-batch status --max-age-s 3600 >$TANDEM_LOCAL/status.txt");
    must_exit(
        0,
        "grep -q '^drift  *passed ' $TANDEM_LOCAL/status.txt && grep -q '^retire  *1 ' $TANDEM_LOCAL/status.txt");
    sql_do("UPDATE publication SET published_at = now() - interval '2 hours'");
    must_exit(1, "$BIN/tandem-batch status --max-age-s 3600 >$TANDEM_LOCAL/status.txt");
}

/* A terminal shows one line that is rewritten; where there is none, the log has lines only. */
static void progress_is_for_terminals(void **state)
{
    (void)state;
    feed(3000, 6, NULL);
    must_exit(0, "script -qec '$BIN/tandem-batch run' /dev/null >$TANDEM_LOCAL/terminal.txt");
    must_exit(
        0,
        "grep -q \"$(printf '\\r\\033\\\\[K')run [0-9]*, step 2 of 5, aggregate\" $TANDEM_LOCAL/terminal.txt");
    feed(3000, 7, NULL);
    must_exit(0, "$BIN/tandem-batch run 2>$TANDEM_LOCAL/lines.txt");
    must_exit(
        0,
        "! grep -q \"$(printf '\\r')\" $TANDEM_LOCAL/lines.txt && ! grep -qv '^[a-z]* [a-z]*: ' $TANDEM_LOCAL/lines.txt");
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "nightly") == 0) {
        scheduler = getpid();
        return nightly_main(argc - 1, argv + 1);
    }
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    assert_true(n > 0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(where_there_was_no_run_yet_it_begins_at_once_and_then_waits,
                                  nightly_ends),
        cmocka_unit_test_teardown(a_night_in_which_the_clocks_change_has_one_run, nightly_ends),
        cmocka_unit_test_teardown(a_night_that_was_slept_through_is_caught_up_at_once_by_one_run,
                                  nightly_ends),
        cmocka_unit_test_teardown(a_clock_that_is_set_back_starts_no_run_twice, nightly_ends),
        cmocka_unit_test_teardown(a_failed_night_says_so_and_is_tried_again, nightly_ends),
        cmocka_unit_test_teardown(a_night_whose_check_failed_waits_for_the_next_or_for_an_operator,
                                  nightly_ends),
        cmocka_unit_test(told_to_stop_it_ends_a_run_under_way_cleanly),
        cmocka_unit_test_teardown(killed_it_leaves_no_run_behind, nightly_ends),
        cmocka_unit_test(what_it_cannot_do_is_refused_and_health_can_be_asked_for),
        cmocka_unit_test(progress_is_for_terminals),
    };
    int failed = cmocka_run_group_tests(tests, up, NULL);
    deployment_down(failed == 0);
    return failed;
}
