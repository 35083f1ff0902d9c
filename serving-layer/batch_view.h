/*
 * batch_view: batch view N in memory: all its counters and what each user has seen and bought. Filled once by one thread, sealed,
 * from then on immutable and read by any thread. The next version shares every row and every window that did not change.
 * Not for: Postgres (batch_store.h), the speed layer (speed_reader.h), who may still need a version (batch_store.h).
 *
 * A version is filled, shared from and freed by one thread (the loader): what versions share is counted without atomics.
 */
#ifndef TANDEM_SERVING_BATCH_VIEW_H
#define TANDEM_SERVING_BATCH_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "serving-layer/tally.h"
#include "views/catalogue.h"

/* A counter of a row: its member as a symbol; 0 is not there. */
struct member_count {
    uint32_t member;
    int64_t value;
};

struct batch_view;
struct batch_row; /* the counters of one (view, group) */

/* What the publication says. */
struct batch_edition {
    int64_t n; /* N */
    int partitions;
    const int64_t *boundary; /* B_N, an offset a partition */
    int64_t published_ms;    /* ms since 1970 UTC */
    const char *deployment;
    uint64_t serial;   /* no two versions of a process have the same */
    uint64_t unserved; /* views that are not answered from: handover/view_state.h */
};

/*
 * A new version. `before` NULL: an empty one; else it begins with all that `before` holds (with_users: its windows, too), and
 * what changed is put over it. `edition` is copied.
 */
struct batch_view *batch_view_new(const struct batch_edition *edition,
                                  const struct batch_view *before, bool with_users);
void batch_view_free(struct batch_view *batch);

/* While it is filled: replaces a row by `counters` (views/row.h, any order, each member once). -1: these bytes are no row. */
int batch_view_put_row(struct batch_view *batch, unsigned view, struct text group,
                       struct text counters);
/* Adds `counters` to a row, which may not be there yet. -1: these bytes are no row. */
int batch_view_add_row(struct batch_view *batch, unsigned view, struct text group,
                       struct text counters);
/* Replaces what a user has seen and bought; 0 bytes: nothing. -1: these bytes are no state (views/user_state.h). */
int batch_view_put_user(struct batch_view *batch, int partition, struct text user,
                        struct text stored);
/* Ends filling. */
void batch_view_seal(struct batch_view *batch);

const struct batch_edition *batch_view_edition(const struct batch_view *batch);

/* Members are symbols of this dictionary; a version that came from another one goes on with its symbols. */
const struct names *batch_view_names(const struct batch_view *batch);

/* NULL: no such row, all its counters are 0. */
const struct batch_row *batch_view_row(const struct batch_view *batch, unsigned view,
                                       struct text group);
/* At most this many counters. */
size_t batch_row_counters(const struct batch_row *row);
/* One counter: in O(1) for rows that hold much of the dictionary. 0: not there. `row` may be NULL. */
int64_t batch_row_count(const struct batch_row *row, uint32_t member);
/* Walks the counters, members rising: start with *cursor = 0; false at the end. `row` may be NULL. */
bool batch_row_next(const struct batch_row *row, size_t *cursor, uint32_t *member, int64_t *value);

/* The same all at once, for loops that must be short: `into` has room for batch_row_counters(). Returns how many. */
size_t batch_row_take(const struct batch_row *row, struct member_count *into);

/* Adds `each` times a counter to its member's part, for all counters. */
void batch_row_add_parts(const struct batch_row *row, double each, struct tally *tally);

enum window { WINDOW_SEEN, WINDOW_BOUGHT };

/* What the user has seen or bought, oldest first, repeats kept: symbols; returns how many. */
size_t batch_view_window(const struct batch_view *batch, enum window window, int partition,
                         struct text user, const uint32_t **items);

struct batch_view_figures {
    uint64_t rows, counters, users;
    size_t bytes; /* of memory; what versions share is counted in each */
};
void batch_view_figures(const struct batch_view *batch, struct batch_view_figures *figures);

#endif
