#define _GNU_SOURCE
#include "common/metrics_http.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"

enum {
    CONNECTIONS = 16,
    CONNECTION_US = 10000000,
    IDLE_S = 5,
    HEADERS_BYTES = 4096,
    HOST_BYTES = 256
};

/*
 * libevent tells of a connection's beginning (it asks for a bufferevent), not of its end. So a reference is kept, and the
 * callbacks' being gone says that evhttp has let go of it; the socket closes with the last reference.
 */
struct connection {
    struct bufferevent *stream; /* NULL: a free place */
    int64_t accepted_us;
};

struct metrics_http {
    metrics_print print;
    void *context;
    struct event_base *base;
    struct evhttp *http;
    struct event *on_stop, *sweep;
    struct connection connection[CONNECTIONS];
    struct metrics text; /* of the last answer: its memory is used again */
    int stop;            /* an eventfd */
    bool runs;
    pthread_t thread;
};

/* ---- connections ---- */

static void connection_forget(struct connection *connection)
{
    bufferevent_decref(connection->stream);
    connection->stream = NULL;
}

/* evhttp meets the end, and closes. */
static void connection_shut(struct connection *connection)
{
    shutdown(bufferevent_getfd(connection->stream), SHUT_RDWR);
    connection_forget(connection);
}

static bool connection_ended(const struct connection *connection)
{
    bufferevent_event_cb on_event;
    bufferevent_getcb(connection->stream, NULL, NULL, &on_event, NULL);
    return !on_event;
}

static void on_sweep(evutil_socket_t fd, short what, void *context)
{
    struct metrics_http *http = context;
    int64_t now_us = clock_monotonic_us();
    (void)fd, (void)what;
    for (int i = 0; i < CONNECTIONS; i++) {
        struct connection *connection = &http->connection[i];
        if (connection->stream && connection_ended(connection))
            connection_forget(connection);
        else if (connection->stream && now_us - connection->accepted_us > CONNECTION_US)
            connection_shut(connection);
    }
}

static struct bufferevent *on_accept(struct event_base *base, void *context)
{
    struct metrics_http *http = context;
    struct connection *place = &http->connection[0];
    on_sweep(-1, 0, http);
    for (int i = 1; i < CONNECTIONS && place->stream; i++)
        if (!http->connection[i].stream || http->connection[i].accepted_us < place->accepted_us)
            place = &http->connection[i];
    if (place->stream)
        connection_shut(place);
    struct bufferevent *stream = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
    if (stream) {
        bufferevent_incref(stream);
        *place = (struct connection){stream, clock_monotonic_us()};
    }
    return stream;
}

/* ---- requests ---- */

static void on_request(struct evhttp_request *request, void *context)
{
    struct metrics_http *http = context;
    struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
    struct evbuffer *body = evbuffer_new();
    const char *path = evhttp_uri_get_path(evhttp_request_get_evhttp_uri(request));
    bool found = path && strcmp(path, "/metrics") == 0;
    evhttp_add_header(headers, "Connection", "close");
    if (found) {
        http->text.n = 0;
        http->print(&http->text, http->context);
        evhttp_add_header(headers, "Content-Type", "text/plain; version=0.0.4; charset=utf-8");
        evbuffer_add(body, http->text.text, http->text.n);
    } else {
        evhttp_add_header(headers, "Content-Type", "text/plain; charset=utf-8");
        evbuffer_add_printf(body, "there is only /metrics\n");
    }
    evhttp_send_reply(request, found ? 200 : 404, found ? "OK" : "Not Found", body);
    evbuffer_free(body);
}

/* ---- the thread ---- */

static void on_stop(evutil_socket_t fd, short what, void *context)
{
    struct metrics_http *http = context;
    (void)fd, (void)what;
    event_base_loopbreak(http->base);
}

static void *run(void *context)
{
    struct metrics_http *http = context;
    event_base_dispatch(http->base);
    return NULL;
}

/* Signals are the program's, not this thread's. */
static int thread_start(struct metrics_http *http)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    http->runs = pthread_create(&http->thread, NULL, run, http) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return http->runs ? 0 : -1;
}

static int listen_on(struct metrics_http *http, const char *host, int port)
{
    http->base = event_base_new();
    http->http = http->base ? evhttp_new(http->base) : NULL;
    if (!http->http || http->stop < 0)
        return -1;
    evhttp_set_max_headers_size(http->http, HEADERS_BYTES);
    evhttp_set_max_body_size(http->http, 0);
    evhttp_set_timeout(http->http, IDLE_S);
    evhttp_set_allowed_methods(http->http, EVHTTP_REQ_GET);
    evhttp_set_bevcb(http->http, on_accept, http);
    evhttp_set_gencb(http->http, on_request, http);
    http->on_stop = event_new(http->base, http->stop, EV_READ, on_stop, http);
    http->sweep = event_new(http->base, -1, EV_PERSIST, on_sweep, http);
    event_add(http->on_stop, NULL);
    event_add(http->sweep, &(struct timeval){1, 0});
    return evhttp_bind_socket(http->http, *host ? host : NULL, (ev_uint16_t)port);
}

/* "127.0.0.1:9464", "[::1]:9464", ":9464" (everywhere). */
static int address_parse(const char *address, char host[HOST_BYTES], int *port, struct err *err)
{
    const char *colon = strrchr(address, ':');
    size_t n = colon ? (size_t)(colon - address) : HOST_BYTES;
    char *end = NULL;
    long number = colon && colon[1] >= '0' && colon[1] <= '9' ? strtol(colon + 1, &end, 10) : 0;
    if (n >= HOST_BYTES || !end || *end || number < 1 || number > 65535)
        return err_set(err, ERR_DATA, "TANDEM_METRICS=%s is not host:port", address);
    bool brackets = n >= 2 && address[0] == '[' && address[n - 1] == ']';
    snprintf(host, HOST_BYTES, "%.*s", (int)(brackets ? n - 2 : n), address + brackets);
    *port = (int)number;
    return 0;
}

int metrics_http_open(const char *address, metrics_print print, void *context,
                      struct metrics_http **opened, struct err *err)
{
    char host[HOST_BYTES];
    int port;
    *opened = NULL;
    if (!*address)
        return 0;
    if (address_parse(address, host, &port, err))
        return -1;
    struct metrics_http *http = xcalloc(1, sizeof *http);
    http->print = print;
    http->context = context;
    http->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (listen_on(http, host, port) || thread_start(http)) {
        err_set(err, ERR_FATAL, "cannot listen on %s for /metrics: %m; set TANDEM_METRICS",
                address);
        metrics_http_close(http);
        return -1;
    }
    log_info("metrics", "listens url=http://%s/metrics", address);
    *opened = http;
    return 0;
}

void metrics_http_close(struct metrics_http *http)
{
    if (!http)
        return;
    if (http->runs) {
        eventfd_write(http->stop, 1);
        pthread_join(http->thread, NULL);
    }
    for (int i = 0; i < CONNECTIONS; i++)
        if (http->connection[i].stream)
            connection_forget(&http->connection[i]);
    if (http->http)
        evhttp_free(http->http);
    if (http->on_stop)
        event_free(http->on_stop);
    if (http->sweep)
        event_free(http->sweep);
    if (http->base)
        event_base_free(http->base);
    if (http->stop >= 0)
        close(http->stop);
    metrics_free(&http->text);
    free(http);
}
