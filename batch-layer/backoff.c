#include "batch-layer/backoff.h"

int64_t backoff_ms(int64_t base_s, int64_t k, uint32_t random)
{
    int64_t longest = base_s > BACKOFF_LONGEST_S ? base_s : BACKOFF_LONGEST_S;
    int64_t wait_s = base_s;
    for (; k > 1 && wait_s > 0 && wait_s < longest; k--)
        wait_s *= 2;
    if (wait_s > longest)
        wait_s = longest;
    int64_t half_ms = wait_s * 500; /* wait - 1/4 … wait + 1/4 */
    return wait_s * 750 + (int64_t)((uint64_t)half_ms * random >> 32);
}
