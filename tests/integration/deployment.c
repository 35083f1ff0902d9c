#define _GNU_SOURCE
#include "tests/integration/deployment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/random.h"

static char folder[256];
static char bin[256];

/* ---- commands ---- */

static char *command_of(const char *format, va_list args)
{
    char *command = NULL, *whole = NULL;
    assert_true(vasprintf(&command, format, args) >= 0);
    assert_true(asprintf(&whole,
                         "[ ! -e '%s/env' ] || . '%s/env'; export BIN='%s' TANDEM_LOCAL='%s'; %s",
                         folder, folder, bin, folder, command) >= 0);
    free(command);
    return whole;
}

/* Nothing here takes minutes: what hangs ends with 124, or 137 where it does not mind SIGTERM, and its test fails. */
#define BOUNDED "exec timeout -k 10 300 sh -c \"$TEST_COMMAND\""

static int exit_code_of(int status)
{
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int run_shell(const char *format, va_list args)
{
    char *command = command_of(format, args);
    fflush(NULL);
    assert_int_equal(setenv("TEST_COMMAND", command, 1), 0);
    int code = exit_code_of(system(BOUNDED));
    free(command);
    return code;
}

int run(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int code = run_shell(format, args);
    va_end(args);
    return code;
}

void must_exit(int exit_code, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int code = run_shell(format, args);
    if (code != exit_code) {
        fprintf(stderr, "exit %d instead of %d: ", code, exit_code);
        vfprintf(stderr, format, again);
        fputc('\n', stderr);
    }
    va_end(again);
    va_end(args);
    assert_int_equal(code, exit_code);
}

static char *read_all(FILE *from)
{
    size_t n = 0, cap = 1 << 16;
    char *text = malloc(cap);
    assert_non_null(text);
    size_t got;
    while ((got = fread(text + n, 1, cap - n - 1, from)) > 0) {
        n += got;
        if (cap - n < 2) {
            text = realloc(text, cap *= 2);
            assert_non_null(text);
        }
    }
    text[n] = 0;
    return text;
}

static char *output_of_shell(int *code, const char *format, va_list args)
{
    char *command = command_of(format, args);
    fflush(NULL);
    assert_int_equal(setenv("TEST_COMMAND", command, 1), 0);
    FILE *from = popen(BOUNDED, "r");
    assert_non_null(from);
    char *text = read_all(from);
    *code = exit_code_of(pclose(from));
    if (*code)
        fprintf(stderr, "exit %d: %s\n", *code, command);
    free(command);
    return text;
}

char *output_of(const char *format, ...)
{
    int code;
    va_list args;
    va_start(args, format);
    char *text = output_of_shell(&code, format, args);
    va_end(args);
    assert_int_equal(code, 0);
    return text;
}

/* ---- the deployment ---- */

/* Whether the ports from `base` on are ours among the test programs that run at a time: until this process ends, by a name of its own. */
static bool base_take(int base)
{
    struct sockaddr_un name = {.sun_family =
                                   AF_UNIX}; /* abstract: it begins with a 0, and is no file */
    int n = snprintf(name.sun_path + 1, sizeof name.sun_path - 1, "tandem-test-ports-%d", base);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t bytes = (socklen_t)offsetof(struct sockaddr_un, sun_path) + 1 + (socklen_t)n;
    if (fd >= 0 && bind(fd, (const struct sockaddr *)&name, bytes) == 0)
        return true;
    close(fd);
    return false;
}

/* A base whose ports nobody listens on: below the kernel's ephemeral range, away from the demo's. */
static int free_port_base(void)
{
    for (;;) {
        unsigned char byte[2];
        random_bytes(byte, sizeof byte);
        int base = 20000 + 20 * ((byte[0] << 8 | byte[1]) % 400);
        if (base_take(base) &&
            run("! ss -Hltn 'sport >= :%d and sport < :%d' | grep -q .", base, base + 20) == 0)
            return base;
    }
}

void deployment_up(struct deployment_settings settings)
{
    snprintf(bin, sizeof bin, "%s", getenv("TANDEM_BIN") ? getenv("TANDEM_BIN") : "build/bin");
    snprintf(folder, sizeof folder, "%s/tandem-test-XXXXXX",
             getenv("TMPDIR") ? getenv("TMPDIR") : "/var/tmp");
    if (!mkdtemp(folder)) {
        perror(folder);
        exit(1);
    }
    int base = free_port_base();
    int code = run(
        "TANDEM_PORT_BASE=%d TANDEM_REDIS_SERVERS=%d TANDEM_PARTITIONS=%d deploy/local/stack up >'%s/up.log' 2>&1 "
        "|| { cat '%s/up.log'; false; }",
        base, settings.redis_servers ? settings.redis_servers : 1,
        settings.partitions ? settings.partitions : 4, folder, folder);
    if (code || (!settings.servers_only && run("$BIN/tandem-batch setup 2>&1"))) {
        fprintf(stderr, "the private servers did not start; see %s/log\n", folder);
        deployment_down(false);
        exit(1);
    }
    if (settings.servers_only)
        return;
    start_program("serve", "tandem-serve");
    start_program("archive",
                  "tandem-batch archive --metrics 127.0.0.1:$((${TANDEM_LISTEN##*:} + 1))");
    start_program("speed-1", "tandem-speed --metrics 127.0.0.1:$((${TANDEM_LISTEN##*:} + 2))");
    wait_until(30, "curl -fsS -o '%s/ready' http://$TANDEM_LISTEN/readyz 2>'%s/ready.err'", folder,
               folder);
}

void deployment_down(bool passed)
{
    run("deploy/local/stack down >>'%s/up.log' 2>&1", folder);
    if (passed)
        run("deploy/local/stack wipe postgres >>'%s/up.log' 2>&1; rm -rf '%s'", folder,
            folder); /* its data may lie elsewhere */
    else
        fprintf(stderr, "kept for you to look at: %s/log\n", folder);
}

void start_program(const char *name, const char *command)
{
    must_exit(0, "deploy/local/stack spawn %s -- $BIN/%s >>'%s/up.log' 2>&1", name, command,
              folder);
}

void kill_program(const char *name)
{
    must_exit(0, "deploy/local/stack kill %s >>'%s/up.log' 2>&1", name, folder);
}

void stop_program(const char *name)
{
    must_exit(0, "deploy/local/stack stop %s >>'%s/up.log' 2>&1", name, folder);
}

void kill_server(const char *name)
{
    kill_program(name);
}

void start_server(const char *name)
{
    must_exit(0, "deploy/local/stack start %s >>'%s/up.log' 2>&1", name, folder);
}

/* ---- events in, answers out ---- */

void feed(int events, int seed, const char *more_options)
{
    must_exit(
        0,
        "$BIN/tandem-feed generate --events %d --seed %d --users 200 --items 100 %s 2>>'%s/feed.log'",
        events, seed, more_options ? more_options : "", folder);
}

void post_event(int status, const char *json)
{
    char *code =
        output_of("curl -sS -o '%s/answer' -w '%%{http_code}' -H 'Content-Type: application/json' "
                  "--data-binary '%s' http://$TANDEM_LISTEN/v1/events",
                  folder, json);
    if (atoi(code) != status)
        run("cat '%s/answer' >&2", folder);
    assert_int_equal(atoi(code), status);
    free(code);
}

json_t *answer_of(const char *path, const char *body)
{
    char *text = body
                     ? output_of("curl -fsS -H 'Content-Type: application/json' --data-binary '%s' "
                                 "'http://'$TANDEM_LISTEN'%s'",
                                 body, path)
                     : output_of("curl -fsS 'http://'$TANDEM_LISTEN'%s'", path);
    json_error_t why;
    json_t *json = json_loads(text, 0, &why);
    if (!json)
        fprintf(stderr, "not JSON: %s: %s\n", why.text, text);
    assert_non_null(json);
    free(text);
    return json;
}

int64_t number_in(const json_t *json, const char *path)
{
    char names[256], *rest = names, *name;
    snprintf(names, sizeof names, "%s", path);
    while ((name = strsep(&rest, "/"))) {
        json = json_is_array(json) ? json_array_get(json, (size_t)atoi(name))
                                   : json_object_get(json, name);
        if (!json)
            fprintf(stderr, "no %s in the answer\n", path);
        assert_non_null(json);
    }
    assert_true(json_is_integer(json));
    return json_integer_value(json);
}

int64_t counter(const char *view, const char *group, const char *member)
{
    char path[512];
    snprintf(path, sizeof path, "/v1/views/%s/%s?n=100000", view, group);
    json_t *answer = answer_of(path, NULL), *entry;
    size_t i;
    int64_t value = 0;
    json_array_foreach(json_object_get(answer, "counters"), i, entry)
    {
        if (strcmp(json_string_value(json_object_get(entry, "member")), member) == 0)
            value = json_integer_value(json_object_get(entry, "value"));
    }
    json_decref(answer);
    return value;
}

int64_t sql_number(const char *sql)
{
    char *text = output_of("psql -XAtq -v ON_ERROR_STOP=1 \"$TANDEM_POSTGRES\" -c \"%s\"", sql);
    int64_t number = atoll(text);
    free(text);
    return number;
}

/* ---- waiting ---- */

void wait_until(int seconds, const char *format, ...)
{
    int64_t end = clock_monotonic_us() + (int64_t)seconds * 1000000;
    for (;;) {
        va_list args;
        va_start(args, format);
        int code = run_shell(format, args);
        va_end(args);
        if (code == 0)
            return;
        if (clock_monotonic_us() > end) {
            fprintf(stderr, "did not happen within %d s: %s\n", seconds, format);
            fail();
        }
        usleep(50000);
    }
}

/* true when every element of a status vector is 0 */
static bool all_zero(const json_t *status, const char *name)
{
    json_t *vector = json_object_get(status, name), *element;
    size_t i;
    assert_true(json_is_array(vector));
    json_array_foreach(vector, i, element)
    {
        if (json_integer_value(element) != 0)
            return false;
    }
    return true;
}

static bool caught_up(void)
{
    json_t *status = answer_of("/v1/status", NULL);
    bool live = !json_is_true(json_object_get(status, "degraded")) && all_zero(status, "lag");
    json_t *ends = json_object_get(status, "log_end"), *end;
    int64_t sum = 0;
    size_t i;
    json_array_foreach(ends, i, end)
    {
        sum += json_integer_value(end);
    }
    json_decref(status);
    return live && sum == sql_number("SELECT sum(\\\"offset\\\") FROM archive_offset");
}

void wait_caught_up(void)
{
    for (int64_t end = clock_monotonic_us() + 60 * 1000000; !caught_up();) {
        if (clock_monotonic_us() > end) {
            run("curl -sS http://$TANDEM_LISTEN/v1/status >&2");
            fail_msg("answers did not catch up with the log within 60 s");
        }
        usleep(50000);
    }
}

void must_be_exact(void)
{
    wait_caught_up();
    must_exit(
        0,
        "$BIN/tandem-batch audit >'%s/audit.log' 2>&1 || { code=$?; cat '%s/audit.log' >&2; exit $code; }",
        folder, folder);
}
