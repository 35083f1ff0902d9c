/*
 * The nightly run as a job: what may pass is tried again in the step where it failed, a deadline ends it where the next start
 * goes on, its steps can be asked for one by one, and what is done twice is done once.
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
#include "tests/integration/run_job.h"

static int seed = 1;

static int up(void **state)
{
    (void)state;
    deployment_up((struct deployment_settings){0});
    feed(3000, seed++, NULL);
    must_exit(0, "$BIN/tandem-batch run");
    return 0;
}

static int64_t published(void)
{
    return sql_number("SELECT n FROM publication");
}

static int64_t open_runs(void)
{
    return sql_number("SELECT count(*) FROM run WHERE finished_at IS NULL");
}

/* In each step at least once; in the order of a run. */
static const char *const places[] = {
    "run:barrier:opened",        "run:archive:reached",
    "run:aggregate:staged",      "run:check:begin",
    "run:check:compared",        "run:publish:rows",
    "run:publish:before-commit", "run:publish:after-commit",
    "run:retire:begin",          NULL,
};

static void postgres_restarted_in_any_step_is_survived_by_the_run(void **state)
{
    (void)state;
    for (int i = 0; places[i]; i++) {
        int64_t before = published();
        feed(400, seed++, NULL);
        job_begins("run --retries 3 --backoff-s 1 --wait-s 60", places[i]);
        kill_server("postgres");
        job_goes_on();
        start_server("postgres");
        int code = job_ends(60);
        if (code)
            fprintf(stderr, "exit %d at %s\n", code, places[i]);
        assert_int_equal(code, 0);
        log_says(
            "job", 1,
            "^warn run: run [0-9]+, step [a-z]+: postgres: .*tries again in [01]\\.[0-9] s, retry 1 of 3$");
        assert_int_equal(published(), before + 1);
        assert_int_equal(open_runs(), 0);
    }
    assert_true(
        sql_number("SELECT count(DISTINCT step) FROM run_step WHERE failure LIKE '%postgres: %'") >=
        5);
    assert_int_equal(
        sql_number("SELECT count(*) FROM run_step f WHERE failure IS NOT NULL AND NOT EXISTS"
                   " (SELECT FROM run_step s WHERE s.n = f.n AND s.step = f.step AND"
                   " s.attempt > f.attempt AND s.failure IS NULL AND s.finished_at IS NOT NULL)"),
        0);
    must_exit(0, "$BIN/tandem-batch status --json | grep -q '\"failure\": \"run [0-9]*, step '");
    must_be_exact();
}

static void retries_that_are_used_up_end_the_run_and_the_next_start_goes_on(void **state)
{
    (void)state;
    int64_t before = published();
    stop_program("archive");
    must_exit(
        1,
        "$BIN/tandem-batch run --retries 2 --backoff-s 1 --wait-s 1 2>$TANDEM_LOCAL/used-up.log");
    must_exit(
        0,
        "[ $(grep -c 'tries again' $TANDEM_LOCAL/used-up.log) = 2 ] && tail -1 "
        "$TANDEM_LOCAL/used-up.log | grep -q '^error run: .*step extract.*start `tandem-batch archive`'");
    assert_int_equal(
        sql_number("SELECT count(*) FROM run_step WHERE step = 'archive' AND failure IS NOT"
                   " NULL AND n = (SELECT max(n) FROM run)"),
        3);
    start_program("archive", "tandem-batch archive");
    must_exit(0, "$BIN/tandem-batch run");
    assert_int_equal(published(), before + 1);
    must_be_exact();
}

/* A damaged row is no better in ten seconds. */
static void what_cannot_pass_by_itself_is_not_tried_again(void **state)
{
    (void)state;
    feed(300, seed++, NULL);
    wait_caught_up();
    sql_do("ALTER TABLE view_row RENAME TO view_row_away");
    must_exit(1, "$BIN/tandem-batch run --retries 3 --backoff-s 60 2>$TANDEM_LOCAL/damaged.log");
    must_exit(0, "! grep -q 'tries again' $TANDEM_LOCAL/damaged.log");
    sql_do("ALTER TABLE view_row_away RENAME TO view_row");
    assert_int_equal(
        sql_number("SELECT count(*) FROM run_step WHERE step = 'check' AND failure LIKE"
                   " '%view_row%' AND n = (SELECT max(n) FROM run)") +
            sql_number("SELECT count(*) FROM run_step WHERE step = 'publish' AND failure LIKE"
                       " '%view_row%' AND n = (SELECT max(n) FROM run)"),
        1);
    must_exit(0, "$BIN/tandem-batch run");
    must_be_exact();
}

