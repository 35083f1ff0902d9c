#define _GNU_SOURCE
#include "tests/integration/redis_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, n), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &n), 0);
    close(fd);
    return ntohs(address.sin_port);
}

/* In the child: Redis' own output goes to a file, and it does not outlive the test. */
static void become_redis(const struct redis_server *server)
{
    char port[16];
    snprintf(port, sizeof port, "%d", server->port);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (chdir(server->folder) == 0 && freopen("log", "w", stdout))
        execlp("redis-server", "redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "",
               "--appendonly", "no", "--maxmemory-policy", "noeviction", (char *)NULL);
    _exit(127);
}

static int answers(const struct redis_server *server)
{
    redisContext *redis = redisConnect("127.0.0.1", server->port);
    int up = redis && !redis->err;
    redisFree(redis);
    return up;
}

int redis_server_start(struct redis_server *server)
{
    snprintf(server->folder, sizeof server->folder, "/var/tmp/tandem-redis-XXXXXX");
    assert_non_null(mkdtemp(server->folder));
    server->port = free_port();
    server->pid = fork();
    assert_true(server->pid >= 0);
    if (server->pid == 0)
        become_redis(server);
    for (int i = 0; i < 500; i++) {
        int status;
        if (waitpid(server->pid, &status, WNOHANG) == server->pid) {
            server->pid = 0;
            redis_server_stop(server);
            assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 127);
            return 1;
        }
        if (answers(server))
            return 0;
        usleep(10000);
    }
    fail_msg("redis-server does not answer on port %d, see %s/log", server->port, server->folder);
    return 1;
}

void redis_server_stop(struct redis_server *server)
{
    char log[128];
    if (server->pid) {
        kill(server->pid, SIGKILL);
        waitpid(server->pid, NULL, 0);
    }
    snprintf(log, sizeof log, "%s/log", server->folder);
    unlink(log);
    rmdir(server->folder);
    *server = (struct redis_server){0};
}

void redis_server_freeze(struct redis_server *server)
{
    kill(server->pid, SIGSTOP);
}

void redis_server_thaw(struct redis_server *server)
{
    kill(server->pid, SIGCONT);
}
