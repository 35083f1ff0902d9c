/* The whole system on real servers that go away, lose what they had, and come back: never a wrong count. */
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
    deployment_up((struct deployment_settings){.redis_servers = 2});
    feed(3000, 1, NULL);
    must_exit(0, "$BIN/tandem-batch run");
    feed(3000, 2, NULL);
    return 0;
}

static void two_redis_servers_share_the_partitions(void **state)
{
    (void)state;
    must_be_exact();
    must_exit(
        0,
        "for r in $(echo $TANDEM_REDIS | tr , ' '); do redis-cli -u redis://$r dbsize | grep -vqx 0 || exit 1; done");
}

static void a_redis_that_lost_everything_is_filled_again(void **state)
{
    (void)state;
    feed_in_background(3000, 1000, 10);
    kill_server("redis-1");
    must_exit(0, "deploy/local/stack wipe redis-1 >>$TANDEM_LOCAL/up.log 2>&1");
    start_server("redis-1");
    feed_has_ended();
    must_be_exact();
}

static void a_flush_under_living_connections_is_noticed(void **state)
{
    (void)state;
    feed_in_background(3000, 1000, 11);
    for (int i = 0; i < 3; i++)
        must_exit(
            0,
            "sleep 0.5; for r in $(echo $TANDEM_REDIS | tr , ' '); do redis-cli -u redis://$r flushall; done >>$TANDEM_LOCAL/up.log");
    feed_has_ended();
    must_be_exact();
}

static void a_redis_that_is_away_means_degraded_but_exact_answers(void **state)
{
    (void)state;
    wait_caught_up();
    kill_server("redis-0");
    kill_server("redis-1");
    wait_until(20,
               "curl -fsS http://$TANDEM_LISTEN/v1/views/users/all | grep -q '\"degraded\":true'");
    json_t *answer = answer_of("/v1/views/users/all", NULL);
    assert_true(json_equal(json_object_get(answer, "as_of"), json_object_get(answer, "boundary")));
    json_decref(answer);
    start_server("redis-0");
    start_server("redis-1");
    must_be_exact();
}

static void postgres_may_be_away_for_a_while(void **state)
{
    (void)state;
    feed_in_background(4000, 1000, 12);
    kill_server("postgres");
    must_exit(0, "sleep 2");
    json_t *answer = answer_of("/v1/views/users/all", NULL); /* still answered, still live */
    assert_true(json_is_false(json_object_get(answer, "degraded")));
    json_decref(answer);
    start_server("postgres");
    feed_has_ended();
    must_be_exact();
    must_exit(0, "$BIN/tandem-batch run");
    must_be_exact();
}

static void kafka_may_be_killed_and_restarted(void **state)
{
    (void)state;
    feed_in_background(4000, 1000, 13);
    must_exit(0, "sleep 1");
    kill_server("kafka");
    start_server("kafka");
    feed_has_ended();
    must_be_exact();
}

/* Asked before Kafka goes and then all the while: a question that is on its way when the broker goes must come to an end, too. */
static void while_kafka_is_away_status_says_so_and_programs_can_be_stopped(void **state)
{
    (void)state;
    wait_caught_up();
    must_exit(0, "(for i in $(seq 12); do curl -sS -m 20 -o $TANDEM_LOCAL/status.now "
                 "http://$TANDEM_LISTEN/v1/status || echo not answered; sleep 0.05; done) "
                 ">$TANDEM_LOCAL/status.log 2>&1 & echo $! >$TANDEM_LOCAL/asker.pid; sleep 0.3");
    kill_server("kafka");
    wait_until(60, "! kill -0 $(cat $TANDEM_LOCAL/asker.pid) 2>>$TANDEM_LOCAL/kill.err");
    must_exit(0, "! grep . $TANDEM_LOCAL/status.log && "
                 "curl -sS -m 20 http://$TANDEM_LISTEN/v1/status | grep -q '\"kafka\":false'");
    must_exit(0, "for p in serve archive speed-1; do STOP_SECONDS=20 deploy/local/stack stop $p; "
                 "done >$TANDEM_LOCAL/stopped.log 2>&1 && ! grep . $TANDEM_LOCAL/stopped.log");
    start_server("kafka");
    start_program("serve", "tandem-serve");
    start_program("archive", "tandem-batch archive");
    start_program("speed-1", "tandem-speed");
    wait_until(60, "curl -fsS -m 5 http://$TANDEM_LISTEN/readyz");
    must_be_exact();
}

static int status_of(const char *path)
{
    char *status = output_of(
        "curl -sS -m 5 -o $TANDEM_LOCAL/answer -w '%%{http_code}' http://$TANDEM_LISTEN%s", path);
    int number = atoi(status);
    free(status);
    return number;
}

