#include "batch-layer/view_changes.h"

#include <inttypes.h>
#include <stdio.h>

#include "batch-layer/statement.h"
#include "handover/view_state.h"
#include "views/row.h"

enum { PIECES_MAX = 32 };

/*
 * What the statements answer, in the order of groups. Each piece comes by itself and is summed here:
 * all pieces of a group may be more than the 1 GB that Postgres holds in one value.
 */
enum { VIEW, GROUP, KIND, COUNTERS, PIECES, WHOLE_BYTES, INCREMENT_BYTES };
enum {
    KIND_ADDED_TO,  /* no piece but what the newest one of the row says: it gets another */
    KIND_REWRITTEN, /* the same: it is to be written whole */
    KIND_STAGED,
    KIND_ROW
};

#define ROW_OF(group) \
    " FROM view_row v WHERE v.view = " group ".view AND v.\"group\" = " group ".\"group\""
#define STAGED                                                                     \
    "SELECT view, \"group\", 2::int2 AS kind, counters, 0::int8, 0::int8, 0::int8" \
    " FROM staged_row WHERE n = %" PRId64 " AND view IN ('%s')"
#define IN_ORDER \
    ") p ORDER BY view COLLATE \"C\", \"group\" COLLATE \"C\") TO STDOUT (FORMAT binary)"

static const char *const queries[] = {
    [CHANGES_OF_RUN] = "COPY (SELECT * FROM (" STAGED IN_ORDER,
    /* In step with the staged pieces, so that what is found is written while more is looked up. A group's first piece brings
     * its newest and, where needed, its row along; subqueries with an order of their own stay look-ups by key. */
    [CHANGES_TO_WRITE] =
        "COPY (SELECT s.view, s.\"group\", p.* FROM (SELECT view, \"group\", counters,"
        " sum(octet_length(counters)) OVER g AS bytes, row_number() OVER g AS i FROM staged_row"
        " WHERE n = %" PRId64 " AND view IN ('%s')"
        " WINDOW g AS (PARTITION BY view COLLATE \"C\", \"group\" COLLATE \"C\"))"
        " s LEFT JOIN LATERAL (SELECT v.pieces, v.whole_bytes, v.increment_bytes" ROW_OF(
            "s") " AND s.i = 1 ORDER BY v.n DESC LIMIT 1) w ON true CROSS JOIN LATERAL"
                 " (SELECT 2::int2, s.counters, 0::int8, 0::int8, 0::int8 UNION ALL"
                 " SELECT (w.pieces IS NULL OR w.pieces >= %d"
                 " OR w.whole_bytes < w.increment_bytes + s.bytes)::int::int2, NULL,"
                 " coalesce(w.pieces, 0)::int8, coalesce(w.whole_bytes, 0), coalesce(w.increment_bytes, 0)"
                 " WHERE s.i = 1 UNION ALL SELECT 3::int2, v.counters, 0::int8, 0::int8, 0::int8"
                 " FROM (SELECT v.counters" ROW_OF(
                     "s") " ORDER BY v.n) v WHERE s.i = 1 AND (w.pieces >= %d"
                          " OR w.whole_bytes < w.increment_bytes + s.bytes)) p"
                          " ORDER BY s.view COLLATE \"C\", s.\"group\" COLLATE \"C\") TO STDOUT (FORMAT binary)",
    [CHANGES_OF_REBUILD] =
        "COPY (SELECT * FROM (" STAGED " UNION ALL SELECT view, \"group\", 3::int2, counters,"
        " 0::int8, 0::int8, 0::int8 FROM view_row WHERE view IN ('%s')" IN_ORDER,
};

/* The names are the catalogue's own. */
static void query_print(char *sql, size_t bytes, enum view_changes_of of, int64_t n, uint64_t views)
{
    char names[VIEW_NAMES_BYTES];
    view_names(views, "','", names);
    if (of == CHANGES_TO_WRITE)
        snprintf(sql, bytes, queries[of], n, names, PIECES_MAX, PIECES_MAX);
    else if (of == CHANGES_OF_REBUILD)
        snprintf(sql, bytes, queries[of], n, names, names);
    else
        snprintf(sql, bytes, queries[of], n, names);
}

static int piece_read(struct view_changes *changes, struct err *err)
{
    changes->more = copy_out_row(&changes->rows, changes->piece, VIEW_CHANGES_FIELDS, err);
    return changes->more < 0 ? -1 : 0;
}

