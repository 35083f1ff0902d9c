/* Requests of which two readers may say two things, where they end above all: refused, and nothing behind them is read. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/integration/deployment.h"
#include "tests/integration/raw_client.h"

static int up(void **state)
{
    (void)state;
    deployment_up((struct deployment_settings){0});
    return 0;
}

/* Sends and expects this status first, that nothing behind it was answered, and that the connection was closed. */
static void is_refused_bytes(int status, const char *request, size_t n)
{
    bool closed;
    char expected[32];
    int fd = raw_sent(request, n);
    const char *answer = raw_take(fd, 1500, &closed);
    snprintf(expected, sizeof expected, "HTTP/1.1 %d ", status);
    if (strncmp(answer, expected, strlen(expected)) != 0 || strstr(answer + 1, "HTTP/1.1 "))
        fail_msg("%s\n--- instead of one %d:\n%s", request, status, answer);
    assert_true(closed);
    close(fd);
}

static void is_refused(int status, const char *request)
{
    is_refused_bytes(status, request, strlen(request));
}

static void a_request_whose_end_is_ambiguous_is_refused_and_nothing_behind_it_read(void **state)
{
    (void)state;
    is_refused(400, "POST /v1/events HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 40"
                    "\r\n\r\n{}" BEHIND);
    is_refused(400,
               "POST /v1/events HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: "
               "chunked\r\n\r\n0\r\n\r\n" BEHIND); /* by libevent itself */
    is_refused(411, "POST /v1/events HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                    "2\r\n{}\r\n0\r\n\r\n" BEHIND);
    is_refused(400, "POST /v1/events HTTP/1.1\r\nHost: a\r\nContent-Length: +2\r\n\r\n{}" BEHIND);
    is_refused(400, "POST /v1/events HTTP/1.1\r\nHost: a\r\nContent-Length : 2\r\n\r\n" BEHIND);
    is_refused(400, "GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n" BEHIND);
    is_refused(400, "GET /healthz HTTP/1.1\r\n\r\n" BEHIND);
    is_refused(400, "GET /healthz HTTP/1.1\r\nHost: a\r\nX: a\x01z\r\n\r\n" BEHIND);
}

/* What libevent reads as if nothing were: a proxy in front may read it in another way. */
static void bytes_of_a_head_that_libevent_does_not_show_are_refused(void **state)
{
    (void)state;
    static const char zero[] =
        "POST /v1/events HTTP/1.1\r\nHost: a\r\nContent-Length: 2\0, 40\r\n\r\n{}" BEHIND;
    is_refused_bytes(400, zero, sizeof zero - 1);
    is_refused(400,
               "POST /v1/events HTTP/1.1\r\nHost: a\r\nX: y\r\n Content-Length: 40\r\n\r\n" BEHIND);
    is_refused(
        400,
        "POST /v1/events HTTP/1.1\r\nHost: a\r\nX: y\r\n\tTransfer-Encoding: chunked\r\n\r\n" BEHIND);
    is_refused(400, "GET /healthz HTTP/1.1\r\nHost: a\nX: y\r\n\r\n" BEHIND);
    is_refused(400, "GET /healthz HTTP/1.1\nHost: a\n\n" BEHIND);
}

static void the_body_of_a_head_is_never_taken_for_a_request(void **state)
{
    (void)state;
    is_refused(400, "HEAD /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 37\r\n\r\n" BEHIND);
    is_refused(405, "TRACE /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 37\r\n\r\n" BEHIND);
    bool closed;
    int fd = raw_connect(0);
    raw_put(fd, "HEAD /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    assert_non_null(strstr(raw_take(fd, 500, &closed), " 200 "));
    close(fd);
}

/* Byte by byte, and behind another request: the same verdict. */
static void a_hidden_byte_is_found_wherever_it_comes(void **state)
{
    (void)state;
    static const char folded[] = "GET /healthz HTTP/1.1\r\nHost: a\r\n folded: b\r\n\r\n";
    bool closed;
    int fd = raw_connect(0);
    for (size_t i = 0; i + 1 < sizeof folded; i++) {
        assert_int_equal(send(fd, folded + i, 1, MSG_NOSIGNAL), 1);
        usleep(1000);
    }
    assert_non_null(strstr(raw_take(fd, 1500, &closed), "HTTP/1.1 400 "));
    assert_true(closed);
    close(fd);
    fd = raw_connect(0);
    raw_put(fd, "POST /v1/views/read HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n\n \n " BEHIND
                "GET /healthz HTTP/1.1\r\nHost: a\r\n folded: b\r\n\r\n" BEHIND);
    const char *answer = raw_take(fd, 1500, &closed);
    const char *good = strstr(answer, "HTTP/1.1 200 ");
    assert_memory_equal(answer, "HTTP/1.1 400 ", 13); /* the body, which is no JSON */
    assert_non_null(good);
    assert_non_null(strstr(good, "HTTP/1.1 400 "));
    assert_null(strstr(good + 1, "HTTP/1.1 200 "));
    assert_true(closed);
    close(fd);
}

static void requests_in_a_row_on_one_connection_are_all_answered_in_order(void **state)
{
    (void)state;
    bool closed;
    int fd = raw_connect(0), n = 0;
    for (int i = 0; i < 50; i++)
        raw_put(fd, i % 2 ? "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
                          : "GET /v2 HTTP/1.1\r\nHost: a\r\n\r\n");
    const char *at = raw_take(fd, 500, &closed);
    const char *all = at;
    for (; (at = strstr(at, "HTTP/1.1 ")); at++, n++)
        if (atoi(at + strlen("HTTP/1.1 ")) != (n % 2 ? 200 : 404))
            fail_msg("answer %d: %s", n, all);
    assert_int_equal(n, 50);
    assert_false(closed);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_whose_end_is_ambiguous_is_refused_and_nothing_behind_it_read),
        cmocka_unit_test(bytes_of_a_head_that_libevent_does_not_show_are_refused),
        cmocka_unit_test(the_body_of_a_head_is_never_taken_for_a_request),
        cmocka_unit_test(a_hidden_byte_is_found_wherever_it_comes),
        cmocka_unit_test(requests_in_a_row_on_one_connection_are_all_answered_in_order),
    };
    int failed = cmocka_run_group_tests(tests, up, NULL);
    deployment_down(failed == 0);
    return failed;
}
