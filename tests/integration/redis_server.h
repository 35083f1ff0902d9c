/*
 * redis_server: a Redis of a test's own, in a folder and on a port of its own, stopped by redis_server_stop. For tests that
 * flush, stop or break it; tests of the whole system use deployment.h.
 */
#ifndef TANDEM_TESTS_REDIS_SERVER_H
#define TANDEM_TESTS_REDIS_SERVER_H

#include <sys/types.h>

struct redis_server {
    pid_t pid;
    int port;
    char folder[64];
};

/* 0; 1: there is no redis-server on this machine. Fails the test when it does not come up. */
int redis_server_start(struct redis_server *server);
void redis_server_stop(struct redis_server *server);
void redis_server_freeze(
    struct redis_server *server); /* SIGSTOP: it accepts connections and answers nothing */
void redis_server_thaw(struct redis_server *server);

#endif
