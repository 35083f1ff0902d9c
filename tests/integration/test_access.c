/* Who may talk to tandem-serve, on real servers: no keys, roles, revoking, rates; and what every answer has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/clock.h"
#include "tests/integration/deployment.h"

/* The second server, whose pages of another origin are allowed; it listens on every address. */
#define OTHER   "127.0.0.1:$((${TANDEM_LISTEN##*:} + 12))"
#define OUTSIDE "$(hostname -I | cut -d' ' -f1):$((${TANDEM_LISTEN##*:} + 12))"
#define CHECK   "python3 tests/integration/http_checks.py "

static int up(void **state)
{
    (void)state;
    deployment_up((struct deployment_settings){0});
    must_exit(0, "TANDEM_CORS_ORIGINS=https://shop.example TANDEM_METRICS_OPEN=1 "
                 "deploy/local/stack spawn serve-2 -- $BIN/tandem-serve --listen "
                 "0.0.0.0:$((${TANDEM_LISTEN##*:} + 12)) >>$TANDEM_LOCAL/up.log 2>&1");
    wait_until(30, "curl -fsS -o $TANDEM_LOCAL/ready http://" OTHER
                   "/readyz 2>$TANDEM_LOCAL/ready.err");
    return 0;
}

/* What curl with these arguments is answered: body, headers where asked for, and last the status. */
static char *answer(const char *arguments)
{
    return output_of("cd $TANDEM_LOCAL && curl -sS -w '\\n%%{http_code}' %s", arguments);
}

static void answers(int status, const char *text, const char *arguments)
{
    char *out = answer(arguments);
    const char *code = strrchr(out, '\n');
    if (!code || atoi(code + 1) != status || !strstr(out, text))
        fail_msg("%s: instead of %d with '%s': %s", arguments, status, text, out);
    free(out);
}

/* ---- before there are keys ---- */

static void without_keys_only_this_machine_is_answered(void **state)
{
    (void)state;
    answers(200, "views", "http://" OTHER "/v1/views");
    answers(403, "only this server's own machine",
            "-H 'X-Forwarded-For: 203.0.113.9' http://" OTHER "/v1/views");
    answers(403, "tandem-serve key add", "-H 'Via: 1.1 proxy' http://" OTHER "/v1/views");
    must_exit(0, "grep -q 'warn keys: there are no API keys: only this machine' "
                 "$TANDEM_LOCAL/log/serve-2.log");
    if (run("hostname -I | grep -q .")) {
        print_message("this machine has no address but loopback: not asked from outside\n");
        return;
    }
    answers(403, "tandem-serve key add", "http://" OUTSIDE "/v1/views");
    answers(403, "tandem-serve key add",
            "-d '{\"type\":\"view\",\"user\":\"u\",\"item\":\"i\"}' http://" OUTSIDE "/v1/events");
    answers(200, "alive", "http://" OUTSIDE "/healthz");
}

static void every_answer_has_its_headers(void **state)
{
    (void)state;
    must_exit(0, CHECK "headers $TANDEM_LISTEN");
}

static void head_is_answered_as_get_without_its_body(void **state)
{
    (void)state;
    must_exit(0, CHECK "head $TANDEM_LISTEN");
}

static void options_tells_methods_and_preflights_are_for_allowed_origins(void **state)
{
    (void)state;
    must_exit(0, CHECK "options " OTHER " $TANDEM_LISTEN");
}

static void answers_are_compressed_for_who_wants_it_and_not_sent_twice(void **state)
{
    (void)state;
    must_exit(0, CHECK "encoding $TANDEM_LISTEN");
}

/* ---- keys ---- */

static void a_wrong_command_makes_no_key(void **state)
{
    (void)state;
    must_exit(2, "$BIN/tandem-serve key");
    must_exit(2, "$BIN/tandem-serve key add");
    must_exit(2, "$BIN/tandem-serve key add --role owner");
    must_exit(2, "$BIN/tandem-serve key add --role read --rate -1");
    must_exit(2, "$BIN/tandem-serve key add --role read more");
    must_exit(2, "$BIN/tandem-serve key revoke");
    must_exit(1, "$BIN/tandem-serve key revoke nosuch");
    must_exit(0, "$BIN/tandem-serve key add --help | grep -q role");
    must_exit(2, "TANDEM_CORS_ORIGINS=shop.example $BIN/tandem-serve --listen 127.0.0.1:1");
    assert_int_equal(sql_number("SELECT count(*) FROM api_key"), 0);
}

