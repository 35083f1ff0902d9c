#include "serving-layer/bucket.h"

static const int64_t second_ns = 1000000000;

static int64_t seconds_of(int64_t ns)
{
    return (ns + second_ns - 1) / second_ns;
}

bool bucket_take(_Atomic int64_t *full_at_ns, struct bucket_size size, int64_t now_ns,
                 struct bucket_told *told)
{
    int64_t token_ns = second_ns / size.rate, all_ns = token_ns * size.burst, missing_ns;
    int64_t before = atomic_load_explicit(full_at_ns, memory_order_relaxed), after;
    do {
        after = (before > now_ns ? before : now_ns) + token_ns;
        missing_ns = after - now_ns;
        if (missing_ns > all_ns) {
            *told = (struct bucket_told){0, seconds_of(missing_ns - token_ns),
                                         seconds_of(missing_ns - all_ns)};
            return false;
        }
    } while (!atomic_compare_exchange_weak_explicit(full_at_ns, &before, after,
                                                    memory_order_relaxed, memory_order_relaxed));
    *told = (struct bucket_told){(all_ns - missing_ns) / token_ns, seconds_of(missing_ns), 0};
    return true;
}
