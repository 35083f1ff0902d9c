/*
 * framing: whether a request's headers say one thing only about where it ends. libevent takes the first of two lengths, and a
 * length beside chunks; a proxy in front may take the other, and see one request where libevent sees two (request smuggling,
 * RFC 9112 section 11.2). Such a request is refused and its connection closed, so what stands behind it is never read.
 */
#ifndef TANDEM_SERVING_FRAMING_H
#define TANDEM_SERVING_FRAMING_H

struct evhttp_request;

/* 0; or the status to refuse it with, and why. */
int framing_check(struct evhttp_request *request, const char **why);

#endif
