#include "batch-layer/quality.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "batch-layer/run_figures.h"
#include "batch-layer/statement.h"
#include "common/log.h"

#define BEYOND  1e6 /* a factor that is no number */
#define HOUR_MS 3600000.0

struct facts {
    const struct run *run;
    const struct quality_limits *limits;
    const struct quality_totals *totals;
    PGresult *figures; /* name, of; of this run; a ms of the last ones */
    double span_ms, past_runs;
    double out_of_order; /* partitions */
};

enum { NAME, OF, NOW, PAST };

struct figure {
    double now;
    double past; /* a ms, in the last runs' mean */
};

static double number(const PGresult *result, int row, int column)
{
    return strtod(PQgetvalue(result, row, column), NULL);
}

static struct figure figure_at(const struct facts *facts, int row)
{
    return (struct figure){number(facts->figures, row, NOW), number(facts->figures, row, PAST)};
}

/* The figure of that name; 0 and 0 where nothing was counted. */
static struct figure figure_of(const struct facts *facts, const char *name, const char *of)
{
    for (int r = 0; r < PQntuples(facts->figures); r++)
        if (strcmp(PQgetvalue(facts->figures, r, NAME), name) == 0 &&
            (!of || strcmp(PQgetvalue(facts->figures, r, OF), of) == 0))
            return figure_at(facts, r);
    return (struct figure){0, 0};
}

static struct figure events_of_all(const struct facts *facts)
{
    struct figure all = {0, 0};
    for (int r = 0; r < PQntuples(facts->figures); r++)
        if (strcmp(PQgetvalue(facts->figures, r, NAME), "events") == 0) {
            all.now += number(facts->figures, r, NOW);
            all.past += number(facts->figures, r, PAST);
        }
    return all;
}

#define SAY(finding, ...) snprintf((finding)->says, sizeof(finding)->says, __VA_ARGS__)

static const char *span_text(const struct facts *facts, char into[32])
{
    if (facts->span_ms < 2 * HOUR_MS)
        snprintf(into, 32, "%.0f s", facts->span_ms / 1000);
    else
        snprintf(into, 32, "%.1f h", facts->span_ms / HOUR_MS);
    return into;
}

/* ---- what stands in the way of a judgement ---- */

static bool is_many(const struct facts *facts, double n, struct quality_finding *out)
{
    if (n >= (double)facts->limits->min_events && n > 0)
        return true;
    SAY(out, "%.0f are too few to judge", n);
    return false;
}

static bool has_past(const struct facts *facts, struct quality_finding *out)
{
    char span[32];
    if (facts->span_ms < (double)facts->limits->span_s * 1000 || facts->span_ms <= 0)
        SAY(out, "a run over %s is not compared with earlier ones", span_text(facts, span));
    else if (facts->past_runs < QUALITY_PAST_LEAST)
        SAY(out, "%.0f earlier runs to compare with, %d are needed", facts->past_runs,
            QUALITY_PAST_LEAST);
    else
        return true;
    return false;
}

/* ---- the checks ---- */

static void totals_measure(const struct facts *facts, struct quality_finding *out)
{
    const struct quality_totals *t = facts->totals;
    int64_t beyond = t->events + t->bad + t->barriers - t->offsets;
    out->judged = true;
    out->measured = (double)llabs(t->folded - t->events) + (beyond > 0 ? (double)beyond : 0);
    SAY(out,
        "%" PRId64 " events folded, the master dataset has %" PRId64 " there, in %" PRId64
        " offsets",
        t->folded, t->events, t->offsets);
}

static void offsets_measure(const struct facts *facts, struct quality_finding *out)
{
    out->judged = true;
    out->measured = facts->out_of_order;
    SAY(out, "%.0f partitions whose barriers, boundary and archive do not follow each other",
        facts->out_of_order);
}

