/*
 * call: one HTTP request from its arrival to its answer. A handler reads `request` (parameters: request_int and its like,
 * checked against the route's table before), fills `out` with JSON and ends with
 * exactly one call_reply or call_problem, at once or later from the same event loop; after that the call is gone.
 */
#ifndef TANDEM_SERVING_CALL_H
#define TANDEM_SERVING_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/options.h" /* PARTITIONS_MAX */
#include "serving-layer/manners.h"
#include "serving-layer/reader.h"
#include "serving-layer/request.h"

struct connection;
struct loop;
struct evhttp_request;
struct route;

struct call {
    struct loop *loop;
    struct evhttp_request *http;
    struct connection *connection;
    const struct route *route; /* NULL: no route had this path */
    struct request request;
    struct text arg[2]; /* what stood for {…} in the route's pattern */
    struct text body;
    struct bytes out; /* the answer's JSON */
    int64_t began_us;
    char id[REQUEST_ID_BYTES + 1];    /* X-Request-ID */
    enum layer layer;                 /* that the answer is of */
    void *more;                       /* the handler's own */
    bool (*piece)(struct call *call); /* of call_reply_pieces */
};

void call_reply(struct call *call, int status, const char *content_type);
/*
 * 200 in pieces: `piece` puts the next one into `out`, false: it was the last. The next is asked for when the client has fetched
 * the one before; then the call is gone, as it is when the client goes away before (`more` is freed by either).
 */
void call_reply_pieces(struct call *call, const char *content_type,
                       bool (*piece)(struct call *call));
/* RFC 9457. `field`: NULL, or what was wrong in the input; index: -1, or which event. */
void call_problem(struct call *call, int status, const char *detail, const char *field, long index);
/* 400 for a parameter. */
void call_wrong_request(struct call *call, const struct request_error *error);
/* Ends the connection with the answer that follows: what stands behind the request is not read. */
void call_close(struct call *call);
/* 503 with Retry-After. */
void call_unavailable(struct call *call, const char *detail);

/*
 * An answer in parts (streams.h). Begin sends the head; send sends what is in `out`, to no effect when the client has gone;
 * end is the one end of the call.
 */
void call_stream_begin(struct call *call, const char *content_type);
void call_stream_send(struct call *call);
/* Has the client not fetched yet what was sent? */
bool call_stream_waits(const struct call *call);
/* Has it gone? */
bool call_stream_is_over(const struct call *call);
void call_stream_end(struct call *call);

/* A header of the request, NULL: it has none; until the answer. Of the answer: copied. */
const char *call_header(const struct call *call, const char *name);
void call_header_put(struct call *call, const char *name, const char *value);

/* Appends "batch", "boundary", "as_of", "layer", "degraded" and the closing brace, and replies 200. */
void call_reply_snapshot(struct call *call, const struct snapshot *snapshot);

/* The same for an answer that is made later: what of a snapshot outlives it. */
struct kept_as_of {
    int64_t batch;
    int partitions;
    bool degraded;
    int64_t boundary[PARTITIONS_MAX], as_of[PARTITIONS_MAX];
};
void call_keep_as_of(struct kept_as_of *kept, const struct snapshot *snapshot);
void call_reply_kept(struct call *call, const struct kept_as_of *kept);

/* Asks the loop's reader; `done` gets the call as its context, and no snapshot when there is no batch view yet. */
void call_ask(struct call *call, const struct row_ref *rows, size_t n, struct text user,
              reader_done done);
/* In a reader_done, before anything is written: true, and replies 503, when there is no snapshot or too much waits already. */
bool call_has_no_snapshot(struct call *call, const struct snapshot *snapshot);

#endif
