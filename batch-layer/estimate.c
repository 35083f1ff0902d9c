/*
 * `tandem-batch estimate`: what the views come to, from a sample of the users, with an honest error: a 95 % interval a view. For who
 * wants a figure now and not in an hour; nothing is written, no answer is made from it. --check computes the truth beside it.
 */
#define _DEFAULT_SOURCE /* erand48 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "batch-layer/audit_report.h"
#include "batch-layer/commands.h"
#include "batch-layer/estimate_total.h"
#include "batch-layer/user_totals.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/options.h"
#include "common/stop.h"
#include "handover/database.h"
#include "views/catalogue.h"

#define LOG "estimate"

struct settings {
    struct deployment_options deployment;
    const char *fraction_text;
    double fraction;
    int64_t seed, samplings;
    bool check;
};

/* What was read, and how long it took. */
struct reading {
    struct user_totals totals;
    double seconds;
};

static void progress(int64_t events)
{
    char text[32];
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\restimate: %s events read ", thousands(events, text));
}

static int reading_take(struct reading *reading, PGconn *db, double share, int64_t seed,
                        struct err *err)
{
    int64_t began_us = clock_monotonic_us();
    int status = user_totals_read(&reading->totals, db, share, seed, progress, err);
    reading->seconds = (double)(clock_monotonic_us() - began_us) / 1e6;
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r%40s\r", "");
    return status;
}

/* ---- one sample ---- */

static struct estimate estimate_of(const struct user_totals *totals, unsigned view, double share)
{
    struct sample_sums sums = {0};
    for (size_t u = 0; u < totals->n; u++)
        sample_sums_add(&sums, totals->of_view[u * totals->views + view]);
    return estimate_total(&sums, share);
}

static double true_total(const struct user_totals *all, unsigned view)
{
    double total = 0;
    for (size_t u = 0; u < all->n; u++)
        total += all->of_view[u * all->views + view];
    return total;
}

static bool holds(const struct estimate *estimate, double truth)
{
    return estimate->low <= truth && truth <= estimate->high;
}

/* A line of a view; 1: its interval holds the truth. */
static int view_print(const struct reading *sample, const struct reading *all, unsigned view,
                      double share)
{
    char total[32], low[32], high[32], truth[32];
    struct estimate estimate = estimate_of(&sample->totals, view, share);
    printf("%-16s %18s ", catalogue[view].name, thousands(llround(estimate.total), total));
    if (estimate.has_interval)
        printf("%18s to %18s", thousands(llround(estimate.low), low),
               thousands(llround(estimate.high), high));
    else
        printf("%18s    %18s", "too few users", "");
    bool held = false;
    if (all) {
        double is = true_total(&all->totals, view);
        held = estimate.has_interval && holds(&estimate, is);
        printf(" %18s  %s", thousands(llround(is), truth),
               held                    ? "yes"
               : estimate.has_interval ? "no"
                                       : "-");
    }
    putchar('\n');
    return held;
}

static void table_print(const struct reading *sample, const struct reading *all, double share)
{
    int held = 0;
    printf("%-16s %18s %18s    %18s%s\n", "sum of a view's", "estimate", "95 % interval from", "to",
           all ? "               true  in it" : "");
    for (unsigned view = 0; view < catalogue_views; view++)
        held += view_print(sample, all, view, share);
    if (all)
        printf(
            "%d of %u intervals hold the true value; all users took %.2f s, the sample %.0f %% of "
            "that\n",
            held, catalogue_views, all->seconds, 100 * sample->seconds / all->seconds);
}

/* ---- many samplings of what is in memory: how often do intervals hold the truth? ---- */

struct coverage { /* of a view */
    int64_t intervals, held;
};

static void sampling(const struct user_totals *all, const double *truth, double share,
                     unsigned short random[3], struct coverage *of_view)
{
    struct sample_sums *sums = xcalloc(all->views, sizeof *sums);
    for (size_t u = 0; u < all->n; u++) {
        if (erand48(random) >= share)
            continue;
        for (unsigned view = 0; view < all->views; view++)
            sample_sums_add(&sums[view], all->of_view[u * all->views + view]);
    }
    for (unsigned view = 0; view < all->views; view++) {
        struct estimate estimate = estimate_total(&sums[view], share);
        of_view[view].intervals += estimate.has_interval;
        of_view[view].held += estimate.has_interval && holds(&estimate, truth[view]);
    }
    free(sums);
}

static void coverage_print(const char *of, const struct coverage *coverage)
{
    char intervals[32];
    if (coverage->intervals)
        printf("   %-16s %5.1f %% of %s intervals\n", of,
               100 * (double)coverage->held / (double)coverage->intervals,
               thousands(coverage->intervals, intervals));
    else
        printf("   %-16s too few users in each sample\n", of);
}