/* How far `now` is from what the last runs had in as long a time; the worst of all is kept. */
static void rate_measure(const struct facts *facts, struct figure figure, double enough,
                         const char *what, const char *of, struct quality_finding *out)
{
    char span[32];
    double expected = figure.past * facts->span_ms;
    double more = figure.now > expected ? figure.now : expected;
    double less = figure.now > expected ? expected : figure.now;
    double factor = less <= 0 || more / less > BEYOND ? BEYOND : more / less;
    if (enough < (double)facts->limits->min_events || expected <= 0 ||
        (out->judged && factor <= out->measured))
        return;
    out->judged = true;
    out->measured = factor;
    SAY(out, "%s %s: %.0f in %s, the mean of the last %.0f runs gives %.0f", what, of, figure.now,
        span_text(facts, span), facts->past_runs, expected);
}

static void events_measure(const struct facts *facts, struct quality_finding *out)
{
    if (!has_past(facts, out))
        return;
    SAY(out, "too few to judge");
    for (int r = 0; r < PQntuples(facts->figures); r++) {
        struct figure figure = figure_at(facts, r);
        double expected = figure.past * facts->span_ms;
        if (strcmp(PQgetvalue(facts->figures, r, NAME), "events") == 0)
            rate_measure(facts, figure, figure.now > expected ? figure.now : expected, "partition",
                         PQgetvalue(facts->figures, r, OF), out);
    }
}

static void revenue_measure(const struct facts *facts, struct quality_finding *out)
{
    if (!has_past(facts, out))
        return;
    SAY(out, "too few purchases to judge");
    for (int r = 0; r < PQntuples(facts->figures); r++) {
        const char *currency = PQgetvalue(facts->figures, r, OF);
        if (strcmp(PQgetvalue(facts->figures, r, NAME), "revenue") != 0)
            continue;
        struct figure revenue = figure_at(facts, r);
        struct figure sales = figure_of(facts, "sales", currency);
        double expected = sales.past * facts->span_ms;
        rate_measure(facts, revenue, sales.now > expected ? sales.now : expected, "minor units of",
                     currency, out);
    }
}

static void share_measure(const struct facts *facts, double part, double whole, const char *what,
                          struct quality_finding *out)
{
    if (!is_many(facts, whole, out))
        return;
    out->judged = true;
    out->measured = 100 * part / whole;
    SAY(out, "%.0f of %.0f %s", part, whole, what);
}

static void bad_measure(const struct facts *facts, struct quality_finding *out)
{
    double bad = (double)facts->totals->bad;
    share_measure(facts, bad, bad + (double)facts->totals->events, "records are no events", out);
}

static void duplicates_measure(const struct facts *facts, struct quality_finding *out)
{
    share_measure(facts, figure_of(facts, "duplicates", NULL).now, events_of_all(facts).now,
                  "events were counted before", out);
}

static void future_measure(const struct facts *facts, struct quality_finding *out)
{
    share_measure(facts, figure_of(facts, "future", NULL).now, events_of_all(facts).now,
                  "events are dated more than five minutes ahead", out);
}

static void missing_measure(const struct facts *facts, const char *name, struct figure whole,
                            struct quality_finding *out)
{
    struct figure part = figure_of(facts, name, NULL);
    if (!has_past(facts, out) || !is_many(facts, whole.now, out) ||
        !is_many(facts, whole.past * facts->span_ms, out))
        return;
    double now = 100 * part.now / whole.now, past = 100 * part.past / whole.past;
    out->judged = true;
    out->measured = now > past ? now - past : 0;
    SAY(out, "missing in %.1f %% of %.0f, in %.1f %% in the last %.0f runs", now, whole.now, past,
        facts->past_runs);
}

static void price_measure(const struct facts *facts, struct quality_finding *out)
{
    missing_measure(facts, "missing_price", figure_of(facts, "purchases", NULL), out);
}

static void country_measure(const struct facts *facts, struct quality_finding *out)
{
    missing_measure(facts, "missing_country", events_of_all(facts), out);
}

static void device_measure(const struct facts *facts, struct quality_finding *out)
{
    missing_measure(facts, "missing_device", events_of_all(facts), out);
}

enum check_kind {
    INTEGRITY, /* never to be accepted; also of a rebuild */
    DATA,
    NOTICE, /* recorded; stops nothing */
};

#define LIMIT(field) offsetof(struct quality_limits, field)

