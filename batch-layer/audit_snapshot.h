/*
 * audit_snapshot: what readers would be answered about some groups: batch view N plus the segments >= N, and the offsets up to
 * which that is said to be exact. Reads as the serving layer does (design.md, "Redis"), by code of its own.
 */
#ifndef TANDEM_BATCH_AUDIT_SNAPSHOT_H
#define TANDEM_BATCH_AUDIT_SNAPSHOT_H

#include "handover/database.h"
#include "handover/speed_view.h"
#include "views/bytes.h"

/* Where answers come from. Zero-initialised, then opened; closed in any case. */
struct audit_sources {
    PGconn *db; /* borrowed; the others are owned */
    struct speed_servers servers;
    redisContext *redis[SPEED_SERVERS_MAX];
    char deployment[DEPLOYMENT_BYTES + 1];
    int partitions;
};

int audit_sources_open(struct audit_sources *sources, PGconn *db, const char *redis, int partitions,
                       struct err *err);
void audit_sources_close(struct audit_sources *sources);

struct audit_group {
    const char *view;   /* of the catalogue */
    struct bytes group; /* the caller's, as `found` */
    struct bytes found; /* replaced: a log (views/row.h) */
};

struct audit_snapshot {
    int64_t n; /* batch view */
    int64_t as_of[PARTITIONS_MAX];
};

/* Fills `found` of each group and the snapshot: what is found counts the events below as_of and no other. */
int audit_snapshot_read(struct audit_sources *sources, struct audit_group *groups, size_t n_groups,
                        struct audit_snapshot *snapshot, struct err *err);

/* Calls `take` with each group that the batch view or a segment >= n of the speed view has a row for; some come twice. */
int audit_groups_list(struct audit_sources *sources, int64_t n,
                      void (*take)(void *context, struct text view, struct text group),
                      void *context, struct err *err);

#endif
