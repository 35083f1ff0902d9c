/* GET /metrics: all loops' figures together, in Prometheus' text format. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/clock.h"
#include "serving-layer/batch_store.h"
#include "serving-layer/connections.h"
#include "serving-layer/figures.h"
#include "serving-layer/json_out.h"
#include "serving-layer/loop.h"
#include "serving-layer/routes.h"
#include "serving-layer/watcher.h"

static const int64_t bucket_us[FIGURES_BUCKETS - 1] = {250,   500,   1000,   2500,   5000,   10000,
                                                       25000, 50000, 100000, 500000, 2500000};

void figures_count(struct figures *figures, const struct route *route, int status, int64_t took_us)
{
    size_t r = route ? (size_t)(route - routes) : FIGURES_ROUTES - 1;
    size_t b = 0;
    while (b < FIGURES_BUCKETS - 1 && took_us > bucket_us[b])
        b++;
    figures->requests[r][status / 100 % FIGURES_STATUSES]++;
    figures->bucket[r][b]++;
    figures->sum_us[r] += (uint64_t)took_us;
}

static void line(struct bytes *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void line(struct bytes *out, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    bytes_put(out, text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1);
    bytes_put(out, "\n", 1);
}

static void head(struct bytes *out, const char *name, const char *type, const char *help)
{
    line(out, "# HELP %s %s", name, help);
    line(out, "# TYPE %s %s", name, type);
}

/* The sum over the loops of one figure. */
#define SUM(server, figure)                             \
    __extension__({                                     \
        uint64_t sum_ = 0;                              \
        for (int l_ = 0; l_ < (server)->n_loops; l_++)  \
            sum_ += (server)->loop[l_]->figures.figure; \
        sum_;                                           \
    })

static const char *route_name(int r)
{
    return r < n_routes ? routes[r].pattern : "none";
}

static void requests_put(struct bytes *out, const struct server *server, int r)
{
    for (int s = 1; s < FIGURES_STATUSES; s++) {
        uint64_t n = SUM(server, requests[r][s]);
        if (n)
            line(out, "tandem_http_requests_total{route=\"%s\",status=\"%dxx\"} %llu",
                 route_name(r), s, (unsigned long long)n);
    }
}

static void durations_put(struct bytes *out, const struct server *server, int r)
{
    uint64_t so_far = 0;
    for (int b = 0; b < FIGURES_BUCKETS - 1; b++) {
        so_far += SUM(server, bucket[r][b]);
        line(out, "tandem_http_request_duration_seconds_bucket{route=\"%s\",le=\"%g\"} %llu",
             route_name(r), (double)bucket_us[b] / 1e6, (unsigned long long)so_far);
    }
    so_far += SUM(server, bucket[r][FIGURES_BUCKETS - 1]);
    line(out, "tandem_http_request_duration_seconds_bucket{route=\"%s\",le=\"+Inf\"} %llu",
         route_name(r), (unsigned long long)so_far);
    line(out, "tandem_http_request_duration_seconds_sum{route=\"%s\"} %.6f", route_name(r),
         (double)SUM(server, sum_us[r]) / 1e6);
    line(out, "tandem_http_request_duration_seconds_count{route=\"%s\"} %llu", route_name(r),
         (unsigned long long)so_far);
}

static void http_put(struct bytes *out, const struct server *server)
{
    head(out, "tandem_http_requests_total", "counter", "HTTP requests by route and status.");
    for (int r = 0; r < FIGURES_ROUTES; r++)
        requests_put(out, server, r);
    head(out, "tandem_http_request_duration_seconds", "histogram",
         "Time from a request's arrival to its answer.");
    for (int r = 0; r < n_routes; r++)
        durations_put(out, server, r);
    head(out, "tandem_events_accepted_total", "counter", "Events that Kafka has acknowledged.");
    line(out, "tandem_events_accepted_total %llu", (unsigned long long)SUM(server, accepted));
    head(out, "tandem_event_posts_refused_total", "counter", "Posts with an event that is none.");
    line(out, "tandem_event_posts_refused_total %llu", (unsigned long long)SUM(server, refused));
    head(out, "tandem_events_not_acknowledged_total", "counter", "Events answered with 503.");
    line(out, "tandem_events_not_acknowledged_total %llu",
         (unsigned long long)SUM(server, not_acknowledged));
    head(out, "tandem_impressions_recorded_total", "counter",
         "Impression events of record= that Kafka has acknowledged.");
    line(out, "tandem_impressions_recorded_total %llu",
         (unsigned long long)SUM(server, impressions));
    head(out, "tandem_impressions_lost_total", "counter",
         "Impression events of record= that were given up: Kafka was away or too slow.");
    line(out, "tandem_impressions_lost_total %llu",
         (unsigned long long)SUM(server, impressions_lost));
}

