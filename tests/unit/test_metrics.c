/* Figures and their print, and who may ask for it how. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/metrics_http.h"
#include "common/version.h"
#include "speed-layer/arrivals.h"

static const struct histogram_scale ms = {.bounds = 3, .bound = {1, 10, 2500}, .unit = 1e-3};

/* ---- text ---- */

static const char *text_of_metrics(struct metrics *metrics)
{
    static char text[65536];
    assert_true(metrics->n < sizeof text);
    memcpy(text, metrics->text, metrics->n);
    text[metrics->n] = 0;
    metrics_free(metrics);
    return text;
}

static void a_counter_and_a_gauge_have_help_type_and_one_line(void **state)
{
    (void)state;
    struct metrics out = {0};
    metrics_counter(&out, "a_total", "How many.", UINT64_MAX);
    metrics_gauge(&out, "b_seconds", "How long.", 0.25);
    metrics_gauge(&out, "c_bytes", "How much.", 123456789012345);
    assert_string_equal(
        text_of_metrics(&out),
        "# HELP a_total How many.\n# TYPE a_total counter\n"
        "a_total 18446744073709551615\n"
        "# HELP b_seconds How long.\n# TYPE b_seconds gauge\nb_seconds 0.25\n"
        "# HELP c_bytes How much.\n# TYPE c_bytes gauge\nc_bytes 123456789012345\n");
}

static void a_histogram_is_printed_cumulatively_in_base_units(void **state)
{
    (void)state;
    struct histogram one = {0}, other = {0};
    struct histogram_sum sum = {0};
    const int64_t values[] = {-5, 0, 1, 2, 10, 2500, 2501};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        histogram_add(i % 2 ? &one : &other, &ms, values[i]);
    histogram_read(&one, &sum);
    histogram_read(&other, &sum);
    struct metrics out = {0};
    metrics_histogram(&out, "t_seconds", "", &ms, &sum);
    metrics_histogram(&out, "t_seconds", "route=\"/a\"", &ms, &sum);
    assert_string_equal(text_of_metrics(&out),
                        "t_seconds_bucket{le=\"0.001\"} 3\nt_seconds_bucket{le=\"0.01\"} 5\n"
                        "t_seconds_bucket{le=\"2.5\"} 6\nt_seconds_bucket{le=\"+Inf\"} 7\n"
                        "t_seconds_sum 5.014\nt_seconds_count 7\n"
                        "t_seconds_bucket{route=\"/a\",le=\"0.001\"} 3\n"
                        "t_seconds_bucket{route=\"/a\",le=\"0.01\"} 5\n"
                        "t_seconds_bucket{route=\"/a\",le=\"2.5\"} 6\n"
                        "t_seconds_bucket{route=\"/a\",le=\"+Inf\"} 7\n"
                        "t_seconds_sum{route=\"/a\"} 5.014\nt_seconds_count{route=\"/a\"} 7\n");
}

static double value_of(const char *text, const char *sample)
{
    double value = -1;
    for (const char *at = text; at && value < 0; at = strchr(at, '\n')) {
        at += *at == '\n';
        if (strncmp(at, sample, strlen(sample)) == 0 && at[strlen(sample)] == ' ')
            value = strtod(at + strlen(sample), NULL);
    }
    return value;
}

static void the_process_says_its_memory_its_start_and_its_version(void **state)
{
    (void)state;
    struct metrics out = {0};
    metrics_process(&out);
    const char *text = text_of_metrics(&out);
    double started = value_of(text, "process_start_time_seconds");
    double ago = (double)clock_unix_ms() / 1000 - started;
    assert_true(ago > -0.1 && ago < 1200);
    assert_true(value_of(text, "process_resident_memory_bytes") > 1 << 20);
    assert_true(value_of(text, "process_cpu_seconds_total") >= 0);
    assert_true(value_of(text, "tandem_build_info{version=\"" TANDEM_VERSION "\"}") == 1);
}

/* ---- freshness ---- */

static void a_record_is_as_old_as_its_answer_finds_it(void **state)
{
    (void)state;
    struct arrivals arrivals = {0};
    struct histogram freshness = {0};
    struct histogram_sum sum = {0};
    for (int64_t at = 1000; at < 1100; at++)
        arrivals_put(&arrivals, at);
    arrivals_put(&arrivals, -1);   /* its time is not known */
    arrivals_put(&arrivals, 5000); /* in the future: a clock is wrong */
    arrivals_answered(&arrivals, 100, 1100, &freshness);
    histogram_read(&freshness, &sum);
    assert_int_equal(sum.sum, 100 * 101 / 2);
    assert_int_equal(arrivals_waiting(&arrivals), 2);
    for (int64_t at = 0; at < 1000; at++)
        arrivals_put(&arrivals, 1100);
    arrivals_answered(&arrivals, 1002, 1101, &freshness);
    assert_int_equal(arrivals_waiting(&arrivals), 0);
    sum = (struct histogram_sum){0};
    histogram_read(&freshness, &sum);
    assert_int_equal(sum.sum, 100 * 101 / 2 + 1000);
    assert_int_equal(sum.bucket[0], 1 + 1 + 1000); /* up to 1 ms */
    arrivals_free(&arrivals);
}

/* ---- listening ---- */

static void print(struct metrics *into, void *context)
{
    metrics_counter(into, "asked_total", "How often.", (uint64_t)++ * (int *)context);
}

