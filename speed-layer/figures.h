/* figures: what the speed layer did, for its log line. Nothing is decided by them. */
#ifndef TANDEM_SPEED_FIGURES_H
#define TANDEM_SPEED_FIGURES_H

#include "speed-layer/speed_store.h"

struct figures {
    int64_t since_us;
    uint64_t events, bad, duplicates;
    int64_t lag;         /* records, over this instance's partitions */
    size_t users, bytes; /* states known, memory held by them */
};

/* Logs a line when something happened in the last 10 s, or at once when `now`, and begins anew. */
bool figures_are_due(const struct figures *figures);
void figures_log(struct figures *figures, struct speed_store *store);

#endif
