#define _GNU_SOURCE
#include "common/stop.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"

enum { SAME_SIGNAL_US = 1000000 };

static volatile sig_atomic_t asked, deadline_over, signalled;
static int64_t signalled_us; /* touched by the handler alone */
static int pipe_fds[2] = {-1, -1};

static void ask(void)
{
    asked = 1;
    ssize_t ignored = write(pipe_fds[1], "", 1); /* a full pipe is readable already */
    (void)ignored;
}

static void on_signal(int signal_number)
{
    int64_t now_us = clock_monotonic_us();
    if (signalled && now_us - signalled_us >= SAME_SIGNAL_US)
        _exit(128 + signal_number);
    if (!signalled)
        signalled_us = now_us;
    signalled = 1;
    ask();
}

static void on_deadline(int signal_number)
{
    (void)signal_number;
    deadline_over = 1;
    ask();
}

void stop_install(void)
{
    for (int i = 0; i < 2; i++)
        if (pipe_fds[i] >= 0)
            close(pipe_fds[i]);
    asked = deadline_over = signalled = 0;
    if (pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK)) {
        log_error("stop", "no pipe for signals");
        exit(1);
    }
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &ignore, NULL);
}

void stop_after_s(int64_t seconds)
{
    struct sigaction action = {.sa_handler = on_deadline};
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
    struct itimerspec at = {.it_value.tv_sec = seconds};
    timer_t timer;
    sigaction(SIGALRM, &action, NULL);
    if (timer_create(CLOCK_MONOTONIC, &event, &timer) || timer_settime(timer, 0, &at, NULL)) {
        log_error("stop", "no timer for the deadline");
        exit(1);
    }
}

bool stop_asked(void)
{
    return asked;
}

bool stop_deadline_over(void)
{
    return deadline_over;
}

int stop_fd(void)
{
    return pipe_fds[0];
}

bool stop_sleep_ms(long ms)
{
    struct pollfd on = {.fd = pipe_fds[0], .events = POLLIN};
    if (!asked)
        poll(&on, 1, (int)ms);
    return !asked;
}
