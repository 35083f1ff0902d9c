/* The HTTP API on a real deployment: what is answered, what is refused and how, and that layers add up. */
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
    feed(2000, 2, NULL);
    wait_caught_up();
    return 0;
}

/* Fails unless curl with these arguments is answered with this status and a body in which `text` stands. */
static void answers(int status, const char *text, const char *arguments)
{
    char *out =
        output_of("cd $TANDEM_LOCAL && curl -sS --path-as-is -w '\\n%%{http_code}' %s", arguments);
    const char *code = strrchr(out, '\n');
    if (!code || atoi(code + 1) != status || !strstr(out, text))
        fail_msg("%s: instead of %d with '%s': %s", arguments, status, text, out);
    free(out);
}

static void unknown_paths_and_methods_are_refused(void **state)
{
    (void)state;
    answers(404, "\"status\":404", "http://$TANDEM_LISTEN/v2");
    answers(404, "no such view", "http://$TANDEM_LISTEN/v1/views/nosuch/all");
    answers(405, "Allow: GET, HEAD", "-i -X DELETE http://$TANDEM_LISTEN/v1/views");
    answers(405, "Allow: POST", "-i http://$TANDEM_LISTEN/v1/events");
    answers(405, "Allow: GET, HEAD, OPTIONS",
            "-i -X DELETE http://$TANDEM_LISTEN/v1/items/export"); /* it is no item */
    answers(405, "Allow: GET, HEAD", "-i -X TRACE http://$TANDEM_LISTEN/v1/views");
    answers(200, "Content-Type: application/json", "-I http://$TANDEM_LISTEN/v1/views");
}

static void a_wrong_parameter_is_named_with_what_is_allowed(void **state)
{
    (void)state;
    answers(400, "from 1 to 100", "\"http://$TANDEM_LISTEN/v1/items/a/similar?n=0\"");
    answers(400, "from 1 to 100000", "\"http://$TANDEM_LISTEN/v1/views/users/all?n=100001\"");
    answers(400, "together|bought_together|next",
            "\"http://$TANDEM_LISTEN/v1/items/a/similar?by=magic\"");
    answers(400, "merged|batch|speed", "\"http://$TANDEM_LISTEN/v1/views/users/all?layer=all\"");
    answers(400, "\"field\":\"hourss\"", "\"http://$TANDEM_LISTEN/v1/popular?hourss=1\"");
    answers(400, "given twice", "\"http://$TANDEM_LISTEN/v1/popular?hours=1&hours=2\"");
    answers(400, "two hex digits", "http://$TANDEM_LISTEN/v1/items/%zz/similar");
}

static void a_wrong_body_is_refused_with_field_and_index(void **state)
{
    (void)state;
    answers(400, "not JSON", "-d '[{\"type\":' http://$TANDEM_LISTEN/v1/events");
    answers(
        422, "\"field\":\"ts\",\"index\":0",
        "-d '{\"type\":\"view\",\"user\":\"u\",\"item\":\"i\",\"ts\":-1}' http://$TANDEM_LISTEN/v1/events");
    answers(
        422, "\"field\":\"item\",\"index\":1",
        "-d '[{\"type\":\"view\",\"user\":\"u\",\"item\":\"i\"},{\"type\":\"cart\",\"user\":\"u\"}]' "
        "http://$TANDEM_LISTEN/v1/events");
    answers(422, "\"index\":0", "-d '[7]' http://$TANDEM_LISTEN/v1/events");
    must_exit(
        0,
        "head -c 1100000 /dev/zero | tr '\\0' ' ' >$TANDEM_LOCAL/big; head -c 9000000 /dev/zero >$TANDEM_LOCAL/bigger; "
        "{ printf '{\"type\":\"view\",\"user\":\"u\",\"item\":\"i\",\"x\":\"'; head -c 900000 /dev/zero | tr '\\0' x; printf '\"}'; } "
        ">$TANDEM_LOCAL/large; "
        "for i in $(seq 1001); do echo '{\"type\":\"view\",\"user\":\"u\",\"item\":\"i\"}'; done >$TANDEM_LOCAL/many");
    answers(413, "1 MiB", "--data-binary @big http://$TANDEM_LISTEN/v1/events");
    answers(413, "413", "--data-binary @bigger http://$TANDEM_LISTEN/v1/events");
    answers(413, "900000 bytes", "--data-binary @large http://$TANDEM_LISTEN/v1/events");
    answers(413, "1000 events", "--data-binary @many http://$TANDEM_LISTEN/v1/events");
    answers(422, "groups",
            "-d '{\"groups\":[[\"nosuch\",\"a\"]]}' http://$TANDEM_LISTEN/v1/views/read");
    answers(
        422, "\"index\":1",
        "-d '{\"groups\":[[\"users\",\"all\"],[\"users\",\"all\"]]}' http://$TANDEM_LISTEN/v1/views/read");
    answers(400, "not JSON", "-d '{' http://$TANDEM_LISTEN/v1/views/read");
}

static void ids_are_made_or_repeated_in_order(void **state)
{
    (void)state;
    answers(
        202, "\"accepted\":2,\"event_ids\":[\"mine\",\"",
        "-d '[{\"event_id\":\"mine\",\"type\":\"view\",\"user\":\"x\",\"item\":\"i\"},{\"type\":\"view\",\"user\":\"y\",\"item\":\"i\"}]' "
        "http://$TANDEM_LISTEN/v1/events");
}

