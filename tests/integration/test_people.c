/* A person's rights on a real deployment: what is held is told exactly, also while runs publish; forgetting is done and told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/integration/deployment.h"

#define CHECK "python3 tests/integration/people_checks.py "

static int up(void **state)
{
    (void)state;
    deployment_up((struct deployment_settings){0});
    feed(4000, 1, "--duplicate-share 0.05");
    must_exit(0, "$BIN/tandem-batch run");
    feed(3000, 2, NULL);
    wait_caught_up();
    return 0;
}

static void refused(int status, const char *text, const char *arguments)
{
    char *out = output_of("curl -sS -w '\\n%%{http_code}' %s", arguments);
    const char *code = strrchr(out, '\n');
    if (!code || atoi(code + 1) != status || !strstr(out, text))
        fail_msg("%s: instead of %d with '%s': %s", arguments, status, text, out);
    free(out);
}

static void what_is_remembered_is_exact_at_its_as_of_while_runs_publish(void **state)
{
    (void)state;
    must_exit(0,
              CHECK "watch $TANDEM_LISTEN $TANDEM_LOCAL/answers $TANDEM_LOCAL/enough & failed=; "
                    "for seed in 3 4 5 6; do $BIN/tandem-feed generate --events 2000 --seed $seed "
                    "--users 200 --items 100 --rate 2000 2>>$TANDEM_LOCAL/feed.log && "
                    "$BIN/tandem-batch run || failed=1; done; touch $TANDEM_LOCAL/enough; "
                    "wait $! && [ -z \"$failed\" ]");
    wait_caught_up();
    must_exit(0, CHECK "verify $TANDEM_LISTEN $TANDEM_LOCAL/answers");
    must_exit(0, CHECK "now $TANDEM_LISTEN whole");
}

static void events_come_newest_first_page_by_page_and_are_all(void **state)
{
    (void)state;
    feed(1000, 7, NULL); /* some lie behind the last run */
    wait_caught_up();
    must_exit(0, CHECK "histories $TANDEM_LISTEN");
}

static void an_export_is_everything(void **state)
{
    (void)state;
    must_exit(0, CHECK "export $TANDEM_LISTEN");
}

static void without_redis_it_is_exact_at_the_boundary(void **state)
{
    (void)state;
    kill_server("redis-0");
    must_exit(0, CHECK "now $TANDEM_LISTEN degraded");
    start_server("redis-0");
    wait_caught_up();
    must_exit(0, CHECK "now $TANDEM_LISTEN whole");
}

/* What /forgotten says of the three, as one number: speed 1, batch 2, master dataset 4. */
static int forgotten(const char *user, int64_t partition, int64_t offset)
{
    static const char *const names[] = {"speed", "batch", "master_dataset"};
    char path[256];
    int done = 0;
    snprintf(path, sizeof path, "/v1/users/%s/forgotten?partition=%d&offset=%lld", user,
             (int)partition, (long long)offset);
    json_t *answer = answer_of(path, NULL);
    for (int i = 0; i < 3; i++) {
        assert_true(json_is_boolean(json_object_get(answer, names[i])));
        done |= json_is_true(json_object_get(answer, names[i])) << i;
    }
    json_decref(answer);
    return done;
}

static size_t events_of(const char *path)
{
    json_t *answer = answer_of(path, NULL);
    size_t n = json_array_size(json_object_get(answer, "events"));
    assert_true(json_is_null(json_object_get(answer, "next")));
    json_decref(answer);
    return n;
}