/* On a port that is free, and above which others are. */
static struct metrics_http *opened(int *port, int *asked)
{
    struct metrics_http *http = NULL;
    char address[64];
    struct err err;
    for (*port = 20000 + getpid() % 10000;; ++*port) {
        snprintf(address, sizeof address, "127.0.0.1:%d", *port);
        if (metrics_http_open(address, print, asked, &http, &err) == 0)
            return http;
        assert_int_equal(err.kind, ERR_FATAL);
        assert_true(*port < 32000);
    }
}

static int connected(int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

/* All that comes until the server closes, which it must within 5 s. */
static const char *answer_to(int port, const char *request)
{
    static char answer[65536];
    size_t n = 0;
    ssize_t got = 1;
    int fd = connected(port);
    assert_true(send(fd, request, strlen(request), MSG_NOSIGNAL) > 0);
    while (got > 0) {
        struct pollfd on = {fd, POLLIN, 0};
        assert_int_equal(poll(&on, 1, 5000), 1);
        got = recv(fd, answer + n, sizeof answer - n - 1, 0);
        n += got > 0 ? (size_t)got : 0;
    }
    answer[n] = 0;
    close(fd);
    return answer;
}

#define GET "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"

static void metrics_are_answered_and_nothing_else_is(void **state)
{
    (void)state;
    int port, asked = 0;
    struct metrics_http *http = opened(&port, &asked);
    const char *answer = answer_to(port, GET);
    assert_non_null(strstr(answer, "HTTP/1.1 200 "));
    assert_non_null(strstr(answer, "Content-Type: text/plain; version=0.0.4"));
    assert_non_null(strstr(answer, "\r\n\r\n# HELP asked_total How often.\n"));
    assert_non_null(strstr(answer_to(port, GET), "\nasked_total 2\n"));
    assert_non_null(
        strstr(answer_to(port, "GET /metrics?a=b HTTP/1.0\r\n\r\n"), "\nasked_total 3\n"));
    assert_null(strstr(answer_to(port, "HEAD /metrics HTTP/1.1\r\nHost: a\r\n\r\n"), " 200 "));
    assert_non_null(strstr(answer_to(port, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"), " 404 "));
    assert_non_null(strstr(answer_to(port, "GET /metrics/ HTTP/1.1\r\nHost: a\r\n\r\n"), " 404 "));
    assert_null(strstr(answer_to(port, "DELETE /metrics HTTP/1.1\r\nHost: a\r\n\r\n"), " 200 "));
    assert_null(strstr(
        answer_to(port, "POST /metrics HTTP/1.1\r\nContent-Length: 9\r\n\r\n123456789"), " 200 "));
    assert_null(strstr(answer_to(port, "\1\2\3\r\n\r\n"), " 200 "));
    assert_int_equal(asked, 3);
    metrics_http_close(http);
}

static void who_holds_connections_keeps_nobody_out(void **state)
{
    (void)state;
    enum { HELD = 200 };
    int port, asked = 0, fd[HELD];
    struct metrics_http *http = opened(&port, &asked);
    for (int i = 0; i < HELD; i++) {
        fd[i] = connected(port);
        assert_true(send(fd[i], GET, 20, MSG_NOSIGNAL) == 20); /* not the whole */
    }
    assert_non_null(strstr(answer_to(port, GET), "\nasked_total 1\n"));
    int closed = 0;
    char byte;
    for (int i = 0; i < HELD; i++)
        closed += recv(fd[i], &byte, 1, MSG_DONTWAIT) == 0;
    assert_true(closed >= HELD - 16);
    metrics_http_close(http); /* with connections that are open */
    for (int i = 0; i < HELD; i++)
        close(fd[i]);
}

static void an_address_that_is_none_is_told_from_one_that_is_taken(void **state)
{
    (void)state;
    static const char *const wrong[] = {"9464",         "127.0.0.1:",      "127.0.0.1:0",
                                        "a:65536",      "127.0.0.1:94 64", "127.0.0.1:-1",
                                        "127.0.0.1:+1", "127.0.0.1:http"};
    struct metrics_http *http;
    struct err err;
    int port, asked = 0;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(metrics_http_open(wrong[i], print, NULL, &http, &err), -1);
        assert_int_equal(err.kind, ERR_DATA);
        assert_non_null(strstr(err.message, "TANDEM_METRICS"));
    }
    assert_int_equal(metrics_http_open("", print, NULL, &http, &err), 0);
    assert_null(http);
    struct metrics_http *first = opened(&port, &asked);
    char address[64];
    snprintf(address, sizeof address, "127.0.0.1:%d", port);
    assert_int_equal(metrics_http_open(address, print, NULL, &http, &err), -1);
    assert_int_equal(err.kind, ERR_FATAL);
    assert_non_null(strstr(err.message, address));
    metrics_http_close(first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_counter_and_a_gauge_have_help_type_and_one_line),
        cmocka_unit_test(a_histogram_is_printed_cumulatively_in_base_units),
        cmocka_unit_test(the_process_says_its_memory_its_start_and_its_version),
        cmocka_unit_test(a_record_is_as_old_as_its_answer_finds_it),
        cmocka_unit_test(metrics_are_answered_and_nothing_else_is),
        cmocka_unit_test(who_holds_connections_keeps_nobody_out),
        cmocka_unit_test(an_address_that_is_none_is_told_from_one_that_is_taken),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
