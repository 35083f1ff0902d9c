#define _POSIX_C_SOURCE 200809L
#include "serving-layer/watcher.h"

#include <event2/event.h>
#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "handover/database.h"
#include "handover/event_log.h"

enum { CHECK_MS = 1000, QUERY_MS = 2000 };

enum about { ABOUT_CHECK, ABOUT_POSTGRES, ABOUT_KAFKA, COMPLAINTS };

struct waiter {
    struct event_base *base;
    watcher_done done;
    void *context;
    struct look look;
    struct waiter *next;
};

struct watcher {
    struct deployment_options deployment;
    pthread_t thread;
    pthread_mutex_t lock; /* of all below it */
    pthread_cond_t wake;
    struct waiter *waiting;
    bool stop;
    char fatal[512];
    _Atomic bool ours;
    /* the thread's own */
    PGconn *db;
    rd_kafka_t *kafka;
    char complaint[COMPLAINTS][512]; /* each is logged once a change */
    struct last_audit audit;         /* under the lock */
    struct look last;                /* under the lock; at_ms 0: there was none yet */
};

/* ---- a look ---- */

static int64_t number_of(const PGresult *rows, int row, int column, int64_t absent)
{
    return PQgetisnull(rows, row, column) ? absent
                                          : strtoll(PQgetvalue(rows, row, column), NULL, 10);
}

static int look_at_archive(struct watcher *watcher, struct look *look, struct err *err)
{
    PGresult *rows = database_query(watcher->db, err,
                                    "SELECT partition, \"offset\" FROM archive_offset", 0, NULL);
    if (!rows)
        return -1;
    for (int r = 0; r < PQntuples(rows); r++) {
        int64_t p = number_of(rows, r, 0, -1);
        if (p >= 0 && p < PARTITIONS_MAX)
            look->archived[p] = number_of(rows, r, 1, -1);
    }
    PQclear(rows);
    return 0;
}

static int look_at_runs(struct watcher *watcher, struct look *look, struct err *err)
{
    PGresult *rows = database_query(
        watcher->db, err,
        "SELECT n, kind, state, (extract(epoch FROM started_at) * 1000)::int8, "
        "(extract(epoch FROM finished_at) * 1000)::int8, events, drift, (SELECT count(*) FROM run_check c "
        "WHERE c.n = run.n AND c.result = 'failed') FROM run ORDER BY n DESC LIMIT 1",
        0, NULL);
    if (!rows)
        return -1;
    if (PQntuples(rows) == 1) {
        struct last_run *run = &look->last_run;
        run->n = number_of(rows, 0, 0, 0);
        snprintf(run->kind, sizeof run->kind, "%s", PQgetvalue(rows, 0, 1));
        snprintf(run->state, sizeof run->state, "%s", PQgetvalue(rows, 0, 2));
        run->started_ms = number_of(rows, 0, 3, -1);
        run->finished_ms = number_of(rows, 0, 4, -1);
        run->events = number_of(rows, 0, 5, 0);
        run->drift = number_of(rows, 0, 6, -1);
        run->checks_failed = number_of(rows, 0, 7, 0);
    }
    PQclear(rows);
    return 0;
}

static int look_at_audits(struct watcher *watcher, struct err *err)
{
    struct last_audit audit = {0};
    PGresult *rows =
        database_query(watcher->db, err,
                       "SELECT (extract(epoch FROM at) * 1000)::int8, counters, differing,"
                       " sample_ppm FROM audit_result ORDER BY at DESC LIMIT 1",
                       0, NULL);
    if (!rows)
        return -1;
    if (PQntuples(rows) == 1)
        audit = (struct last_audit){number_of(rows, 0, 0, 0), number_of(rows, 0, 1, 0),
                                    number_of(rows, 0, 2, 0), number_of(rows, 0, 3, 0)};
    PQclear(rows);
    pthread_mutex_lock(&watcher->lock);
    watcher->audit = audit;
    pthread_mutex_unlock(&watcher->lock);
    return 0;
}

static int look_at_postgres(struct watcher *watcher, struct look *look, struct err *err)
{
    if (!watcher->db &&
        !(watcher->db = database_open(watcher->deployment.postgres, "tandem-serve-watcher", err)))
        return -1;
    if (look_at_archive(watcher, look, err) || look_at_runs(watcher, look, err) ||
        look_at_audits(watcher, err))
        return -1;
    return 0;
}

static int look_at_kafka(struct watcher *watcher, struct look *look, struct err *err)
{
    return event_log_edges(watcher->kafka, watcher->deployment.topic, 0,
                           (int)watcher->deployment.partitions, LOG_END, look->log_end, QUERY_MS,
                           err);
}

static void complain(struct watcher *watcher, enum about about, const struct err *err)
{
    if (err->kind == ERR_FATAL) {
        pthread_mutex_lock(&watcher->lock);
        bool first = !watcher->fatal[0];
        snprintf(watcher->fatal, sizeof watcher->fatal, "%s", err->message);
        pthread_mutex_unlock(&watcher->lock);
        if (first)
            kill(getpid(),
                 SIGTERM); /* main says why and ends with 1; a second one would end it at once */
        return;
    }
    char *before = watcher->complaint[about];
    if (strcmp(before, err->message) != 0)
        log_warn("watcher", "waits and tries again: %s", err->message);
    snprintf(before, sizeof watcher->complaint[about], "%s", err->message);
}