static void merged_is_batch_plus_speed_for_every_counter(void **state)
{
    (void)state;
    wait_caught_up();
    must_exit(
        0,
        "python3 - http://$TANDEM_LISTEN <<'END'\n"
        "import json, sys, urllib.request\n"
        "def row(view, group, layer):\n"
        "    answer = json.load(urllib.request.urlopen(f'{sys.argv[1]}/v1/views/{view}/{group}?n=100000&layer={layer}'))\n"
        "    assert layer != 'batch' or answer['as_of'] == answer['boundary'], answer\n"
        "    assert answer['layer'] == layer and answer['degraded'] is False and answer['batch'] == 1, answer\n"
        "    order = [(-c['value'], c['member'].encode()) for c in answer['counters']]\n"
        "    assert order == sorted(order), (view, group, layer)\n"
        "    return {c['member']: c['value'] for c in answer['counters']}\n"
        "items = row('item_users', 'all', 'merged')\n"
        "both = 0\n"
        "for view, group in [('item_users', 'all'), ('users', 'all')] + [('together', i) for i in list(items)[:40]]:\n"
        "    merged, batch, speed = (row(view, group, layer) for layer in ('merged', 'batch', 'speed'))\n"
        "    total = {m: batch.get(m, 0) + speed.get(m, 0) for m in batch.keys() | speed.keys()}\n"
        "    assert merged == {m: v for m, v in total.items() if v}, (view, group)\n"
        "    both += len(batch.keys() & speed.keys())\n"
        "assert both > 100, both\n"
        "END");
}

static void recommendations_leave_out_what_was_seen_and_say_why(void **state)
{
    (void)state;
    post_event(
        202,
        "[{\"type\":\"view\",\"user\":\"guest\",\"item\":\"item-00000\"},{\"type\":\"view\",\"user\":\"guest\",\"item\":\"item-00001\"}]");
    wait_caught_up();
    json_t *answer = answer_of("/v1/users/guest/recommendations?n=20&fallback=0", NULL), *item;
    size_t i;
    assert_true(json_array_size(json_object_get(answer, "items")) > 0);
    json_array_foreach(json_object_get(answer, "items"), i, item)
    {
        const char *name = json_string_value(json_object_get(item, "item"));
        const json_t *because = json_array_get(json_object_get(item, "because"), 0);
        assert_string_not_equal(name, "item-00000");
        assert_string_not_equal(name, "item-00001");
        assert_int_equal(
            number_in(because, "count"),
            counter("together", json_string_value(json_object_get(because, "item")), name));
    }
    json_decref(answer);
    json_t *nobody = answer_of("/v1/users/nobody/recommendations?fallback=0", NULL);
    assert_int_equal(json_array_size(json_object_get(nobody, "items")), 0);
    json_decref(nobody);
}

static void names_with_any_character_come_back_as_they_were(void **state)
{
    (void)state;
    answers(
        202, "accepted",
        "-d '{\"type\":\"view\",\"user\":\"a/b ?&é\",\"item\":\"x \\\"y\\\" \\\\ / ü\"}' http://$TANDEM_LISTEN/v1/events");
    answers(
        202, "accepted",
        "-d '{\"type\":\"view\",\"user\":\"a/b ?&é\",\"item\":\"plain-other\"}' http://$TANDEM_LISTEN/v1/events");
    wait_caught_up();
    answers(200, "\"member\":\"x \\\"y\\\" \\\\ / ü\",\"value\":1",
            "\"http://$TANDEM_LISTEN/v1/views/together/plain-other\"");
    answers(200, "\"member\":\"plain-other\",\"value\":1",
            "http://$TANDEM_LISTEN/v1/views/together/x%20%22y%22%20%5C%20%2F%20%C3%BC");
    answers(200, "\"seen\":2",
            "http://$TANDEM_LISTEN/v1/users/a%2Fb%20%3F%26%C3%A9/recommendations");
}

static void kafka_away_is_a_503_and_a_retry_counts_once(void **state)
{
    (void)state;
    const char *post =
        "-i -d '{\"event_id\":\"retried\",\"type\":\"view\",\"user\":\"r\",\"item\":\"retried-item\"}' http://$TANDEM_LISTEN/v1/events";
    kill_server("kafka");
    answers(503, "Retry-After", post);
    answers(200, "\"degraded\":false", "http://$TANDEM_LISTEN/v1/views/users/all");
    start_server("kafka");
    answers(202, "retried", post);
    answers(202, "retried", post);
    wait_caught_up();
    assert_int_equal(counter("item_users", "all", "retried-item"), 1);
    must_be_exact();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unknown_paths_and_methods_are_refused),
        cmocka_unit_test(a_wrong_parameter_is_named_with_what_is_allowed),
        cmocka_unit_test(a_wrong_body_is_refused_with_field_and_index),
        cmocka_unit_test(ids_are_made_or_repeated_in_order),
        cmocka_unit_test(merged_is_batch_plus_speed_for_every_counter),
        cmocka_unit_test(recommendations_leave_out_what_was_seen_and_say_why),
        cmocka_unit_test(names_with_any_character_come_back_as_they_were),
        cmocka_unit_test(kafka_away_is_a_503_and_a_retry_counts_once),
    };
    int failed = cmocka_run_group_tests(tests, up, NULL);
    deployment_down(failed == 0);
    return failed;
}
