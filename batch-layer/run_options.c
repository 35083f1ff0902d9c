#include "batch-layer/run_options.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "batch-layer/commands.h"
#include "batch-layer/quality.h"
#include "common/log.h"

const char *const run_step_names[RUN_STEPS + 1] = {"extract", "aggregate", "check",
                                                   "publish", "retire",    NULL};

/* How the work is done: what it may hold, how long it waits, what it does when something is in its way. */
static size_t work_rows(struct option_row *rows, struct run_settings *s)
{
    const struct option_row all[] = {
        {.name = "chunk_events",
         .type = OPTION_INT,
         .initial = "300000",
         .unit = "events",
         .sentence = "most events aggregated in one transaction; a kill loses at most so much work",
         .into = &s->chunk_events,
         .min = 1,
         .max = 100000000},
        {.name = "memory_bytes",
         .type = OPTION_INT,
         .initial = "1073741824",
         .unit = "bytes",
         .sentence = "users' states kept from chunk to chunk; the others are looked up again",
         .into = &s->memory_bytes,
         .min = 1 << 20,
         .max = INT64_C(1) << 40},
        {.name = "wait_s",
         .type = OPTION_INT,
         .initial = "600",
         .unit = "s",
         .sentence = "how long one attempt waits for Kafka, Postgres and the archive",
         .into = &s->wait_s,
         .max = 86400},
        {.name = "check_wait_s",
         .type = OPTION_INT,
         .initial = "30",
         .unit = "s",
         .sentence = "how long the check waits for a speed layer that does not move",
         .into = &s->check_wait_s,
         .max = 86400},
        {.name = "retire_wait_s",
         .type = OPTION_INT,
         .initial = "60",
         .unit = "s",
         .sentence = "how long to wait for serving instances and Redis before segments are retired",
         .into = &s->retire_wait_s,
         .max = 86400},
        {.name = "retries",
         .type = OPTION_INT,
         .initial = "3",
         .unit = "attempts",
         .sentence = "how often each step is tried again after a failure that may pass by itself",
         .into = &s->retries,
         .max = 1000},
        {.name = "backoff_s",
         .type = OPTION_INT,
         .initial = "10",
         .unit = "s",
         .sentence =
             "how long to wait before the first of them; twice as long before each other, an hour at most",
         .into = &s->backoff_s,
         .max = 86400},
        {.name = "deadline_s",
         .type = OPTION_INT,
         .initial = "0",
         .unit = "s",
         .sentence =
             "gives up so long after the start, exit 6: the next start goes on there; 0: never",
         .into = &s->deadline_s,
         .max = 7 * 86400},
    };
    memcpy(rows, all, sizeof all);
    return sizeof all / sizeof *all;
}

/* What is done, and what the checks allow. */
static size_t check_rows(struct option_row *rows, struct run_settings *s)
{
    const struct option_row all[] = {
        {.name = "check_span_s",
         .type = OPTION_INT,
         .initial = "3600",
         .unit = "s",
         .sentence = "a run over less time is not compared with earlier ones, nor they with it",
         .into = &s->limits.span_s,
         .max = 366 * 86400},
        {.name = "check_min_events",
         .type = OPTION_INT,
         .initial = "1000",
         .unit = "events",
         .sentence = "the checks judge no share and no mean of fewer",
         .into = &s->limits.min_events,
         .max = 1000000000},
        {.name = "check_factor",
         .type = OPTION_INT,
         .initial = "5",
         .unit = "times",
         .sentence =
             "events and revenue may be so many times more or less than the mean of the last 7 runs",
         .into = &s->limits.factor,
         .min = 1,
         .max = 1000000},
        {.name = "check_bad_percent",
         .type = OPTION_INT,
         .initial = "5",
         .unit = "%",
         .sentence = "so many records may be no events",
         .into = &s->limits.bad_percent,
         .max = 100},
        {.name = "check_duplicate_percent",
         .type = OPTION_INT,
         .initial = "20",
         .unit = "%",
         .sentence = "so many events may have been counted before",
         .into = &s->limits.duplicate_percent,
         .max = 100},
        {.name = "check_future_percent",
         .type = OPTION_INT,
         .initial = "1",
         .unit = "%",
         .sentence = "so many events may be dated five minutes ahead or more",
         .into = &s->limits.future_percent,
         .max = 100},
        {.name = "check_missing_points",
         .type = OPTION_INT,
         .initial = "20",
         .unit = "percentage points",
         .sentence = "a field may be missing so much more often than in the last 7 runs",
         .into = &s->limits.missing_points,
         .max = 100},
        {.name = "accept_check",
         .type = OPTION_LIST,
         .initial = "",
         .unit = "",
         .sentence = "goes on although this check fails, and records that it was accepted",
         .into = &s->accepted,
         .choices = QUALITY_ACCEPTABLE},
        {.name = "step",
         .type = OPTION_CHOICE,
         .initial = "",
         .unit = "",
         .sentence = "ends after this step of the run that is open; extract opens one",
         .into = &s->step,
         .choices = "extract|aggregate|check|publish|retire"},
    };
    memcpy(rows, all, sizeof all);
    return sizeof all / sizeof *all;
}

static int step_number(const char *name)
{
    int i = 0;
    while (run_step_names[i] && strcmp(run_step_names[i], name) != 0)
        i++;
    return *name && run_step_names[i] ? i : RUN_STEPS - 1;
}

void run_options_read(struct run_settings *settings, const struct options_usage *usage,
                      const struct option_row *more, size_t n_more, int argc, char **argv)
{
    struct option_row rows[OPTIONS_DEPLOYMENT + 24 + RUN_OPTIONS_MORE];
    struct err err = {0};
    assert(n_more <= RUN_OPTIONS_MORE);
    size_t n = options_deployment(rows, &settings->deployment);
    n += work_rows(rows + n, settings);
    n += check_rows(rows + n, settings);
    if (n_more)
        memcpy(rows + n, more, n_more * sizeof *more);
    options_read(usage, rows, n + n_more, argc, argv);
    settings->last_step = step_number(settings->step);
    if (speed_servers_parse(settings->deployment.redis, &settings->servers, &err) == 0)
        return;
    log_error("run", "%s", err.message);
    exit(BATCH_WRONG_USE);
}
