/*
 * framing: whether a request's headers say one thing only about where it ends. libevent takes the first of two lengths, and a
 * length beside chunks; a proxy in front may take the other, and see one request where libevent sees two (request smuggling,
 * RFC 9112 section 11.2). Such a request is refused and its connection closed, so what stands behind it is never read.
 * What libevent reads without a word is looked for in the bytes themselves, before it has them: a zero byte (what is behind it in
 * a line is lost), a line that ends with a bare LF, and a folded header.
 */
#ifndef TANDEM_SERVING_FRAMING_H
#define TANDEM_SERVING_FRAMING_H

#include <stdbool.h>
#include <stddef.h>

struct evhttp_request;

/* The bytes of one head, as they come. Zero-initialised: none has. */
struct framing_look {
    size_t line_bytes; /* of the line at hand, its CR included */
    bool cr;           /* the last byte was one */
    bool has_line;     /* a whole line has come */
    bool ended;        /* by an empty line: what follows is no head */
    bool ambiguous;
};

void framing_look(struct framing_look *look, const char *at, size_t n);

/* 0; or the status to refuse it with, and why. */
int framing_check(struct evhttp_request *request, const char **why);

#endif
