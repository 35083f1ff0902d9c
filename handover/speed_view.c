#include "handover/speed_view.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/mem.h"
#include "common/random.h"
#include "handover/speed_keys.h"
#include "views/catalogue.h"

static const char library[] = {
#include "handover/tandem.lua.inc"
};

enum { EPOCH_BYTES = 8, FREE_AT_ONCE = 500 };

static int server_parse(const char *part, size_t n, char *host, size_t host_bytes, int *port)
{
    const char *colon = NULL;
    for (size_t i = 0; i < n; i++)
        if (part[i] == ':')
            colon = part + i;
    if (!colon || colon == part || (size_t)(colon - part) >= host_bytes)
        return -1;
    char *end;
    long number = colon[1] >= '0' && colon[1] <= '9' ? strtol(colon + 1, &end, 10) : 0;
    if (number < 1 || number > 65535 || end != part + n)
        return -1;
    memcpy(host, part, (size_t)(colon - part));
    host[colon - part] = 0;
    *port = (int)number;
    return 0;
}

int speed_servers_parse(const char *list, struct speed_servers *servers, struct err *err)
{
    servers->n = 0;
    for (const char *at = list;; at++) {
        size_t n = strcspn(at, ",");
        if (servers->n == SPEED_SERVERS_MAX)
            return err_set(err, ERR_FATAL, "redis: more than %d servers", SPEED_SERVERS_MAX);
        int i = servers->n;
        if (server_parse(at, n, servers->server[i].host, sizeof servers->server[i].host,
                         &servers->server[i].port))
            return err_set(err, ERR_FATAL, "redis: '%.*s' is not host:port", (int)n, at);
        servers->n++;
        at += n;
        if (!*at)
            return 0;
    }
}

/* States of the server that pass; all else needs a person or is our bug. "Function not found": it was wiped, connect again. */
static bool error_may_pass(const char *text)
{
    static const char *const passing[] = {"LOADING",     "BUSY ",      "MASTERDOWN", "READONLY",
                                          "TRYAGAIN",    "OOM ",       "MISCONF",    "NOREPLICAS",
                                          "CLUSTERDOWN", "UNKILLABLE", "FULL "};
    for (size_t i = 0; i < sizeof passing / sizeof *passing; i++)
        if (strncmp(text, passing[i], strlen(passing[i])) == 0)
            return true;
    return strstr(text, "unction not found") != NULL;
}

static const char *error_hint(const char *text)
{
    return strncmp(text, "OOM ", 4) == 0
               ? " Raise it, or `tandem-batch run`: that frees what the batch view then has"
               : "";
}

void speed_view_describe(redisContext *redis, redisReply *reply, const char *operation,
                         struct err *err)
{
    const char *host = redis->tcp.host ? redis->tcp.host : "?";
    if (!reply || reply->type != REDIS_REPLY_ERROR)
        err_fill(err, ERR_RETRY, "redis %s:%d: %s: %s", host, redis->tcp.port, operation,
                 redis->err ? redis->errstr
                 : reply    ? "unexpected reply"
                            : "no reply");
    else
        err_fill(err, error_may_pass(reply->str) ? ERR_RETRY : ERR_FATAL, "redis %s:%d: %s: %s%s",
                 host, redis->tcp.port, operation, reply->str, error_hint(reply->str));
}

/* The value behind `name:` in INFO's text, up to the end of its line; n = 0: it is not there. */
static struct text info_value(const char *info, const char *name)
{
    const char *at = strstr(info, name);
    if (!at)
        return (struct text){NULL, 0};
    at += strlen(name);
    return (struct text){at, strcspn(at, "\r\n")};
}

static int info_check(redisContext *redis, const char *info, struct err *err)
{
    struct text version = info_value(info, "redis_version:");
    struct text policy = info_value(info, "maxmemory_policy:");
    if (version.n == 0 || atoi(version.at) < 7)
        return err_set(
            err, ERR_FATAL, "redis %s:%d: version %.*s has no functions: 7.0 or newer is needed",
            redis->tcp.host, redis->tcp.port, (int)version.n, version.n ? version.at : "");
    if (!text_equal(policy, text_of("noeviction")))
        return err_set(
            err, ERR_FATAL,
            "redis %s:%d: maxmemory-policy is %.*s: counters would be evicted; set noeviction",
            redis->tcp.host, redis->tcp.port, (int)policy.n, policy.n ? policy.at : "");
    return 0;
}

