#include "batch-layer/quality_measures.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BEYOND  1e6 /* a factor that is no number */
#define HOUR_MS 3600000.0

static const char *span_text(const struct quality_facts *facts, char into[32])
{
    if (facts->span_ms < 2 * HOUR_MS)
        snprintf(into, 32, "%.0f s", facts->span_ms / 1000);
    else
        snprintf(into, 32, "%.1f h", facts->span_ms / HOUR_MS);
    return into;
}

/* ---- what stands in the way of a judgement ---- */

static bool is_many(const struct quality_facts *facts, double n, struct quality_finding *out)
{
    if (n >= (double)facts->limits->min_events && n > 0)
        return true;
    QUALITY_SAY(out, "%.0f are too few to judge", n);
    return false;
}

static bool has_past(const struct quality_facts *facts, struct quality_finding *out)
{
    char span[32];
    if (facts->span_ms < (double)facts->limits->span_s * 1000 || facts->span_ms <= 0)
        QUALITY_SAY(out, "a run over %s is not compared with earlier ones", span_text(facts, span));
    else if (facts->past_runs < QUALITY_PAST_LEAST)
        QUALITY_SAY(out, "%.0f earlier runs to compare with, %d are needed", facts->past_runs,
                    QUALITY_PAST_LEAST);
    else
        return true;
    return false;
}

/* ---- the checks ---- */

void measure_totals(const struct quality_facts *facts, struct quality_finding *out)
{
    const struct quality_totals *t = facts->totals;
    int64_t beyond = t->events + t->bad + t->barriers - t->offsets;
    out->judged = true;
    out->measured = (double)llabs(t->folded - t->events) + (beyond > 0 ? (double)beyond : 0);
    QUALITY_SAY(out,
                "%" PRId64 " events folded, the master dataset has %" PRId64 " there, in %" PRId64
                " offsets",
                t->folded, t->events, t->offsets);
}

void measure_offsets(const struct quality_facts *facts, struct quality_finding *out)
{
    out->judged = true;
    out->measured = facts->out_of_order;
    QUALITY_SAY(out,
                "%.0f partitions whose barriers, boundary and archive do not follow each other",
                facts->out_of_order);
}

/* What came, or was to come. */
static double most(const struct quality_facts *facts, struct quality_figure figure)
{
    double expected = figure.past * facts->span_ms;
    return figure.now > expected ? figure.now : expected;
}

/* How far `now` is from what the last runs had in as long a time; the worst of all is kept. */
static void rate_measure(const struct quality_facts *facts, struct quality_figure figure,
                         double enough, const char *what, struct quality_finding *out)
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
    QUALITY_SAY(out, "%s %s: %.0f in %s, the mean of the last %.0f runs gives %.0f", what,
                figure.of, figure.now, span_text(facts, span), facts->past_runs, expected);
}

void measure_events(const struct quality_facts *facts, struct quality_finding *out)
{
    if (!has_past(facts, out))
        return;
    QUALITY_SAY(out, "too few to judge");
    for (int r = 0; r < quality_figures(facts); r++) {
        struct quality_figure figure = quality_figure_at(facts, r);
        if (strcmp(figure.name, "events") == 0)
            rate_measure(facts, figure, most(facts, figure), "partition", out);
    }
}

void measure_revenue(const struct quality_facts *facts, struct quality_finding *out)
{
    if (!has_past(facts, out))
        return;
    QUALITY_SAY(out, "too few purchases to judge");
    for (int r = 0; r < quality_figures(facts); r++) {
        struct quality_figure revenue = quality_figure_at(facts, r);
        if (strcmp(revenue.name, "revenue") == 0)
            rate_measure(facts, revenue, most(facts, quality_figure_of(facts, "sales", revenue.of)),
                         "minor units of", out);
    }
}

static void share_measure(const struct quality_facts *facts, double part, double whole,
                          const char *what, struct quality_finding *out)
{
    if (!is_many(facts, whole, out))
        return;
    out->judged = true;
    out->measured = 100 * part / whole;
    QUALITY_SAY(out, "%.0f of %.0f %s", part, whole, what);
}

void measure_bad(const struct quality_facts *facts, struct quality_finding *out)
{
    double bad = (double)facts->totals->bad;
    share_measure(facts, bad, bad + (double)facts->totals->events, "records are no events", out);
}

void measure_duplicates(const struct quality_facts *facts, struct quality_finding *out)
{
    share_measure(facts, quality_figure_of(facts, "duplicates", NULL).now,
                  quality_events(facts).now, "events were counted before", out);
}

void measure_future(const struct quality_facts *facts, struct quality_finding *out)
{
    share_measure(facts, quality_figure_of(facts, "future", NULL).now, quality_events(facts).now,
                  "events are dated more than five minutes ahead", out);
}

static void missing_measure(const struct quality_facts *facts, const char *name,
                            struct quality_figure whole, struct quality_finding *out)
{
    struct quality_figure part = quality_figure_of(facts, name, NULL);
    if (!has_past(facts, out) || !is_many(facts, whole.now, out) ||
        !is_many(facts, whole.past * facts->span_ms, out))
        return;
    double now = 100 * part.now / whole.now, past = 100 * part.past / whole.past;
    out->judged = true;
    out->measured = now > past ? now - past : 0;
    QUALITY_SAY(out, "missing in %.1f %% of %.0f, in %.1f %% in the last %.0f runs", now, whole.now,
                past, facts->past_runs);
}

void measure_price(const struct quality_facts *facts, struct quality_finding *out)
{
    missing_measure(facts, "missing_price", quality_figure_of(facts, "purchases", NULL), out);
}

void measure_country(const struct quality_facts *facts, struct quality_finding *out)
{
    missing_measure(facts, "missing_country", quality_events(facts), out);
}

void measure_device(const struct quality_facts *facts, struct quality_finding *out)
{
    missing_measure(facts, "missing_device", quality_events(facts), out);
}
