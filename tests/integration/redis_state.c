#include "tests/integration/redis_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

void redis_state_forget(struct redis_state *state)
{
    for (size_t i = 0; state->keys && i < state->keys->elements; i++)
        freeReplyObject(state->dump[i]);
    freeReplyObject(state->keys);
    *state = (struct redis_state){0};
}

void redis_state_save(struct redis_state *state, redisContext *redis)
{
    redis_state_forget(state);
    state->keys = redisCommand(redis, "KEYS *");
    assert_non_null(state->keys);
    assert_true(state->keys->elements < REDIS_STATE_KEYS);
    for (size_t i = 0; i < state->keys->elements; i++)
        state->dump[i] = redisCommand(redis, "DUMP %b", state->keys->element[i]->str,
                                      state->keys->element[i]->len);
}

static void go_back(struct redis_state *state, redisContext *redis, bool connections_live)
{
    int n = 2;
    redisAppendCommand(redis, "MULTI");
    if (!connections_live) {
        redisAppendCommand(redis, "CLIENT KILL TYPE normal SKIPME yes");
        n++;
    }
    if (state->keys) {
        redisAppendCommand(redis, "FLUSHALL");
        for (size_t i = 0; i < state->keys->elements; i++, n++)
            redisAppendCommand(redis, "RESTORE %b 0 %b", state->keys->element[i]->str,
                               state->keys->element[i]->len, state->dump[i]->str,
                               state->dump[i]->len);
        n++;
    }
    redisAppendCommand(redis, "EXEC");
    for (int i = 0; i < n; i++) {
        void *reply = NULL;
        assert_int_equal(redisGetReply(redis, &reply), REDIS_OK);
        if (((redisReply *)reply)->type == REDIS_REPLY_ERROR)
            fail_msg("%s", ((redisReply *)reply)->str);
        freeReplyObject(reply);
    }
}

void redis_state_crash(struct redis_state *state, redisContext *redis)
{
    go_back(state, redis, false);
}

void redis_state_go_back(struct redis_state *state, redisContext *redis)
{
    go_back(state, redis, true);
}
