#include "speed-layer/figures.h"

#include <inttypes.h>

#include "common/clock.h"
#include "common/log.h"

enum { EVERY_US = 10000000 };

bool figures_are_due(const struct figures *figures)
{
    return clock_monotonic_us() - figures->since_us >= EVERY_US;
}

void figures_log(struct figures *figures, struct speed_store *store)
{
    struct speed_store_figures did;
    int64_t now = clock_monotonic_us(), us = now - figures->since_us;
    speed_store_look(store, &did);
    if (figures->events + figures->bad + did.applies + did.compactions > 0)
        log_info("speed",
                 "applied events=%" PRIu64 " events/s=%" PRIu64 " bad=%" PRIu64
                 " duplicates=%" PRIu64 " applies=%" PRIu64 " rows=%" PRIu64 " counters=%" PRIu64
                 " apply_ms_max=%.1f lag=%" PRId64 " states_asked=%" PRIu64 " compactions=%" PRIu64
                 " compacted_kb=%" PRIu64 " compactions_due=%zu users=%zu kb=%zu",
                 figures->events, us > 0 ? figures->events * 1000000 / (uint64_t)us : 0,
                 figures->bad, figures->duplicates, did.applies, did.rows, did.counters,
                 (double)did.slowest_apply_us / 1000, figures->lag, did.states, did.compactions,
                 did.compacted_bytes / 1024, did.due, figures->users, figures->bytes / 1024);
    *figures = (struct figures){.since_us = now};
}
