#include "batch-layer/archive_figures.h"

#include <inttypes.h>

static const struct histogram_scale transaction_us = {
    .bounds = 11,
    .bound = {1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 5000000},
    .unit = 1e-6};

static const struct histogram_scale transaction_records = {
    .bounds = 9, .bound = {1, 3, 10, 30, 100, 300, 1000, 3000, 9999}, .unit = 1};

void archive_figures_forget(struct archive_figures *figures)
{
    metrics_set(&figures->working, 0);
    for (int p = 0; p < PARTITIONS_MAX; p++) {
        metrics_set(&figures->next[p], ARCHIVE_NONE);
        metrics_set(&figures->lag[p], ARCHIVE_NONE);
    }
}

void archive_figures_transaction(struct archive_figures *figures, int64_t took_us, int records)
{
    histogram_add(&figures->transaction_us, &transaction_us, took_us);
    histogram_add(&figures->transaction_records, &transaction_records, records);
}

struct archive_counts archive_figures_sum(const struct archive_figures *figures)
{
    struct archive_counts sum = {.barriers = metrics_get(&figures->barriers)};
    for (int p = 0; p < PARTITIONS_MAX; p++) {
        uint64_t lag = metrics_get(&figures->lag[p]);
        sum.events += metrics_get(&figures->events[p]);
        sum.bad += metrics_get(&figures->bad[p]);
        sum.lag += lag == ARCHIVE_NONE ? 0 : lag;
    }
    return sum;
}

/* ---- /metrics ---- */

/* Without a line where nothing is known: a 0 would say that it has caught up. */
static void partitions_print(struct metrics *into, const char *name, const _Atomic uint64_t *figure,
                             int partitions)
{
    for (int p = 0; p < partitions; p++) {
        uint64_t value = metrics_get(&figure[p]);
        if (value != ARCHIVE_NONE)
            metrics_line(into, "%s{partition=\"%d\"} %" PRIu64, name, p, value);
    }
}

static void transactions_print(const struct archive_figures *figures, struct metrics *into)
{
    struct histogram_sum us = {0}, records = {0};
    histogram_read(&figures->transaction_us, &us);
    histogram_read(&figures->transaction_records, &records);
    metrics_head(into, "tandem_archive_transaction_duration_seconds", "histogram",
                 "Time of a transaction that copies records into Postgres.");
    metrics_histogram(into, "tandem_archive_transaction_duration_seconds", "", &transaction_us,
                      &us);
    metrics_head(into, "tandem_archive_transaction_records", "histogram",
                 "Records of such a transaction.");
    metrics_histogram(into, "tandem_archive_transaction_records", "", &transaction_records,
                      &records);
}

void archive_figures_print(const struct archive_figures *figures, int partitions,
                           struct metrics *into)
{
    metrics_head(into, "tandem_archive_events_total", "counter",
                 "Events committed to the master dataset, by partition.");
    partitions_print(into, "tandem_archive_events_total", figures->events, partitions);
    metrics_head(into, "tandem_archive_bad_records_total", "counter",
                 "Records that are no event, kept in bad_events, by partition.");
    partitions_print(into, "tandem_archive_bad_records_total", figures->bad, partitions);
    metrics_counter(into, "tandem_archive_barriers_total", "Barriers met.",
                    metrics_get(&figures->barriers));
    metrics_head(into, "tandem_archive_next_offset", "gauge",
                 "Offset behind the last archived record, by partition.");
    partitions_print(into, "tandem_archive_next_offset", figures->next, partitions);
    metrics_head(into, "tandem_archive_lag_records", "gauge",
                 "Records of the log that are not archived yet, by partition.");
    partitions_print(into, "tandem_archive_lag_records", figures->lag, partitions);
    transactions_print(figures, into);
    metrics_gauge(into, "tandem_archive_working",
                  "1: this archiver works; 0: it stands by for another, or a server is away.",
                  (double)metrics_get(&figures->working));
    metrics_counter(into, "tandem_archive_failures_total",
                    "Failures after which it connected anew.", metrics_get(&figures->failures));
}
