/*
 * raw_client: a client of tandem-serve that sends bytes as they are and sees when the connection is closed. What fails, fails
 * the test. The caller closes descriptors.
 * Not for: well-formed questions (deployment.h: answer_of, post_event).
 */
#ifndef TANDEM_TESTS_RAW_CLIENT_H
#define TANDEM_TESTS_RAW_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

/* A request to stand behind others: it is answered with 200. */
#define BEHIND "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"

int raw_connect(
    int receive_bytes); /* 0: what the system gives; else the size of its receive buffer */
void raw_put(int fd, const char *text);
int raw_sent(const char *bytes, size_t n); /* a new connection on which these bytes were sent */

/* What comes until the server closes, or nothing came for `quiet_ms`. Until the next call. */
const char *raw_take(int fd, int quiet_ms, bool *closed);

#endif
