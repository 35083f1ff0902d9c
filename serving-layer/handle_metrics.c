/* GET /metrics: all loops' figures together, in Prometheus' text format. */
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "serving-layer/batch_store.h"
#include "serving-layer/connections.h"
#include "serving-layer/figures.h"
#include "serving-layer/item_store.h"
#include "serving-layer/loop.h"
#include "serving-layer/routes.h"
#include "serving-layer/watcher.h"

static const struct histogram_scale duration_us = {
    .bounds = 11,
    .bound = {250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 500000, 2500000},
    .unit = 1e-6};

void figures_count(struct figures *figures, const struct route *route, int status, int64_t took_us)
{
    size_t r = route ? (size_t)(route - routes) : FIGURES_ROUTES - 1;
    metrics_add(&figures->requests[r][status / 100 % FIGURES_STATUSES], 1);
    histogram_add(&figures->duration_us[r], &duration_us, took_us);
}

/* The sum over the loops of one figure. */
#define SUM(server, figure)                             \
    __extension__({                                     \
        uint64_t sum_ = 0;                              \
        for (int l_ = 0; l_ < (server)->n_loops; l_++)  \
            sum_ += (server)->loop[l_]->figures.figure; \
        sum_;                                           \
    })

/* method="…",route="…": one row of the table of routes; the last place is for requests that have none. */
static void route_labels(int r, char *into, size_t bytes)
{
    snprintf(into, bytes, "method=\"%s\",route=\"%s\"", r < n_routes ? routes[r].method : "",
             r < n_routes ? routes[r].pattern : "none");
}

static void requests_put(struct metrics *out, const struct server *server, int r)
{
    char labels[256];
    route_labels(r, labels, sizeof labels);
    for (int s = 1; s < FIGURES_STATUSES; s++) {
        uint64_t n = SUM(server, requests[r][s]);
        if (n)
            metrics_line(out, "tandem_http_requests_total{%s,status=\"%dxx\"} %llu", labels, s,
                         (unsigned long long)n);
    }
}

static void durations_put(struct metrics *out, const struct server *server, int r)
{
    struct histogram_sum sum = {0};
    char labels[256];
    route_labels(r, labels, sizeof labels);
    for (int l = 0; l < server->n_loops; l++)
        histogram_read(&server->loop[l]->figures.duration_us[r], &sum);
    metrics_histogram(out, "tandem_http_request_duration_seconds", labels, &duration_us, &sum);
}

static void http_put(struct metrics *out, const struct server *server)
{
    metrics_head(out, "tandem_http_requests_total", "counter",
                 "HTTP requests by route and status.");
    for (int r = 0; r < FIGURES_ROUTES; r++)
        requests_put(out, server, r);
    metrics_head(out, "tandem_http_request_duration_seconds", "histogram",
                 "Time from a request's arrival to its answer.");
    for (int r = 0; r < n_routes; r++)
        durations_put(out, server, r);
    metrics_counter(out, "tandem_events_accepted_total", "Events that Kafka has acknowledged.",
                    SUM(server, accepted));
    metrics_counter(out, "tandem_event_posts_refused_total", "Posts with an event that is none.",
                    SUM(server, refused));
    metrics_counter(out, "tandem_events_not_acknowledged_total", "Events answered with 503.",
                    SUM(server, not_acknowledged));
    metrics_counter(out, "tandem_view_answers_total", "Answers made from views.",
                    SUM(server, answers));
    metrics_counter(
        out, "tandem_view_answers_degraded_total",
        "Of them, those without a Redis server: what it has is counted as of the batch view.",
        SUM(server, degraded));
    metrics_counter(out, "tandem_impressions_recorded_total",
                    "Impression events of record= that Kafka has acknowledged.",
                    SUM(server, impressions));
    metrics_counter(out, "tandem_impressions_lost_total",
                    "Impression events of record= that were given up: Kafka was away or too slow.",
                    SUM(server, impressions_lost));
}

static void connections_put(struct metrics *out, const struct server *server)
{
    struct connections_figures all = {0};
    for (int l = 0; l < server->n_loops; l++) {
        struct connections_figures of;
        connections_figures(server->loop[l]->connections, &of);
        all.open += of.open, all.bytes += of.bytes, all.refused += of.refused;
        all.late_requests += of.late_requests, all.late_answers += of.late_answers;
        all.over_bytes += of.over_bytes, all.idle += of.idle;
    }
    metrics_head(out, "tandem_http_connections", "gauge", "Open connections.");
    metrics_line(out, "tandem_http_connections %llu", (unsigned long long)all.open);
    metrics_head(out, "tandem_http_waiting_bytes", "gauge",
                 "Bytes of requests and answers that wait.");
    metrics_line(out, "tandem_http_waiting_bytes %llu", (unsigned long long)all.bytes);
    metrics_head(out, "tandem_http_refused_total", "counter",
                 "Requests refused, or connections ended, because a bound was met.");
    const struct {
        const char *bound;
        uint64_t n;
    } refused[] = {{"calls", SUM(server, too_many_calls)},
                   {"framing", SUM(server, badly_framed)},
                   {"connections", all.refused},
                   {"request_s", all.late_requests},
                   {"answer_s", all.late_answers},
                   {"buffer_bytes", all.over_bytes},
                   {"idle", all.idle}};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        metrics_line(out, "tandem_http_refused_total{bound=\"%s\"} %llu", refused[i].bound,
                     (unsigned long long)refused[i].n);
}