static void forgetting_is_told_layer_by_layer_and_leaves_nothing(void **state)
{
    (void)state;
    post_event(202,
               "[{\"type\":\"view\",\"user\":\"gone/ä\",\"item\":\"a\"},{\"type\":\"purchase\","
               "\"user\":\"gone/ä\",\"item\":\"b\"}]");
    wait_caught_up();
    assert_int_equal(events_of("/v1/users/gone%2F%C3%A4/events"), 2);
    stop_program("speed-1"); /* so that the forget is accepted and counted nowhere yet */
    char *text = output_of("curl -fsS -X DELETE http://$TANDEM_LISTEN/v1/users/gone%%2F%%C3%%A4");
    json_t *answer = json_loads(text, 0, NULL);
    free(text);
    int64_t partition = number_in(answer, "partition"), offset = number_in(answer, "offset");
    assert_int_equal(strlen(json_string_value(json_object_get(answer, "event_id"))), 26);
    json_decref(answer);
    assert_int_equal(forgotten("gone%2F%C3%A4", partition, offset), 0);
    start_program("speed-1", "tandem-speed");
    wait_caught_up();
    assert_int_equal(forgotten("gone%2F%C3%A4", partition, offset), 1);
    answer = answer_of("/v1/users/gone%2F%C3%A4", NULL);
    assert_int_equal(json_array_size(json_object_get(answer, "seen")), 0);
    assert_int_equal(json_array_size(json_object_get(answer, "bought")), 0);
    assert_int_equal(number_in(answer, "event_ids"), 0);
    json_decref(answer);
    assert_int_equal(events_of("/v1/users/gone%2F%C3%A4/events"), 3);
    must_exit(0, "$BIN/tandem-batch run");
    wait_caught_up();
    assert_int_equal(forgotten("gone%2F%C3%A4", partition, offset), 7);
    assert_int_equal(forgotten("gone%2F%C3%A4", partition, offset + 1000000), 0);
    assert_int_equal(events_of("/v1/users/gone%2F%C3%A4/events"), 0);
    assert_int_equal(events_of("/v1/users/gone%2F%C3%A4/export"), 0);
    assert_int_equal(sql_number("SELECT count(*) FROM events WHERE \\\"user\\\" = 'gone/ä'"), 0);
    must_be_exact();
}

static void what_is_wrong_is_named(void **state)
{
    (void)state;
    refused(400, "\"field\":\"partition\"",
            "'http://'$TANDEM_LISTEN'/v1/users/u/forgotten?offset=1'");
    refused(404, "no such partition",
            "'http://'$TANDEM_LISTEN'/v1/users/u/forgotten?offset=1&partition=4'");
    refused(400, "\"field\":\"cursor\"", "'http://'$TANDEM_LISTEN'/v1/users/u/events?cursor=1.2'");
    refused(400, "\"field\":\"cursor\"", "'http://'$TANDEM_LISTEN'/v1/items/i/events?cursor=1'");
    refused(400, "from 1 to 500", "'http://'$TANDEM_LISTEN'/v1/items/i/events?n=501'");
    refused(400, "view|cart|purchase", "'http://'$TANDEM_LISTEN'/v1/items/i/events?type=look'");
    refused(400, "1 to 64 bytes", "http://$TANDEM_LISTEN/v1/users/$(printf %065d 1)");
    refused(400, "\"field\":\"user\"",
            "-X DELETE http://$TANDEM_LISTEN/v1/users/$(printf %065d 1)");
    refused(400, "\"field\":\"user\"", "-X DELETE http://$TANDEM_LISTEN/v1/users/a%01b");
    kill_server("kafka");
    refused(503, "ask again", "-X DELETE http://$TANDEM_LISTEN/v1/users/u");
    start_server("kafka");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_remembered_is_exact_at_its_as_of_while_runs_publish),
        cmocka_unit_test(events_come_newest_first_page_by_page_and_are_all),
        cmocka_unit_test(an_export_is_everything),
        cmocka_unit_test(without_redis_it_is_exact_at_the_boundary),
        cmocka_unit_test(forgetting_is_told_layer_by_layer_and_leaves_nothing),
        cmocka_unit_test(what_is_wrong_is_named),
    };
    int failed = cmocka_run_group_tests(tests, up, NULL);
    deployment_down(failed == 0);
    return failed;
}
