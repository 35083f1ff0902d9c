/*
 * arrivals: when the records came into the log that were sent to a Redis server and are not answered yet, in the order of the
 * calls; of them, once answered, the freshness: how old a record was when answers counted it. Nothing is decided by it.
 * Zero-initialised is empty. One thread; the histogram may be read by any.
 */
#ifndef TANDEM_SPEED_ARRIVALS_H
#define TANDEM_SPEED_ARRIVALS_H

#include "common/metrics.h"

struct arrivals {
    int64_t *at_ms; /* those that wait: [first, end) */
    size_t first, end, cap;
};

extern const struct histogram_scale arrivals_scale; /* ms */

void arrivals_put(struct arrivals *arrivals, int64_t at_ms); /* <= 0: not known */
size_t arrivals_waiting(const struct arrivals *arrivals);
/* The `n` oldest are answered: adds the age of each whose time is known. */
void arrivals_answered(struct arrivals *arrivals, size_t n, int64_t now_ms,
                       struct histogram *freshness);
void arrivals_forget(struct arrivals *arrivals); /* keeps the memory */
void arrivals_free(struct arrivals *arrivals);

#endif