/* The table: a check more is a row more, its name in QUALITY_ACCEPTABLE, and a line in docs/operations.md. */
static const struct check {
    const char *name;
    enum check_kind kind;
    size_t limit; /* an int64_t of struct quality_limits: at most so much passes */
    const char *unit;
    void (*measure)(const struct facts *facts, struct quality_finding *out);
    const char *todo;
} checks[QUALITY_CHECKS] = {
    {"totals", INTEGRITY, LIMIT(none), "events", totals_measure,
     "`tandem-batch rebuild`; when that fails, too, a report to the developers"},
    {"offsets", INTEGRITY, LIMIT(none), "partitions", offsets_measure,
     "the tables barrier and archive_offset are damaged: restore them from a dump"},
    {"events", DATA, LIMIT(factor), "times", events_measure,
     "has a producer stopped, doubled, or changed its keys?"},
    {"bad", DATA, LIMIT(bad_percent), "%", bad_measure,
     "table bad_events names the faults: which producer writes them?"},
    {"duplicates", DATA, LIMIT(duplicate_percent), "%", duplicates_measure,
     "which producer sends its events again?"},
    {"missing_price", DATA, LIMIT(missing_points), "percentage points", price_measure,
     "which producer has lost the price of its purchases?"},
    {"missing_country", DATA, LIMIT(missing_points), "percentage points", country_measure,
     "which producer has lost the country?"},
    {"missing_device", DATA, LIMIT(missing_points), "percentage points", device_measure,
     "which producer has lost the device?"},
    {"future", DATA, LIMIT(future_percent), "%", future_measure,
     "whose clock is wrong: a producer's, or this machine's?"},
    {"revenue", DATA, LIMIT(factor), "times", revenue_measure,
     "has a price changed its unit, or a currency its name?"},
    {"drift", NOTICE, LIMIT(none), "counters", NULL, ""},
};

static double limit_of(const struct check *check, const struct quality_limits *limits)
{
    return (double)*(const int64_t *)((const char *)limits + check->limit);
}

/* ---- the facts ---- */

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

static int order_read(struct facts *facts, struct err *err)
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

static int facts_read(struct facts *facts, struct err *err)
{
    if (figures_complete(facts->run, facts->totals, err) || order_read(facts, err))
        return -1;
    facts->figures = figures_read(facts->run, err);
    if (!facts->figures)
        return -1;
    facts->span_ms = figure_of(facts, "span_ms", "").now;
    facts->past_runs = figure_of(facts, "runs", "").past;
    return 0;
}

/* ---- the judgement ---- */

static void decide(struct quality *quality, const struct facts *facts, size_t i)
{
    const struct check *check = &checks[i];
    struct quality_finding *finding = &quality->finding[i];
    if (check->kind == DATA && facts->run->rebuild)
        SAY(finding, "a rebuild is not judged by it");
    else
        check->measure(facts, finding);
    finding->result = "passed";
    if (!finding->judged)
        finding->result = "not judged";
    else if (finding->measured > limit_of(check, facts->limits))
        finding->result =
            option_list_has(&facts->run->settings->accepted, check->name) ? "accepted" : "failed";
    quality->failed += strcmp(finding->result, "failed") == 0;
}

int quality_measure(struct quality *quality, const struct run *run,
                    const struct quality_totals *totals, struct err *err)
{
    struct facts facts = {.run = run, .limits = &run->settings->limits, .totals = totals};
    int failed = facts_read(&facts, err);
    for (size_t i = 0; !failed && i < QUALITY_CHECKS; i++)
        if (checks[i].kind != NOTICE)
            decide(quality, &facts, i);
    PQclear(facts.figures);
    return failed;
}

void quality_drift(struct quality *quality, int64_t drift, const char *says)
{
    struct quality_finding *finding = &quality->finding[QUALITY_CHECKS - 1];
    finding->judged = drift >= 0;
    finding->measured = (double)drift;
    finding->result = drift < 0 ? "not judged" : drift == 0 ? "passed" : "warned";
    SAY(finding, "%s", says);
}

/* ---- telling ---- */