static void samplings_print(const struct user_totals *all, const struct settings *settings)
{
    struct coverage *of_view = xcalloc(all->views, sizeof *of_view), of_all = {0};
    double *truth = xcalloc(all->views, sizeof *truth);
    unsigned short random[3] = {(unsigned short)settings->seed,
                                (unsigned short)(settings->seed >> 16),
                                (unsigned short)(settings->seed >> 32)};
    for (unsigned view = 0; view < all->views; view++)
        truth[view] = true_total(all, view);
    for (int64_t s = 0; s < settings->samplings; s++)
        sampling(all, truth, settings->fraction, random, of_view);
    printf("%" PRId64 " more samples of the same users; the true value is in\n",
           settings->samplings);
    for (unsigned view = 0; view < all->views; view++) {
        coverage_print(catalogue[view].name, &of_view[view]);
        of_all.intervals += of_view[view].intervals, of_all.held += of_view[view].held;
    }
    coverage_print("all views", &of_all);
    free(truth);
    free(of_view);
}

/* ---- the command ---- */

static void sample_print(const struct reading *sample, const struct settings *settings)
{
    char users[32], events[32];
    printf("%s users and their %s events in %.2f s: each user with probability %g, seed %" PRId64
           "\n",
           thousands((int64_t)sample->totals.n, users), thousands(sample->totals.events, events),
           sample->seconds, settings->fraction, settings->seed);
}

static int read_and_print(PGconn *db, const struct settings *settings, struct err *err)
{
    struct reading sample = {0}, all = {0};
    int status = reading_take(&sample, db, settings->fraction, settings->seed, err);
    if (status == 0 && settings->check)
        status = reading_take(&all, db, 1, 0, err);
    if (status == 0) {
        sample_print(&sample, settings);
        table_print(&sample, settings->check ? &all : NULL, settings->fraction);
        if (settings->check && settings->samplings)
            samplings_print(&all.totals, settings);
    }
    user_totals_free(&sample.totals);
    user_totals_free(&all.totals);
    return status;
}

/* One snapshot for the sample and the truth. */
static int work(const struct settings *settings)
{
    struct err err;
    struct publication publication;
    PGconn *db = database_open(settings->deployment.postgres, "tandem-batch", &err);
    int status = -1;
    if (db && publication_read(db, (int)settings->deployment.partitions, &publication, &err) == 0 &&
        database_run(db, &err, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", 0, NULL) == 0)
        status = read_and_print(db, settings, &err);
    if (status)
        log_error(LOG, "%s", err.message);
    PQfinish(db);
    return status ? BATCH_FAILED : BATCH_DONE;
}

static bool fraction_take(struct settings *settings)
{
    char *end;
    size_t digits = strspn(settings->fraction_text, "0123456789.");
    settings->fraction = strtod(settings->fraction_text, &end);
    return digits && end == settings->fraction_text + digits && !*end &&
           settings->fraction >= 0.0001 && settings->fraction <= 1;
}

int estimate_main(int argc, char **argv)
{
    static const struct options_usage usage = {
        .program = "tandem-batch",
        .synopsis = "estimate [options]",
        .about =
            "Estimates what each view comes to (the sum of its counters) from a sample of the\n"
            "users, with a 95 % interval. Writes nothing; needs the master dataset only, so it\n"
            "knows what is archived. With --check the true values stand beside it.",
        .commands = "",
    };
    struct settings settings = {0};
    struct option_row rows[OPTIONS_DEPLOYMENT + 4];
    size_t n = options_deployment(rows, &settings.deployment);
    rows[n++] = (struct option_row){.name = "fraction",
                                    .type = OPTION_TEXT,
                                    .initial = "0.1",
                                    .unit = "of all users, from 0.0001 to 1",
                                    .sentence = "how many users are in the sample",
                                    .into = &settings.fraction_text};
    rows[n++] = (struct option_row){.name = "seed",
                                    .type = OPTION_INT,
                                    .initial = "0",
                                    .unit = "",
                                    .sentence = "another seed samples other users",
                                    .into = &settings.seed,
                                    .max = INT64_MAX};
    rows[n++] = (struct option_row){.name = "check",
                                    .type = OPTION_FLAG,
                                    .initial = "0",
                                    .unit = "",
                                    .sentence = "computes the true values, too, from all users",
                                    .into = &settings.check};
    rows[n++] = (struct option_row){
        .name = "samplings",
        .type = OPTION_INT,
        .initial = "0",
        .unit = "samplings",
        .sentence =
            "with --check: so many more samples: how many of their intervals hold the truth?",
        .into = &settings.samplings,
        .max = 100000};
    options_read(&usage, rows, n, argc, argv);
    if (!fraction_take(&settings)) {
        fprintf(stderr, "tandem-batch: --fraction %.40s: must be a number from 0.0001 to 1\n",
                settings.fraction_text);
        return BATCH_WRONG_USE;
    }
    if (settings.samplings && !settings.check) {
        fprintf(stderr, "tandem-batch: --samplings needs --check, which has the true values\n");
        return BATCH_WRONG_USE;
    }
    stop_install();
    return work(&settings);
}
