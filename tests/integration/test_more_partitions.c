/* deploy/more-partitions: a deployment of four partitions becomes one of seven, beside live traffic, with the same counters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/integration/deployment.h"

#define OLD  "$TANDEM_LOCAL/env"
#define NEW  "$TANDEM_LOCAL/new.env"
#define MOVE "TANDEM_BIN=$BIN deploy/more-partitions "
/* in the environment of the new deployment */
#define OF_NEW ". " NEW "; "

static int up(void **state)
{
    (void)state;
    deployment_up((struct deployment_settings){0});
    must_exit(
        0,
        "port=$((${TANDEM_LISTEN##*:} + 12)); "
        "deploy/local/stack spawn redis-new -- redis-server --port $port --save '' --dir $TANDEM_LOCAL >>$TANDEM_LOCAL/up.log && "
        "psql -XAtqc 'CREATE DATABASE moved' \"$TANDEM_POSTGRES\" && "
        "{ grep -v -e TANDEM_TOPIC= -e TANDEM_PARTITIONS= -e TANDEM_POSTGRES= -e TANDEM_REDIS= -e TANDEM_LISTEN= " OLD
        "; "
        "echo export TANDEM_TOPIC=events-7 TANDEM_PARTITIONS=7; echo \"export TANDEM_POSTGRES='$TANDEM_POSTGRES dbname=moved'\"; "
        "echo export TANDEM_REDIS=127.0.0.1:$port; echo export TANDEM_LISTEN=127.0.0.1:$((port + 1)); } >" NEW);
    must_exit(0, OF_NEW "$BIN/tandem-batch setup");
    must_exit(
        0, OF_NEW
        "deploy/local/stack spawn archive-new -- $BIN/tandem-batch archive >>$TANDEM_LOCAL/up.log && "
        "deploy/local/stack spawn speed-new -- $BIN/tandem-speed >>$TANDEM_LOCAL/up.log && "
        "deploy/local/stack spawn serve-new -- $BIN/tandem-serve >>$TANDEM_LOCAL/up.log");
    return 0;
}

static void history_is_copied_beside_live_traffic_and_through_kills(void **state)
{
    (void)state;
    feed(8000, 1, "--bad-share 0.01 --duplicate-share 0.03");
    post_event(
        202,
        "{\"event_id\":\"q\",\"type\":\"purchase\",\"user\":\"q\\\"\\\\uote\",\"item\":\"\\u00e9\\\\\",\"ts\":1700000000000,"
        "\"price\":5,\"currency\":\"GBP\",\"order\":\"o\",\"list\":\"l\"}");
    post_event(
        202,
        "{\"event_id\":\"f1\",\"type\":\"view\",\"user\":\"gone\",\"item\":\"x\",\"ts\":1700000000000}");
    post_event(202,
               "{\"event_id\":\"f2\",\"type\":\"forget\",\"user\":\"gone\",\"ts\":1700000000001}");
    wait_caught_up();
    must_exit(0, "$BIN/tandem-batch run");
    must_exit(137, "RATE=3000 TANDEM_BIN=$BIN setsid deploy/more-partitions copy " OLD " " NEW
                   " $TANDEM_LOCAL/parts >$TANDEM_LOCAL/copy.log 2>&1 & "
                   "sleep 2.5; kill -9 -- -$!; wait $!");
    must_exit(
        0,
        "$BIN/tandem-feed generate --events 4000 --rate 2000 --seed 2 --users 200 --items 100 & " MOVE
        "copy " OLD " " NEW
        " $TANDEM_LOCAL/parts >>$TANDEM_LOCAL/copy.log 2>&1; code=$?; wait; exit $code");
}

/* Nobody posts any more: the old one's archive has everything. */
static void the_end_state_is_exact_and_the_same(void **state)
{
    (void)state;
    wait_caught_up();
    must_exit(0, MOVE "copy " OLD " " NEW " $TANDEM_LOCAL/parts >>$TANDEM_LOCAL/copy.log 2>&1");
    must_exit(0, MOVE "copy " OLD " " NEW " $TANDEM_LOCAL/parts >>$TANDEM_LOCAL/copy.log 2>&1");
    must_exit(0, "$BIN/tandem-batch run");
    must_exit(0, OF_NEW "$BIN/tandem-batch run");
    must_exit(0, MOVE "compare " OLD " " NEW);
    must_exit(0, OF_NEW "$BIN/tandem-batch audit >$TANDEM_LOCAL/audit.new");
    must_exit(0, "[ $(psql -XAtq \"$TANDEM_POSTGRES\" -c 'SELECT count(*) FROM events') = "
                 "$(" OF_NEW "psql -XAtq \"$TANDEM_POSTGRES\" -c 'SELECT count(*) FROM events') ]");
    must_exit(
        0, OF_NEW
        "[ $(psql -XAtq \"$TANDEM_POSTGRES\" -c 'SELECT count(DISTINCT partition) FROM events') = 7 ]");
}

static void a_difference_is_found(void **state)
{
    (void)state;
    feed(10, 5, NULL);
    wait_caught_up();
    must_exit(0, "$BIN/tandem-batch run");
    must_exit(4, MOVE "compare " OLD " " NEW);
}

static void items_and_keys_are_copied_once(void **state)
{
    (void)state;
    must_exit(
        0,
        "$BIN/tandem-serve key add --role admin --label x >$TANDEM_LOCAL/key && "
        "psql -XAtq \"$TANDEM_POSTGRES\" -c \"INSERT INTO item (item, title) VALUES ('a', 'Lamp')\"");
    must_exit(0, MOVE "catalogue " OLD " " NEW);
    must_exit(1, MOVE "catalogue " OLD " " NEW);
    must_exit(0, OF_NEW
              "[ $(psql -XAtq \"$TANDEM_POSTGRES\" -c 'SELECT count(*) FROM item, api_key') = 1 ]");
    must_exit(2, MOVE "copy");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(history_is_copied_beside_live_traffic_and_through_kills),
        cmocka_unit_test(the_end_state_is_exact_and_the_same),
        cmocka_unit_test(a_difference_is_found),
        cmocka_unit_test(items_and_keys_are_copied_once),
    };
    int failed = cmocka_run_group_tests(tests, up, NULL);
    deployment_down(failed == 0);
    return failed;
}
