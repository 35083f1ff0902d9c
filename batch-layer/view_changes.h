/*
 * view_changes: what an aggregated run changes in the batch view, group by group, computed while it is read: the check
 * compares it with the speed layer, publishing writes it. Nothing is kept, so both see the same.
 */
#ifndef TANDEM_BATCH_VIEW_CHANGES_H
#define TANDEM_BATCH_VIEW_CHANGES_H

#include <libpq-fe.h>
#include <stdint.h>

#include "batch-layer/copy.h"

enum view_changes_of {
    CHANGES_OF_RUN,      /* change: what the chunks staged; before and after are not looked up */
    CHANGES_OF_RUN_ROWS, /* the same with before and after = before + change */
    CHANGES_OF_REBUILD, /* after: what the chunks staged; change = after - before; groups it did not meet become empty */
};

/* All three in canonical form (views/row.h), until the next call. */
struct view_change {
    struct text view, group;
    struct text before; /* at = NULL: there is no row */
    struct text change;
    struct text after;
};

/* Zero-initialised, then begin; end in any case. */
struct view_changes {
    PGconn *db;
    enum view_changes_of of;
    struct copy_out rows;
    struct bytes change, after;
};

/* One statement, one snapshot, in a transaction of its own: `db` is in none before and busy until the end, so what is
 * written meanwhile goes over another connection. */
int view_changes_begin(struct view_changes *changes, PGconn *db, int64_t n, enum view_changes_of of,
                       struct err *err);
/* 1 and the next group, in no order; 0 at the end; -1. */
int view_changes_next(struct view_changes *changes, struct view_change *change, struct err *err);
void view_changes_end(struct view_changes *changes);

#endif
