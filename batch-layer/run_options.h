/*
 * run_options: what `run`, `rebuild` and `nightly` can be told. Not for: what becomes of it (run.c, quality.c).
 */
#ifndef TANDEM_BATCH_RUN_OPTIONS_H
#define TANDEM_BATCH_RUN_OPTIONS_H

#include "common/options.h"
#include "handover/speed_view.h"

/* What the checks before publishing allow (quality.h). */
struct quality_limits {
    int64_t none;   /* 0: not even one */
    int64_t span_s; /* runs over a shorter time are neither judged by earlier ones nor part of that */
    int64_t min_events; /* nothing is said of fewer */
    int64_t factor;     /* times more or less than the mean */
    int64_t bad_percent, duplicate_percent, future_percent;
    int64_t missing_points; /* percentage points above the mean */
};

enum { RUN_STEPS = 5 };
extern const char *const run_step_names[RUN_STEPS + 1]; /* in order; NULL at the end */

struct run_settings {
    struct deployment_options deployment;
    int64_t chunk_events;  /* aggregated in one transaction */
    int64_t memory_bytes;  /* states and names kept between chunks */
    int64_t wait_s;        /* for the archive, for Kafka */
    int64_t check_wait_s;  /* for the speed layer */
    int64_t retire_wait_s; /* for serving instances, for Redis */
    int64_t retries;       /* of a step */
    int64_t backoff_s;     /* before the first of them */
    int64_t deadline_s;    /* 0: none */
    const char *step;      /* "": all */
    int last_step;         /* that step's number in run_step_names, the last one's where none is named */
    struct quality_limits limits;
    struct option_list accepted; /* checks */
    struct speed_servers servers;
};

/* Reads environment and flags, `more` rows too; says what is wrong and exits. */
enum { RUN_OPTIONS_MORE = 4 };
void run_options_read(struct run_settings *settings, const struct options_usage *usage,
                      const struct option_row *more, size_t n_more, int argc, char **argv);

#endif
