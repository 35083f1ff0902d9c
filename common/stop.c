#define _GNU_SOURCE
#include "common/stop.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/log.h"

static volatile sig_atomic_t asked;
static int pipe_fds[2] = {-1, -1};

static void on_signal(int signal_number)
{
    if (asked)
        _exit(128 + signal_number);
    asked = 1;
    ssize_t ignored = write(pipe_fds[1], "", 1); /* a full pipe is readable already */
    (void)ignored;
}

void stop_install(void)
{
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

bool stop_asked(void)
{
    return asked;
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
