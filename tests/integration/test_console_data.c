/* What the console shows, on a real deployment: its pages and how they are answered, GET /v1/stream, GET /v1/runs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/integration/deployment.h"

static int up(void **state)
{
    (void)state;
    deployment_up((struct deployment_settings){0});
    feed(3000, 1, NULL);
    must_exit(0, "$BIN/tandem-batch run");
    feed(500, 2, NULL);
    wait_caught_up();
    return 0;
}

/* How often `text` stands in it. */
static int times(const char *in, const char *text)
{
    int n = 0;
    for (const char *at = in; (at = strstr(at, text)); at += strlen(text))
        n++;
    return n;
}

static char *stream_of(int seconds)
{
    return output_of("curl -sSN 'http://'$TANDEM_LISTEN'/v1/stream?seconds=%d'", seconds);
}

static void restart_serve(const char *options)
{
    char command[128];
    snprintf(command, sizeof command, "tandem-serve %s", options);
    stop_program("serve");
    start_program("serve", command);
    wait_until(30, "curl -fsS -o $TANDEM_LOCAL/ready http://$TANDEM_LISTEN/readyz");
}

/* ---- pages ---- */

static void pages_have_a_validator_and_a_strict_policy(void **state)
{
    (void)state;
    must_exit(
        0,
        "set -e; url=http://$TANDEM_LISTEN; cd $TANDEM_LOCAL; curl -sS -i $url/ >page; "
        "grep -q '^HTTP/1.1 200' page; grep -q '<!doctype html>' page; "
        "grep -q \"^Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self';\" page; "
        "grep -q '^X-Content-Type-Options: nosniff' page; grep -q '^Cache-Control: no-cache' page; "
        "etag=$(sed -n 's/^ETag: \\(.*\\)\\r$/\\1/p' page); test \"$etag\"; "
        "test $(curl -sS -o rest -w '%%{http_code}' -H \"If-None-Match: $etag\" $url/) = 304; test ! -s rest; "
        "curl -sS $url/assets/console.js >plain; curl -sS -H 'Accept-Encoding: gzip' $url/assets/console.js >zipped; "
        "gzip -dc <zipped | cmp - plain; test $(stat -c %%s zipped) -lt $(stat -c %%s plain); "
        "test $(curl -sS -I -o rest -w '%%{http_code}' $url/assets/console.css) = 200; "
        "test $(curl -sS -o rest -w '%%{http_code}' $url/assets/nothing.js) = 404; "
        "test $(curl -sS -o rest -w '%%{http_code}' --path-as-is $url/assets/../main.c) = 404");
}

/* ---- the stream ---- */

static void the_stream_tells_the_hour_then_each_second_and_ends(void **state)
{
    (void)state;
    char *text = stream_of(4);
    assert_int_equal(times(text, "event: hour\ndata: {\"samples\":"), 1);
    assert_in_range(times(text, "event: pulse\ndata: {\"at\":"), 3, 6);
    assert_non_null(strstr(text, "\"batch\":1,"));
    assert_non_null(strstr(text, "\"lag\":[0,0,0,0]"));
    assert_non_null(strstr(text, "{\"part\":\"kafka\",\"state\":\"ok\""));
    assert_non_null(
        strstr(text, "{\"part\":\"batch\",\"state\":\"ok\",\"detail\":\"run 1: done\"}"));
    free(text);
    must_exit(0, "curl -sSI --max-time 5 http://$TANDEM_LISTEN/v1/stream | "
                 "grep -q 'Content-Type: text/event-stream'");
}

