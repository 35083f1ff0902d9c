/*
 * figures: what a loop counts of its requests, and /metrics in Prometheus' text format. Written by one loop, read by any.
 */
#ifndef TANDEM_SERVING_FIGURES_H
#define TANDEM_SERVING_FIGURES_H

#include "common/metrics.h"

enum { FIGURES_ROUTES = 64, FIGURES_STATUSES = 6 };

struct route;

struct figures {
    _Atomic uint64_t requests[FIGURES_ROUTES][FIGURES_STATUSES]; /* by hundreds of the status */
    struct histogram duration_us[FIGURES_ROUTES];
    _Atomic uint64_t answers, degraded;                   /* made from views; of them, batch only */
    _Atomic uint64_t accepted, refused, not_acknowledged; /* events */
    _Atomic uint64_t impressions, impressions_lost;       /* of record=; events */
    _Atomic uint64_t too_many_calls, badly_framed;        /* requests refused for it */
};

void figures_count(struct figures *figures, const struct route *route, int status, int64_t took_us);

#endif
