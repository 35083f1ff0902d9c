/*
 * setup: `tandem-batch setup`: makes the tables, the topic and the deployment's mark, where they are not there yet, and
 * brings tables of an older version up to this one. Postgres comes first, in one transaction, and the id made there is the deployment's; Kafka takes it. Killed anywhere, the next
 * start goes on. Not for: changing the topic that is there.
 */
#ifndef TANDEM_BATCH_SETUP_H
#define TANDEM_BATCH_SETUP_H

#include "batch-layer/schema.h"
#include "batch-layer/topic.h"

/* Names at which TANDEM_CRASH_AT lets a set-up die (common/failpoint.h), in order; NULL at the end. */
extern const char *const setup_failpoints[];

/* What the two servers hold. */
struct setup_found {
    struct schema_found schema;
    struct topic_found topic;
    char mark[128]; /* "": none */
};

/*
 * Whether set-up may go on from what is there: 0, or -1 with a message that says what to do. Pure. A set-up that was killed
 * half-way has left the tables without topic or mark, and an archive that has not begun; anything else that does not fit
 * together belongs to two deployments.
 */
int setup_judge(const struct setup_found *found, const char *topic, int partitions,
                struct err *err);

#endif