static void freshness_is_measured_while_events_come_in(void **state)
{
    (void)state;
    must_exit(
        0, "$BIN/tandem-feed generate --events 3000 --rate 300 --seed 3 --users 50 "
           "2>>$TANDEM_LOCAL/feed.log & "
           "curl -sSN 'http://'$TANDEM_LISTEN'/v1/stream?seconds=8' >$TANDEM_LOCAL/stream; wait");
    must_exit(0,
              "python3 - $TANDEM_LOCAL/stream <<'END'\n"
              "import json, sys\n"
              "lines = [l[6:] for l in open(sys.argv[1]) if l.startswith('data: {\"at\"')]\n"
              "seen = [json.loads(l) for l in lines]\n"
              "assert any(200 < s['events_per_s'] < 400 for s in seen), lines\n"
              "fresh = [s['freshness_ms'] for s in seen if s['freshness_ms'] is not None]\n"
              "assert len(fresh) >= 3 and all(1 <= f < 60000 for f in fresh), fresh\n"
              "assert all(a <= b for s in seen for a, b in zip(s['boundary'], s['as_of'])), lines\n"
              "END");
    wait_caught_up();
    wait_until(10, "curl -sSN 'http://'$TANDEM_LISTEN'/v1/stream?seconds=1' | "
                   "grep -q '\"freshness_ms\":null'"); /* nothing new: nothing to measure */
}

static void parts_that_are_away_are_named(void **state)
{
    (void)state;
    const char *says = "curl -sSN 'http://'$TANDEM_LISTEN'/v1/stream?seconds=2' | grep -q '%s'";
    char away[128];
    kill_server("redis-0");
    snprintf(away, sizeof away, "\"part\":\"redis-0\",\"state\":\"away\"");
    wait_until(20, says, away);
    start_server("redis-0");
    kill_server("kafka");
    wait_until(20, says, "\"part\":\"kafka\",\"state\":\"away\"");
    start_server("kafka");
    wait_until(60, says, "\"part\":\"redis-0\",\"state\":\"ok\"");
    wait_until(60, says, "\"part\":\"kafka\",\"state\":\"ok\"");
    wait_caught_up();
}

static void a_layer_that_stands_still_is_told(void **state)
{
    (void)state;
    stop_program("archive");
    post_event(202, "{\"type\":\"view\",\"user\":\"u\",\"item\":\"i\"}");
    wait_until(40, "curl -sSN 'http://'$TANDEM_LISTEN'/v1/stream?seconds=2' | "
                   "grep -q '\"part\":\"archive\",\"state\":\"stalled\",\"detail\":\"1 events'");
    start_program("archive", "tandem-batch archive");
    wait_caught_up();
}

static void streams_are_bounded_and_a_gone_one_makes_room(void **state)
{
    (void)state;
    must_exit(
        0,
        "set -e; cd $TANDEM_LOCAL; url=http://$TANDEM_LISTEN/v1/stream; pids=; "
        "for i in $(seq 70); do curl -sSN -o stream-$i $url & pids=\"$pids $!\"; done; "
        "for i in $(seq 100); do ! grep -lq 'too many streams' stream-* || break; sleep 0.1; done; "
        "grep -l 'too many streams' stream-*; kill $pids 2>killed || true"); /* those have ended */
    wait_until(10, "test $(curl -sS -o $TANDEM_LOCAL/refused -w '%%{http_code}' "
                   "'http://'$TANDEM_LISTEN'/v1/stream?seconds=1') = 200");
}

static void a_stream_is_neither_idle_nor_a_call_in_hand(void **state)
{
    (void)state;
    restart_serve("--idle-s 1 --calls 1");
    must_exit(
        0,
        "set -e; cd $TANDEM_LOCAL; url=http://$TANDEM_LISTEN; "
        "curl -sSN \"$url/v1/stream?seconds=6\" >stream & sleep 0.5; "
        "curl -fsS -o answer $url/v1/status; curl -fsS -o answer $url/v1/views/users/all; wait $!; "
        "test $(grep -c 'event: pulse' stream) -ge 4");
    restart_serve("");
}

static void a_stop_ends_streams_at_once(void **state)
{
    (void)state;
    must_exit(
        0,
        "cd $TANDEM_LOCAL; curl -sSN http://$TANDEM_LISTEN/v1/stream >stream & echo $! >stream.pid; "
        "sleep 2; began=$(date +%%s); cd - >stream.cd; deploy/local/stack stop serve; "
        "wait $(cat $TANDEM_LOCAL/stream.pid) && test $(($(date +%%s) - began)) -lt 5");
    start_program("serve", "tandem-serve");
    wait_until(30, "curl -fsS -o $TANDEM_LOCAL/ready http://$TANDEM_LISTEN/readyz");
}