static void connections_put(struct bytes *out, const struct server *server)
{
    struct connections_figures all = {0};
    for (int l = 0; l < server->n_loops; l++) {
        struct connections_figures of;
        connections_figures(server->loop[l]->connections, &of);
        all.open += of.open, all.bytes += of.bytes, all.refused += of.refused;
        all.late_requests += of.late_requests, all.late_answers += of.late_answers;
        all.over_bytes += of.over_bytes, all.idle += of.idle;
    }
    head(out, "tandem_http_connections", "gauge", "Open connections.");
    line(out, "tandem_http_connections %llu", (unsigned long long)all.open);
    head(out, "tandem_http_waiting_bytes", "gauge", "Bytes of requests and answers that wait.");
    line(out, "tandem_http_waiting_bytes %llu", (unsigned long long)all.bytes);
    head(out, "tandem_http_refused_total", "counter",
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
        line(out, "tandem_http_refused_total{bound=\"%s\"} %llu", refused[i].bound,
             (unsigned long long)refused[i].n);
}

static void reader_put(struct bytes *out, const struct loop *loop)
{
    struct reader_figures figures;
    reader_figures(loop->reader, &figures);
    head(out, "tandem_redis_servers", "gauge", "Redis servers of the speed view.");
    line(out, "tandem_redis_servers %d", figures.servers);
    head(out, "tandem_redis_servers_up", "gauge",
         "Redis servers that answer (as this event loop sees them).");
    line(out, "tandem_redis_servers_up %d", figures.servers_up);
    head(out, "tandem_speed_reads_total", "counter",
         "Reads of the speed view (of this event loop).");
    line(out, "tandem_speed_reads_total %llu", (unsigned long long)figures.reads);
}

static void store_put(struct bytes *out, struct batch_store *store)
{
    struct batch_store_figures figures;
    batch_store_figures(store, &figures);
    head(out, "tandem_batch_number", "gauge",
         "Number of the batch view that answers are made from.");
    line(out, "tandem_batch_number %lld", (long long)figures.n);
    head(out, "tandem_batch_age_seconds", "gauge", "Time since that batch view was published.");
    line(out, "tandem_batch_age_seconds %.3f",
         (double)(clock_unix_ms() - figures.published_ms) / 1000);
    head(out, "tandem_batch_counters", "gauge", "Counters in that batch view.");
    line(out, "tandem_batch_counters %llu", (unsigned long long)figures.view.counters);
    head(out, "tandem_batch_view_bytes", "gauge", "Memory of that batch view.");
    line(out, "tandem_batch_view_bytes %zu", figures.view.bytes);
}

static void audit_put(struct bytes *out, struct watcher *watcher)
{
    struct last_audit audit = watcher_audit(watcher);
    if (!audit.at_ms)
        return; /* absent until there was one: 0 would say that something was compared */
    head(out, "tandem_audit_differing", "gauge", "Counters that the newest audit found wrong.");
    line(out, "tandem_audit_differing %lld", (long long)audit.differing);
    head(out, "tandem_audit_counters", "gauge", "Counters that the newest audit compared.");
    line(out, "tandem_audit_counters %lld", (long long)audit.counters);
    head(out, "tandem_audit_timestamp_seconds", "gauge", "When the newest audit ended.");
    line(out, "tandem_audit_timestamp_seconds %.3f", (double)audit.at_ms / 1000);
}

static void memory_put(struct bytes *out)
{
    long pages = 0;
    FILE *statm = fopen("/proc/self/statm", "r");
    if (statm && fscanf(statm, "%*s %ld", &pages) == 1) {
        head(out, "process_resident_memory_bytes", "gauge", "Resident memory size in bytes.");
        line(out, "process_resident_memory_bytes %lld", (long long)pages * sysconf(_SC_PAGESIZE));
    }
    if (statm)
        fclose(statm);
}

void handle_metrics(struct call *call)
{
    http_put(&call->out, call->loop->server);
    connections_put(&call->out, call->loop->server);
    reader_put(&call->out, call->loop);
    store_put(&call->out, call->loop->store);
    audit_put(&call->out, call->loop->watcher);
    memory_put(&call->out);
    call_reply(call, 200, "text/plain; version=0.0.4; charset=utf-8");
}
