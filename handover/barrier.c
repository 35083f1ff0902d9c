#include "handover/barrier.h"

int64_t barrier_number(struct text header_value)
{
    if (header_value.n < 1 || header_value.n > 18 || header_value.at[0] == '0')
        return -1;
    int64_t n = 0;
    for (size_t i = 0; i < header_value.n; i++) {
        char c = header_value.at[i];
        if (c < '0' || c > '9')
            return -1;
        n = n * 10 + (c - '0');
    }
    return n;
}