/* ---- runs ---- */

static void runs_have_their_steps_the_newest_first(void **state)
{
    (void)state;
    must_exit(0, "$BIN/tandem-batch run");
    json_t *answer = answer_of("/v1/runs", NULL);
    assert_int_equal(json_array_size(json_object_get(answer, "runs")), 2);
    assert_int_equal(number_in(answer, "runs/0/n"), 2);
    assert_int_equal(number_in(answer, "runs/1/n"), 1);
    assert_int_equal(number_in(answer, "runs/1/drift"), 0);
    assert_true(number_in(answer, "runs/1/events") >= 2900);
    const json_t *steps =
        json_object_get(json_array_get(json_object_get(answer, "runs"), 1), "steps");
    static const char *const names[] = {"barrier", "archive", "aggregate",
                                        "check",   "publish", "retire"};
    assert_int_equal(json_array_size(steps), 6);
    for (size_t i = 0; i < 6; i++) {
        const json_t *step = json_array_get(steps, i);
        assert_string_equal(json_string_value(json_object_get(step, "step")), names[i]);
        assert_true(number_in(step, "finished_at") >= number_in(step, "started_at"));
    }
    json_decref(answer);
    answer = answer_of("/v1/runs?n=1", NULL);
    assert_int_equal(json_array_size(json_object_get(answer, "runs")), 1);
    json_decref(answer);
}

static void without_postgres_runs_are_a_503_and_come_back(void **state)
{
    (void)state;
    const char *is = "test $(curl -sS -o $TANDEM_LOCAL/answer -w '%%{http_code}' "
                     "http://$TANDEM_LISTEN/v1/runs) = %d";
    kill_server("postgres");
    wait_until(20, is, 503);
    start_server("postgres");
    wait_until(60, is, 200);
}

/* The last one: once a key was made, calls without one are refused. */
static void a_stream_ends_when_its_key_is_revoked(void **state)
{
    (void)state;
    must_exit(
        0,
        "set -e; cd $TANDEM_LOCAL; url=http://$TANDEM_LISTEN; cd - >cd.log; "
        "key=$($BIN/tandem-serve key add --role read); id=$(echo $key | cut -d_ -f2); "
        "for i in $(seq 100); do "
        "test $(curl -sS -o $TANDEM_LOCAL/answer -w '%%{http_code}' $url/v1/runs) != 401 || break; sleep 0.1; done; "
        "curl -fsSN -H \"X-API-Key: $key\" $url/v1/stream >$TANDEM_LOCAL/stream & stream=$!; sleep 3; "
        "grep -q 'event: pulse' $TANDEM_LOCAL/stream; began=$(date +%%s); "
        "$BIN/tandem-serve key revoke $id; wait $stream; test $(($(date +%%s) - began)) -lt 6; "
        "test $(curl -sS -o $TANDEM_LOCAL/answer -w '%%{http_code}' -H \"X-API-Key: $key\" $url/v1/stream) = 401; "
        "test $(curl -sS -o $TANDEM_LOCAL/answer -w '%%{http_code}' $url/) = 200");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_have_a_validator_and_a_strict_policy),
        cmocka_unit_test(the_stream_tells_the_hour_then_each_second_and_ends),
        cmocka_unit_test(freshness_is_measured_while_events_come_in),
        cmocka_unit_test(streams_are_bounded_and_a_gone_one_makes_room),
        cmocka_unit_test(a_stream_is_neither_idle_nor_a_call_in_hand),
        cmocka_unit_test(a_stop_ends_streams_at_once),
        cmocka_unit_test(runs_have_their_steps_the_newest_first),
        cmocka_unit_test(a_layer_that_stands_still_is_told),
        cmocka_unit_test(parts_that_are_away_are_named),
        cmocka_unit_test(without_postgres_runs_are_a_503_and_come_back),
        cmocka_unit_test(a_stream_ends_when_its_key_is_revoked),
    };
    int failed = cmocka_run_group_tests(tests, up, NULL);
    deployment_down(failed == 0);
    return failed;
}