int view_changes_begin(struct view_changes *changes, PGconn *db, int64_t n, enum view_changes_of of,
                       uint64_t views, struct err *err)
{
    char sql[4096 + 2 * VIEW_NAMES_BYTES];
    *changes = (struct view_changes){.db = db, .of = of};
    query_print(sql, sizeof sql, of, n, views);
    if (statement_run(db, err, "BEGIN READ ONLY") < 0)
        return -1;
    /* a rebuild reads the whole view anyhow */
    if (of != CHANGES_OF_REBUILD && statement_plan_by_keys(db, err))
        return -1;
    return copy_out_begin(&changes->rows, db, sql, err) || piece_read(changes, err) ? -1 : 0;
}

static int no_row(const struct view_change *change, struct err *err)
{
    return err_set(err, ERR_DATA,
                   "view %.*s, group %.*s: these bytes are no row: `tandem-batch rebuild`",
                   (int)change->view.n, change->view.at, (int)change->group.n, change->group.at);
}

static void group_begin(struct view_changes *changes, struct view_change *change)
{
    bytes_clear(&changes->view);
    bytes_clear(&changes->group);
    bytes_put_text(&changes->view, changes->piece[VIEW]);
    bytes_put_text(&changes->group, changes->piece[GROUP]);
    row_sum_clear(&changes->staged);
    row_sum_clear(&changes->row);
    bytes_clear(&changes->merged);
    *change = (struct view_change){.view = bytes_text(&changes->view),
                                   .group = bytes_text(&changes->group),
                                   .rewrite = changes->of == CHANGES_OF_REBUILD};
}

static bool group_goes_on(const struct view_changes *changes)
{
    return changes->more && text_equal(changes->piece[GROUP], bytes_text(&changes->group)) &&
           text_equal(changes->piece[VIEW], bytes_text(&changes->view));
}

/* A rebuild replaces the row, so what stands there must not keep it from that. -1: these bytes are no row. */
static int piece_take(struct view_changes *changes, struct view_change *change)
{
    const struct text *piece = changes->piece;
    int64_t kind = copy_number(piece[KIND]);
    if (kind == KIND_STAGED)
        return row_sum_add(&changes->staged, piece[COUNTERS]);
    if (kind == KIND_ROW) {
        change->there = true;
        if (row_sum_add(&changes->row, piece[COUNTERS]) == 0)
            return 0;
        change->damaged = true;
        return changes->of == CHANGES_OF_REBUILD ? 0 : -1;
    }
    change->rewrite = kind == KIND_REWRITTEN;
    change->pieces = copy_number(piece[PIECES]);
    change->there = change->pieces > 0;
    change->whole_bytes = copy_number(piece[WHOLE_BYTES]);
    change->increment_bytes = copy_number(piece[INCREMENT_BYTES]);
    return 0;
}

static void group_sum(struct view_changes *changes, struct view_change *change)
{
    struct text staged = row_sum_text(&changes->staged);
    if (change->damaged)
        row_sum_clear(&changes->row);
    if (changes->of == CHANGES_OF_REBUILD) {
        row_merge(staged, row_sum_text(&changes->row), -1, &changes->merged);
        change->whole = staged;
        change->change = bytes_text(&changes->merged);
    } else {
        change->change = staged;
        if (change->rewrite)
            row_merge(row_sum_text(&changes->row), staged, 1, &changes->merged);
        change->whole = bytes_text(&changes->merged);
    }
    change->pieces = change->rewrite ? 1 : change->pieces + 1;
    if (change->rewrite) {
        change->whole_bytes = (int64_t)change->whole.n;
        change->increment_bytes = 0;
    } else
        change->increment_bytes += (int64_t)change->change.n;
}

int view_changes_next(struct view_changes *changes, struct view_change *change, struct err *err)
{
    if (!changes->more)
        return 0;
    group_begin(changes, change);
    do {
        if (piece_take(changes, change))
            return no_row(change, err);
        if (piece_read(changes, err))
            return -1;
    } while (group_goes_on(changes));
    group_sum(changes, change);
    return 1;
}

void view_changes_end(struct view_changes *changes)
{
    struct err unused; /* nothing was written that could be lost */
    copy_out_end(&changes->rows);
    statement_run(changes->db, &unused, "ROLLBACK");
    bytes_free(&changes->view);
    bytes_free(&changes->group);
    row_sum_free(&changes->staged);
    row_sum_free(&changes->row);
    bytes_free(&changes->merged);
}