struct finding_rows {
    struct bytes name, result, measured, limit, unit, says; /* text[] each */
};

static void row_put(struct finding_rows *rows, const struct check *check,
                    const struct quality_finding *finding, double limit)
{
    char text[32] = "NaN";
    text_array_put(&rows->name, text_of(check->name));
    text_array_put(&rows->result, text_of(finding->result));
    if (finding->judged)
        snprintf(text, sizeof text, "%.17g", finding->measured);
    text_array_put(&rows->measured, text_of(text));
    snprintf(text, sizeof text, "%.17g", limit);
    text_array_put(&rows->limit, text_of(text));
    text_array_put(&rows->unit, text_of(check->unit));
    text_array_put(&rows->says, text_of(finding->says));
}

int quality_store(const struct quality *quality, const struct run *run, struct err *err)
{
    struct finding_rows rows = {0};
    struct bytes *columns[] = {&rows.name,  &rows.result, &rows.measured,
                               &rows.limit, &rows.unit,   &rows.says};
    const char *values[7];
    char n[24];
    for (size_t i = 0; i < QUALITY_CHECKS; i++)
        if (quality->finding[i].result)
            row_put(&rows, &checks[i], &quality->finding[i],
                    limit_of(&checks[i], &run->settings->limits));
    snprintf(n, sizeof n, "%" PRId64, run->n);
    values[0] = n;
    for (int i = 0; i < 6; i++) {
        text_array_end(columns[i]);
        values[i + 1] = columns[i]->at;
    }
    int failed = database_run(
        run->db, err,
        "INSERT INTO run_check (n, name, result, measured, \"limit\", unit, says)"
        " SELECT $1::int8, t.name, t.result, nullif(t.measured, 'NaN'), t.most, t.unit, t.says"
        " FROM unnest($2::text[], $3::text[], $4::float8[], $5::float8[], $6::text[], $7::text[])"
        " t (name, result, measured, most, unit, says)"
        " ON CONFLICT (n, name) DO UPDATE SET result = excluded.result, measured ="
        " excluded.measured, \"limit\" = excluded.\"limit\", unit = excluded.unit,"
        " says = excluded.says, at = excluded.at",
        7, values);
    for (int i = 0; i < 6; i++)
        bytes_free(columns[i]);
    return failed;
}

/* One line a check that failed or was accepted; the names of those that failed, with commas. */
static void findings_log(const struct quality *quality, const struct run *run, char *names,
                         size_t bytes)
{
    size_t n = 0;
    names[0] = 0;
    for (size_t i = 0; i < QUALITY_CHECKS; i++) {
        const struct quality_finding *finding = &quality->finding[i];
        bool failed = finding->result && strcmp(finding->result, "failed") == 0;
        if (!failed && (!finding->result || strcmp(finding->result, "accepted") != 0))
            continue;
        log_line(failed ? LOG_ERROR : LOG_WARN, RUN_LOG,
                 "check %s n=%" PRId64 " name=%s measured=%.1f limit=%.0f unit=\"%s\": %s; %s",
                 finding->result, run->n, checks[i].name, finding->measured,
                 limit_of(&checks[i], &run->settings->limits), checks[i].unit, finding->says,
                 checks[i].todo);
        if (failed && n < bytes)
            n += (size_t)snprintf(names + n, bytes - n, "%s%s", n ? "," : "", checks[i].name);
    }
}

int quality_tell(const struct quality *quality, const struct run *run, struct err *err)
{
    char names[256];
    findings_log(quality, run, names, sizeof names);
    if (quality->failed == 0)
        return 0;
    for (size_t i = 0; i < QUALITY_CHECKS; i++)
        if (checks[i].kind == INTEGRITY && strcmp(quality->finding[i].result, "failed") == 0)
            return err_set(err, ERR_DATA, "not published, checks failed: %s: %s", names,
                           checks[i].todo);
    return err_set(err, ERR_DATA,
                   "not published, checks failed: %s: answers stay right meanwhile, the next start "
                   "evaluates again; if the data is as it should be, --accept-check %s goes on",
                   names, names);
}
