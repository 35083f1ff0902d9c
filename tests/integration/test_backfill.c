/* `tandem-feed backfill`: history goes in through the log, each line once, however often it is killed on the way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/integration/deployment.h"

#define FILE_NAME "$TANDEM_LOCAL/history.ndjson"

enum { LINES = 60000, USERS = 40 };

/* Few users, so that what is sent twice is far behind the 32 ids that a user's state knows. */
static int up(void **state)
{
    (void)state;
    deployment_up((struct deployment_settings){0});
    must_exit(0,
              "python3 -c 'import json\n"
              "for i in range(%d): print(json.dumps(dict(event_id=\"h%%d\" %% i, type=\"view\", "
              "user=\"old%%d\" %% (i * 7919 %% %d), item=\"i%%d\" %% (i %% 50), "
              "ts=1262304000000 + i * 1000, country=\"GB\")))' >" FILE_NAME,
              LINES, USERS);
    return 0;
}

static int64_t archived(void)
{
    wait_caught_up();
    return sql_number("SELECT count(*) FROM events WHERE event_id LIKE 'h%'");
}

static void backfill_prints(const char *regex)
{
    must_exit(
        0,
        "grep -Eq '%s' $TANDEM_LOCAL/backfill.out || { cat $TANDEM_LOCAL/backfill.out >&2; exit 1; }",
        regex);
}

static void killed_again_and_again_it_counts_each_line_once(void **state)
{
    (void)state;
    feed(2000, 1, NULL);          /* live traffic stands in the log, too */
    for (int i = 0; i < 6; i++) { /* 10 s in all: not enough for the file at this rate */
        must_exit(137,
                  "$BIN/tandem-feed backfill " FILE_NAME " --rate 4000 >$TANDEM_LOCAL/backfill.out "
                  "2>&1 & pid=$!; sleep %s; kill -9 $pid; wait $pid",
                  i % 2 ? "1.3" : "2.1");
        must_exit(0, "! grep -q ^error $TANDEM_LOCAL/backfill.out");
    }
    assert_true(archived() > 0);
    assert_true(archived() < LINES);
    must_exit(0, "$BIN/tandem-feed backfill " FILE_NAME " >$TANDEM_LOCAL/backfill.out");
    backfill_prints(
        "^lines    60000 = [0-9]+ sent [+] [1-9][0-9]* in the log already [+] 0 refused$");
    assert_int_equal(archived(), LINES);
    assert_int_equal(
        sql_number("SELECT count(DISTINCT event_id) FROM events WHERE event_id LIKE 'h%'"), LINES);
    must_exit(0, "$BIN/tandem-batch run");
    must_be_exact();
}

static void the_same_file_again_sends_nothing_and_a_longer_one_its_end(void **state)
{
    (void)state;
    must_exit(0, "$BIN/tandem-feed backfill " FILE_NAME " >$TANDEM_LOCAL/backfill.out");
    backfill_prints("= 0 sent [+] 60000 in the log already");
    must_exit(0,
              "echo '{\"event_id\":\"h-last\",\"type\":\"view\",\"user\":\"old1\",\"item\":\"i1\","
              "\"ts\":1262304000001}' >>" FILE_NAME);
    must_exit(0, "$BIN/tandem-feed backfill " FILE_NAME " >$TANDEM_LOCAL/backfill.out");
    backfill_prints("^lines    60001 = 1 sent [+] 60000 in the log already");
    assert_int_equal(archived(), LINES + 1);
}

static void a_file_that_was_changed_is_refused(void **state)
{
    (void)state;
    must_exit(0, "sed '100s/GB/DE/' " FILE_NAME " >$TANDEM_LOCAL/changed.ndjson");
    must_exit(
        1,
        "$BIN/tandem-feed backfill $TANDEM_LOCAL/changed.ndjson >$TANDEM_LOCAL/backfill.out 2>&1");
    backfill_prints("file was changed since it was begun");
    assert_int_equal(archived(), LINES + 1);
}

