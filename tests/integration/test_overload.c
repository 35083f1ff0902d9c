/* tandem-serve under clients that are too many or too slow: each meets a stated bound. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "tests/integration/deployment.h"
#include "tests/integration/raw_client.h"

enum { CROWD = 10000 };

static int up(void **state)
{
    (void)state;
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    deployment_up((struct deployment_settings){0});
    feed(2000, 1, NULL);
    must_exit(0, "$BIN/tandem-batch run");
    wait_caught_up();
    stop_program("serve");
    start_program("serve", "tandem-serve --request-s 2 --answer-s 2 --calls 64 --connections 10500"
                           " --buffer-bytes 8388608");
    wait_until(20, "curl -fsS -o $TANDEM_LOCAL/ready http://$TANDEM_LISTEN/readyz");
    return 0;
}

static int64_t refused_by(const char *bound)
{
    char *text =
        output_of("curl -fsS http://$TANDEM_LISTEN/metrics | grep 'refused_total{bound=\"%s\"}'"
                  " | cut -d' ' -f2",
                  bound);
    int64_t n = atoll(text);
    free(text);
    return n;
}

/* A byte now and then keeps every time-out of inactivity away. */
static void drips(const char *head)
{
    bool closed = false;
    int fd = raw_connect(0);
    int64_t began_us = clock_monotonic_us();
    raw_put(fd, head);
    while (!closed && clock_monotonic_us() - began_us < 10 * 1000000) {
        raw_take(fd, 200, &closed);
        if (!closed && send(fd, "x", 1, MSG_NOSIGNAL) != 1)
            closed = true;
    }
    assert_true(closed);
    int64_t took_ms = (clock_monotonic_us() - began_us) / 1000;
    assert_true(took_ms >= 1500 && took_ms < 4000);
    close(fd);
}

static void a_request_that_drips_in_is_ended(void **state)
{
    (void)state;
    int64_t before = refused_by("request_s");
    drips("G");
    drips("GET /healthz HTTP/1.1\r\nX: ");
    drips("POST /v1/events HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n{");
    assert_int_equal(refused_by("request_s") - before, 3);
}

/* Asks again and again for a large answer, and fetches none of it. */
static void an_answer_that_nobody_fetches_is_given_up(void **state)
{
    (void)state;
    static const char ask[] = "GET /v1/views/item_users/all?n=100000 HTTP/1.1\r\nHost: a\r\n\r\n";
    int64_t before = refused_by("answer_s"), began_us = clock_monotonic_us();
    bool closed = false;
    int fd = raw_connect(4096);
    for (int i = 0; i < 3000; i++) /* answers of more bytes than any socket holds */
        raw_put(fd, ask);
    while (!closed && clock_monotonic_us() - began_us < 15 * 1000000) {
        closed = send(fd, "G", 1, MSG_NOSIGNAL) < 0;
        usleep(20000);
    }
    assert_true(closed);
    assert_int_equal(refused_by("answer_s") - before, 1);
    close(fd);
}

static void ten_thousand_idle_connections_disturb_nobody(void **state)
{
    (void)state;
    static int fd[CROWD];
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    if (files.rlim_cur < CROWD + 100) {
        print_message("skipped: only %ld open files are allowed here\n", (long)files.rlim_cur);
        skip();
    }
    for (int i = 0; i < CROWD; i++)
        fd[i] = raw_connect(0);
    must_exit(0, "for i in 1 2 3 4 5; do curl -fsS -m 1 http://$TANDEM_LISTEN/v1/popular?hours=1"
                 " >>$TANDEM_LOCAL/up.log; done");
    char *resident =
        output_of("awk '/VmRSS/ {print $2}' /proc/$(cat $TANDEM_LOCAL/run/serve.pid)/status");
    print_message("resident with 10,000 idle connections: %d MB\n", atoi(resident) / 1024);
    assert_true(atoi(resident) < 300 * 1024);
    free(resident);
    int more[1000], n_more = 0;
    bool closed;
    usleep(1100000); /* who is idle for less than a second is not closed for a newcomer */
    for (; n_more < 1000; n_more++) { /* beyond --connections, each in the middle of a request */
        more[n_more] = raw_connect(0);
        send(more[n_more], "GET /v1/status HTTP/1.1\r\n", 25, MSG_NOSIGNAL);
    }
    raw_put(more[999], "Host: a\r\n\r\n");
    assert_non_null(strstr(raw_take(more[999], 3000, &closed), "HTTP/1.1 200 "));
    assert_true(refused_by("idle") > 0);
    for (int i = 0; i < CROWD; i++)
        close(fd[i]);
    for (int i = 0; i < n_more; i++)
        close(more[i]);
    wait_until(5, "curl -fsS -m 1 http://$TANDEM_LISTEN/v1/status");
    wait_until(
        5,
        "[ $(curl -fsS http://$TANDEM_LISTEN/metrics | awk '/^tandem_http_connections / {print $2}') -lt 10 ]");
}

