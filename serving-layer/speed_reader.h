/*
 * speed_reader: one event loop's connection to one Redis server of the speed view (keys: handover/speed_keys.h), and the one
 * atomic read of it: offsets, epoch, retired mark, what was appended to the rows of segments >= N, users' states: a MULTI of
 * plain reads. Connects by itself and again after a failure. Not for: several servers, requests, merging (reader.h).
 *
 * What was read is kept (kept_rows.h) as long as it can be trusted: design.md section 5, models in rowlog_sim.py's terms:
 *   - a new connection drops all of this server: it may have come back with an earlier prefix;
 *   - so does a partition whose offset is smaller or whose owner's token is another: a replica may go back under a living
 *     connection, when its master is replaced;
 *   - another epoch drops all of this server: it was flushed under a living connection;
 *   - another generation drops that row: it was compacted.
 */
#ifndef TANDEM_SERVING_SPEED_READER_H
#define TANDEM_SERVING_SPEED_READER_H

#include "handover/speed_view.h"
#include "serving-layer/batch_view.h"
#include "serving-layer/kept_rows.h"

struct event_base;
struct speed_reader;

enum speed_outcome {
    SPEED_PENDING,
    SPEED_OK,
    SPEED_AWAY,    /* no answer, or not this deployment's server */
    SPEED_DROPPED, /* the segments of batch view N are retired: load the publication */
};

struct speed_user {
    struct text user;
    int partition;
    bool found;         /* a segment >= N holds the state; else it stands in the batch view */
    struct bytes state; /* views/user_state.h */
};

/* One read. Borrowed until it is done. Rows' parts of this server are brought up to date. */
struct speed_read {
    const struct batch_edition *edition;
    const char *deployment;
    struct kept_rows *kept;
    struct symbols *symbols;
    struct kept_row *const *rows;
    size_t n_rows;
    struct speed_user *users; /* those of other servers are passed over */
    size_t n_users;
    int64_t *
        as_of; /* by partition: those of this server are written when the outcome is OK: max(offset, boundary) */
};

typedef void (*speed_done)(void *context, int server, enum speed_outcome outcome);

struct speed_reader_settings {
    struct event_base *base;
    const struct speed_servers *servers; /* borrowed */
    int server;                          /* which of them */
    speed_done done; /* called once a read, from the event loop, never from inside a call */
    void *context;
};

struct speed_reader *speed_reader_new(const struct speed_reader_settings *settings);
void speed_reader_free(struct speed_reader *reader); /* a read under way ends without `done` */

bool speed_reader_up(const struct speed_reader *reader);
/* Begins a read; -1: away (done is not called). */
int speed_reader_read(struct speed_reader *reader, const struct speed_read *read);
/* Gives up on the read under way, and the connection: its outcome is AWAY, by `done` before this returns. */
void speed_reader_abort(struct speed_reader *reader);
uint64_t speed_reader_repeats(
    const struct speed_reader *reader); /* reads that had to be repeated */

/* The segments that an OK read has summed: from the edition's N to this one. */
int64_t speed_reader_top(const struct speed_reader *reader);

#endif
