/*
 * quality_facts: what the checks of a run's data go by: what this run's fold counted, and what the last runs had.
 * Not for: judging (quality_measures.h measures, quality.h decides).
 */
#ifndef TANDEM_BATCH_QUALITY_FACTS_H
#define TANDEM_BATCH_QUALITY_FACTS_H

#include "batch-layer/quality.h"

struct quality_facts {
    const struct run *run;
    const struct quality_limits *limits;
    const struct quality_totals *totals;
    PGresult *figures; /* one a row; of this run, and a ms of the last ones */
    double span_ms;    /* that this run covers; 0: not known */
    double past_runs;
    double out_of_order; /* partitions */
};

struct quality_figure {
    const char *name, *of; /* the result's */
    double now;
    double past; /* a ms, in the last runs' mean */
};

/* Fills the facts in from Postgres; frees nothing. */
int quality_facts_read(struct quality_facts *facts, struct err *err);
void quality_facts_free(struct quality_facts *facts);

int quality_figures(const struct quality_facts *facts); /* rows */
struct quality_figure quality_figure_at(const struct quality_facts *facts, int row);
/* The figure of that name (and of what, if not NULL); 0 and 0 where nothing was counted. */
struct quality_figure quality_figure_of(const struct quality_facts *facts, const char *name,
                                        const char *of);
/* Events of all partitions. */
struct quality_figure quality_events(const struct quality_facts *facts);

#endif
