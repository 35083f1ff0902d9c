#include "batch-layer/quality_facts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "batch-layer/statement.h"

enum { NAME, OF, NOW, PAST };

static double number(const PGresult *result, int row, int column)
{
    return strtod(PQgetvalue(result, row, column), NULL);
}

int quality_figures(const struct quality_facts *facts)
{
    return PQntuples(facts->figures);
}

struct quality_figure quality_figure_at(const struct quality_facts *facts, int row)
{
    const PGresult *figures = facts->figures;
    return (struct quality_figure){PQgetvalue(figures, row, NAME), PQgetvalue(figures, row, OF),
                                   number(figures, row, NOW), number(figures, row, PAST)};
}

struct quality_figure quality_figure_of(const struct quality_facts *facts, const char *name,
                                        const char *of)
{
    for (int r = 0; r < quality_figures(facts); r++) {
        struct quality_figure figure = quality_figure_at(facts, r);
        if (strcmp(figure.name, name) == 0 && (!of || strcmp(figure.of, of) == 0))
            return figure;
    }
    return (struct quality_figure){name, of, 0, 0};
}

struct quality_figure quality_events(const struct quality_facts *facts)
{
    struct quality_figure all = {"events", NULL, 0, 0};
    for (int r = 0; r < quality_figures(facts); r++) {
        struct quality_figure figure = quality_figure_at(facts, r);
        if (strcmp(figure.name, all.name) == 0) {
            all.now += figure.now;
            all.past += figure.past;
        }
    }
    return all;
}

/* ---- reading them ---- */

/* span_ms: from barrier to barrier, by Postgres' clock; where that was set back, no row. */
static int figures_complete(const struct run *run, const struct quality_totals *totals,
                            struct err *err)
{
    return statement_run(run->db, err,
                         "INSERT INTO run_figure (n, name, of, value)"
                         " SELECT %" PRId64 ", name, '', value FROM (VALUES ('bad', %" PRId64
                         "::int8), ('span_ms', (extract(epoch FROM"
                         " (SELECT max(started_at) FROM run_step WHERE n = %" PRId64
                         " AND step = 'barrier') - (SELECT max(started_at) FROM run_step"
                         " WHERE n = %" PRId64
                         " AND step = 'barrier')) * 1000)::int8)) t (name, value)"
                         " WHERE value > 0"
                         " ON CONFLICT (n, name, of) DO UPDATE SET value = excluded.value",
                         run->n, totals->bad, run->n, run->n - 1) < 0
               ? -1
               : 0;
}

/*
 * The mean of the last runs, a ms of their spans, is one without the highest and the lowest: after one night that was out of
 * the ordinary the next is judged as before. A run that has no row of a figure had none of it.
 */
static PGresult *figures_read(const struct run *run, struct err *err)
{
    return statement_query(
        run->db, err,
        "WITH past AS MATERIALIZED (SELECT r.n, f.value::float8 AS span FROM run_figure f"
        " JOIN run r USING (n) WHERE f.name = 'span_ms' AND f.value > 0 AND f.value >= %" PRId64
        " AND f.n < %" PRId64
        " AND r.kind = 'run' AND r.published_at IS NOT NULL ORDER BY r.n DESC LIMIT %d),"
        " runs AS (SELECT count(*) AS n FROM past),"
        " rate AS (SELECT f.name, f.of, f.value / past.span AS value FROM past"
        " JOIN run_figure f USING (n)),"
        " had AS (SELECT name, of, (sum(value) - greatest(max(value), 0) - CASE WHEN count(*) ="
        " (SELECT n FROM runs) THEN min(value) ELSE least(min(value), 0) END) /"
        " greatest((SELECT n FROM runs) - 2, 1) AS value FROM rate GROUP BY name, of"
        " UNION ALL SELECT 'runs', '', n FROM runs),"
        " has AS (SELECT name, of, value FROM run_figure WHERE n = %" PRId64 ")"
        " SELECT name, of, coalesce(has.value, 0)::float8, coalesce(had.value, 0)"
        " FROM has FULL JOIN had USING (name, of) ORDER BY name, of",
        run->settings->limits.span_s * 1000, run->n, QUALITY_PAST_RUNS, run->n);
}

static int order_read(struct quality_facts *facts, struct err *err)
{
    int64_t wrong;
    const struct run *run = facts->run;
    if (statement_number(
            run->db, err, &wrong,
            "SELECT count(DISTINCT partition) FROM (SELECT partition, \"offset\" <="
            " lag(\"offset\") OVER (PARTITION BY partition ORDER BY n) AS wrong FROM barrier"
            " WHERE n >= %" PRId64
            " UNION ALL SELECT a.partition, a.\"offset\" < r.boundary[a.partition + 1]"
            " FROM archive_offset a, run r WHERE r.n = %" PRId64 ") offsets WHERE wrong",
            run->n - QUALITY_PAST_RUNS, run->n))
        return -1;
    facts->out_of_order = (double)wrong;
    return 0;
}

int quality_facts_read(struct quality_facts *facts, struct err *err)
{
    if (figures_complete(facts->run, facts->totals, err) || order_read(facts, err))
        return -1;
    facts->figures = figures_read(facts->run, err);
    if (!facts->figures)
        return -1;
    facts->span_ms = quality_figure_of(facts, "span_ms", "").now;
    facts->past_runs = quality_figure_of(facts, "runs", "").past;
    return 0;
}

void quality_facts_free(struct quality_facts *facts)
{
    PQclear(facts->figures);
    facts->figures = NULL;
}
