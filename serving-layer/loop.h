/* loop: one event loop of the server with all that is its own: listener, reader, producer, figures. A thread each. */
#ifndef TANDEM_SERVING_LOOP_H
#define TANDEM_SERVING_LOOP_H

#include <pthread.h>

#include "common/err.h"
#include "common/options.h"
#include "serving-layer/figures.h"
#include "serving-layer/ingest_body.h"
#include "serving-layer/reader.h"

struct boards;
struct connections;
struct item_store;
struct jobs;
struct keys;
struct manners;
struct producer;
struct pulse;
struct ranker;
struct slices;
struct server;
struct streams;
struct watcher;

struct serve_settings {
    struct deployment_options deployment;
    const char *listen; /* host:port */
    int64_t threads;
    int64_t redis_timeout_ms;
    int64_t acknowledge_ms;
    int64_t outstanding;
    int64_t idle_s;
    int64_t connections; /* all loops together, as the next ones */
    int64_t calls;       /* in hand */
    int64_t request_s, answer_s;
    int64_t buffer_bytes;
    const char *cors_origins; /* origins.h */
    bool metrics_open;        /* GET /metrics needs no key */
    const char *boards;       /* path; "": none */
};

struct loop {
    struct server *server;
    const struct serve_settings *settings;
    struct batch_store *store;
    struct watcher *watcher;
    struct event_base *base;
    struct evhttp *http;
    struct evhttp_bound_socket *bound;
    struct event *on_stop, *drain;
    struct connections *connections;
    struct reader *reader;
    struct ranker *ranker;
    struct producer *producer;
    struct streams *streams;
    struct slices *slices;
    struct event_decoder *decoder;
    struct ingest_body body;
    struct manners *manners;
    struct figures figures;
    int calls;     /* under way */
    int posts;     /* of them, those that wait for Kafka: bounded by their events (producer.h) */
    int streaming; /* of them, those of streams.h */
    int drain_ticks;
    bool settling; /* loop_settle: a request that comes now finds nobody to answer it */
    pthread_t thread;
};

struct server { /* what the loops share */
    struct item_store *items;
    const struct boards *boards; /* NULL: none */
    struct jobs *jobs;
    struct pulse *pulse; /* NULL before the loops run */
    struct keys *keys;
    struct loop **loop;
    int n_loops;
    int64_t started_ms;
};

/* `listener` is borrowed: each loop accepts from it. */
struct loop *loop_new(struct server *server, const struct serve_settings *settings,
                      struct batch_store *store, struct watcher *watcher, int listener,
                      struct err *err);
void loop_run(struct loop *loop); /* until a stop is asked and all calls have ended */
/* Takes what threads handed to it before they ended, after it has run; who asks now gets a 503. */
void loop_settle(struct loop *loop);
void loop_free(struct loop *loop);

#endif
