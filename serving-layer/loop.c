#define _GNU_SOURCE
#include "serving-layer/loop.h"

#include <event2/event.h>
#include <event2/http.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/stop.h"
#include "serving-layer/connections.h"
#include "serving-layer/manners.h"
#include "serving-layer/producer.h"
#include "serving-layer/ranking.h"
#include "serving-layer/routes.h"
#include "serving-layer/slices.h"
#include "serving-layer/streams.h"

enum { DRAIN_MS = 50, DRAIN_TICKS = 300, HEADERS_BYTES = 16384 };

/* Ends the loop when nothing is under way any more, or after 15 s. */
static void on_drain(evutil_socket_t fd, short what, void *context)
{
    struct loop *loop = context;
    (void)fd;
    (void)what;
    if (loop->calls == 0 || ++loop->drain_ticks > DRAIN_TICKS)
        event_base_loopexit(loop->base, NULL);
}

static void on_stop(evutil_socket_t fd, short what, void *context)
{
    struct loop *loop = context;
    (void)fd;
    (void)what;
    event_del(loop->on_stop);
    if (loop->bound)
        evhttp_del_accept_socket(
            loop->http, loop->bound); /* accepts no more; closes its copy of the listener */
    loop->bound = NULL;
    streams_end(loop->streams);
    event_add(loop->drain, &(struct timeval){0, DRAIN_MS * 1000});
    on_drain(-1, 0, loop);
}

static void loop_bound(struct loop *loop)
{
    const struct serve_settings *s = loop->settings;
    struct connections_settings bounds = {
        .most = (s->connections + s->threads - 1) / s->threads,
        .request_ms = s->request_s * 1000,
        .answer_ms = s->answer_s * 1000,
        .bytes = s->buffer_bytes / s->threads,
    };
    loop->connections = connections_new(loop->base, loop->http, &bounds);
}

static int loop_listen(struct loop *loop, int listener, struct err *err)
{
    int copy = fcntl(listener, F_DUPFD_CLOEXEC, 0);
    loop->bound = copy < 0 ? NULL : evhttp_accept_socket_with_handle(loop->http, copy);
    if (!loop->bound)
        return err_set(err, ERR_FATAL, "no event loop on the listening socket");
    evhttp_set_max_headers_size(loop->http, HEADERS_BYTES);
    evhttp_set_max_body_size(loop->http, 2 * INGEST_BODY_BYTES); /* ours says 413 before */
    evhttp_set_timeout(loop->http, (int)loop->settings->idle_s);
    evhttp_set_allowed_methods(loop->http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD | EVHTTP_REQ_POST |
                                               EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE |
                                               EVHTTP_REQ_PATCH | EVHTTP_REQ_OPTIONS |
                                               EVHTTP_REQ_TRACE);
    evhttp_set_gencb(loop->http, routes_handle, loop);
    loop_bound(loop);
    return 0;
}

struct loop *loop_new(struct server *server, const struct serve_settings *settings,
                      struct batch_store *store, struct watcher *watcher, int listener,
                      struct err *err)
{
    struct loop *loop = xcalloc(1, sizeof *loop);
    loop->server = server;
    loop->settings = settings;
    loop->store = store;
    loop->watcher = watcher;
    loop->base = event_base_new();
    loop->http = loop->base ? evhttp_new(loop->base) : NULL;
    if (!loop->http) {
        err_set(err, ERR_FATAL, "no event loop");
        loop_free(loop);
        return NULL;
    }
    loop->on_stop = event_new(loop->base, stop_fd(), EV_READ, on_stop, loop);
    loop->drain = event_new(loop->base, -1, EV_PERSIST, on_drain, loop);
    event_add(loop->on_stop, NULL);
    loop->slices = slices_new(loop->base);
    loop->decoder = event_decoder_new();
    loop->streams = streams_new(loop->base);
    loop->manners = manners_new(settings);
    loop->ranker = ranker_new();
    struct reader_settings reads = {settings->deployment.redis,
                                    (int)settings->deployment.partitions, NULL,
                                    (int)settings->redis_timeout_ms};
    struct producer_settings writes = {settings->deployment.kafka, settings->deployment.topic,
                                       (int)settings->deployment.partitions,
                                       (int)settings->acknowledge_ms, (int)settings->outstanding};
    loop->reader = reader_new(loop->base, store, &reads);
    loop->producer = producer_new(loop->base, &writes, err);
    if (!loop->reader && loop->producer)
        err_set(err, ERR_FATAL, "redis: '%s' is not host:port[,host:port...]",
                settings->deployment.redis);
    if (!loop->reader || !loop->producer || loop_listen(loop, listener, err)) {
        loop_free(loop);
        return NULL;
    }
    return loop;
}

void loop_run(struct loop *loop)
{
    event_base_dispatch(loop->base);
    if (loop->calls)
        log_warn("serve", "stopped with requests under way: n=%d", loop->calls);
}

void loop_settle(struct loop *loop)
{
    loop->settling = true;
    event_base_loop(loop->base, EVLOOP_NONBLOCK);
}

void loop_free(struct loop *loop)
{
    if (!loop)
        return;
    streams_free(loop->streams);
    producer_free(loop->producer);
    slices_free(loop->slices);
    if (loop->reader)
        reader_free(loop->reader);
    connections_free(loop->connections);
    if (loop->http)
        evhttp_free(loop->http);
    if (loop->on_stop)
        event_free(loop->on_stop);
    if (loop->drain)
        event_free(loop->drain);
    if (loop->base)
        event_base_free(loop->base);
    event_decoder_free(loop->decoder);
    ranker_free(loop->ranker);
    ingest_body_free(&loop->body);
    manners_free(loop->manners);
    free(loop);
}
