#include "serving-layer/event_id.h"

#include "common/random.h"

/* 48 bits of time, 80 of randomness, Crockford's base 32. */
void event_id_make(char *into, int64_t now_ms)
{
    static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    unsigned char random[16];
    random_bytes(random, sizeof random);
    for (int i = 9; i >= 0; i--, now_ms >>= 5)
        into[i] = digits[now_ms & 31];
    for (int i = 0; i < 16; i++)
        into[10 + i] = digits[random[i] & 31];
}
