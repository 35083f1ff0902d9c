#define _GNU_SOURCE
#include "tests/integration/raw_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/integration/deployment.h"

/* The deployment's, asked for once. */
static in_port_t port_of_serve(void)
{
    static int port;
    if (!port) {
        char *text = output_of("printf %%s \"${TANDEM_LISTEN##*:}\"");
        port = atoi(text);
        free(text);
    }
    return htons((uint16_t)port);
}

int raw_connect(int receive_bytes)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = port_of_serve(),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    if (receive_bytes)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

void raw_put(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

const char *raw_take(int fd, int quiet_ms, bool *closed)
{
    static char text[1 << 16];
    size_t n = 0;
    *closed = false;
    struct pollfd on = {fd, POLLIN, 0};
    while (n < sizeof text - 1 && poll(&on, 1, quiet_ms) > 0) {
        ssize_t got = recv(fd, text + n, sizeof text - 1 - n, 0);
        if (got <= 0) {
            *closed = true;
            break;
        }
        n += (size_t)got;
    }
    text[n] = 0;
    return text;
}

int raw_sent(const char *bytes, size_t n)
{
    int fd = raw_connect(0);
    assert_int_equal(send(fd, bytes, n, MSG_NOSIGNAL), n);
    return fd;
}
