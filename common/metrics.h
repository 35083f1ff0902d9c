/*
 * metrics: figures that one thread counts and any thread reads, and their print in Prometheus' text format 0.0.4
 * (prometheus.io, "Exposition formats"). There is no registry: who has figures prints them, one function a program. Names keep
 * Prometheus' conventions: seconds and bytes, _total behind a counter; tests/lint/metrics holds them against the alerts, the
 * dashboard and the docs.
 * Not for: HTTP (metrics_http.h), deciding anything.
 */
#ifndef TANDEM_COMMON_METRICS_H
#define TANDEM_COMMON_METRICS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* ---- counting: one thread writes a figure, so neither a lock nor an atomic addition is needed ---- */

static inline uint64_t metrics_get(const _Atomic uint64_t *figure)
{
    return atomic_load_explicit(figure, memory_order_relaxed);
}

static inline void metrics_set(_Atomic uint64_t *figure, uint64_t value)
{
    atomic_store_explicit(figure, value, memory_order_relaxed);
}

static inline void metrics_add(_Atomic uint64_t *figure, uint64_t n)
{
    metrics_set(figure, metrics_get(figure) + n);
}

enum { HISTOGRAM_BUCKETS = 14 };

/* A constant: the upper bounds of the buckets, ascending, one bucket more for what is above; printed times `unit`. */
struct histogram_scale {
    int bounds; /* fewer than HISTOGRAM_BUCKETS */
    int64_t bound[HISTOGRAM_BUCKETS - 1];
    double unit; /* 1e-6: values are µs and are printed in seconds */
};

/* Not cumulative; `sum` in the values' own unit. Zero-initialised is empty. */
struct histogram {
    _Atomic uint64_t bucket[HISTOGRAM_BUCKETS], sum;
};

/* A negative value (a clock went back) counts as 0. */
void histogram_add(struct histogram *histogram, const struct histogram_scale *scale, int64_t value);

struct histogram_sum {
    uint64_t bucket[HISTOGRAM_BUCKETS], sum;
};

/* Adds what it holds to `into`, so that several can be printed as one. */
void histogram_read(const struct histogram *histogram, struct histogram_sum *into);

/* ---- printing ---- */

/* A growing text that its owner frees. Zero-initialised is empty. Names, labels and helps are the program's own constants. */
struct metrics {
    char *text;
    size_t n, cap; /* bytes used, bytes held */
};

void metrics_free(struct metrics *metrics);

/* `type`: counter, gauge or histogram. Its samples follow, by metrics_line. */
void metrics_head(struct metrics *metrics, const char *name, const char *type, const char *help);
/* One line, under 512 bytes. */
void metrics_line(struct metrics *metrics, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Head and the one sample. */
void metrics_counter(struct metrics *metrics, const char *name, const char *help, uint64_t value);
void metrics_gauge(struct metrics *metrics, const char *name, const char *help, double value);

/* The samples of a histogram; `labels` is "" or name="value" pairs, separated by commas. */
void metrics_histogram(struct metrics *metrics, const char *name, const char *labels,
                       const struct histogram_scale *scale, const struct histogram_sum *sum);

/* What every process has: memory, CPU time, when it started, and tandem_build_info. */
void metrics_process(struct metrics *metrics);

#endif
