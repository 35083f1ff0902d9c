#include "batch-layer/view_changes.h"

#include <inttypes.h>
#include <stdio.h>

#include "batch-layer/statement.h"
#include "views/row.h"

/* The staged pieces of a group, one behind the other: a log (views/row.h), which is summed here. */
#define STAGED                                                                        \
    "(SELECT view, \"group\", string_agg(counters, ''::bytea) AS log FROM staged_row" \
    " WHERE n = %" PRId64 " GROUP BY view, \"group\") s"

static const char *const queries[] = {
    [CHANGES_OF_RUN] =
        "COPY (SELECT view, \"group\", log, NULL::bytea FROM " STAGED ") TO STDOUT (FORMAT binary)",
    [CHANGES_OF_RUN_ROWS] =
        "COPY (SELECT s.view, s.\"group\", s.log, (SELECT v.counters FROM view_row v"
        " WHERE v.view = s.view AND v.\"group\" = s.\"group\") FROM " STAGED
        ") TO STDOUT (FORMAT binary)",
    [CHANGES_OF_REBUILD] =
        "COPY (SELECT coalesce(s.view, v.view), coalesce(s.\"group\", v.\"group\"), s.log, v.counters"
        " FROM " STAGED " FULL JOIN view_row v ON v.view = s.view AND v.\"group\" = s.\"group\")"
        " TO STDOUT (FORMAT binary)",
};

int view_changes_begin(struct view_changes *changes, PGconn *db, int64_t n, enum view_changes_of of,
                       struct err *err)
{
    char sql[1024];
    *changes = (struct view_changes){.db = db, .of = of};
    snprintf(sql, sizeof sql, queries[of], n);
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

int view_changes_next(struct view_changes *changes, struct view_change *change, struct err *err)
{
    enum { VIEW, GROUP, LOG, BEFORE, FIELDS };
    struct text field[FIELDS];
    int more = copy_out_row(&changes->rows, field, FIELDS, err);
    if (more <= 0)
        return more;
    *change =
        (struct view_change){.view = field[VIEW], .group = field[GROUP], .before = field[BEFORE]};
    bytes_clear(&changes->change);
    bytes_clear(&changes->after);
    long n;
    if (changes->of == CHANGES_OF_REBUILD) {
        n = row_canonical(field[LOG], &changes->after);
        if (n >= 0)
            n = row_merge(bytes_text(&changes->after), field[BEFORE], -1, &changes->change);
    } else {
        n = row_canonical(field[LOG], &changes->change);
        if (n >= 0 && changes->of == CHANGES_OF_RUN_ROWS)
            n = row_merge(field[BEFORE], bytes_text(&changes->change), 1, &changes->after);
    }
    change->change = bytes_text(&changes->change);
    change->after = bytes_text(&changes->after);
    return n < 0 ? no_row(change, err) : 1;
}

void view_changes_end(struct view_changes *changes)
{
    struct err unused; /* nothing was written that could be lost */
    copy_out_end(&changes->rows);
    statement_run(changes->db, &unused, "ROLLBACK");
    bytes_free(&changes->change);
    bytes_free(&changes->after);
}
