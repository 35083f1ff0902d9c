/*
 * impressions: what was shown to a user goes back into the log, an `impression` event an item, so that it can be told later
 * which recommendations worked. The answer never waits for Kafka: what it does not acknowledge is counted and given up.
 * Impressions take at most half of the room for events that wait (--outstanding). Not for: events of clients (ingest.c).
 */
#ifndef TANDEM_SERVING_IMPRESSIONS_H
#define TANDEM_SERVING_IMPRESSIONS_H

#include "serving-layer/ranking.h"

struct loop;

struct impressions {
    struct text list, user;
    struct text country; /* n = 0: not known */
    const struct ranked *shown;
    size_t n;
};

/* Returns how many were given to the producer: all or none. */
size_t impressions_record(struct loop *loop, const struct impressions *impressions);

#endif
