/*
 * worker: one instance of the speed layer: takes what the group gives it, claims it, and turns records into applied
 * micro-batches until it is told to stop. Here is the policy of the layer: the order after a failure, the pauses, what is
 * waited for and what is not. Not for: options, signals, listening. One thread.
 */
#ifndef TANDEM_SPEED_WORKER_H
#define TANDEM_SPEED_WORKER_H

#include "common/err.h"
#include "common/metrics.h"
#include "common/options.h"

struct worker;

struct worker_settings {
    struct deployment_options deployment;
    const char *group;
    int64_t batch_events;  /* a call of apply, at most */
    int64_t batch_wait_ms; /* how long a micro-batch that is not full waits for more */
    int64_t cache_bytes;   /* users' states kept in memory */
    int64_t compact_bytes; /* shorter rows are left as they are */
    int64_t redis_timeout_ms;
    const char *metrics; /* host:port, "": none */
};

struct worker *worker_new(const struct worker_settings *settings, struct err *err);
void worker_free(struct worker *worker); /* leaves the group */

/*
 * One step: connects and checks the deployment; or claims; or collects, folds and applies. Waits some 100 ms at most where
 * there is nothing to do. What may pass by itself is logged and tried again, later; -1: a person is needed.
 */
int worker_turn(struct worker *worker, struct err *err);

/* What it did and how it stands, to the second. Any thread. */
void worker_metrics(const struct worker *worker, struct metrics *into);

/* Applies what is held and waits for the answers. */
int worker_finish(struct worker *worker, struct err *err);

#endif