static void a_key_is_printed_once_and_kept_nowhere(void **state)
{
    (void)state;
    must_exit(0, "for role in write read admin; do $BIN/tandem-serve key add --role $role --rate 0 "
                 "--label \"of $role\" >$TANDEM_LOCAL/$role.key || exit 1; done; "
                 "grep -qE '^tdm_[0-9a-f]{12}_[A-Za-z0-9_-]{43}$' $TANDEM_LOCAL/admin.key && "
                 "[ $(wc -l <$TANDEM_LOCAL/admin.key) = 1 ]");
    wait_until(1, "[ $(curl -s -o $TANDEM_LOCAL/out -w '%%{http_code}' "
                  "http://$TANDEM_LISTEN/v1/views) = 401 ]");
    answers(200, "views", "-H \"X-API-Key: $(cat read.key)\" http://$TANDEM_LISTEN/v1/views");
    must_exit(0, "$BIN/tandem-serve key list | grep -q ' of admin$'");
    must_exit(0, "secret=$(cut -d_ -f3- $TANDEM_LOCAL/read.key); "
                 "! pg_dump \"$TANDEM_POSTGRES\" -t api_key | grep -qF -- \"$secret\" && "
                 "! grep -rqF -- \"$secret\" $TANDEM_LOCAL/log");
}

#define ADD_REVOKED                                                         \
    "$BIN/tandem-serve key add --role admin >$TANDEM_LOCAL/revoked.key && " \
    "$BIN/tandem-serve key revoke $(cut -c5-16 $TANDEM_LOCAL/revoked.key); "

static void every_route_is_open_to_the_roles_it_names_and_no_other(void **state)
{
    (void)state;
    must_exit(0, ADD_REVOKED "sleep 1; cd $TANDEM_LOCAL && cat write.key read.key admin.key "
                             "revoked.key >all.keys");
    must_exit(0, CHECK "roles $TANDEM_LISTEN $(cat $TANDEM_LOCAL/all.keys)");
}

static void loopback_counts_for_nothing_once_there_are_keys(void **state)
{
    (void)state;
    answers(401, "needs a key", "http://$TANDEM_LISTEN/v1/status");
    answers(401, "needs a key", "http://$TANDEM_LISTEN/metrics");
    answers(200, "tandem_http", "http://" OTHER "/metrics"); /* TANDEM_METRICS_OPEN */
}

static void a_key_in_the_address_writes_events_and_nothing_else(void **state)
{
    (void)state;
    const char *event = "-d '{\"type\":\"view\",\"user\":\"u\",\"item\":\"i\"}' ";
    char arguments[256];
    snprintf(arguments, sizeof arguments,
             "%s \"http://$TANDEM_LISTEN/v1/events?key=$(cat write.key)\"", event);
    answers(202, "accepted", arguments);
    snprintf(arguments, sizeof arguments,
             "%s \"http://$TANDEM_LISTEN/v1/events?key=$(cat admin.key)\"", event);
    answers(403, "only a key with role write", arguments);
    answers(401, "needs a key", "\"http://$TANDEM_LISTEN/v1/views?key=$(cat read.key)\"");
}

static void a_revoked_key_ends_everywhere_within_a_second(void **state)
{
    (void)state;
    for (int round = 0; round < 5; round++) {
        must_exit(0, "$BIN/tandem-serve key add --role read >$TANDEM_LOCAL/short.key");
        for (int s = 0; s < 2; s++)
            wait_until(1,
                       "[ $(curl -s -o $TANDEM_LOCAL/out -w '%%{http_code}' -H \"X-API-Key: "
                       "$(cat $TANDEM_LOCAL/short.key)\" http://%s/v1/views) = 200 ]",
                       s ? OTHER : "$TANDEM_LISTEN");
        must_exit(0, "$BIN/tandem-serve key revoke $(cut -c5-16 $TANDEM_LOCAL/short.key)");
        int64_t revoked_us = clock_monotonic_us();
        for (int s = 0; s < 2; s++)
            wait_until(1,
                       "[ $(curl -s -o $TANDEM_LOCAL/out -w '%%{http_code}' -H \"X-API-Key: "
                       "$(cat $TANDEM_LOCAL/short.key)\" http://%s/v1/views) = 401 ]",
                       s ? OTHER : "$TANDEM_LISTEN");
        assert_true(clock_monotonic_us() - revoked_us < 1000000);
    }
}

