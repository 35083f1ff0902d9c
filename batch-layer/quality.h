/*
 * quality: the checks of the data that a run makes before it publishes, as one table: name, limit, what to do, and the function
 * that measures. From what the fold counted (run_figures), what the master dataset has, and what earlier runs had.
 * A check that has nothing to go by (a first run, few events) judges nothing. A rebuild is judged by `totals` and `offsets`
 * alone: it is what one starts when something is wrong.
 */
#ifndef TANDEM_BATCH_QUALITY_H
#define TANDEM_BATCH_QUALITY_H

#include "batch-layer/run_steps.h"

/* Those with which a run may go on all the same. */
#define QUALITY_ACCEPTABLE \
    "events|bad|duplicates|missing_price|missing_country|missing_device|future|revenue"

enum { QUALITY_CHECKS = 11, QUALITY_PAST_RUNS = 7, QUALITY_PAST_LEAST = 3 };

/* What the run's range of the master dataset has. */
struct quality_totals {
    int64_t offsets, events, bad, barriers;
    int64_t folded; /* events, by the run's own count */
};

struct quality_finding {
    bool judged;
    double measured;
    char says[200];
    const char *result; /* "" until it is decided */
};

struct quality {
    struct quality_finding finding[QUALITY_CHECKS]; /* one a check, in the table's order */
    int failed;
};

/* Measures and decides all but the drift. */
int quality_measure(struct quality *quality, const struct run *run,
                    const struct quality_totals *totals, struct err *err);
/* The drift, once it is known (-1: not compared); never fails: publishing heals it. */
void quality_drift(struct quality *quality, int64_t drift, const char *says);
/* Writes what was decided to run_check; part of a transaction, or one of its own. */
int quality_store(const struct quality *quality, const struct run *run, struct err *err);
/* Logs what failed or was accepted. 0; -1: something failed, and err says what to do. */
int quality_tell(const struct quality *quality, const struct run *run, struct err *err);

#endif
