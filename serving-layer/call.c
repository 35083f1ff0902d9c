#include "serving-layer/call.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/log.h"
#include "serving-layer/connections.h"
#include "serving-layer/figures.h"
#include "serving-layer/json_out.h"
#include "serving-layer/loop.h"
#include "serving-layer/openapi.h"

static const char *status_title(int status)
{
    switch (status) {
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 304: return "Not Modified";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 411: return "Length Required";
    case 412: return "Precondition Failed";
    case 413: return "Content Too Large";
    case 422: return "Unprocessable Content";
    case 429: return "Too Many Requests";
    case 503: return "Service Unavailable";
    default: return "Internal Server Error";
    }
}

static void call_free(struct call *call)
{
    call->loop->calls--;
    call->loop->exports -= call->piece != NULL;
    request_free(&call->request);
    bytes_free(&call->out);
    free(call->more);
    free(call);
}

void call_reply(struct call *call, int status, const char *content_type)
{
    struct evbuffer *body = evbuffer_new();
    status = manners_end(call, status, content_type);
    if (call->route && !openapi_has_status(call->route, status))
        log_error(
            "serve",
            "answered with a status that its row in routes.c does not have status=%d route=%s",
            status, call->route->pattern);
    evbuffer_add(body, call->out.at, call->out.n);
    figures_count(&call->loop->figures, call->route, status, clock_monotonic_us() - call->began_us);
    evhttp_send_reply(call->http, status, status_title(status),
                      body); /* frees a request whose client has gone, too */
    evbuffer_free(body);
    connection_answered(call->connection);
    call_free(call);
}

/* ---- an answer in parts, for as long as it goes on ---- */

/* libevent ends a connection on which nothing is read for a time; a stream's client has nothing to say. */
void call_stream_begin(struct call *call, const char *content_type)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(call->http);
    evhttp_add_header(headers, "Content-Type", content_type);
    manners_headers(call);
    call_close(call);
    figures_count(&call->loop->figures, call->route, 200, clock_monotonic_us() - call->began_us);
    call->loop->streaming++;
    evhttp_send_reply_start(call->http, 200, status_title(200));
    bufferevent_set_timeouts(
        evhttp_connection_get_bufferevent(evhttp_request_get_connection(call->http)), NULL, NULL);
}

void call_stream_send(struct call *call)
{
    struct evbuffer *part = evbuffer_new();
    evbuffer_add(part, call->out.at, call->out.n);
    bytes_clear(&call->out);
    if (!call_stream_is_over(call))
        evhttp_send_reply_chunk(call->http, part);
    evbuffer_free(part);
}

bool call_stream_waits(const struct call *call)
{
    struct evhttp_connection *connection = evhttp_request_get_connection(call->http);
    return connection && evbuffer_get_length(bufferevent_get_output(
                             evhttp_connection_get_bufferevent(connection))) > 0;
}

bool call_stream_is_over(const struct call *call)
{
    return !evhttp_request_get_connection(call->http);
}

void call_stream_end(struct call *call)
{
    call->loop->streaming--;
    evhttp_send_reply_end(call->http); /* frees a request whose client has gone, too */
    connection_answered(call->connection);
    call_free(call);
}

/* ---- an answer in pieces, as the client fetches them ---- */

static void pieces_end(struct call *call)
{
    struct evhttp_connection *stream = evhttp_request_get_connection(call->http);
    if (stream)
        evhttp_connection_set_closecb(stream, NULL, NULL);
    figures_count(&call->loop->figures, call->route, 200, clock_monotonic_us() - call->began_us);
    evhttp_send_reply_end(call->http); /* frees a request whose client has gone */
    connection_answered(call->connection);
    call_free(call);
}

/* libevent has taken the request off a connection that broke; it has not where the whole server goes, and frees it itself. */
static void on_gone(struct evhttp_connection *stream, void *context)
{
    struct call *call = context;
    (void)stream;
    if (evhttp_request_get_connection(call->http))
        call_free(call);
    else
        pieces_end(call);
}

static void on_fetched(struct evhttp_connection *stream, void *context)
{
    struct call *call = context;
    (void)stream;
    bytes_clear(&call->out);
    bool more = call->piece(call);
    struct evbuffer *piece = evbuffer_new();
    evbuffer_add(piece, call->out.at, call->out.n);
    evhttp_send_reply_chunk_with_cb(call->http, piece, more ? on_fetched : NULL, call);
    evbuffer_free(piece);
    if (!more)
        pieces_end(call);
}

void call_reply_pieces(struct call *call, const char *content_type,
                       bool (*piece)(struct call *call))
{
    struct evhttp_connection *stream = evhttp_request_get_connection(call->http);
    call->piece = piece;
    call->loop->exports++;
    call_header_put(call, "Content-Type", content_type);
    manners_headers(call);
    if (call->http->major == 1 && call->http->minor == 0) /* it knows no chunks: the end ends it */
        call_close(call);
    evhttp_send_reply_start(call->http, 200, status_title(200));
    if (!stream || evhttp_request_get_command(call->http) == EVHTTP_REQ_HEAD) {
        pieces_end(call);
        return;
    }
    evhttp_connection_set_closecb(stream, on_gone, call);
    on_fetched(stream, call);
}

