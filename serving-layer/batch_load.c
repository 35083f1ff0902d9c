#include "serving-layer/batch_load.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "handover/database.h"
#include "handover/view_state.h"

enum { ROWS_BETWEEN = 256, BINARY = 1 };

/* What a version may take over from the one before. */
struct plan {
    const struct batch_view *before; /* NULL: everything is loaded */
    int64_t rows_above;              /* pieces written by runs above it are loaded */
    int64_t states_above;
};

/*
 * A row is a whole piece and increments, each of which says which run wrote it, so the pieces above `before` are all that
 * changed: whole ones replace what is held, increments add to it.
 * Users' states are pruned: an empty one goes once segments below states_from are retired. Who has not loaded a version that
 * may have lost some (before < states_from) would keep the window of a forgotten user: all states are loaded then.
 * Other deployment, or a number that went back (a backup): nothing is taken over.
 */
static bool held_boundary_is(const struct batch_edition *held, const struct publication *now)
{
    return memcmp(held->boundary, now->boundary,
                  (size_t)now->partitions * sizeof *now->boundary) == 0;
}

static struct plan plan_of(const struct batch_view *before, const struct publication *now)
{
    struct plan plan = {NULL, -1, -1};
    if (!before)
        return plan;
    const struct batch_edition *held = batch_view_edition(before);
    bool same = held->n == now->n && held_boundary_is(held, now); /* a view is served from now on */
    if (strcmp(held->deployment, now->deployment) != 0 || (held->n >= now->n && !same))
        return plan;
    plan.before = before;
    plan.rows_above = held->n;
    if (now->states_from <= held->n)
        plan.states_above = held->n;
    return plan;
}

static bool same_edition(const struct batch_view *before, const struct publication *now,
                         int64_t published_ms, uint64_t unserved)
{
    if (!before)
        return false;
    const struct batch_edition *held = batch_view_edition(before);
    return held->n == now->n && held->published_ms == published_ms && held->unserved == unserved &&
           strcmp(held->deployment, now->deployment) == 0 && held_boundary_is(held, now);
}

static int published_read(PGconn *db, int64_t *published_ms, struct err *err)
{
    PGresult *result = database_query(
        db, err, "SELECT (extract(epoch FROM published_at) * 1000)::int8 FROM publication", 0,
        NULL);
    if (!result)
        return -1;
    *published_ms = PQntuples(result) == 1 ? strtoll(PQgetvalue(result, 0, 0), NULL, 10) : 0;
    PQclear(result);
    return 0;
}

/* ---- rows of a query, one at a time ---- */

typedef int (*row_take)(struct batch_view *batch, const PGresult *row);

static struct text field(const PGresult *row, int column)
{
    return (struct text){PQgetvalue(row, 0, column), (size_t)PQgetlength(row, 0, column)};
}

/* Takes all results, also after a failure, so that the connection can be used again; the first failure is kept. */
static int rows_take(const struct batch_load *load, struct batch_view *batch, row_take take,
                     struct err *err)
{
    int failed = 0;
    unsigned n = 0;
    PGresult *result;
    while ((result = PQgetResult(load->db))) {
        ExecStatusType status = PQresultStatus(result);
        if (!failed && status == PGRES_SINGLE_TUPLE && take(batch, result))
            failed = err_set(
                err, ERR_DATA,
                "postgres: a stored row of the batch view is damaged: run `tandem-batch rebuild`");
        else if (!failed && status != PGRES_SINGLE_TUPLE && status != PGRES_TUPLES_OK)
            failed = database_failed(load->db, result, "load the batch view", err);
        PQclear(result);
        if (++n % ROWS_BETWEEN == 0)
            load->meanwhile(load->context);
    }
    return failed;
}

static int rows_load(const struct batch_load *load, struct batch_view *batch, const char *sql,
                     int64_t above, row_take take, struct err *err)
{
    char number[24];
    snprintf(number, sizeof number, "%" PRId64, above);
    if (!PQsendQueryParams(load->db, sql, 1, NULL, &(const char *){number}, NULL, NULL, BINARY) ||
        !PQsetSingleRowMode(load->db))
        return database_failed(load->db, NULL, "load the batch view", err);
    return rows_take(load, batch, take, err);
}

/* A view that is not known is of a newer program: nobody here can ask for it. */
static int whole_piece(struct batch_view *batch, const PGresult *row)
{
    int view = catalogue_find(field(row, 0));
    return view < 0 ? 0 : batch_view_put_row(batch, (unsigned)view, field(row, 1), field(row, 2));
}

static int increment(struct batch_view *batch, const PGresult *row)
{
    int view = catalogue_find(field(row, 0));
    return view < 0 ? 0 : batch_view_add_row(batch, (unsigned)view, field(row, 1), field(row, 2));
}

static int state_of_user(struct batch_view *batch, const PGresult *row)
{
    struct text partition = field(row, 0); /* int2, big endian */
    if (partition.n != 2)
        return -1;
    return batch_view_put_user(batch,
                               (unsigned char)partition.at[0] << 8 | (unsigned char)partition.at[1],
                               field(row, 1), field(row, 2));
}

static int tables_load(const struct batch_load *load, const struct plan *plan,
                       struct batch_view *batch, struct err *err)
{
    /* A group's whole piece is its oldest, and the order of the others is nothing to a sum. */
    if (rows_load(load, batch,
                  "SELECT view, \"group\", counters FROM view_row WHERE n > $1::int8 AND whole",
                  plan->rows_above, whole_piece, err) ||
        rows_load(load, batch,
                  "SELECT view, \"group\", counters FROM view_row WHERE n > $1::int8 AND NOT whole",
                  plan->rows_above, increment, err))
        return -1;
    return rows_load(
        load, batch,
        "SELECT DISTINCT ON (partition, \"user\") partition, \"user\", state FROM user_state"
        " WHERE n > $1::int8 AND n <= (SELECT n FROM publication) ORDER BY partition, \"user\", n DESC",
        plan->states_above, state_of_user, err);
}

/* In the snapshot. */
static int newest_load(const struct batch_load *load, struct batch_view **loaded, struct err *err)
{
    struct publication now;
    struct view_state views;
    int64_t published_ms;
    if (publication_read(load->db, load->partitions, &now, err) ||
        view_state_read(load->db, now.n, &views, err) ||
        published_read(load->db, &published_ms, err))
        return -1;
    uint64_t unserved = catalogue_all() & ~views.served;
    if (same_edition(load->before, &now, published_ms, unserved))
        return 0;
    struct plan plan = plan_of(load->before, &now);
    struct batch_edition edition = {now.n,        now.partitions, now.boundary,
                                    published_ms, now.deployment, load->serial,
                                    unserved};
    struct batch_view *batch = batch_view_new(&edition, plan.before, plan.states_above >= 0);
    if (tables_load(load, &plan, batch, err)) {
        batch_view_free(batch);
        return -1;
    }
    batch_view_seal(batch);
    *loaded = batch;
    return 0;
}

int batch_load(const struct batch_load *load, struct batch_view **loaded, struct err *err)
{
    *loaded = NULL;
    if (database_run(load->db, err, "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY", 0, NULL))
        return -1;
    int failed = newest_load(load, loaded, err);
    struct err
        unused; /* what was read is whole already; a connection that is gone shows at its next use */
    database_run(load->db, &unused, "ROLLBACK", 0, NULL);
    return failed;
}
