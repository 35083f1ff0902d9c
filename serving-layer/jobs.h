/*
 * jobs: work on Postgres that an event loop asks for and may not wait for: a few threads, each with a connection of its own, and
 * a queue with a bound. Not for: answers from views, which need no Postgres (reader.h).
 */
#ifndef TANDEM_SERVING_JOBS_H
#define TANDEM_SERVING_JOBS_H

#include <libpq-fe.h>

#include "common/err.h"

struct event_base;
struct jobs;

struct jobs_settings {
    const char *postgres; /* libpq connection string, borrowed */
    int threads;
    int most; /* jobs that wait; more are refused */
};

/* Starts the threads; they connect when there is work. */
struct jobs *jobs_new(const struct jobs_settings *settings);
/* Ends the threads after what they are at; jobs that still wait end with an error, their `done` is called from here. */
void jobs_free(struct jobs *jobs);

/*
 * Runs on a thread, outside a transaction; begins and commits its own. -1: err (ERR_RETRY: Postgres is away or busy). What is
 * left open is rolled back. The context is the job's alone until `done`.
 */
typedef int (*jobs_work)(PGconn *db, void *context, struct err *err);
/* Called once, later, on the base's loop, never from inside jobs_ask. err: NULL, or why it failed. */
typedef void (*jobs_done)(const struct err *err, void *context);

/* -1: too many jobs wait; `done` is not called. */
int jobs_ask(struct jobs *jobs, struct event_base *base, jobs_work work, jobs_done done,
             void *context);

#endif
