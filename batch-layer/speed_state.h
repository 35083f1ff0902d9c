/*
 * speed_state: the hash `tandem` of one Redis server (handover/speed_keys.h), and the rows of one segment in all servers.
 * For the check of a run and for the audit; the serving layer reads in its own way.
 */
#ifndef TANDEM_BATCH_SPEED_STATE_H
#define TANDEM_BATCH_SPEED_STATE_H

#include "handover/database.h"
#include "handover/speed_view.h"

struct speed_state {
    bool there; /* false: an empty server; the rest is then not set */
    char deployment[64], epoch[64], layout[32];
    char begun[24],
        done[24]; /* "": no apply yet; where they differ, the server is torn (speed_keys.h) */
    int64_t retired;
    int64_t offset[PARTITIONS_MAX]; /* -1: this server does not know the partition */
    int64_t segment[PARTITIONS_MAX];
};

/* Takes a reply to HGETALL apart; -1: it is none. Partitions above `partitions` are left out. */
int speed_state_take(const redisReply *reply, int partitions, struct speed_state *state);
int speed_state_read(redisContext *redis, int partitions, struct speed_state *state,
                     struct err *err);

/*
 * ERR_FATAL when the server is not empty and another deployment's, or another place in the list of servers; ERR_RETRY while
 * it is torn.
 */
int speed_state_check(redisContext *redis, const struct speed_state *state, const char *deployment,
                      int server, int servers, struct err *err);

#endif