static int server_check(redisContext *redis, struct err *err)
{
    redisReply *reply = redisCommand(redis, "INFO");
    int failed = reply && reply->type == REDIS_REPLY_STRING
                     ? info_check(redis, reply->str, err)
                     : speed_view_failed(redis, reply, "INFO", err);
    freeReplyObject(reply);
    return failed;
}

/* FUNCTION LIST .. WITHCODE -> for each library: names and values in turn. */
static bool library_is_in(const redisReply *list)
{
    const redisReply *found =
        list && list->type == REDIS_REPLY_ARRAY && list->elements == 1 ? list->element[0] : NULL;
    for (size_t i = 0; found && i + 1 < found->elements; i += 2) {
        const redisReply *name = found->element[i], *value = found->element[i + 1];
        if (name->type == REDIS_REPLY_STRING && value->type == REDIS_REPLY_STRING &&
            strcmp(name->str, "library_code") == 0)
            return text_equal((struct text){value->str, value->len},
                              (struct text){library, sizeof library});
    }
    return false;
}

/* Loaded only where it is not: a server that has no memory left, or no disk, refuses to load what it has. */
static int library_load(redisContext *redis, struct err *err)
{
    redisReply *list = redisCommand(redis, "FUNCTION LIST LIBRARYNAME tandem2 WITHCODE");
    bool there = library_is_in(list);
    freeReplyObject(list);
    if (there)
        return 0;
    redisReply *reply = redisCommand(redis, "FUNCTION LOAD REPLACE %b", library, sizeof library);
    int failed = 0;
    if (!reply || reply->type == REDIS_REPLY_ERROR)
        failed = speed_view_failed(redis, reply, "FUNCTION LOAD", err);
    freeReplyObject(reply);
    return failed;
}

redisContext *speed_view_open(const struct speed_servers *servers, int server, int timeout_ms,
                              struct err *err)
{
    const char *host = servers->server[server].host;
    int port = servers->server[server].port;
    struct timeval timeout = {timeout_ms / 1000, timeout_ms % 1000 * 1000};
    redisContext *redis = redisConnectWithTimeout(host, port, timeout);
    if (!redis || redis->err || redisSetTimeout(redis, timeout)) {
        err_set(err, ERR_RETRY, "redis %s:%d: connect: %s", host, port,
                redis ? redis->errstr : "no memory");
        redisFree(redis);
        return NULL;
    }
    redisEnableKeepAlive(redis);
    if (server_check(redis, err) || library_load(redis, err)) {
        redisFree(redis);
        return NULL;
    }
    return redis;
}

bool speed_view_is_pair(const redisReply *reply, int second_type)
{
    return reply && reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
           reply->element[0]->type == REDIS_REPLY_STRING && reply->element[1]->type == second_type;
}

/* tandem2_drop; writes the server's epoch. */
static int segments_retire(redisContext *redis, const char *deployment, int64_t n, char *epoch,
                           size_t epoch_bytes, struct err *err)
{
    char candidate[2 * EPOCH_BYTES + 1];
    random_hex(candidate, EPOCH_BYTES);
    redisReply *reply = redisCommand(redis, "FCALL tandem2_drop 1 " SPEED_STATE_KEY " %s %s %lld",
                                     deployment, candidate, (long long)n);
    int failed = 0;
    if (!speed_view_is_pair(reply, REDIS_REPLY_STRING))
        failed = speed_view_failed(redis, reply, "tandem2_drop", err);
    else if (strcmp(reply->element[0]->str, "OK") != 0)
        failed = err_set(err, ERR_FATAL,
                         "redis %s:%d: holds the speed view of deployment %s, not of %s: use a "
                         "server of its own or flush it",
                         redis->tcp.host, redis->tcp.port, reply->element[1]->str, deployment);
    else
        snprintf(epoch, epoch_bytes, "%s", reply->element[1]->str);
    freeReplyObject(reply);
    return failed;
}

