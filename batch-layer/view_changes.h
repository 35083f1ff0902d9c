/*
 * view_changes: what an aggregated run changes in the batch view, group by group, computed while it is read: the check
 * compares it with the speed layer, publishing writes it. Nothing is kept, so both see the same.
 *
 * A group's row is one whole piece and increments (schema: view_row). A run adds an increment, or writes the row whole
 * again: when there is none yet, when the increments would become longer than the whole, or when there are PIECES_MAX pieces.
 * So the cost of a run is that of its changes, and readers sum few pieces (the log-structured merge of O'Neil et al., 1996,
 * with one level).
 */
#ifndef TANDEM_BATCH_VIEW_CHANGES_H
#define TANDEM_BATCH_VIEW_CHANGES_H

#include <libpq-fe.h>
#include <stdint.h>

#include "batch-layer/copy.h"
#include "batch-layer/row_sum.h"

enum { VIEW_CHANGES_FIELDS = 7 };

enum view_changes_of {
    CHANGES_OF_RUN,   /* change: what the chunks staged; whole is not looked up */
    CHANGES_TO_WRITE, /* the same with whole for the rows that are to be written whole */
    CHANGES_OF_REBUILD /* whole: what the chunks staged; change = whole - row; groups it did not meet become empty */
};

/* In canonical form (views/row.h), until the next call. */
struct view_change {
    struct text view, group;
    struct text change;
    bool there;        /* the group has a row, which may be empty */
    bool damaged;      /* of a rebuild: the row's bytes are no row, so it counts as empty */
    bool rewrite;      /* the row is to be written as `whole`; false: `change` is its next piece */
    struct text whole; /* the row with the change */
    int64_t pieces, whole_bytes, increment_bytes; /* of the row with its next piece */
};

/* Zero-initialised, then begin; end in any case. Holds the sums of one group and one piece. */
struct view_changes {
    PGconn *db;
    enum view_changes_of of;
    struct copy_out rows;
    struct text piece[VIEW_CHANGES_FIELDS]; /* the next one */
    int more;                               /* 1: it is there; 0: all were read */
    struct bytes view, group;
    struct row_sum staged, row;
    struct bytes merged;
};

/* Of these views (bits of the catalogue) alone. One statement, one snapshot, in a transaction of its own: `db` is in none before and busy until the end, so what is
 * written meanwhile goes over another connection. */
int view_changes_begin(struct view_changes *changes, PGconn *db, int64_t n, enum view_changes_of of,
                       uint64_t views, struct err *err);
/* 1 and the next group, in byte order; 0 at the end; -1. */
int view_changes_next(struct view_changes *changes, struct view_change *change, struct err *err);
void view_changes_end(struct view_changes *changes);

#endif
