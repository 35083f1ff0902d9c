/*
 * read_batch: the requests that are read for at the same time: the union of their rows and users, and, once every server has
 * answered, what each of them is told. Belongs to one reader. Not for: talking to servers, when to begin (reader.c).
 */
#ifndef TANDEM_SERVING_READ_BATCH_H
#define TANDEM_SERVING_READ_BATCH_H

#include "handover/database.h" /* PARTITIONS_MAX */
#include "serving-layer/asks.h"
#include "serving-layer/snapshot.h"
#include "serving-layer/speed_reader.h"

struct read_batch {
    uint64_t number; /* counts batches */
    struct asks asks;
    struct kept_row **rows; /* each once */
    size_t n_rows, rows_cap;
    struct speed_user *users;
    size_t n_users, users_cap; /* n_users are in use; all of them keep their memory */
    int64_t as_of[PARTITIONS_MAX];

    /* for the answers */
    struct parts *parts; /* by place of the row */
    const struct sums **speed;
    const struct parts **ask_rows;
    size_t parts_cap, speed_cap, ask_rows_cap, users_made;
    struct sums scratch;
    struct names *states;             /* for decoding users' states */
    uint32_t window[2][STATE_WINDOW]; /* of the user at hand, by enum window */
};

/* Rows and users of its asks, for this version of the batch view; as_of stands at the boundary. */
void read_batch_collect(struct read_batch *batch, struct kept_rows *kept,
                        const struct batch_edition *edition);

/* Which servers' parts may be added: those that answered in this batch, none other. */
struct read_sources {
    const struct batch_view *view;
    struct symbols *symbols;
    const bool *server_ok;
    int n_servers;
};

/* Adds up the rows. Then read_batch_show() for each ask. */
void read_batch_merge(struct read_batch *batch, const struct read_sources *sources);
/* The snapshot of one ask; lives until the next call. */
struct snapshot read_batch_show(struct read_batch *batch, const struct read_sources *sources,
                                const struct ask *ask);

void read_batch_free(struct read_batch *batch); /* its asks are gone already */

#endif