static int late_take(redisContext *redis, const redisReply *reply, const char *deployment,
                     uint64_t *late, struct err *err)
{
    if (!reply || reply->type != REDIS_REPLY_ARRAY || reply->elements < 2)
        return -1;
    for (size_t i = 0; i < reply->elements; i++)
        if (reply->element[i]->type != REDIS_REPLY_STRING)
            return -1;
    if (strcmp(reply->element[0]->str, "OK") != 0)
        return err_set(err, ERR_FATAL,
                       "redis %s:%d: holds the speed view of deployment %s, not of %s: use a "
                       "server of its own or flush it",
                       redis->tcp.host, redis->tcp.port, reply->element[1]->str, deployment);
    for (size_t i = 2; i < reply->elements; i++) {
        int view = catalogue_find(text_of(reply->element[i]->str));
        *late |= view < 0 ? 0 : UINT64_C(1) << view;
    }
    return 0;
}

int speed_view_require(redisContext *redis, const char *deployment, int64_t published, int64_t n,
                       uint64_t views, uint64_t *late, struct err *err)
{
    enum { HEAD = 8 };
    char candidate[2 * EPOCH_BYTES + 1], number[2][24];
    const char *argv[HEAD + CATALOGUE_VIEWS_MAX] = {"FCALL",         "tandem2_require", "1",
                                                    SPEED_STATE_KEY, deployment,       candidate,
                                                    number[0],       number[1]};
    int argc = HEAD;
    random_hex(candidate, EPOCH_BYTES);
    snprintf(number[0], sizeof number[0], "%" PRId64, published);
    snprintf(number[1], sizeof number[1], "%" PRId64, n);
    for (unsigned v = 0; v < catalogue_views; v++)
        if (views >> v & 1)
            argv[argc++] = catalogue[v].name;
    redisReply *reply = redisCommandArgv(redis, argc, argv, NULL);
    err->message[0] = 0;
    int failed = late_take(redis, reply, deployment, late, err);
    if (failed && !err->message[0])
        speed_view_describe(redis, reply, "tandem2_require", err);
    freeReplyObject(reply);
    return failed;
}

/* UNLINKs those of the keys that belong to segments below n. Those can no longer be read or written by anybody. */
static int keys_free(redisContext *redis, const redisReply *keys, int64_t n, const char *epoch,
                     struct err *err)
{
    const char **argv = xcalloc(keys->elements + 6, sizeof *argv);
    size_t *bytes = xcalloc(keys->elements + 6, sizeof *bytes);
    char number[24];
    snprintf(number, sizeof number, "%" PRId64, n);
    const char *head[] = {"FCALL", "tandem2_free", "1", SPEED_STATE_KEY, epoch, number};
    int argc = 0, failed = 0;
    for (size_t i = 0; i < sizeof head / sizeof *head; i++, argc++)
        argv[argc] = head[i], bytes[argc] = strlen(head[i]);
    for (size_t i = 0; i < keys->elements; i++) {
        struct text key = {keys->element[i]->str, keys->element[i]->len};
        int64_t segment;
        if (speed_segment_key_parse(key, &segment) && segment < n)
            argv[argc] = key.at, bytes[argc] = key.n, argc++;
    }
    if (argc > 6) {
        redisReply *reply = redisCommandArgv(redis, argc, argv, bytes);
        if (!reply || reply->type != REDIS_REPLY_ARRAY || reply->elements == 0 ||
            reply->element[0]->type != REDIS_REPLY_STRING)
            failed = speed_view_failed(redis, reply, "tandem2_free", err);
        else if (strcmp(reply->element[0]->str, "OK") != 0)
            failed = err_set(err, ERR_RETRY, "redis %s:%d: was flushed while segments were freed",
                             redis->tcp.host, redis->tcp.port);
        freeReplyObject(reply);
    }
    free(argv);
    free(bytes);
    return failed;
}

int speed_view_drop(redisContext *redis, const char *deployment, int64_t n, struct err *err)
{
    char epoch[64], cursor[32] = "0";
    if (segments_retire(redis, deployment, n, epoch, sizeof epoch, err))
        return -1;
    do {
        redisReply *reply = redisCommand(redis, "SCAN %s MATCH " SPEED_STATE_KEY ":* COUNT %d",
                                         cursor, FREE_AT_ONCE);
        int failed = 0;
        if (!speed_view_is_pair(reply, REDIS_REPLY_ARRAY))
            failed = speed_view_failed(redis, reply, "SCAN", err);
        else
            failed = keys_free(redis, reply->element[1], n, epoch, err);
        if (!failed)
            snprintf(cursor, sizeof cursor, "%s", reply->element[0]->str);
        freeReplyObject(reply);
        if (failed)
            return -1;
    } while (strcmp(cursor, "0") != 0);
    return 0;
}
