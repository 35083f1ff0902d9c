#include "batch-layer/speed_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "handover/speed_keys.h"

/* "o12" or "s12": the partition's number, -1: another field. */
static int field_partition(const char *name, char letter, int partitions)
{
    char *end;
    if (name[0] != letter || name[1] < '0' || name[1] > '9')
        return -1;
    long p = strtol(name + 1, &end, 10);
    return *end || p >= partitions ? -1 : (int)p;
}

static int field_take(const char *name, const char *value, int partitions,
                      struct speed_state *state)
{
    int p;
    int64_t *number = NULL;
    if (strcmp(name, "deployment") == 0)
        snprintf(state->deployment, sizeof state->deployment, "%s", value);
    else if (strcmp(name, "epoch") == 0)
        snprintf(state->epoch, sizeof state->epoch, "%s", value);
    else if (strcmp(name, "layout") == 0)
        snprintf(state->layout, sizeof state->layout, "%s", value);
    else if (strcmp(name, "begun") == 0)
        snprintf(state->begun, sizeof state->begun, "%s", value);
    else if (strcmp(name, "done") == 0)
        snprintf(state->done, sizeof state->done, "%s", value);
    else if (strcmp(name, "retired") == 0)
        number = &state->retired;
    else if ((p = field_partition(name, 'o', partitions)) >= 0)
        number = &state->offset[p];
    else if ((p = field_partition(name, 's', partitions)) >= 0)
        number = &state->segment[p];
    return !number || speed_number_parse(text_of(value), number) ? 0 : -1;
}

int speed_state_take(const redisReply *reply, int partitions, struct speed_state *state)
{
    *state = (struct speed_state){0};
    for (int p = 0; p < PARTITIONS_MAX; p++)
        state->offset[p] = state->segment[p] = -1;
    if (!reply || reply->type != REDIS_REPLY_ARRAY)
        return -1;
    for (size_t i = 0; i + 1 < reply->elements; i += 2) {
        const redisReply *name = reply->element[i], *value = reply->element[i + 1];
        if (name->type != REDIS_REPLY_STRING || value->type != REDIS_REPLY_STRING)
            return -1;
        if (field_take(name->str, value->str, partitions, state))
            return -1;
    }
    state->there = reply->elements > 0;
    return 0;
}

int speed_state_read(redisContext *redis, int partitions, struct speed_state *state,
                     struct err *err)
{
    redisReply *reply = redisCommand(redis, "HGETALL " SPEED_STATE_KEY);
    int failed = speed_state_take(reply, partitions, state)
                     ? speed_view_failed(redis, reply, "HGETALL", err)
                     : 0;
    freeReplyObject(reply);
    return failed;
}

int speed_state_check(redisContext *redis, const struct speed_state *state, const char *deployment,
                      int server, int servers, struct err *err)
{
    char layout[32];
    snprintf(layout, sizeof layout, "%d/%d", server, servers);
    if (state->there && strcmp(state->deployment, deployment) != 0)
        return err_set(
            err, ERR_FATAL,
            "redis %s:%d: holds the speed view of deployment %s, not of %s: use a server "
            "of its own or flush it",
            redis->tcp.host, redis->tcp.port, state->deployment, deployment);
    if (state->there && state->layout[0] && strcmp(state->layout, layout) != 0)
        return err_set(
            err, ERR_FATAL,
            "redis %s:%d: was server %s of TANDEM_REDIS and now is %s: restore the list, or "
            "stop the speed layer and flush all of its servers",
            redis->tcp.host, redis->tcp.port, state->layout, layout);
    if (strcmp(state->begun, state->done) != 0)
        return err_set(err, ERR_RETRY,
                       "redis %s:%d: its append-only file was torn: start `tandem-speed`, which "
                       "empties and fills it",
                       redis->tcp.host, redis->tcp.port);
    return 0;
}
