#include "speed-layer/redis_link.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/mem.h"
#include "handover/speed_keys.h"
#include "handover/speed_view.h"

struct redis_link {
    redisContext *redis;
    char name[300];
};

struct redis_link *redis_link_open(const struct speed_servers *servers, int server, int timeout_ms,
                                   struct err *err)
{
    redisContext *redis = speed_view_open(servers, server, timeout_ms, err);
    if (!redis)
        return NULL;
    struct redis_link *link = xcalloc(1, sizeof *link);
    link->redis = redis;
    snprintf(link->name, sizeof link->name, "%s:%d", servers->server[server].host,
             servers->server[server].port);
    return link;
}

void redis_link_close(struct redis_link *link)
{
    if (!link)
        return;
    redisFree(link->redis);
    free(link);
}

const char *redis_link_name(const struct redis_link *link)
{
    return link->name;
}

int redis_link_queue(struct redis_link *link, struct command *command, struct err *err)
{
    if (redisAppendCommandArgv(link->redis, command->n, command_argv(command), command->length))
        return speed_view_failed(link->redis, NULL, "queue a call", err);
    return 0;
}

int redis_link_send(struct redis_link *link, struct err *err)
{
    for (int done = 0; !done;)
        if (redisBufferWrite(link->redis, &done))
            return speed_view_failed(link->redis, NULL, "send", err);
    return 0;
}

/* An answer is a redisReply under a name that this layer's other files may know. */
static const redisReply *reply_of(const struct redis_answer *answer)
{
    return (const void *)answer;
}

struct redis_answer *redis_link_answer(struct redis_link *link, const char *function,
                                       struct err *err)
{
    void *got = NULL;
    redisReply *reply = redisGetReply(link->redis, &got) == REDIS_OK ? got : NULL;
    if (reply && reply->type == REDIS_REPLY_ARRAY && reply->elements > 0 &&
        reply->element[0]->type == REDIS_REPLY_STRING)
        return (void *)reply;
    speed_view_failed(link->redis, reply, function, err);
    freeReplyObject(reply);
    return NULL;
}

void redis_answer_free(struct redis_answer *answer)
{
    freeReplyObject(answer);
}

bool answer_is(const struct redis_answer *answer, const char *word)
{
    return strcmp(reply_of(answer)->element[0]->str, word) == 0;
}

size_t answer_elements(const struct redis_answer *answer)
{
    return reply_of(answer)->elements;
}

struct text answer_text(const struct redis_answer *answer, size_t i)
{
    const redisReply *reply = reply_of(answer);
    if (i >= reply->elements || reply->element[i]->type != REDIS_REPLY_STRING)
        return (struct text){NULL, 0};
    return (struct text){reply->element[i]->str, reply->element[i]->len};
}

int64_t answer_number(const struct redis_answer *answer, size_t i)
{
    const redisReply *reply = reply_of(answer);
    if (i < reply->elements && reply->element[i]->type == REDIS_REPLY_INTEGER)
        return reply->element[i]->integer;
    int64_t number;
    return speed_number_parse(answer_text(answer, i), &number) ? number : -1;
}

int redis_answer_unexpected(const struct redis_answer *answer, const char *function,
                            struct err *err)
{
    char words[128] = "";
    for (size_t i = 0, n = 0; i < answer_elements(answer) && n < sizeof words; i++) {
        struct text word = answer_text(answer, i);
        n += (size_t)snprintf(words + n, sizeof words - n, " %.*s", (int)word.n, word.at);
    }
    return err_set(err, ERR_RETRY, "redis answers %s:%s", function, words);
}