static void a_deadline_in_any_step_ends_the_run_and_the_next_start_goes_on(void **state)
{
    (void)state;
    for (int i = 0; places[i]; i++) {
        int64_t before = published();
        feed(400, seed++, NULL);
        sql_do(
            "INSERT INTO serving_lease VALUES ('late', 0, now() + interval '1 min') ON CONFLICT (instance)"
            " DO UPDATE SET expires_at = excluded.expires_at");
        job_begins("run --deadline-s 4", places[i]);
        must_exit(0, "sleep 4");
        job_goes_on();
        int code = job_ends(20);
        if (code != 6)
            fprintf(stderr, "exit %d at %s\n", code, places[i]);
        assert_int_equal(code, 6);
        log_says(
            "job", 1,
            "^error run: the deadline of 4 s is over: run [0-9]+, step [a-z]+: .*next start goes on there$");
        sql_do("DELETE FROM serving_lease WHERE instance = 'late'");
        must_exit(0, "$BIN/tandem-batch run");
        assert_true(published() > before && open_runs() == 0);
    }
    must_be_exact();
}

/* Neither a statement that does not come back, nor Kafka that is away, is waited for beyond it. */
static void a_deadline_holds_inside_what_blocks(void **state)
{
    (void)state;
    feed(400, seed++, NULL);
    must_exit(
        0, "psql -XAtq -v ON_ERROR_STOP=1 \"$TANDEM_POSTGRES\" -c 'BEGIN; LOCK TABLE view_row IN "
           "SHARE MODE; SELECT pg_sleep(12)' >>$TANDEM_LOCAL/up.log 2>&1 &");
    must_exit(6, "timeout 11 $BIN/tandem-batch run --deadline-s 5");
    wait_until(60, "$BIN/tandem-batch run --wait-s 10");
    kill_server("kafka");
    must_exit(6, "timeout 20 $BIN/tandem-batch run --deadline-s 3 --retries 100 --backoff-s 1");
    start_server("kafka");
    must_exit(0, "$BIN/tandem-batch run");
    must_be_exact();
}

static void a_run_that_is_told_to_stop_ends_cleanly_and_the_next_start_goes_on(void **state)
{
    (void)state;
    int64_t before = published();
    for (int i = 0; places[i]; i++) {
        feed(200, seed++, NULL);
        job_begins("run --retries 5", places[i]);
        job_is_told_to_stop();
        job_goes_on();
        int code = job_ends(20);
        assert_true(code == 0 || code == 1); /* 0: there was nothing more to do */
        must_exit(0, "$BIN/tandem-batch run");
        assert_int_equal(open_runs(), 0);
    }
    assert_true(published() > before);
    must_be_exact();
}

static void a_full_disk_in_any_step_is_waited_for(void **state)
{
    (void)state;
    stop_program("postgres");
    bool small = disk_begin("postgres", 400);
    start_server("postgres");
    if (!small)
        skip();
    for (int i = 0; places[i]; i++) {
        int64_t before = published();
        feed(2000, seed++, NULL);
        wait_caught_up();
        job_begins("run --retries 20 --backoff-s 1 --wait-s 60", places[i]);
        disk_fill();
        job_goes_on();
        wait_until(
            30, "[ -s $TANDEM_LOCAL/job.exit ] || tail -c +$(($(cat $TANDEM_LOCAL/job.mark) + 1)) "
                "$TANDEM_LOCAL/log/job.log | grep -q 'tries again'");
        disk_clear();
        start_server("postgres"); /* it may have ended */
        assert_int_equal(job_ends(60), 0);
        assert_int_equal(published(), before + 1);
    }
    must_exit(0, "grep -q 'could not extend file .*tries again' $TANDEM_LOCAL/log/job.log");
    must_be_exact();
    disk_end();
    start_server("postgres");
    must_be_exact();
}