/* tandem-serve anew, with these options besides. */
static void serve_anew(const char *options)
{
    char command[256];
    snprintf(command, sizeof command, "tandem-serve --request-s 5 %s", options);
    stop_program("serve");
    start_program("serve", command);
    wait_until(20, "curl -fsS -o $TANDEM_LOCAL/ready http://$TANDEM_LISTEN/readyz");
    usleep(200000); /* that connection is over, too */
}

static bool is_closed(int fd, int within_ms)
{
    struct pollfd on = {fd, POLLIN, 0};
    char byte;
    return poll(&on, 1, within_ms) > 0 && recv(fd, &byte, 1, MSG_DONTWAIT) <= 0;
}

/* 20 may be open. The first is in the middle of a request, the others are idle, the second the longest. */
static void for_a_newcomer_the_longest_idle_connection_is_closed(void **state)
{
    (void)state;
    enum { MOST = 20 };
    int fd[MOST];
    bool closed;
    serve_anew("--connections 20");
    for (int i = 0; i < MOST; i++) {
        fd[i] = raw_connect(0);
        usleep(20000);
    }
    raw_put(fd[0], "GET /healthz HTTP/1.1\r\n");
    usleep(1500000);
    for (int i = 1; i <= 2; i++) {
        int newcomer = raw_sent(BEHIND, strlen(BEHIND));
        assert_non_null(strstr(raw_take(newcomer, 300, &closed), "HTTP/1.1 200 "));
        close(newcomer);
        assert_true(is_closed(fd[i], 2000));
        usleep(300000); /* its place is free: the next newcomer takes that */
        fd[i] = raw_connect(0);
        usleep(200000);
    }
    for (int i = 3; i < MOST; i++)
        assert_false(is_closed(fd[i], 0));
    raw_put(fd[0], "Host: a\r\n\r\n");
    assert_non_null(strstr(raw_take(fd[0], 300, &closed), "HTTP/1.1 200 "));
    assert_true(refused_by("idle") >= 2);
    for (int i = 0; i < MOST; i++)
        close(fd[i]);
}

static void a_connection_that_sends_nothing_is_closed_after_idle_s(void **state)
{
    (void)state;
    serve_anew("--idle-s 1");
    int never = raw_connect(0), once = raw_sent(BEHIND, strlen(BEHIND));
    assert_false(is_closed(never, 500));
    assert_true(is_closed(never, 2500));
    bool closed;
    assert_non_null(strstr(raw_take(once, 100, &closed), "HTTP/1.1 200 "));
    assert_true(closed || is_closed(once, 2500));
    close(never);
    close(once);
}