/* NOTIFY may be lost; a row that is changed without one is met by the look every 500 ms. */
static void a_change_that_nobody_told_is_met_all_the_same(void **state)
{
    (void)state;
    must_exit(0, "$BIN/tandem-serve key add --role read >$TANDEM_LOCAL/short.key; "
                 "psql -qX \"$TANDEM_POSTGRES\" -c \"UPDATE api_key SET revoked_at = now() WHERE "
                 "id = '$(cut -c5-16 $TANDEM_LOCAL/short.key)'\"");
    wait_until(1, "[ $(curl -s -o $TANDEM_LOCAL/out -w '%%{http_code}' -H \"X-API-Key: "
                  "$(cat $TANDEM_LOCAL/short.key)\" http://$TANDEM_LISTEN/v1/views) = 401 ]");
}

static void who_is_too_fast_is_told_when_to_come_back(void **state)
{
    (void)state;
    const char *get = "-D - -H \"X-API-Key: $(cat slow.key)\" http://$TANDEM_LISTEN/v1/views";
    must_exit(0, "$BIN/tandem-serve key add --role read --rate 1 --burst 3 "
                 ">$TANDEM_LOCAL/slow.key; sleep 1");
    answers(200, "RateLimit-Remaining: 2", get);
    answers(200, "RateLimit-Limit: 3", get);
    answers(200, "RateLimit-Reset: ", get);
    for (int i = 0; i < 3; i++) { /* a second may have passed meanwhile */
        char *out = answer(get);
        bool refused = strcmp(strrchr(out, '\n'), "\n429") == 0;
        if (refused)
            assert_non_null(strstr(out, "Retry-After: 1"));
        free(out);
        if (refused)
            break;
        assert_true(i < 2);
    }
    must_exit(0, "sleep 1");
    answers(200, "RateLimit-Remaining: ", get);
}

static void what_was_known_stays_valid_while_postgres_is_away(void **state)
{
    (void)state;
    const char *get = "-H \"X-API-Key: $(cat read.key)\" http://$TANDEM_LISTEN/v1/views";
    kill_server("postgres");
    must_exit(0, "sleep 1");
    answers(200, "views", get);
    answers(401, "needs a key", "http://$TANDEM_LISTEN/v1/views");
    answers(503, "Postgres is away",
            "-H \"X-API-Key: $(cat admin.key)\" http://$TANDEM_LISTEN/v1/users/nobody");
    start_server("postgres");
    answers(200, "views", get);
    wait_until(20, "[ $(curl -s -o $TANDEM_LOCAL/out -w '%%{http_code}' -H \"X-API-Key: $(cat "
                   "$TANDEM_LOCAL/admin.key)\" http://$TANDEM_LISTEN/v1/users/nobody) = 200 ]");
}

static void a_use_is_noted_and_a_problem_logged_with_its_request_id(void **state)
{
    (void)state;
    wait_until(15, "psql -XAtq \"$TANDEM_POSTGRES\" -c \"SELECT used_at IS NOT NULL FROM api_key "
                   "WHERE label = 'of read'\" | grep -q t");
    answers(401, "\"request_id\":\"look-for-me\"",
            "-H 'X-Request-ID: look-for-me' http://$TANDEM_LISTEN/v1/views");
    must_exit(0, "grep -q 'problem status=401 request_id=look-for-me route=/v1/views' "
                 "$TANDEM_LOCAL/log/serve.log");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_keys_only_this_machine_is_answered),
        cmocka_unit_test(every_answer_has_its_headers),
        cmocka_unit_test(head_is_answered_as_get_without_its_body),
        cmocka_unit_test(options_tells_methods_and_preflights_are_for_allowed_origins),
        cmocka_unit_test(answers_are_compressed_for_who_wants_it_and_not_sent_twice),
        cmocka_unit_test(a_wrong_command_makes_no_key),
        cmocka_unit_test(a_key_is_printed_once_and_kept_nowhere),
        cmocka_unit_test(every_route_is_open_to_the_roles_it_names_and_no_other),
        cmocka_unit_test(loopback_counts_for_nothing_once_there_are_keys),
        cmocka_unit_test(a_key_in_the_address_writes_events_and_nothing_else),
        cmocka_unit_test(a_revoked_key_ends_everywhere_within_a_second),
        cmocka_unit_test(a_change_that_nobody_told_is_met_all_the_same),
        cmocka_unit_test(who_is_too_fast_is_told_when_to_come_back),
        cmocka_unit_test(what_was_known_stays_valid_while_postgres_is_away),
        cmocka_unit_test(a_use_is_noted_and_a_problem_logged_with_its_request_id),
    };
    int failed = cmocka_run_group_tests(tests, up, NULL);
    deployment_down(failed == 0);
    return failed;
}