static void a_cron_that_starts_it_twice_gets_one_run_and_a_refusal(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        int64_t before = published();
        feed(500, seed++, NULL);
        must_exit(
            0,
            "(for i in 1 2 3; do ($BIN/tandem-batch run --retries 2 --backoff-s 1 2>>$TANDEM_LOCAL/twice.log; "
            "echo $?) & done; wait) >$TANDEM_LOCAL/codes; grep -qx 0 $TANDEM_LOCAL/codes && "
            "! grep -vx '[03]' $TANDEM_LOCAL/codes");
        int64_t done = published() - before;
        assert_int_equal(done,
                         sql_number("SELECT count(*) FROM run WHERE state = 'done'") - before);
        assert_true(done >= 1);
    }
    must_be_exact();
}

/* A workflow's tasks, each of them twice, as after a task whose answer was lost. */
static void steps_can_be_asked_for_one_by_one(void **state)
{
    (void)state;
    static const char *const steps[] = {"extract", "aggregate", "check", "publish", "retire"};
    static const char *const stands[] = {"aggregate", "check", "publish", "retire", "done"};
    int64_t before = published();
    for (int i = 1; i < 5; i++) { /* none is open */
        must_exit(
            0,
            "$BIN/tandem-batch run --step %s 2>$TANDEM_LOCAL/step.log && grep -q 'nothing to do' $TANDEM_LOCAL/step.log",
            steps[i]);
        assert_int_equal(open_runs(), 0);
    }
    feed(500, seed++, NULL);
    for (int i = 0; i < 5; i++) {
        must_exit(
            0,
            "$BIN/tandem-batch run --step %s 2>$TANDEM_LOCAL/step.log && ! grep 'nothing to do' $TANDEM_LOCAL/step.log",
            steps[i]);
        must_exit(0, "$BIN/tandem-batch run --step %s", steps[i]);
        char *is = output_of(
            "psql -XAtq \"$TANDEM_POSTGRES\" -c 'SELECT state FROM run ORDER BY n DESC LIMIT 1' | tr -d '\\n'");
        assert_string_equal(is, stands[i]);
        free(is);
        for (int earlier = 1; earlier < i; earlier++) /* past it */
            must_exit(0, "$BIN/tandem-batch run --step %s", steps[earlier]);
        assert_int_equal(published(), before + (i >= 3));
    }
    assert_int_equal(sql_number("SELECT max(n) FROM run"), before + 1);
    must_exit(0, "$BIN/tandem-batch rebuild --step extract");
    must_exit(0, "$BIN/tandem-batch rebuild --step check");
    assert_int_equal(published(), before + 1);
    must_exit(0, "$BIN/tandem-batch rebuild --step retire");
    assert_int_equal(published(), before + 2);
    must_exit(2, "$BIN/tandem-batch run --step all");
    must_be_exact();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(postgres_restarted_in_any_step_is_survived_by_the_run),
        cmocka_unit_test(retries_that_are_used_up_end_the_run_and_the_next_start_goes_on),
        cmocka_unit_test(what_cannot_pass_by_itself_is_not_tried_again),
        cmocka_unit_test(a_deadline_in_any_step_ends_the_run_and_the_next_start_goes_on),
        cmocka_unit_test(a_deadline_holds_inside_what_blocks),
        cmocka_unit_test(a_run_that_is_told_to_stop_ends_cleanly_and_the_next_start_goes_on),
        cmocka_unit_test(a_cron_that_starts_it_twice_gets_one_run_and_a_refusal),
        cmocka_unit_test(steps_can_be_asked_for_one_by_one),
        cmocka_unit_test(a_full_disk_in_any_step_is_waited_for),
    };
    int failed = cmocka_run_group_tests(tests, up, NULL);
    disk_end();
    deployment_down(failed == 0);
    return failed;
}
