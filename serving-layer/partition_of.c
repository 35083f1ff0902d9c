#include "serving-layer/partition_of.h"

enum { SHIFT = 24 };
#define SEED UINT32_C(0x9747b28c)
#define MIX  UINT32_C(0x5bd1e995)

static uint32_t byte_at(struct text key, size_t i)
{
    return (unsigned char)key.at[i];
}

uint32_t murmur2(struct text key)
{
    uint32_t h = SEED ^ (uint32_t)key.n;
    size_t i = 0;
    for (; i + 4 <= key.n; i += 4) {
        uint32_t k = byte_at(key, i) | byte_at(key, i + 1) << 8 | byte_at(key, i + 2) << 16 |
                     byte_at(key, i + 3) << 24;
        k *= MIX;
        k ^= k >> SHIFT;
        h = (h * MIX) ^ (k * MIX);
    }
    uint32_t rest = 0;
    for (size_t j = key.n; j > i; j--)
        rest = rest << 8 | byte_at(key, j - 1);
    if (i < key.n)
        h = (h ^ rest) * MIX;
    h ^= h >> 13;
    h *= MIX;
    return h ^ (h >> 15);
}
