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
        "COPY (SELECT s.view, s.\"group\", s.log, v.counters FROM " STAGED
        " LEFT JOIN view_row v USING (view, \"group\")) TO STDOUT (FORMAT binary)",
    [CHANGES_OF_REBUILD] =
        "COPY (SELECT coalesce(s.view, v.view), coalesce(s.\"group\", v.\"group\"), s.log, v.counters"
        " FROM " STAGED " FULL JOIN view_row v ON v.view = s.view AND v.\"group\" = s.\"group\")"
        " TO STDOUT (FORMAT binary)",
};

/*
 * A run looks up the rows that it touches by their key; without this the planner may prefer to read the whole view,
 * whose size is that of the history. A rebuild reads all of it anyhow, and a full join cannot be a nested loop.
 */
static int choose_plan(PGconn *db, enum view_changes_of of, struct err *err)
{
    const char *on = of == CHANGES_OF_REBUILD ? "on" : "off";
    return statement_run(db, err, "SET enable_hashjoin = %s", on) < 0 ||
                   statement_run(db, err, "SET enable_mergejoin = %s", on) < 0
               ? -1
               : 0;
}

int view_changes_begin(struct view_changes *changes, PGconn *db, int64_t n, enum view_changes_of of,
                       struct err *err)
{
    char sql[1024];
    *changes = (struct view_changes){.of = of};
    snprintf(sql, sizeof sql, queries[of], n);
    return choose_plan(db, of, err) || copy_out_begin(&changes->rows, db, sql, err) ? -1 : 0;
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
    copy_out_end(&changes->rows);
    bytes_free(&changes->change);
    bytes_free(&changes->after);
}