/* Until it has succeeded once: Postgres and Kafka must belong together. */
static void check(struct watcher *watcher)
{
    struct err err;
    struct publication publication;
    const struct deployment_options *at = &watcher->deployment;
    if (!watcher->db &&
        !(watcher->db = database_open(at->postgres, "tandem-serve-watcher", &err))) {
        complain(watcher, ABOUT_CHECK, &err);
        return;
    }
    if (publication_read(watcher->db, (int)at->partitions, &publication, &err) ||
        event_log_check_deployment(at->kafka, at->topic, (int)at->partitions,
                                   publication.deployment, &err)) {
        complain(watcher, ABOUT_CHECK, &err);
        if (PQstatus(watcher->db) != CONNECTION_OK) {
            PQfinish(watcher->db);
            watcher->db = NULL;
        }
        return;
    }
    watcher->ours = true;
    log_info("watcher", "topic and tables belong together deployment=%s", publication.deployment);
}

static void look_take(struct watcher *watcher, struct look *look)
{
    struct err err;
    *look = (struct look){.at_ms = clock_unix_ms()};
    for (int p = 0; p < PARTITIONS_MAX; p++)
        look->log_end[p] = look->archived[p] = -1;
    look->postgres = look_at_postgres(watcher, look, &err) == 0;
    if (look->postgres) {
        watcher->complaint[ABOUT_POSTGRES][0] = 0;
    } else {
        complain(watcher, ABOUT_POSTGRES, &err);
        PQfinish(watcher->db);
        watcher->db = NULL;
    }
    look->asked_us = clock_monotonic_us();
    look->kafka = look_at_kafka(watcher, look, &err) == 0;
    if (look->kafka)
        watcher->complaint[ABOUT_KAFKA][0] = 0;
    else
        complain(watcher, ABOUT_KAFKA, &err);
    pthread_mutex_lock(&watcher->lock);
    watcher->last = *look;
    pthread_mutex_unlock(&watcher->lock);
}

/* ---- the thread ---- */

static void waiter_call(evutil_socket_t fd, short what, void *context)
{
    struct waiter *waiter = context;
    (void)fd;
    (void)what;
    waiter->done(&waiter->look, waiter->context);
    free(waiter);
}

static void waiters_serve(struct waiter *list, const struct look *look)
{
    while (list) {
        struct waiter *next = list->next;
        list->look = *look;
        event_base_once(list->base, -1, EV_TIMEOUT, waiter_call, list, &(struct timeval){0, 0});
        list = next;
    }
}

/* Waits until somebody asks, or a second. false: stop. */
static bool wait_for_waiters(struct watcher *watcher, struct waiter **list)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += CHECK_MS / 1000;
    pthread_mutex_lock(&watcher->lock);
    if (!watcher->waiting && !watcher->stop)
        pthread_cond_timedwait(&watcher->wake, &watcher->lock, &until);
    *list = watcher->waiting;
    watcher->waiting = NULL;
    bool go_on = !watcher->stop;
    pthread_mutex_unlock(&watcher->lock);
    return go_on;
}

static void *watcher_run(void *context)
{
    struct watcher *watcher = context;
    struct waiter *list = NULL;
    struct look look;
    do {
        if (!watcher->ours)
            check(watcher);
        look_take(watcher, &look);
        waiters_serve(list, &look);
    } while (wait_for_waiters(watcher, &list));
    waiters_serve(list, &look);
    return NULL;
}

struct watcher *watcher_new(const struct deployment_options *deployment)
{
    struct watcher *watcher = xcalloc(1, sizeof *watcher);
    char why[256];
    watcher->deployment = *deployment;
    pthread_mutex_init(&watcher->lock, NULL);
    pthread_cond_init(&watcher->wake, NULL);
    rd_kafka_conf_t *conf = event_log_conf(deployment->kafka, "tandem-serve-watcher");
    watcher->kafka = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (!watcher->kafka) {
        log_error("watcher", "kafka: %s", why);
        exit(2);
    }
    if (pthread_create(&watcher->thread, NULL, watcher_run, watcher)) {
        log_error("watcher", "no thread");
        exit(1);
    }
    return watcher;
}

void watcher_free(struct watcher *watcher)
{
    pthread_mutex_lock(&watcher->lock);
    watcher->stop = true;
    pthread_cond_signal(&watcher->wake);
    pthread_mutex_unlock(&watcher->lock);
    pthread_join(watcher->thread, NULL);
    PQfinish(watcher->db);
    rd_kafka_destroy(watcher->kafka);
    pthread_cond_destroy(&watcher->wake);
    pthread_mutex_destroy(&watcher->lock);
    free(watcher);
}

bool watcher_last(struct watcher *watcher, struct look *look)
{
    pthread_mutex_lock(&watcher->lock);
    *look = watcher->last;
    pthread_mutex_unlock(&watcher->lock);
    return look->at_ms > 0;
}

struct last_audit watcher_audit(struct watcher *watcher)
{
    pthread_mutex_lock(&watcher->lock);
    struct last_audit audit = watcher->audit;
    pthread_mutex_unlock(&watcher->lock);
    return audit;
}

bool watcher_log_is_ours(struct watcher *watcher)
{
    return watcher->ours;
}

bool watcher_failed(struct watcher *watcher, char *message, size_t bytes)
{
    pthread_mutex_lock(&watcher->lock);
    snprintf(message, bytes, "%s", watcher->fatal);
    pthread_mutex_unlock(&watcher->lock);
    return message[0];
}

void watcher_ask(struct watcher *watcher, struct event_base *base, watcher_done done, void *context)
{
    struct waiter *waiter = xcalloc(1, sizeof *waiter);
    waiter->base = base;
    waiter->done = done;
    waiter->context = context;
    pthread_mutex_lock(&watcher->lock);
    waiter->next = watcher->waiting;
    watcher->waiting = waiter;
    pthread_cond_signal(&watcher->wake);
    pthread_mutex_unlock(&watcher->lock);
}