static void everything_started_without_its_servers_becomes_ready_when_they_are_there(void **state)
{
    (void)state;
    static const char *const servers[] = {"kafka", "postgres", "redis-0", "redis-1"};
    wait_caught_up();
    stop_program("serve"), stop_program("archive"), stop_program("speed-1");
    for (int i = 0; i < 4; i++)
        kill_server(servers[i]);
    start_program("serve", "tandem-serve --metrics-open");
    start_program("archive", "tandem-batch archive");
    start_program("speed-1", "tandem-speed");
    wait_until(10, "curl -fsS http://$TANDEM_LISTEN/healthz");
    assert_int_equal(status_of("/readyz"), 503);
    assert_int_equal(status_of("/v1/views/users/all"), 503);
    assert_int_equal(status_of("/v1/items/i1/similar"), 503);
    assert_int_equal(status_of("/metrics"), 200);
    post_event(503, "{\"type\":\"view\",\"user\":\"too-early\",\"item\":\"i1\"}");
    for (int i = 0; i < 4; i++)
        start_server(servers[i]);
    wait_until(60, "curl -fsS http://$TANDEM_LISTEN/readyz");
    feed(500, 16, NULL);
    must_be_exact();
    stop_program("serve");
    start_program("serve", "tandem-serve");
    wait_until(60, "curl -fsS http://$TANDEM_LISTEN/readyz");
}

static void a_second_speed_instance_takes_over_what_a_killed_one_had(void **state)
{
    (void)state;
    start_program("speed-2", "tandem-speed");
    feed_in_background(6000, 1000, 14);
    must_exit(0, "sleep 2");
    kill_program("speed-1");
    feed_has_ended();
    must_be_exact();
    start_program("speed-1", "tandem-speed");
    kill_program("speed-2");
    must_be_exact();
}

static void killed_archiver_and_speed_layer_lose_and_double_nothing(void **state)
{
    (void)state;
    feed_in_background(6000, 1500, 15);
    for (int i = 0; i < 4; i++) {
        must_exit(0, "sleep 0.7");
        kill_program("archive");
        kill_program("speed-1");
        start_program("archive", "tandem-batch archive");
        start_program("speed-1", "tandem-speed");
    }
    feed_has_ended();
    must_exit(0, "$BIN/tandem-batch run");
    must_be_exact();
}

static void another_deployments_redis_is_refused(void **state)
{
    (void)state;
    wait_caught_up();
    stop_program("speed-1");
    must_exit(
        0,
        "redis-cli -u redis://${TANDEM_REDIS%%%%,*} hset tandem deployment ffffffffffffffffffffffffffffffff >>$TANDEM_LOCAL/up.log");
    must_exit(1, "timeout 30 $BIN/tandem-speed 2>$TANDEM_LOCAL/foreign.log");
    must_exit(0, "grep -qi deployment $TANDEM_LOCAL/foreign.log");
    must_exit(0, "redis-cli -u redis://${TANDEM_REDIS%%%%,*} flushall >>$TANDEM_LOCAL/up.log");
    start_program("speed-1", "tandem-speed");
    must_be_exact();
}

static void a_changed_number_of_partitions_is_refused(void **state)
{
    (void)state;
    must_exit(1, "TANDEM_PARTITIONS=5 timeout 30 $BIN/tandem-batch setup");
    must_exit(1, "TANDEM_PARTITIONS=5 timeout 30 $BIN/tandem-speed");
    must_exit(1, "TANDEM_PARTITIONS=5 timeout 30 $BIN/tandem-batch archive");
    must_exit(2, "TANDEM_PARTITIONS=none $BIN/tandem-speed");
    must_exit(2, "TANDEM_PARTITION=5 $BIN/tandem-speed");
    must_exit(1, "TANDEM_PARTITIONS=5 TANDEM_LISTEN=127.0.0.1:0 timeout 30 $BIN/tandem-serve");
    must_exit(1, "timeout 30 $BIN/tandem-serve"); /* our own serves there */
    must_exit(2, "TANDEM_REDIS=nonsense $BIN/tandem-serve");
    must_exit(2, "TANDEM_LISTEN=nonsense $BIN/tandem-serve");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_redis_servers_share_the_partitions),
        cmocka_unit_test(a_redis_that_lost_everything_is_filled_again),
        cmocka_unit_test(a_flush_under_living_connections_is_noticed),
        cmocka_unit_test(a_redis_that_is_away_means_degraded_but_exact_answers),
        cmocka_unit_test(postgres_may_be_away_for_a_while),
        cmocka_unit_test(kafka_may_be_killed_and_restarted),
        cmocka_unit_test(while_kafka_is_away_status_says_so_and_programs_can_be_stopped),
        cmocka_unit_test(everything_started_without_its_servers_becomes_ready_when_they_are_there),
        cmocka_unit_test(a_second_speed_instance_takes_over_what_a_killed_one_had),
        cmocka_unit_test(killed_archiver_and_speed_layer_lose_and_double_nothing),
        cmocka_unit_test(another_deployments_redis_is_refused),
        cmocka_unit_test(a_changed_number_of_partitions_is_refused),
    };
    int failed = cmocka_run_group_tests(tests, up, NULL);
    deployment_down(failed == 0);
    return failed;
}
