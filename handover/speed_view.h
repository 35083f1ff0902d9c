/*
 * speed_view: a blocking connection to one Redis server of the speed view, and the calls of tandem.lua that more than one
 * layer makes. Every connect checks the server (version >= 7, maxmemory-policy noeviction) and loads the function library.
 * Not for: readers of the serving layer (asynchronous, their own file).
 */
#ifndef TANDEM_HANDOVER_SPEED_VIEW_H
#define TANDEM_HANDOVER_SPEED_VIEW_H

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "views/text.h"

enum { SPEED_SERVERS_MAX = 64 };

struct speed_servers {
    int n;
    struct {
        char host[256];
        int port;
    } server[SPEED_SERVERS_MAX];
};

/* host:port[,host:port...]; -1 with a message that names the malformed part. */
int speed_servers_parse(const char *list, struct speed_servers *servers, struct err *err);

static inline int speed_server_of(const struct speed_servers *servers, int partition)
{
    return partition % servers->n;
}

/* Connects within `timeout_ms`, which then also bounds each call. NULL: err says which server and why. Caller: redisFree. */
redisContext *speed_view_open(const struct speed_servers *servers, int server, int timeout_ms,
                              struct err *err);

/* Is it an array of a text and an element of this type (REDIS_REPLY_...)? NULL is none. */
bool speed_view_is_pair(const redisReply *reply, int second_type);

/* drop(N): segments below N are gone, from now on and for every reader and writer. Frees their memory afterwards, in steps. */
int speed_view_drop(redisContext *redis, const char *deployment, int64_t n, struct err *err);

/*
 * From now on only who counts `views` (bits of the catalogue) may claim a partition, but for those that this server does not
 * count whole from segment n on: they are added to *late. `published`: N. Replaces what was required before.
 */
int speed_view_require(redisContext *redis, const char *deployment, int64_t published, int64_t n,
                       uint64_t views, uint64_t *late, struct err *err);

/* A reply that is missing (connection lost) or an error becomes an err (ERR_RETRY when the server may come back). */
void speed_view_describe(redisContext *redis, redisReply *reply, const char *operation,
                         struct err *err);
#define speed_view_failed(...)            \
    (__extension__({                      \
        speed_view_describe(__VA_ARGS__); \
        -1;                               \
    }))

#endif