static void refused_lines_are_named_with_their_reasons(void **state)
{
    (void)state;
    must_exit(
        0,
        "printf '%%s\\n' '{\"event_id\":\"h-x1\",\"type\":\"view\",\"user\":\"u\",\"item\":\"i\",\"ts\":1262304000000}' "
        "'nonsense' '{\"event_id\":\"h-x2\",\"type\":\"view\",\"user\":\"u\",\"item\":\"i\"}' "
        "'{\"type\":\"view\",\"user\":\"u\",\"item\":\"i\",\"ts\":1262304000000}' "
        "'{\"event_id\":\"h-x3\",\"type\":\"view\",\"user\":\"u\",\"item\":\"i\",\"ts\":1262304000000}' "
        "| gzip >$TANDEM_LOCAL/bad.ndjson.gz");
    must_exit(
        0,
        "$BIN/tandem-feed backfill $TANDEM_LOCAL/bad.ndjson.gz >$TANDEM_LOCAL/backfill.out 2>&1");
    backfill_prints("^line 2: ");
    backfill_prints("^line 3: ts ");
    backfill_prints("^line 4: event_id ");
    backfill_prints("^lines    5 = 2 sent [+] 0 in the log already [+] 3 refused$");
    must_exit(0, "gzip -dc $TANDEM_LOCAL/bad.ndjson.gz | xz >$TANDEM_LOCAL/bad.ndjson.xz");
    must_exit(
        0,
        "$BIN/tandem-feed backfill $TANDEM_LOCAL/bad.ndjson.xz >$TANDEM_LOCAL/backfill.out 2>&1");
    backfill_prints("^lines    5 = 0 sent [+] 2 in the log already [+] 3 refused$");
    must_exit(0, "head -c 60 $TANDEM_LOCAL/bad.ndjson.gz >$TANDEM_LOCAL/cut.gz");
    must_exit(1, "$BIN/tandem-feed backfill $TANDEM_LOCAL/cut.gz >$TANDEM_LOCAL/backfill.out 2>&1");
    backfill_prints("ends too early");
    must_exit(1, "$BIN/tandem-feed backfill - </dev/null >$TANDEM_LOCAL/backfill.out 2>&1");
    backfill_prints("needs a file");
}

/* Kafka gone and back: nothing of the file is lost or doubled. */
static void a_broker_that_dies_on_the_way_costs_nothing(void **state)
{
    (void)state;
    must_exit(0, "sed 's/\"h/\"hk/; s/old/older/' " FILE_NAME " >$TANDEM_LOCAL/second.ndjson");
    must_exit(
        0, "$BIN/tandem-feed backfill --new $TANDEM_LOCAL/second.ndjson --rate 15000 "
           ">$TANDEM_LOCAL/backfill.out 2>&1 & pid=$!; sleep 1.5; deploy/local/stack kill kafka; "
           "sleep 2; deploy/local/stack start kafka; wait $pid");
    wait_caught_up();
    assert_int_equal(sql_number("SELECT count(*) FROM events WHERE event_id LIKE 'hk%'"),
                     LINES + 1);
    assert_int_equal(
        sql_number("SELECT count(DISTINCT event_id) FROM events WHERE event_id LIKE 'hk%'"),
        LINES + 1);
    must_be_exact();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_again_and_again_it_counts_each_line_once),
        cmocka_unit_test(the_same_file_again_sends_nothing_and_a_longer_one_its_end),
        cmocka_unit_test(a_file_that_was_changed_is_refused),
        cmocka_unit_test(refused_lines_are_named_with_their_reasons),
        cmocka_unit_test(a_broker_that_dies_on_the_way_costs_nothing),
    };
    int failed = cmocka_run_group_tests(tests, up, NULL);
    deployment_down(failed == 0);
    return failed;
}
