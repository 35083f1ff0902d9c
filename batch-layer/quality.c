#include "batch-layer/quality.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "batch-layer/quality_measures.h"
#include "common/log.h"

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
    quality_measure_fn *measure;
    const char *todo;
} checks[QUALITY_CHECKS] = {
    {"totals", INTEGRITY, LIMIT(none), "events", measure_totals,
     "`tandem-batch rebuild`; when that fails, too, a report to the developers"},
    {"offsets", INTEGRITY, LIMIT(none), "partitions", measure_offsets,
     "the tables barrier and archive_offset are damaged: restore them from a dump"},
    {"events", DATA, LIMIT(factor), "times", measure_events,
     "has a producer stopped, doubled, or changed its keys?"},
    {"bad", DATA, LIMIT(bad_percent), "%", measure_bad,
     "table bad_events names the faults: which producer writes them?"},
    {"duplicates", DATA, LIMIT(duplicate_percent), "%", measure_duplicates,
     "which producer sends its events again?"},
    {"missing_price", DATA, LIMIT(missing_points), "percentage points", measure_price,
     "which producer has lost the price of its purchases?"},
    {"missing_country", DATA, LIMIT(missing_points), "percentage points", measure_country,
     "which producer has lost the country?"},
    {"missing_device", DATA, LIMIT(missing_points), "percentage points", measure_device,
     "which producer has lost the device?"},
    {"future", DATA, LIMIT(future_percent), "%", measure_future,
     "whose clock is wrong: a producer's, or this machine's?"},
    {"revenue", DATA, LIMIT(factor), "times", measure_revenue,
     "has a price changed its unit, or a currency its name?"},
    {"drift", NOTICE, LIMIT(none), "counters", NULL, ""},
};

static double limit_of(const struct check *check, const struct quality_limits *limits)
{
    return (double)*(const int64_t *)((const char *)limits + check->limit);
}

/* ---- the judgement ---- */

static void decide(struct quality *quality, const struct quality_facts *facts, size_t i)
{
    const struct check *check = &checks[i];
    struct quality_finding *finding = &quality->finding[i];
    if (check->kind == DATA && facts->run->rebuild)
        QUALITY_SAY(finding, "a rebuild is not judged by it");
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
    struct quality_facts facts = {.run = run, .limits = &run->settings->limits, .totals = totals};
    int failed = quality_facts_read(&facts, err);
    for (size_t i = 0; !failed && i < QUALITY_CHECKS; i++)
        if (checks[i].kind != NOTICE)
            decide(quality, &facts, i);
    quality_facts_free(&facts);
    return failed;
}

void quality_drift(struct quality *quality, int64_t drift, const char *says)
{
    struct quality_finding *finding = &quality->finding[QUALITY_CHECKS - 1];
    finding->judged = drift >= 0;
    finding->measured = (double)drift;
    finding->result = drift < 0 ? "not judged" : drift == 0 ? "passed" : "warned";
    QUALITY_SAY(finding, "%s", says);
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
