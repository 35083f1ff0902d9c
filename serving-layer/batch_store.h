/*
 * batch_store: the batch views of the process. A thread of its own watches the publication in Postgres (NOTIFY, and once a
 * second), loads what changed in one snapshot beside the version that is being answered from, swaps the newest, and keeps the
 * lease in serving_lease at the OLDEST version that any loop still holds, so that its segments are not retired meanwhile.
 * Not for: what stands in a version (batch_view.h).
 *
 * While Postgres is away it keeps what it has and tries again. All functions but new and free: any thread, none blocks.
 */
#ifndef TANDEM_SERVING_BATCH_STORE_H
#define TANDEM_SERVING_BATCH_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "serving-layer/batch_view.h"

struct batch_store;

struct batch_store_settings {
    const char *postgres; /* libpq connection string */
    int partitions;
};

/* Starts the thread and returns at once; settings are copied. */
struct batch_store *batch_store_new(const struct batch_store_settings *settings);
/* Ends the thread and removes the lease. No version may be held any more. */
void batch_store_free(struct batch_store *store);

/* A version is there to answer from. */
bool batch_store_ready(struct batch_store *store);

/* The newest version, or NULL while there is none yet. It lives until it is released; the lease says that it is in use. */
const struct batch_view *batch_store_acquire(struct batch_store *store);
void batch_store_release(struct batch_store *store, const struct batch_view *batch);

/* Asks the thread to look at the publication now: Redis has retired the segments of the version that is held. */
void batch_store_refresh(struct batch_store *store);

struct batch_store_figures {
    bool connected;        /* to Postgres */
    bool fatal;            /* Postgres does not fit this program and a person is needed (message) */
    char message[512];     /* the last failure; "" when the last look succeeded */
    int64_t n;             /* newest version; -1: none yet */
    int64_t oldest_in_use; /* what the lease says; -1: none */
    int64_t published_ms;  /* when the newest was published, ms since 1970 UTC */
    int64_t loaded_ms;     /* when it was there to answer from */
    int64_t load_took_us;
    uint64_t loads, failures;
    struct batch_view_figures view; /* the newest version */
};
void batch_store_figures(struct batch_store *store, struct batch_store_figures *figures);

/* The deployment's id; false while no version is there. */
bool batch_store_deployment(struct batch_store *store, char *id, size_t bytes);

#endif