static void reader_put(struct metrics *out, const struct loop *loop)
{
    struct reader_figures figures;
    uint64_t reads = 0;
    reader_figures(loop->reader, &figures);
    metrics_gauge(out, "tandem_redis_servers", "Redis servers of the speed view.", figures.servers);
    metrics_gauge(out, "tandem_redis_servers_up",
                  "Redis servers that answer (as this event loop sees them).", figures.servers_up);
    for (int l = 0; l < loop->server->n_loops; l++)
        reads += reader_reads(loop->server->loop[l]->reader);
    metrics_counter(out, "tandem_redis_reads_total", "Reads of the speed view.", reads);
}

static void store_put(struct metrics *out, struct batch_store *store)
{
    struct batch_store_figures figures;
    batch_store_figures(store, &figures);
    if (figures.n < 0)
        return; /* there is none yet */
    metrics_gauge(out, "tandem_batch_number",
                  "Number of the batch view that answers are made from.", (double)figures.n);
    metrics_gauge(out, "tandem_batch_age_seconds", "Time since that batch view was published.",
                  (double)(clock_unix_ms() - figures.published_ms) / 1000);
    metrics_gauge(out, "tandem_batch_counters", "Counters in that batch view.",
                  (double)figures.view.counters);
    metrics_gauge(out, "tandem_batch_view_bytes", "Memory of that batch view.",
                  (double)figures.view.bytes);
}

static void items_put(struct metrics *out, struct item_store *items)
{
    struct item_store_figures figures;
    if (!item_store_ready(items))
        return;
    item_store_figures(items, &figures);
    metrics_gauge(out, "tandem_catalogue_items", "Items of the catalogue in memory.",
                  (double)figures.items);
    metrics_gauge(out, "tandem_catalogue_bytes", "Memory of the catalogue.",
                  (double)(figures.text_bytes + figures.other_bytes));
    metrics_counter(out, "tandem_catalogue_loads_total", "Loads of the whole catalogue.",
                    figures.loads);
}

static void audit_put(struct metrics *out, struct watcher *watcher)
{
    struct last_audit audit = watcher_audit(watcher);
    if (!audit.at_ms)
        return; /* absent until there was one: 0 would say that something was compared */
    metrics_gauge(out, "tandem_audit_differing", "Counters that the newest audit found wrong.",
                  (double)audit.differing);
    metrics_gauge(out, "tandem_audit_counters", "Counters that the newest audit compared.",
                  (double)audit.counters);
    metrics_gauge(out, "tandem_audit_timestamp_seconds", "When the newest audit ended.",
                  (double)audit.at_ms / 1000);
}

/* The last run: started_at for all, the rest only for one that has come so far. */
static void run_put(struct metrics *out, const struct last_run *run)
{
    static const char *const states[] = {"barrier", "aggregate", "check",
                                         "publish", "retire",    "done"};
    if (run->n == 0)
        return;
    metrics_gauge(out, "tandem_run_number", "Number of the last run.", (double)run->n);
    metrics_head(out, "tandem_run_state", "gauge", "1 for the step that the last run is at.");
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        metrics_line(out, "tandem_run_state{state=\"%s\"} %d", states[i],
                     strcmp(run->state, states[i]) == 0);
    metrics_gauge(out, "tandem_run_events", "Events that the last run has folded.",
                  (double)run->events);
    metrics_gauge(out, "tandem_run_started_timestamp_seconds", "When the last run was begun.",
                  (double)run->started_ms / 1000);
    if (run->finished_ms >= 0) {
        metrics_gauge(out, "tandem_run_finished_timestamp_seconds", "When the last run ended.",
                      (double)run->finished_ms / 1000);
        metrics_gauge(out, "tandem_run_duration_seconds",
                      "Time that the last run took, from begun to ended.",
                      (double)(run->finished_ms - run->started_ms) / 1000);
    }
    if (run->drift >= 0)
        metrics_gauge(out, "tandem_run_drift",
                      "Counters in which the last run found batch and speed layer to differ.",
                      (double)run->drift);
}

/* As the watcher last saw it, some seconds ago at most. */
static void look_put(struct metrics *out, const struct look *look, int partitions)
{
    metrics_gauge(out, "tandem_kafka_up", "1: Kafka answers.", look->kafka);
    metrics_gauge(out, "tandem_postgres_up", "1: Postgres answers.", look->postgres);
    metrics_head(out, "tandem_log_end_offset", "gauge", "Where the log ends, by partition.");
    for (int p = 0; look->kafka && p < partitions; p++)
        metrics_line(out, "tandem_log_end_offset{partition=\"%d\"} %lld", p,
                     (long long)look->log_end[p]);
    metrics_head(out, "tandem_archived_offset", "gauge",
                 "Offset behind the last record in the master dataset, by partition.");
    for (int p = 0; look->postgres && p < partitions; p++)
        metrics_line(out, "tandem_archived_offset{partition=\"%d\"} %lld", p,
                     (long long)look->archived[p]);
    if (look->postgres)
        run_put(out, &look->last_run);
}

void handle_metrics(struct call *call)
{
    struct metrics out = {0};
    struct look look;
    struct loop *loop = call->loop;
    http_put(&out, loop->server);
    connections_put(&out, loop->server);
    reader_put(&out, loop);
    store_put(&out, loop->store);
    items_put(&out, loop->server->items);
    if (watcher_last(loop->watcher, &look))
        look_put(&out, &look, (int)loop->settings->deployment.partitions);
    audit_put(&out, loop->watcher);
    metrics_process(&out);
    bytes_put(&call->out, out.text, out.n);
    metrics_free(&out);
    call_reply(call, 200, "text/plain; version=0.0.4; charset=utf-8");
}
