/*
 * manners: what every answer has beside its body, whichever handler made it: X-Request-ID, security and CORS headers, gzip, HEAD,
 * ETag and 304; and OPTIONS, which no handler answers. One a loop.
 * Not for: which status and body (call.h), who may ask (access.h).
 */
#ifndef TANDEM_SERVING_MANNERS_H
#define TANDEM_SERVING_MANNERS_H

#include <stdbool.h>
#include <stddef.h>

struct call;
struct manners;
struct serve_settings;

enum { REQUEST_ID_BYTES = 64 };

struct manners *manners_new(const struct serve_settings *settings);
void manners_free(struct manners *manners);

/* Gives the call its id: the client's X-Request-ID, when it is 1 to 64 of A-Z a-z 0-9 . _ ~ : + / = -, else one of ours. */
void manners_begin(struct call *call);

/* The headers of any answer, also of one that is streamed. A handler's own Content-Security-Policy and Cache-Control stay. */
void manners_headers(struct call *call);

/* An answer whose body is in call->out: headers, and the body as it is sent (gzip; empty for HEAD and 304). The status to send. */
int manners_end(struct call *call, int status, const char *content_type);

/* Logs an answer that somebody may have to look into, by its request id; some a second at most. */
void manners_log_problem(struct call *call, int status, const char *detail);

/* 204 for OPTIONS, a CORS preflight or not. `allow`: the methods of the path. */
void manners_options(struct call *call, const char *allow);

/* If-None-Match (NULL: not sent) against an ETag with its quotes: is it the same? RFC 9110, section 13.1.2. Pure. */
bool manners_matches(const char *if_none_match, const char *etag);

/* May a client's request id be used? Pure. */
bool manners_is_id(const char *id);

#endif
