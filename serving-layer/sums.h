/*
 * sums: a small hash map from a member's symbol to an int64 sum: a parsed row of the speed layer. Sums wrap at 64 bits, as in
 * views/deltas.h. Pure. One thread at a time.
 */
#ifndef TANDEM_SERVING_SUMS_H
#define TANDEM_SERVING_SUMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sum {
    uint32_t member; /* SUMS_FREE: the slot is free */
    int64_t value;   /* may be 0 */
};

#define SUMS_FREE UINT32_MAX

/* Zero-initialised is empty. */
struct sums {
    struct sum *slot; /* open addressing, at most three quarters full */
    uint32_t n_slots; /* a power of two, or 0 */
    uint32_t n;
};

void sums_add(struct sums *sums, uint32_t member, int64_t value);
void sums_add_all(struct sums *sums, const struct sums *more);
void sums_clear(struct sums *sums); /* keeps the memory */
void sums_free(struct sums *sums);

static inline uint32_t sums_slot(const struct sums *sums, uint32_t member)
{
    uint32_t mask = sums->n_slots - 1, i = member * UINT32_C(2654435769) >> 7 & mask;
    while (sums->slot[i].member != member && sums->slot[i].member != SUMS_FREE)
        i = (i + 1) & mask;
    return i;
}

/* 0: not there. */
static inline int64_t sums_get(const struct sums *sums, uint32_t member)
{
    if (sums->n == 0)
        return 0;
    const struct sum *sum = &sums->slot[sums_slot(sums, member)];
    return sum->member == member ? sum->value : 0;
}

static inline size_t sums_bytes(const struct sums *sums)
{
    return sums->n_slots * sizeof *sums->slot;
}

#endif
