/* GET /v1/stream */
#include "serving-layer/streams.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/mem.h"
#include "serving-layer/access.h"
#include "serving-layer/json_out.h"
#include "serving-layer/loop.h"
#include "serving-layer/pulse.h"
#include "serving-layer/routes.h"

enum { LOOK_MS = 100 };

struct stream {
    struct stream *next;
    struct call *call;
    uint64_t sent; /* the newest finding that it has */
    int64_t until_us;
};

struct streams {
    struct event *look; /* pending while there is a stream */
    struct stream *first;
    int n;
    bool ended;
};

const struct parameter_row stream_parameters[] = {
    {"seconds", PARAMETER_INT, "600", 1, STREAM_S_MAX,
     .sentence = "After so long the answer ends; ask again to go on."},
    {0}};

/* ---- one stream ---- */

static void message_begin(struct bytes *out, const char *event)
{
    json_put(out, "event: ");
    json_put(out, event);
    json_put(out, "\ndata: ");
}

static void hour_send(struct call *call)
{
    message_begin(&call->out, "hour");
    pulse_hour_put(call->loop->server->pulse, &call->out);
    json_put(&call->out, "\n\n");
    call_stream_send(call);
}

/* false: whoever it is may have it no longer (a key was revoked). */
static bool pulse_send(struct stream *stream)
{
    struct call *call = stream->call;
    struct pulse *pulse = call->loop->server->pulse;
    uint64_t serial = pulse_serial(pulse);
    if (serial == stream->sent || call_stream_waits(call))
        return true;
    if (!access_goes_on(call))
        return false;
    stream->sent = serial;
    message_begin(&call->out, "pulse");
    pulse_put(pulse, &call->out);
    json_put(&call->out, "\n\n");
    call_stream_send(call);
    return true;
}

/* true: it is over, and gone. */
static bool stream_look(struct stream *stream, int64_t now_us)
{
    if (!call_stream_is_over(stream->call) && now_us < stream->until_us && pulse_send(stream))
        return false;
    call_stream_end(stream->call);
    free(stream);
    return true;
}

/* ---- all of a loop ---- */

static void all_look(struct streams *streams, int64_t now_us)
{
    for (struct stream **at = &streams->first, *next; *at;) {
        next = (*at)->next;
        if (stream_look(*at, now_us)) {
            *at = next;
            streams->n--;
        } else {
            at = &(*at)->next;
        }
    }
}

static void on_look(evutil_socket_t fd, short what, void *context)
{
    struct streams *streams = context;
    (void)fd, (void)what;
    all_look(streams, clock_monotonic_us());
    if (streams->first)
        event_add(streams->look, &(struct timeval){0, LOOK_MS * 1000});
}

void streams_look(struct streams *streams)
{
    all_look(streams, clock_monotonic_us());
}

struct streams *streams_new(struct event_base *base)
{
    struct streams *streams = xcalloc(1, sizeof *streams);
    streams->look = event_new(base, -1, 0, on_look, streams);
    return streams;
}

void streams_end(struct streams *streams)
{
    streams->ended = true;
    all_look(streams, INT64_MAX);
}

void streams_free(struct streams *streams)
{
    if (!streams)
        return;
    streams_end(streams);
    event_free(streams->look);
    free(streams);
}

static void stream_begin(struct streams *streams, struct call *call)
{
    struct stream *stream = xcalloc(1, sizeof *stream);
    *stream =
        (struct stream){.next = streams->first,
                        .call = call,
                        .until_us = clock_monotonic_us() +
                                    request_int(&call->request, "seconds") * INT64_C(1000000)};
    streams->first = stream;
    streams->n++;
    call_stream_begin(call, "text/event-stream");
    hour_send(call);
    event_add(streams->look, &(struct timeval){0, LOOK_MS * 1000});
}

void handle_stream(struct call *call)
{
    struct streams *streams = call->loop->streams;
    if (evhttp_request_get_command(call->http) == EVHTTP_REQ_HEAD)
        call_reply(call, 200, "text/event-stream");
    else if (streams->ended)
        call_unavailable(call, "the server stops");
    else if (streams->n == STREAMS_MAX)
        call_unavailable(call, "too many streams are open");
    else
        stream_begin(streams, call);
}
