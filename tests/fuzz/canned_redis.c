#include "tests/fuzz/canned_redis.h"

#include <hiredis/hiredis.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/mem.h"
#include "tests/fuzz/harness.h"

static struct text canned;
static int server_end = -1;

void canned_redis_close(void)
{
    if (server_end >= 0)
        close(server_end);
    server_end = -1;
}

void canned_redis_says(struct text bytes)
{
    canned = bytes;
}

redisContext *redisConnectWithTimeout(const char *ip, int port, const struct timeval tv)
{
    int end[2];
    (void)tv;
    canned_redis_close();
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, end))
        fuzz_found("there is no socket pair");
    server_end = end[1];
    if (write(server_end, canned.at, canned.n) != (ssize_t)canned.n)
        fuzz_found("the canned answers do not fit into a socket");
    shutdown(server_end, SHUT_WR);
    redisContext *redis = redisConnectFd(end[0]);
    redis->tcp.host = xstrdup(ip);
    redis->tcp.port = port;
    return redis;
}

int redisEnableKeepAlive(redisContext *c)
{
    (void)c; /* a socket pair has none */
    return REDIS_OK;
}
