#include "speed-layer/figures.h"

#include <inttypes.h>

#include "common/clock.h"
#include "common/log.h"

enum { EVERY_US = 10000000 };

void figures_begin(struct figures *figures)
{
    figures->told.at_us = clock_monotonic_us();
    for (int p = 0; p < PARTITIONS_MAX; p++) {
        metrics_set(&figures->next[p], FIGURES_NONE);
        metrics_set(&figures->lag[p], FIGURES_NONE);
    }
}

void figures_sent(struct figures *figures, const struct cut *cut)
{
    for (int type = 1; type <= EVENT_TYPES; type++)
        metrics_add(&figures->events[type], cut->type[type]);
    metrics_add(&figures->bad, cut->bad);
    metrics_add(&figures->duplicates, cut->duplicates);
}

/* ---- the log line ---- */

bool figures_are_due(const struct figures *figures)
{
    return clock_monotonic_us() - figures->told.at_us >= EVERY_US;
}

static uint64_t histogram_count(const struct histogram *histogram)
{
    struct histogram_sum sum = {0};
    uint64_t n = 0;
    histogram_read(histogram, &sum);
    for (int b = 0; b < HISTOGRAM_BUCKETS; b++)
        n += sum.bucket[b];
    return n;
}

static struct figures_told figures_now(const struct figures *figures,
                                       const struct speed_store_figures *store)
{
    struct figures_told now = {
        .at_us = clock_monotonic_us(),
        .bad = metrics_get(&figures->bad),
        .duplicates = metrics_get(&figures->duplicates),
        .applies = histogram_count(&store->apply_us),
        .rows = metrics_get(&store->rows),
        .counters = metrics_get(&store->counters),
        .states = metrics_get(&store->states),
        .compactions = metrics_get(&store->compactions),
        .compacted_bytes = metrics_get(&store->compacted_bytes),
    };
    for (int type = 1; type <= EVENT_TYPES; type++)
        now.events += metrics_get(&figures->events[type]);
    return now;
}

static uint64_t lag_of_all(const struct figures *figures)
{
    uint64_t all = 0;
    for (int p = 0; p < PARTITIONS_MAX; p++) {
        uint64_t lag = metrics_get(&figures->lag[p]);
        all += lag == FIGURES_NONE ? 0 : lag;
    }
    return all;
}

void figures_log(struct figures *figures, struct speed_store *store)
{
    const struct figures_told was = figures->told,
                              now = figures_now(figures, speed_store_figures(store));
    uint64_t events = now.events - was.events, us = (uint64_t)(now.at_us - was.at_us);
    int64_t slowest_us = speed_store_slowest_apply_us(store);
    figures->told = now;
    if (events + now.bad - was.bad + now.applies - was.applies + now.compactions -
            was.compactions ==
        0)
        return;
    log_info("speed",
             "applied events=%" PRIu64 " events/s=%" PRIu64 " bad=%" PRIu64 " duplicates=%" PRIu64
             " applies=%" PRIu64 " rows=%" PRIu64 " counters=%" PRIu64
             " apply_ms_max=%.1f lag=%" PRIu64 " states_asked=%" PRIu64 " compactions=%" PRIu64
             " compacted_kb=%" PRIu64 " compactions_due=%zu users=%" PRIu64 " kb=%" PRIu64,
             events, us ? events * 1000000 / us : 0, now.bad - was.bad,
             now.duplicates - was.duplicates, now.applies - was.applies, now.rows - was.rows,
             now.counters - was.counters, (double)slowest_us / 1000, lag_of_all(figures),
             now.states - was.states, now.compactions - was.compactions,
             (now.compacted_bytes - was.compacted_bytes) / 1024, speed_store_due(store),
             metrics_get(&figures->users), metrics_get(&figures->bytes) / 1024);
}

/* ---- /metrics ---- */

static void events_print(const struct figures *figures, struct metrics *into)
{
    metrics_head(into, "tandem_speed_events_total", "counter",
                 "Events folded and sent to Redis, duplicates included, by type.");
    for (int type = 1; type <= EVENT_TYPES; type++)
        metrics_line(into, "tandem_speed_events_total{type=\"%s\"} %" PRIu64,
                     event_type_name((enum event_type)type), metrics_get(&figures->events[type]));
    metrics_counter(into, "tandem_speed_bad_records_total", "Records that are no event: skipped.",
                    metrics_get(&figures->bad));
    metrics_counter(into, "tandem_speed_duplicates_total",
                    "Events that were counted before and changed nothing.",
                    metrics_get(&figures->duplicates));
}

