/*
 * claim: what is asked of Redis to become a partition's owner, and what its answer means (design.md, section 5). Not for:
 * sending it (speed_store.h), deciding when (worker.h).
 */
#ifndef TANDEM_SPEED_CLAIM_H
#define TANDEM_SPEED_CLAIM_H

#include "handover/database.h"
#include "speed-layer/command.h"
#include "speed-layer/redis_link.h"

enum { CLAIM_TOKEN_BYTES = 17 }; /* 8 random bytes in hex, and the end */

struct claim_place {
    int partition, server, servers;
    const char *redis; /* host:port of the server */
};

/* The command, and the token that this instance owns the partition by if it is answered. */
void claim_put(struct command *command, const struct claim_place *place,
               const struct publication *publication, char token[CLAIM_TOKEN_BYTES]);

struct claimed {
    int64_t offset, segment; /* where to go on */
    struct text epoch;       /* of the server's data; lives as long as the answer */
    bool emptied;            /* what the server had was torn */
};
int claim_answered(const struct redis_answer *answer, const struct claim_place *place,
                   const struct publication *publication, struct claimed *into, struct err *err);

#endif