/* ---- what is wrong ---- */

void call_problem(struct call *call, int status, const char *detail, const char *field, long index)
{
    struct bytes *out = &call->out;
    manners_log_problem(call, status, detail);
    bytes_clear(out);
    json_put(out, "{\"type\":\"about:blank\",\"title\":");
    json_put_text(out, text_of(status_title(status)));
    json_put(out, ",\"status\":");
    json_put_int(out, status);
    json_put(out, ",\"detail\":");
    json_put_text(out, text_of(detail));
    if (field) {
        json_put(out, ",\"field\":");
        json_put_text(out, text_of(field));
    }
    if (index >= 0) {
        json_put(out, ",\"index\":");
        json_put_int(out, index);
    }
    json_put(out, ",\"request_id\":");
    json_put_text(out, text_of(call->id));
    json_put(out, "}\n");
    call_reply(call, status, "application/problem+json");
}

void call_wrong_request(struct call *call, const struct request_error *error)
{
    struct bytes detail = {0};
    if (error->parameter[0]) {
        bytes_put_text(&detail, text_of(error->parameter));
        bytes_put(&detail, " ", 1);
    }
    bytes_put(&detail, error->detail, strlen(error->detail) + 1);
    call_problem(call, 400, detail.at, error->parameter[0] ? error->parameter : NULL, -1);
    bytes_free(&detail);
}

const char *call_header(const struct call *call, const char *name)
{
    return evhttp_find_header(evhttp_request_get_input_headers(call->http), name);
}

void call_header_put(struct call *call, const char *name, const char *value)
{
    evhttp_add_header(evhttp_request_get_output_headers(call->http), name, value);
}

void call_close(struct call *call)
{
    call_header_put(call, "Connection", "close");
}

void call_unavailable(struct call *call, const char *detail)
{
    call_header_put(call, "Retry-After", "1");
    call_problem(call, 503, detail, NULL, -1);
}

static void reply_as_of(struct call *call, int64_t batch, int partitions, const int64_t *boundary,
                        const int64_t *as_of, bool degraded)
{
    static const char *const layers[] = {"merged", "batch", "speed"};
    struct bytes *out = &call->out;
    metrics_add(&call->loop->figures.answers, 1);
    metrics_add(&call->loop->figures.degraded, degraded);
    json_put(out, ",\"batch\":");
    json_put_int(out, batch);
    json_put(out, ",\"boundary\":");
    json_put_ints(out, boundary, partitions);
    json_put(out, ",\"as_of\":");
    json_put_ints(out, call->layer == LAYER_BATCH ? boundary : as_of, partitions);
    json_put(out, ",\"layer\":\"");
    json_put(out, layers[call->layer]);
    json_put(out, degraded ? "\",\"degraded\":true}\n" : "\",\"degraded\":false}\n");
    call_reply(call, 200, "application/json");
}

void call_reply_snapshot(struct call *call, const struct snapshot *snapshot)
{
    reply_as_of(call, snapshot_batch(snapshot), snapshot_partitions(snapshot),
                snapshot_boundary(snapshot), snapshot_as_of(snapshot), snapshot_degraded(snapshot));
}

void call_keep_as_of(struct kept_as_of *kept, const struct snapshot *snapshot)
{
    kept->batch = snapshot_batch(snapshot);
    kept->partitions = snapshot_partitions(snapshot);
    kept->degraded = snapshot_degraded(snapshot);
    size_t bytes = (size_t)kept->partitions * sizeof *kept->as_of;
    memcpy(kept->boundary, snapshot_boundary(snapshot), bytes);
    memcpy(kept->as_of, snapshot_as_of(snapshot), bytes);
}

void call_reply_kept(struct call *call, const struct kept_as_of *kept)
{
    reply_as_of(call, kept->batch, kept->partitions, kept->boundary, kept->as_of, kept->degraded);
}

void call_ask(struct call *call, const struct row_ref *rows, size_t n, struct text user,
              reader_done done)
{
    reader_ask(call->loop->reader, rows, n, user, done, call);
}

/* Only what needs this view waits for it: every other answer is as ever. */
static void view_unserved(struct call *call, const char *view)
{
    char detail[256];
    snprintf(detail, sizeof detail,
             "the view %s is not whole yet: `tandem-batch status` says what it waits for, "
             "`tandem-batch rebuild --view %s` recomputes it",
             view, view);
    call_unavailable(call, detail);
}

bool call_has_no_snapshot(struct call *call, const struct snapshot *snapshot)
{
    const char *why =
        snapshot
            ? connection_refusal(call->connection) /* many may have been taken up at once */
            : "there is no batch view to answer from yet: Postgres is away, or this server has just started";
    if (snapshot && why)
        call_close(call);
    if (why)
        call_unavailable(call, why);
    else if (snapshot_unserved(snapshot))
        view_unserved(call, snapshot_unserved(snapshot));
    else
        return false;
    return true;
}
