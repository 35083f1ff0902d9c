/* deploy/nginx/tandem.conf in front of a real tandem-serve: TLS, what goes through and what does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/integration/deployment.h"

#define PORT  "$((${TANDEM_LISTEN##*:} + 3))"
#define URL   "https://localhost:" PORT
#define CHECK "python3 tests/integration/proxy_checks.py "
#define WITH  " " PORT " $(cat $TANDEM_LOCAL/admin.key) $TANDEM_LOCAL/nginx/cert.pem"

/* nginx with the file as it is deployed, but for what it says is to be set. It becomes a daemon; nginx/pid has its id. */
static const char nginx_up[] =
    "mkdir -p $TANDEM_LOCAL/nginx && cd $TANDEM_LOCAL/nginx && "
    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost "
    "-addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout key.pem -out cert.pem 2>openssl.log && "
    "sed -e \"s/127.0.0.1:8080/$TANDEM_LISTEN/\" -e \"s/listen 443/listen 127.0.0.1:" PORT "/\" "
    "-e \"s,/etc/ssl/tandem,$PWD,\" -e \"s,/var/log/nginx,$PWD,\" $PROJECT/deploy/nginx/tandem.conf "
    ">tandem.conf && "
    "{ [ $(id -u) != 0 ] || echo 'user root;'; "
    "echo 'pid pid; error_log error.log info; events {} http { include tandem.conf; '; "
    "for t in client_body proxy fastcgi uwsgi scgi; do echo \"${t}_temp_path $t;\"; done; echo '}'; } "
    ">nginx.conf && nginx -p $PWD -e error.log -c nginx.conf";

static int up(void **state)
{
    (void)state;
    deployment_up((struct deployment_settings){0});
    must_exit(0, "PROJECT=$PWD; %s", nginx_up);
    return 0;
}

static int down(void **state)
{
    (void)state;
    run("kill $(cat $TANDEM_LOCAL/nginx/pid)");
    return 0;
}

/* curl over TLS, which checks the certificate. */
static void answers(int status, const char *text, const char *arguments)
{
    char *out = output_of("cd $TANDEM_LOCAL && curl -sS --path-as-is --cacert nginx/cert.pem -w "
                          "'\\n%%{http_code}' %s",
                          arguments);
    const char *code = strrchr(out, '\n');
    if (!code || atoi(code + 1) != status || !strstr(out, text))
        fail_msg("%s: instead of %d with '%s': %s", arguments, status, text, out);
    free(out);
}

static void without_keys_a_proxy_on_this_machine_opens_nothing(void **state)
{
    (void)state;
    answers(403, "tandem-serve key add", URL "/v1/views");
    answers(200, "alive", URL "/healthz");
    must_exit(0,
              "$BIN/tandem-serve key add --role admin --rate 0 >$TANDEM_LOCAL/admin.key; sleep 1");
    answers(401, "needs a key", URL "/v1/views");
}

static void events_go_in_and_answers_come_out(void **state)
{
    (void)state;
    answers(
        202, "accepted",
        "-H \"X-API-Key: $(cat admin.key)\" -d '{\"type\":\"view\",\"user\":\"a/b %2F\",\"item\":"
        "\"i\"}' " URL "/v1/events");
    must_exit(0, "sleep 1");
    answers(200, "\"item\":\"i\"",
            "-H \"X-API-Key: $(cat admin.key)\" " URL "/v1/users/a%2Fb%20%252F");
    answers(200, "{\"views\":", "--compressed -H \"X-API-Key: $(cat admin.key)\" " URL "/v1/views");
    answers(200, "ontent-", "-I --http1.1 -H \"X-API-Key: $(cat admin.key)\" " URL "/v1/views");
    answers(404, "404", URL "/metrics");
    must_exit(0, "head -c 1100000 /dev/zero >$TANDEM_LOCAL/big");
    answers(413, "413", "--data-binary @big " URL "/v1/events");
    must_exit(0, CHECK "keep_alive" WITH);
}

static void no_request_is_smuggled_behind_another(void **state)
{
    (void)state;
    must_exit(0, CHECK "smuggle" WITH);
    char *out = output_of("sleep 1; curl -sS -H \"X-API-Key: $(cat $TANDEM_LOCAL/admin.key)\" "
                          "http://$TANDEM_LISTEN/v1/users/smuggled/events?type=forget");
    json_t *answer = json_loads(out, 0, NULL);
    assert_int_equal(json_array_size(json_object_get(answer, "events")), 1);
    json_decref(answer);
    free(out);
}

static void clients_that_go_away_leave_nothing_behind(void **state)
{
    (void)state;
    kill_server("kafka");
    must_exit(0, CHECK "cancel" WITH);
    answers(200, "views", "-H \"X-API-Key: $(cat admin.key)\" " URL "/v1/views");
    start_server("kafka");
    wait_until(30,
               "[ $(curl -sS -H \"X-API-Key: $(cat $TANDEM_LOCAL/admin.key)\" "
               "http://$TANDEM_LISTEN/metrics | sed -n 's/^tandem_http_connections //p') -le 3 ]");
    must_exit(1, "grep -E 'crit|alert|emerg' $TANDEM_LOCAL/nginx/error.log");
}

static void the_log_names_requests_but_no_keys(void **state)
{
    (void)state;
    must_exit(0, "grep -q 'GET /v1/views\" 200 .* id=through-49$' $TANDEM_LOCAL/nginx/tandem.log");
    must_exit(1, "grep -r \"$(cut -d_ -f3- $TANDEM_LOCAL/admin.key)\" $TANDEM_LOCAL/nginx");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_keys_a_proxy_on_this_machine_opens_nothing),
        cmocka_unit_test(events_go_in_and_answers_come_out),
        cmocka_unit_test(no_request_is_smuggled_behind_another),
        cmocka_unit_test(clients_that_go_away_leave_nothing_behind),
        cmocka_unit_test(the_log_names_requests_but_no_keys),
    };
    int failed = cmocka_run_group_tests(tests, up, down);
    deployment_down(failed == 0);
    return failed;
}
