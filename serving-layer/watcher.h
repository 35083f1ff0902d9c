/*
 * watcher: a thread that asks Kafka and Postgres what no event loop may wait for: is the topic ours, where does the log end,
 * how far is the archive, how did the last run go. Loops read its last look, or ask for a fresh one and are called back.
 * Not for: anything that an answer from views needs.
 */
#ifndef TANDEM_SERVING_WATCHER_H
#define TANDEM_SERVING_WATCHER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/options.h"

struct event_base;
struct watcher;

struct last_run {
    int64_t n; /* 0: there was none */
    char kind[16], state[16];
    int64_t started_ms, finished_ms, events; /* finished_ms -1: not yet */
    int64_t drift;                           /* -1: not compared */
    int64_t checks_failed;                   /* of the data: nothing is published */
};

struct last_audit {
    int64_t at_ms; /* 0: there was none */
    int64_t counters, differing, sample_ppm;
};

struct look {
    bool kafka, postgres;             /* did they answer */
    int64_t asked_us;                 /* monotonic, just before the end of the log was asked for */
    int64_t log_end[PARTITIONS_MAX];  /* -1: not known */
    int64_t archived[PARTITIONS_MAX]; /* next offset of the archive, -1: not known */
    struct last_run last_run;
    int64_t at_ms;
};

struct watcher *watcher_new(const struct deployment_options *deployment);
void watcher_free(struct watcher *watcher);

/* The topic was there, with its partitions and this deployment's mark. */
bool watcher_log_is_ours(struct watcher *watcher);
/* Something does not fit and a person is needed: true and the message. The process stops then. */
bool watcher_failed(struct watcher *watcher, char *message, size_t bytes);

/* A look that begins after this call; `done` is called on the base's loop. `look` lives for the duration of `done`. */
typedef void (*watcher_done)(const struct look *look, void *context);
void watcher_ask(struct watcher *watcher, struct event_base *base, watcher_done done,
                 void *context);

/* The last look, some seconds old at most; false: there was none yet. */
bool watcher_last(struct watcher *watcher, struct look *look);

/* The newest audit, as of some seconds ago. */
struct last_audit watcher_audit(struct watcher *watcher);

#endif
