/*
 * keys: which API keys there are, in memory of the process. A thread reads table api_key when Postgres notifies (channel tandem_keys)
 * and every 500 ms without that: a key that was made or revoked is so everywhere within a second. When Postgres is away, what was
 * known last stays valid, also a key that is revoked meanwhile: refusing everybody would turn an outage of Postgres into one of the API.
 * Before the first reading nothing is known and nobody is let in.
 * Not for: what a key is (access_key.h), HTTP (access.h).
 */
#ifndef TANDEM_SERVING_KEYS_H
#define TANDEM_SERVING_KEYS_H

#include "serving-layer/access_key.h"
#include "serving-layer/bucket.h"

struct keys;

/* The channel that a change of the table is told on. */
#define KEYS_CHANNEL "tandem_keys"

/* Starts the thread and returns at once. `postgres` is borrowed. */
struct keys *keys_new(const char *postgres);
void keys_free(struct keys *keys);

/* The table has been read once. */
bool keys_are_read(struct keys *keys);

enum keys_verdict {
    KEYS_UNREAD,  /* the table has not been read yet */
    KEYS_OPEN,    /* no key was ever made */
    KEYS_REFUSED, /* no such key, or it was revoked */
    KEYS_TOO_FAST,
    KEYS_TAKEN
};

struct keys_answer { /* of KEYS_TAKEN and KEYS_TOO_FAST */
    enum role role;
    char id[KEY_ID_BYTES + 1];
    struct bucket_size size; /* rate 0: no limit, and the rest is not set */
    struct bucket_told told;
};

/* What `presented` (n = 0: nothing was) may do, at one token. Any thread; takes a read lock for some 100 ns. */
enum keys_verdict keys_ask(struct keys *keys, struct text presented, int64_t now_us,
                           struct keys_answer *answer);

#endif
