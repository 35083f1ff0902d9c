/*
 * bucket: a token bucket in one number that many threads take from without a lock: the moment at which it will be full again
 * (the "theoretical arrival time" of the generic cell rate algorithm, ITU-T I.371, which is a token bucket written down that way).
 * Pure: time is a parameter.
 */
#ifndef TANDEM_SERVING_BUCKET_H
#define TANDEM_SERVING_BUCKET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { BUCKET_RATE_MAX = 1000000, BUCKET_BURST_MAX = 1000000 };

struct bucket_size {
    int64_t rate;  /* tokens a second, 1 to BUCKET_RATE_MAX */
    int64_t burst; /* tokens when full, 1 to BUCKET_BURST_MAX */
};

struct bucket_told {
    int64_t remaining; /* whole tokens, after this one */
    int64_t full_s;    /* seconds until it is full, rounded up */
    int64_t wait_s;    /* seconds until there is a token, rounded up; 0: there is */
};

/* Takes one token; false: there is none. `full_at_ns` begins as 0; `now_ns` is of any clock that never goes back. */
bool bucket_take(_Atomic int64_t *full_at_ns, struct bucket_size size, int64_t now_ns,
                 struct bucket_told *told);

#endif
