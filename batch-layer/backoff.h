/* backoff: how long to wait before something is tried again. Pure: who waits brings the randomness. */
#ifndef TANDEM_BATCH_BACKOFF_H
#define TANDEM_BATCH_BACKOFF_H

#include <stdint.h>

enum { BACKOFF_LONGEST_S = 3600 };

/*
 * ms before retry k = 1, 2, …: base_s, twice that, four times that, … but at most BACKOFF_LONGEST_S (or base_s, where that is
 * longer), a quarter more or less as `random` (any 32 bits) says, so that many that fail together do not come back together.
 */
int64_t backoff_ms(int64_t base_s, int64_t k, uint32_t random);

#endif
