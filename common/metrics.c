#define _GNU_SOURCE
#include "common/metrics.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/version.h"

enum { LINE_BYTES = 512, FIRST_BYTES = 4096 };

/* ---- histograms ---- */

void histogram_add(struct histogram *histogram, const struct histogram_scale *scale, int64_t value)
{
    int b = 0;
    while (b < scale->bounds && value > scale->bound[b])
        b++;
    metrics_add(&histogram->bucket[b], 1);
    metrics_add(&histogram->sum, value > 0 ? (uint64_t)value : 0);
}

void histogram_read(const struct histogram *histogram, struct histogram_sum *into)
{
    for (int b = 0; b < HISTOGRAM_BUCKETS; b++)
        into->bucket[b] += metrics_get(&histogram->bucket[b]);
    into->sum += metrics_get(&histogram->sum);
}

/* ---- text ---- */

void metrics_free(struct metrics *metrics)
{
    free(metrics->text);
    *metrics = (struct metrics){0};
}

void metrics_line(struct metrics *metrics, const char *format, ...)
{
    if (metrics->cap - metrics->n < LINE_BYTES + 1) {
        metrics->cap = metrics->cap ? 2 * metrics->cap : FIRST_BYTES;
        metrics->text = xrealloc(metrics->text, metrics->cap);
    }
    va_list args;
    va_start(args, format);
    int n = vsnprintf(metrics->text + metrics->n, LINE_BYTES, format, args);
    va_end(args);
    assert(n >= 0 && n < LINE_BYTES);
    metrics->n += (size_t)n;
    metrics->text[metrics->n++] = '\n';
}

void metrics_head(struct metrics *metrics, const char *name, const char *type, const char *help)
{
    metrics_line(metrics, "# HELP %s %s", name, help);
    metrics_line(metrics, "# TYPE %s %s", name, type);
}

void metrics_counter(struct metrics *metrics, const char *name, const char *help, uint64_t value)
{
    metrics_head(metrics, name, "counter", help);
    metrics_line(metrics, "%s %llu", name, (unsigned long long)value);
}

void metrics_gauge(struct metrics *metrics, const char *name, const char *help, double value)
{
    metrics_head(metrics, name, "gauge", help);
    metrics_line(metrics, "%s %.15g", name, value);
}

void metrics_histogram(struct metrics *metrics, const char *name, const char *labels,
                       const struct histogram_scale *scale, const struct histogram_sum *sum)
{
    const char *comma = *labels ? "," : "", *open = *labels ? "{" : "", *close = *labels ? "}" : "";
    uint64_t so_far = 0;
    for (int b = 0; b < scale->bounds; b++) {
        so_far += sum->bucket[b];
        metrics_line(metrics, "%s_bucket{%s%sle=\"%g\"} %llu", name, labels, comma,
                     (double)scale->bound[b] * scale->unit, (unsigned long long)so_far);
    }
    so_far += sum->bucket[scale->bounds];
    metrics_line(metrics, "%s_bucket{%s%sle=\"+Inf\"} %llu", name, labels, comma,
                 (unsigned long long)so_far);
    metrics_line(metrics, "%s_sum%s%s%s %.15g", name, open, labels, close,
                 (double)sum->sum * scale->unit);
    metrics_line(metrics, "%s_count%s%s%s %llu", name, open, labels, close,
                 (unsigned long long)so_far);
}

/* ---- the process ---- */

static double seconds_of(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static long long resident_pages(void)
{
    long long pages = 0;
    FILE *statm = fopen("/proc/self/statm", "r");
    if (statm && fscanf(statm, "%*s %lld", &pages) != 1)
        pages = 0;
    if (statm)
        fclose(statm);
    return pages;
}

/* Seconds since 1970 UTC. Field 22 of /proc/self/stat: clock ticks from the boot to the start; the name before may hold anything. */
static double started_at(void)
{
    char stat[1024];
    unsigned long long ticks = 0;
    FILE *file = fopen("/proc/self/stat", "r");
    size_t n = file ? fread(stat, 1, sizeof stat - 1, file) : 0;
    if (file)
        fclose(file);
    stat[n] = 0;
    char *at = strrchr(stat, ')');
    for (int field = 2; at && field < 22; field++)
        at = strchr(at + 1, ' ');
    ticks = at ? strtoull(at + 1, NULL, 10) : 0;
    double ago = seconds_of(CLOCK_BOOTTIME) - (double)ticks / (double)sysconf(_SC_CLK_TCK);
    return seconds_of(CLOCK_REALTIME) - ago;
}

void metrics_process(struct metrics *metrics)
{
    metrics_gauge(metrics, "process_resident_memory_bytes", "Resident memory size in bytes.",
                  (double)resident_pages() * (double)sysconf(_SC_PAGESIZE));
    metrics_head(metrics, "process_cpu_seconds_total", "counter",
                 "Total user and system CPU time spent in seconds.");
    metrics_line(metrics, "process_cpu_seconds_total %.3f", seconds_of(CLOCK_PROCESS_CPUTIME_ID));
    metrics_head(metrics, "process_start_time_seconds", "gauge",
                 "Start time of the process since unix epoch in seconds.");
    metrics_line(metrics, "process_start_time_seconds %.2f", started_at());
    metrics_head(metrics, "tandem_build_info", "gauge", "1; the label says which version it is.");
    metrics_line(metrics, "tandem_build_info{version=\"%s\"} 1", TANDEM_VERSION);
}
