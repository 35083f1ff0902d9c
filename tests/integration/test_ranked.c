/*
 * Recommendations on a real deployment: scores, filters and the chain are held against the counters by tests/ranked.py; what is
 * recorded arrives in the log; what is hidden is not shown.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/integration/deployment.h"

static char boards[] = "/tmp/tandem-test-boards-XXXXXX";

static const char boards_json[] =
    "[{\"name\":\"everything\",\"view\":\"item_users\"},"
    "{\"name\":\"home\",\"view\":\"popular\",\"hours\":24,\"categories\":[\"home\"]},"
    "{\"name\":\"new zealand\",\"view\":\"popular_country\",\"country\":\"NZ\",\"hours\":24}]";

static int up(void **state)
{
    (void)state;
    int fd = mkstemp(boards);
    if (fd < 0 || write(fd, boards_json, sizeof boards_json - 1) != sizeof boards_json - 1)
        return -1;
    close(fd);
    setenv("TANDEM_BOARDS", boards, 1);
    deployment_up((struct deployment_settings){0});
    feed(6000, 1, "--items 300 --users 500");
    must_exit(0, "$BIN/tandem-batch run");
    feed(3000, 2, "--items 300 --users 500");
    must_exit(0, "python3 tests/ranked.py prepare http://$TANDEM_LISTEN");
    wait_caught_up();
    return 0;
}

static void answers(int status, const char *text, const char *arguments)
{
    char *out = output_of("curl -sS -w '\\n%%{http_code}' %s", arguments);
    const char *code = strrchr(out, '\n');
    if (!code || atoi(code + 1) != status || !strstr(out, text))
        fail_msg("%s: instead of %d with '%s': %s", arguments, status, text, out);
    free(out);
}

static void scores_are_what_their_counters_make_in_each_layer(void **state)
{
    (void)state;
    must_exit(0, "python3 tests/ranked.py scores http://$TANDEM_LISTEN");
}

static void filters_pass_what_the_catalogue_says(void **state)
{
    (void)state;
    must_exit(0, "python3 tests/ranked.py filters http://$TANDEM_LISTEN");
}

static void where_pairs_are_too_few_the_chain_fills_up(void **state)
{
    (void)state;
    must_exit(0, "python3 tests/ranked.py fallback http://$TANDEM_LISTEN");
}

static void what_was_bought_is_left_out_when_asked(void **state)
{
    (void)state;
    post_event(202, "[{\"type\":\"purchase\",\"user\":\"buyer\",\"item\":\"item-00003\"},"
                    "{\"type\":\"view\",\"user\":\"buyer\",\"item\":\"item-00004\"}]");
    for (int i = 0; i < 20; i++) /* so that the purchase is no longer among what was seen last */
        post_event(202, "{\"type\":\"view\",\"user\":\"buyer\",\"item\":\"item-00001\"}");
    wait_caught_up();
    const char *session = "{\"items\":[\"item-00001\",\"item-00002\"],\"user\":\"buyer\"}";
    for (int without = 0; without < 2; without++) {
        char path[128];
        snprintf(path, sizeof path,
                 "/v1/sessions/recommendations?n=100&available=0&exclude_bought=%d", without);
        json_t *answer = answer_of(path, session), *item;
        size_t i, found = 0;
        json_array_foreach(json_object_get(answer, "items"), i, item) found +=
            strcmp(json_string_value(json_object_get(item, "item")), "item-00003") == 0;
        assert_int_equal(found, !without);
        json_decref(answer);
    }
    answers(
        400, "\"field\":\"exclude_bought\"",
        "-d '{\"items\":[]}' \"http://$TANDEM_LISTEN/v1/sessions/recommendations?exclude_bought=1\"");
}

static void wrong_parameters_are_named(void **state)
{
    (void)state;
    answers(400, "cosine|llr|count", "\"http://$TANDEM_LISTEN/v1/items/a/similar?score=best\"");
    answers(400, "together|bought_together|next|blend",
            "\"http://$TANDEM_LISTEN/v1/items/a/similar?by=all\"");
    answers(400, "\"field\":\"offset\"", "\"http://$TANDEM_LISTEN/v1/popular?offset=1001\"");
    answers(400, "min_price is above max_price",
            "\"http://$TANDEM_LISTEN/v1/latest?min_price=2&max_price=1\"");
    answers(400, "\"field\":\"currency\"", "\"http://$TANDEM_LISTEN/v1/latest?currency=eur\"");
    answers(400, "\"field\":\"record\"", "\"http://$TANDEM_LISTEN/v1/items/a/similar?record=x\"");
    answers(400, "\"field\":\"record\"",
            "-d '{\"items\":[]}' \"http://$TANDEM_LISTEN/v1/sessions/recommendations?record=x\"");
    answers(422, "\"index\":1",
            "-d '{\"items\":[\"a\",1]}' http://$TANDEM_LISTEN/v1/sessions/recommendations");
    answers(404, "GET /v1/boards", "http://$TANDEM_LISTEN/v1/boards/nothing");
}