static void histogram_print(struct metrics *into, const char *name, const char *help,
                            const struct histogram_scale *scale, const struct histogram *histogram)
{
    struct histogram_sum sum = {0};
    histogram_read(histogram, &sum);
    metrics_head(into, name, "histogram", help);
    metrics_histogram(into, name, "", scale, &sum);
}

static void store_print(const struct speed_store_figures *store, struct metrics *into)
{
    histogram_print(into, "tandem_speed_freshness_seconds",
                    "From a record's timestamp in Kafka to its being counted in answers.",
                    &arrivals_scale, &store->freshness_ms);
    histogram_print(into, "tandem_speed_apply_duration_seconds",
                    "From a call of apply being queued to its answer.", &speed_store_apply_us,
                    &store->apply_us);
    histogram_print(into, "tandem_speed_apply_records",
                    "Events and bad records of a call of apply.", &speed_store_apply_records,
                    &store->apply_records);
    metrics_counter(into, "tandem_speed_rows_total", "Rows that calls of apply appended to.",
                    metrics_get(&store->rows));
    metrics_counter(into, "tandem_speed_counters_total", "Counters that calls of apply changed.",
                    metrics_get(&store->counters));
    metrics_counter(into, "tandem_speed_states_asked_total", "Users' states asked of Redis.",
                    metrics_get(&store->states));
    metrics_counter(into, "tandem_speed_compactions_total", "Rows compacted.",
                    metrics_get(&store->compactions));
    metrics_counter(into, "tandem_speed_compacted_bytes_total",
                    "Bytes of rows that were compacted.", metrics_get(&store->compacted_bytes));
}

static void claims_print(const struct figures *figures, int partitions, struct metrics *into)
{
    metrics_counter(into, "tandem_speed_claims_total",
                    "Times that the assigned partitions were claimed.",
                    metrics_get(&figures->claims));
    metrics_counter(into, "tandem_speed_fenced_total",
                    "Times that another instance had claimed a partition of this one.",
                    metrics_get(&figures->fenced));
    metrics_counter(into, "tandem_speed_pauses_total",
                    "Failures after which it waited and tried again.",
                    metrics_get(&figures->pauses));
    metrics_gauge(into, "tandem_speed_partitions", "Partitions of the topic.", partitions);
    metrics_gauge(into, "tandem_speed_assigned_partitions",
                  "Partitions that the consumer group has given to this instance.",
                  (double)metrics_get(&figures->assigned));
    metrics_gauge(into, "tandem_speed_claimed_partitions",
                  "Partitions that this instance has claimed and applies.",
                  (double)metrics_get(&figures->claimed));
}

/* Of the partitions that are claimed; without a line where nothing is known: a 0 would say that it has caught up. */
static void partitions_print(const char *name, const char *help, const _Atomic uint64_t *figure,
                             struct metrics *into)
{
    metrics_head(into, name, "gauge", help);
    for (int p = 0; p < PARTITIONS_MAX; p++) {
        uint64_t value = metrics_get(&figure[p]);
        if (value != FIGURES_NONE)
            metrics_line(into, "%s{partition=\"%d\"} %" PRIu64, name, p, value);
    }
}

void figures_print(const struct figures *figures, const struct speed_store *store, int partitions,
                   struct metrics *into)
{
    events_print(figures, into);
    store_print(speed_store_figures(store), into);
    claims_print(figures, partitions, into);
    partitions_print("tandem_speed_next_offset",
                     "Offset behind the last record sent, by partition.", figures->next, into);
    partitions_print("tandem_speed_lag_records",
                     "Records of the log that are not sent yet, by partition.", figures->lag, into);
    metrics_gauge(into, "tandem_speed_users_cached", "Users' states in memory.",
                  (double)metrics_get(&figures->users));
    metrics_gauge(into, "tandem_speed_cache_bytes", "Memory of users' states and names.",
                  (double)metrics_get(&figures->bytes));
    metrics_gauge(into, "tandem_speed_compactions_due", "Rows that wait for compaction.",
                  (double)metrics_get(&figures->due));
}
