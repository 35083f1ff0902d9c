/*
 * connections: the open connections of one event loop, and what each may cost: how many there are, how long a request may take
 * to arrive from its first byte, how long its answer may take to be fetched, how many bytes wait in both directions. libevent's
 * own time-out begins anew at every byte, so a client that drips would hold a connection for ever.
 * Not for: what is asked (routes.h), how many calls are in hand (call.h). One thread: the loop's.
 */
#ifndef TANDEM_SERVING_CONNECTIONS_H
#define TANDEM_SERVING_CONNECTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct connection;
struct connections;
struct event_base;
struct evhttp;
struct evhttp_request;

struct connections_settings {
    int64_t most; /* open at once; a newcomer takes the longest idle one's place, or gets a 503 */
    int64_t request_ms; /* from a request's first byte to its last */
    int64_t answer_ms;  /* from an answer's first byte to the client's having fetched it */
    int64_t bytes;      /* of requests and answers that wait, all connections together */
};

/* Sees every connection that `http` accepts from now on. */
struct connections *connections_new(struct event_base *base, struct evhttp *http,
                                    const struct connections_settings *settings);
void connections_free(struct connections *all); /* before the evhttp */

/* A request has arrived whole. The connection is held until connection_answered. */
struct connection *connection_of(struct connections *all, struct evhttp_request *request);
void connection_answered(struct connection *connection);

/* Does it come from this machine (loopback, a socket of the file system)? */
bool connection_is_local(struct connection *connection);

/* Held the head of the request at hand bytes that two readers may read in two ways (framing.h)? Until connection_answered. */
bool connection_is_ambiguous(const struct connection *connection);

/* NULL, or why no call of this connection should be taken up. */
const char *connection_refusal(const struct connection *connection);

struct connections_figures {
    uint64_t open, bytes;
    uint64_t refused, late_requests, late_answers, over_bytes, idle; /* connections, ever */
};
void connections_figures(const struct connections *all, struct connections_figures *figures);

#endif