static void boards_are_those_of_the_file(void **state)
{
    (void)state;
    json_t *list = answer_of("/v1/boards", NULL);
    assert_int_equal(json_array_size(json_object_get(list, "boards")), 3);
    assert_int_equal(number_in(list, "boards/1/hours"), 24);
    json_decref(list);
    json_t *home = answer_of("/v1/boards/home?n=100", NULL),
           *popular = answer_of("/v1/popular?n=100&category=home", NULL);
    assert_true(json_array_size(json_object_get(home, "items")) > 10);
    assert_true(json_equal(json_object_get(home, "items"), json_object_get(popular, "items")));
    json_decref(home);
    json_decref(popular);
    json_t *land = answer_of("/v1/boards/new%20zealand?n=100", NULL);
    assert_true(json_array_size(json_object_get(land, "items")) > 10);
    json_decref(land);
    must_exit(2, "echo '[{\"name\":\"x\",\"view\":\"together\"}]' >$TANDEM_LOCAL/wrong.json; "
                 "TANDEM_BOARDS=$TANDEM_LOCAL/wrong.json $BIN/tandem-serve --listen 127.0.0.1:1");
}

static void what_was_shown_is_recorded_as_impressions_of_its_list(void **state)
{
    (void)state;
    json_t *answer =
        answer_of("/v1/sessions/recommendations?n=7&offset=2&record=front%20page",
                  "{\"items\":[\"item-00001\"],\"user\":\"shown to\",\"country\":\"XK\"}");
    assert_int_equal(number_in(answer, "recorded"), 7);
    wait_caught_up();
    assert_int_equal(
        sql_number(
            "SELECT count(*) FROM events WHERE list = 'front page' AND type = 5 AND country = 'XK'"),
        7);
    json_t *item;
    size_t i;
    json_array_foreach(json_object_get(answer, "items"), i, item)
    {
        char sql[200];
        snprintf(sql, sizeof sql,
                 "SELECT count(*) FROM events WHERE list = 'front page' AND item = '%s'",
                 json_string_value(json_object_get(item, "item")));
        assert_int_equal(sql_number(sql), 1);
    }
    json_decref(answer);
    int64_t minute = sql_number("SELECT max(ts) / 60000 FROM events WHERE list = 'front page'");
    char group[32];
    snprintf(group, sizeof group, "%lld", (long long)minute);
    assert_int_equal(counter("traffic_country", group, "XK"), 7);
    answers(200, "HTTP/1.1 200",
            "-I \"http://$TANDEM_LISTEN/v1/users/known-1/recommendations?record=head\"");
    wait_caught_up();
    assert_int_equal(sql_number("SELECT count(*) FROM events WHERE list = 'head'"), 0);
}

static void what_is_hidden_is_in_no_answer(void **state)
{
    (void)state;
    const char *asked = getenv("ANSWERS");
    must_exit(0, "python3 tests/ranked.py hidden http://$TANDEM_LISTEN --answers %s",
              asked ? asked : "10000");
}

/* The answer does not wait for Kafka, and what it could not record is counted. */
static void an_answer_is_given_though_kafka_is_away(void **state)
{
    (void)state;
    kill_server("kafka");
    must_exit(
        0,
        "curl -fsS -m 2 \"http://$TANDEM_LISTEN/v1/users/known-1/recommendations?record=lost&n=5\" | "
        "grep -q '\"recorded\":5'");
    wait_until(
        30, "curl -fsS http://$TANDEM_LISTEN/metrics | grep -qx 'tandem_impressions_lost_total 5'");
    start_server("kafka");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_are_what_their_counters_make_in_each_layer),
        cmocka_unit_test(filters_pass_what_the_catalogue_says),
        cmocka_unit_test(where_pairs_are_too_few_the_chain_fills_up),
        cmocka_unit_test(what_was_bought_is_left_out_when_asked),
        cmocka_unit_test(wrong_parameters_are_named),
        cmocka_unit_test(boards_are_those_of_the_file),
        cmocka_unit_test(what_was_shown_is_recorded_as_impressions_of_its_list),
        cmocka_unit_test(what_is_hidden_is_in_no_answer),
        cmocka_unit_test(an_answer_is_given_though_kafka_is_away),
    };
    int failed = cmocka_run_group_tests(tests, up, NULL);
    deployment_down(failed == 0);
    unlink(boards);
    return failed;
}
