#include "speed-layer/arrivals.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "views/bytes.h"

const struct histogram_scale arrivals_scale = {
    .bounds = 13,
    .bound = {1, 2, 5, 10, 20, 50, 100, 250, 500, 1000, 5000, 30000, 300000},
    .unit = 1e-3,
};

void arrivals_put(struct arrivals *arrivals, int64_t at_ms)
{
    if (arrivals->end == arrivals->cap && arrivals->first > 0) {
        arrivals->end -= arrivals->first;
        memmove(arrivals->at_ms, arrivals->at_ms + arrivals->first,
                arrivals->end * sizeof *arrivals->at_ms);
        arrivals->first = 0;
    }
    arrivals->at_ms =
        grown(arrivals->at_ms, &arrivals->cap, arrivals->end + 1, sizeof *arrivals->at_ms);
    arrivals->at_ms[arrivals->end++] = at_ms;
}

size_t arrivals_waiting(const struct arrivals *arrivals)
{
    return arrivals->end - arrivals->first;
}

void arrivals_answered(struct arrivals *arrivals, size_t n, int64_t now_ms,
                       struct histogram *freshness)
{
    assert(n <= arrivals_waiting(arrivals));
    for (size_t end = arrivals->first + n; arrivals->first < end; arrivals->first++) {
        int64_t at_ms = arrivals->at_ms[arrivals->first];
        if (at_ms > 0)
            histogram_add(freshness, &arrivals_scale, now_ms - at_ms);
    }
    if (arrivals->first == arrivals->end)
        arrivals_forget(arrivals);
}

void arrivals_forget(struct arrivals *arrivals)
{
    arrivals->first = arrivals->end = 0;
}

void arrivals_free(struct arrivals *arrivals)
{
    free(arrivals->at_ms);
    *arrivals = (struct arrivals){0};
}
