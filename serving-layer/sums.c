#include "serving-layer/sums.h"

#include <stdlib.h>

#include "common/mem.h"

enum { FIRST_SLOTS = 8 };

static struct sums sums_of_slots(uint32_t n_slots)
{
    struct sums sums = {xmalloc(n_slots * sizeof *sums.slot), n_slots, 0};
    for (uint32_t i = 0; i < n_slots; i++)
        sums.slot[i] = (struct sum){SUMS_FREE, 0};
    return sums;
}

static void sums_grow(struct sums *sums)
{
    struct sums larger = sums_of_slots(sums->n_slots ? 2 * sums->n_slots : FIRST_SLOTS);
    sums_add_all(&larger, sums);
    sums_free(sums);
    *sums = larger;
}

void sums_add(struct sums *sums, uint32_t member, int64_t value)
{
    if (4 * (sums->n + 1) > 3 * sums->n_slots)
        sums_grow(sums);
    struct sum *sum = &sums->slot[sums_slot(sums, member)];
    if (sum->member == SUMS_FREE) {
        *sum = (struct sum){member, 0};
        sums->n++;
    }
    sum->value = (int64_t)((uint64_t)sum->value + (uint64_t)value);
}

void sums_add_all(struct sums *sums, const struct sums *more)
{
    for (uint32_t i = 0; i < more->n_slots; i++)
        if (more->slot[i].member != SUMS_FREE)
            sums_add(sums, more->slot[i].member, more->slot[i].value);
}

void sums_clear(struct sums *sums)
{
    for (uint32_t i = 0; i < sums->n_slots; i++)
        sums->slot[i].member = SUMS_FREE;
    sums->n = 0;
}

void sums_free(struct sums *sums)
{
    free(sums->slot);
    *sums = (struct sums){0};
}