/* Sends what the socket takes until all is sent, or the server closes. */
static void put_patiently(int fd, const char *bytes, size_t n)
{
    int64_t end_us = clock_monotonic_us() + 5 * 1000000;
    for (size_t sent = 0; sent < n && clock_monotonic_us() < end_us;) {
        ssize_t now = send(fd, bytes + sent, n - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (now < 0 && errno != EAGAIN)
            return;
        if (now > 0)
            sent += (size_t)now;
        else
            usleep(500);
    }
}

static void bodies_that_do_not_end_are_bounded_together(void **state)
{
    (void)state;
    static char part[900000];
    int fd[40];
    int64_t over_bytes = refused_by("buffer_bytes"), late = refused_by("request_s");
    memset(part, ' ', sizeof part);
    for (int i = 0; i < 40; i++) {
        fd[i] = raw_connect(0);
        raw_put(fd[i], "POST /v1/events HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n");
        put_patiently(fd[i], part, sizeof part);
    }
    wait_until(3, "[ $(curl -fsS http://$TANDEM_LISTEN/metrics | awk '/^tandem_http_waiting_bytes /"
                  " {print $2}') -lt 9500000 ]"); /* 8 MiB hold nine of them */
    over_bytes = refused_by("buffer_bytes") - over_bytes;
    late = refused_by("request_s") - late; /* where this machine is slow */
    assert_true(over_bytes > 0 && over_bytes + late >= 25);
    for (int i = 0; i < 40; i++)
        close(fd[i]);
    wait_until(5, "curl -fsS -m 1 http://$TANDEM_LISTEN/v1/popular?hours=1");
}

static void more_than_can_be_served_get_503_and_the_others_are_quick(void **state)
{
    (void)state;
    char *out = output_of(
        "wrk -t1 -c600 -d3s --latency http://$TANDEM_LISTEN/v1/views/item_users/all?n=50");
    assert_non_null(strstr(out, "Non-2xx"));
    free(out);
    assert_true(refused_by("calls") > 0);
    must_exit(0, "curl -fsS -m 1 http://$TANDEM_LISTEN/v1/popular?hours=1 >>$TANDEM_LOCAL/up.log");
}

/* Posts wait for Kafka as long as --acknowledge-ms; what reads does not wait for Kafka. */
static void posts_that_wait_for_kafka_leave_no_read_without_an_answer(void **state)
{
    (void)state;
    enum { POSTS = 200 }; /* --calls 64 */
    static const char post[] = "POST /v1/events HTTP/1.1\r\nHost: a\r\nContent-Length: 37\r\n\r\n"
                               "{\"type\":\"view\",\"user\":\"u\",\"item\":\"i\"}";
    int fd[POSTS];
    must_exit(0, "kill -STOP $(cat $TANDEM_LOCAL/run/kafka.pid)");
    for (int i = 0; i < POSTS; i++)
        fd[i] = raw_sent(post, sizeof post - 1);
    usleep(200000);
    int refused = run("for i in 1 2 3; do curl -fsS -m 2 http://$TANDEM_LISTEN/v1/views/users/all"
                      " >>$TANDEM_LOCAL/up.log || exit; done");
    must_exit(0, "kill -CONT $(cat $TANDEM_LOCAL/run/kafka.pid)");
    assert_int_equal(refused, 0);
    for (int i = 0; i < POSTS; i++) {
        struct pollfd on = {fd[i], POLLIN, 0};
        assert_int_equal(poll(&on, 1, 20000), 1);
        bool closed;
        assert_non_null(strstr(raw_take(fd[i], 50, &closed), "HTTP/1.1 202 "));
        close(fd[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_that_drips_in_is_ended),
        cmocka_unit_test(an_answer_that_nobody_fetches_is_given_up),
        cmocka_unit_test(ten_thousand_idle_connections_disturb_nobody),
        cmocka_unit_test(bodies_that_do_not_end_are_bounded_together),
        cmocka_unit_test(more_than_can_be_served_get_503_and_the_others_are_quick),
        cmocka_unit_test(posts_that_wait_for_kafka_leave_no_read_without_an_answer),
        cmocka_unit_test(for_a_newcomer_the_longest_idle_connection_is_closed),
        cmocka_unit_test(a_connection_that_sends_nothing_is_closed_after_idle_s),
    };
    int failed = cmocka_run_group_tests(tests, up, NULL);
    deployment_down(failed == 0);
    return failed;
}
