/*
 * redis_state: all keys of a Redis server at a moment, and a crash that puts them back: what a server does that has lost its
 * last writes. For servers of few keys.
 */
#ifndef TANDEM_TESTS_REDIS_STATE_H
#define TANDEM_TESTS_REDIS_STATE_H

#include <hiredis/hiredis.h>

enum { REDIS_STATE_KEYS = 1024 };

/* Zero-initialised: nothing is saved, and a crash loses nothing but the connections. */
struct redis_state {
    redisReply *keys, *dump[REDIS_STATE_KEYS];
};

void redis_state_save(struct redis_state *state, redisContext *redis);
/* Breaks all connections but `redis` and puts the state back, all at once. */
void redis_state_crash(struct redis_state *state, redisContext *redis);
/* The same under living connections: a replica whose new master lacks the last writes. */
void redis_state_go_back(struct redis_state *state, redisContext *redis);
void redis_state_forget(struct redis_state *state);

#endif
