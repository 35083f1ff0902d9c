#include "batch-layer/view_changes.h"

#include <inttypes.h>
#include <stdio.h>

#include "batch-layer/statement.h"
#include "views/row.h"

enum { WHOLE_RATIO = 2, PIECES_MAX = 32 };

/* The staged pieces of a group, one behind the other: a log (views/row.h), which is summed here. */
#define STAGED                                                                        \
    "(SELECT view, \"group\", string_agg(counters, ''::bytea) AS log FROM staged_row" \
    " WHERE n = %" PRId64 " GROUP BY view, \"group\") s"
/* What stands of it: its pieces as a log. octet_length() does not read a stored value. */
#define ROW_OF_STAGED " FROM view_row v WHERE v.view = s.view AND v.\"group\" = s.\"group\""

/* view, group, staged log, how many pieces the row has, the row's log (null: not to be written whole) */
static const char *const queries[] = {
    [CHANGES_OF_RUN] = "COPY (SELECT view, \"group\", log, 0::int8, NULL::bytea FROM " STAGED
                       ") TO STDOUT (FORMAT binary)",
    [CHANGES_TO_WRITE] =
        "COPY (SELECT s.view, s.\"group\", s.log, p.pieces, CASE"
        " WHEN p.pieces >= %d OR p.whole < %d * (p.increments + octet_length(s.log))"
        " THEN (SELECT coalesce(string_agg(v.counters, ''::bytea), ''::bytea)" ROW_OF_STAGED ") END"
        " FROM " STAGED " CROSS JOIN LATERAL (SELECT count(*) AS pieces,"
        " coalesce(sum(octet_length(v.counters)) FILTER (WHERE v.whole), 0) AS whole,"
        " coalesce(sum(octet_length(v.counters)) FILTER (WHERE NOT v.whole), 0) AS increments" ROW_OF_STAGED
        ") p) TO STDOUT (FORMAT binary)",
    [CHANGES_OF_REBUILD] =
        "COPY (SELECT coalesce(s.view, v.view), coalesce(s.\"group\", v.\"group\"), s.log,"
        " coalesce(v.pieces, 0), coalesce(v.log, ''::bytea) FROM " STAGED " FULL JOIN"
        " (SELECT view, \"group\", count(*) AS pieces, string_agg(counters, ''::bytea) AS log"
        " FROM view_row GROUP BY view, \"group\") v"
        " ON v.view = s.view AND v.\"group\" = s.\"group\") TO STDOUT (FORMAT binary)",
};

static void query_print(char *sql, size_t bytes, enum view_changes_of of, int64_t n)
{
    if (of == CHANGES_TO_WRITE)
        snprintf(sql, bytes, queries[of], PIECES_MAX, WHOLE_RATIO, n);
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

/* -1: these bytes are no row. */
static long change_sum(struct view_changes *changes, struct text staged, struct text row)
{
    struct bytes *first = changes->of == CHANGES_OF_REBUILD ? &changes->whole : &changes->change;
    long n = row_canonical(staged, first);
    if (n < 0 || !row.at)
        return n;
    n = row_canonical(row, &changes->row);
    if (n < 0)
        return n;
    if (changes->of == CHANGES_OF_REBUILD)
        return row_merge(bytes_text(first), bytes_text(&changes->row), -1, &changes->change);
    return row_merge(bytes_text(&changes->row), bytes_text(first), 1, &changes->whole);
}

int view_changes_next(struct view_changes *changes, struct view_change *change, struct err *err)
{
    enum { VIEW, GROUP, STAGED_LOG, PIECES, ROW, FIELDS };
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
    long n = change_sum(changes, field[STAGED_LOG], field[ROW]);
    change->change = bytes_text(&changes->change);
    change->whole = bytes_text(&changes->whole);
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
