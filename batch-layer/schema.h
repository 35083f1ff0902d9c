/*
 * schema: Tandem's tables in Postgres: what is there, and making them. Not for: what stands in them afterwards.
 */
#ifndef TANDEM_BATCH_SCHEMA_H
#define TANDEM_BATCH_SCHEMA_H

#include "handover/database.h"

enum {
    TOPIC_BYTES = 250, /* Kafka allows 249 */
    SCHEMA_OLDEST = 3  /* from which schema_upgrade goes on */
};

struct schema_found {
    bool there; /* false: no tables; the rest is then not set */
    char deployment[DEPLOYMENT_BYTES + 1];
    int version;
    char topic[TOPIC_BYTES];
    int partitions;
    int64_t archived; /* sum of the archive's offsets */
    int64_t n;        /* batch view */
};

int schema_find(PGconn *db, struct schema_found *found, struct err *err);

/*
 * Makes everything in one transaction: tables, one partition of `events` a Kafka partition, the deployment's row, publication
 * 0 and the archive's offsets 0. So either all of it is there or nothing, whenever this is killed.
 */
int schema_create(PGconn *db, const char *deployment, const char *topic, int partitions,
                  struct err *err);

/* Brings tables of version `from` to SCHEMA_VERSION, in one transaction; what stands in them stays. */
int schema_upgrade(PGconn *db, int from, struct err *err);

#endif
