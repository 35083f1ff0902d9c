#include "batch-layer/view_changes.h"

#include <inttypes.h>
#include <stdio.h>

#include "batch-layer/statement.h"
#include "views/row.h"

enum { PIECES_MAX = 32 };

/* The staged pieces of a group, one behind the other: a log (views/row.h), which is summed here. */
#define STAGED                                                                        \
    "(SELECT view, \"group\", string_agg(counters, ''::bytea) AS log FROM staged_row" \
    " WHERE n = %" PRId64 " GROUP BY view, \"group\") s"
/* What stands of it: its pieces. */
#define ROW_OF_STAGED " FROM view_row v WHERE v.view = s.view AND v.\"group\" = s.\"group\""

/* view, group, staged log, what the newest piece says, the row's log (null: not to be written whole) */
static const char *const queries[] = {
    [CHANGES_OF_RUN] =
        "COPY (SELECT view, \"group\", log, 0::int8, 0::int8, 0::int8, NULL::bytea FROM " STAGED
        ") TO STDOUT (FORMAT binary)",
    [CHANGES_TO_WRITE] =
        "COPY (SELECT s.view, s.\"group\", s.log, coalesce(p.pieces, 0)::int8,"
        " coalesce(p.whole_bytes, 0), coalesce(p.increment_bytes, 0), CASE"
        " WHEN p.pieces IS NULL THEN ''::bytea WHEN p.pieces >= %d"
        " OR p.whole_bytes < p.increment_bytes + octet_length(s.log)"
        " THEN (SELECT string_agg(v.counters, ''::bytea)" ROW_OF_STAGED ") END"
        " FROM " STAGED
        " LEFT JOIN LATERAL (SELECT v.pieces, v.whole_bytes, v.increment_bytes" ROW_OF_STAGED
        " ORDER BY v.n DESC LIMIT 1) p ON true) TO STDOUT (FORMAT binary)",
    [CHANGES_OF_REBUILD] =
        "COPY (SELECT coalesce(s.view, v.view), coalesce(s.\"group\", v.\"group\"), s.log,"
        " coalesce(v.pieces, 0), 0::int8, 0::int8, coalesce(v.log, ''::bytea) FROM " STAGED
        " FULL JOIN"
        " (SELECT view, \"group\", count(*) AS pieces, string_agg(counters, ''::bytea) AS log"
        " FROM view_row GROUP BY view, \"group\") v"
        " ON v.view = s.view AND v.\"group\" = s.\"group\") TO STDOUT (FORMAT binary)",
};

static void query_print(char *sql, size_t bytes, enum view_changes_of of, int64_t n)
{
    if (of == CHANGES_TO_WRITE)
        snprintf(sql, bytes, queries[of], PIECES_MAX, n);
    else
        snprintf(sql, bytes, queries[of], n);
}

int view_changes_begin(struct view_changes *changes, PGconn *db, int64_t n, enum view_changes_of of,
                       struct err *err)
{
    char sql[2048];
    *changes = (struct view_changes){.db = db, .of = of};
    query_print(sql, sizeof sql, of, n);
    if (statement_run(db, err, "BEGIN READ ONLY") < 0)
        return -1;
    /* a rebuild reads the whole view anyhow, and a full join cannot look up */
    if (of != CHANGES_OF_REBUILD && statement_plan_by_keys(db, err))
        return -1;
    return copy_out_begin(&changes->rows, db, sql, err);
}

static int no_row(const struct view_change *change, struct err *err)
{
    return err_set(err, ERR_DATA,
                   "view %.*s, group %.*s: these bytes are no row: `tandem-batch rebuild`",
                   (int)change->view.n, change->view.at, (int)change->group.n, change->group.at);
}

/* A rebuild replaces the row, so what stands there must not keep it from that. -1: these bytes are no row. */
static long change_sum_rebuild(struct view_changes *changes, struct text staged, struct text row,
                               bool *damaged)
{
    if (row_canonical(staged, &changes->whole) < 0)
        return -1;
    *damaged = row_canonical(row, &changes->row) < 0;
    if (*damaged)
        bytes_clear(&changes->row);
    return row_merge(bytes_text(&changes->whole), bytes_text(&changes->row), -1, &changes->change);
}

/* -1: these bytes are no row. */
static long change_sum(struct view_changes *changes, struct text staged, struct text row)
{
    long n = row_canonical(staged, &changes->change);
    if (n < 0 || !row.at)
        return n;
    n = row_canonical(row, &changes->row);
    return n < 0 ? n
                 : row_merge(bytes_text(&changes->row), bytes_text(&changes->change), 1,
                             &changes->whole);
}

int view_changes_next(struct view_changes *changes, struct view_change *change, struct err *err)
{
    enum { VIEW, GROUP, STAGED_LOG, PIECES, WHOLE_BYTES, INCREMENT_BYTES, ROW, FIELDS };
    struct text field[FIELDS];
    int more = copy_out_row(&changes->rows, field, FIELDS, err);
    if (more <= 0)
        return more;
    bytes_clear(&changes->row);
    bytes_clear(&changes->change);
    bytes_clear(&changes->whole);
    *change = (struct view_change){.view = field[VIEW],
                                   .group = field[GROUP],
                                   .there = copy_number(field[PIECES]) > 0,
                                   .rewrite = field[ROW].at};
    long n = changes->of == CHANGES_OF_REBUILD
                 ? change_sum_rebuild(changes, field[STAGED_LOG], field[ROW], &change->damaged)
                 : change_sum(changes, field[STAGED_LOG], field[ROW]);
    change->change = bytes_text(&changes->change);
    change->whole = bytes_text(&changes->whole);
    change->pieces = change->rewrite ? 1 : copy_number(field[PIECES]) + 1;
    change->whole_bytes =
        change->rewrite ? (int64_t)change->whole.n : copy_number(field[WHOLE_BYTES]);
    change->increment_bytes =
        change->rewrite ? 0 : copy_number(field[INCREMENT_BYTES]) + (int64_t)change->change.n;
    return n < 0 ? no_row(change, err) : 1;
}

void view_changes_end(struct view_changes *changes)
{
    struct err unused; /* nothing was written that could be lost */
    copy_out_end(&changes->rows);
    statement_run(changes->db, &unused, "ROLLBACK");
    bytes_free(&changes->row);
    bytes_free(&changes->change);
    bytes_free(&changes->whole);
}
