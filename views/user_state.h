/*
 * user_state: what is remembered of one user of one partition (design.md, section 4), how an event changes it, and its
 * stored form. A user's share in every view of kind "state" is a function of this and nothing else.
 * Items are symbols of the `names` that the holder works with.
 */
#ifndef TANDEM_VIEWS_USER_STATE_H
#define TANDEM_VIEWS_USER_STATE_H

#include "views/bytes.h"
#include "views/event.h"
#include "views/names.h"

enum { STATE_IDS = 32, STATE_WINDOW = 20 };

struct interaction {
    int64_t ts;    /* ms since 1970 UTC */
    uint32_t item; /* symbol */
    uint32_t type; /* enum event_type */
};

struct user_state {                          /* all three oldest first */
    uint64_t ids[STATE_IDS];                 /* hashes of the last accepted event ids */
    struct interaction seen[STATE_WINDOW];   /* view, cart, purchase; repeats are kept */
    struct interaction bought[STATE_WINDOW]; /* purchases, less refunds */
    uint32_t n_ids, n_seen, n_bought;
};

/* Takes one event in. false: a duplicate, nothing was changed. `item`: the event's item, not read for `forget`. */
bool user_state_take(struct user_state *state, const struct event *event, uint32_t item);

bool user_state_is_empty(const struct user_state *state);

/*
 * Stored form, in Redis and in Postgres alike; an empty state is 0 bytes:
 *   version 1 (u8) | n_ids (u8) | ids (u64 little endian each) | n_seen (u8) | seen | n_bought (u8) | bought
 *   seen, bought: item (length u8, bytes) | type (u8) | ts (zigzag varint: difference to the one before, first to 0)
 */
void user_state_encode(const struct user_state *state, const struct names *names,
                       struct bytes *into);

/* -1: not a stored state (hostile or damaged bytes); `state` is then undefined. Puts its items into `names`. */
int user_state_decode(struct text stored, struct names *names, struct user_state *state);

#endif
