#include "common/random.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

void random_bytes(void *into, size_t n_bytes)
{
    unsigned char *at = into;
    while (n_bytes > 0) {
        ssize_t got = getrandom(at, n_bytes > 256 ? 256 : n_bytes, 0);
        if (got < 0)
            abort(); /* a kernel without randomness: nothing safe can be done */
        at += got;
        n_bytes -= (size_t)got;
    }
}

void random_hex(char *into, size_t n_bytes)
{
    for (size_t i = 0; i < n_bytes; i++) {
        unsigned char byte;
        random_bytes(&byte, 1);
        snprintf(into + 2 * i, 3, "%02x", byte);
    }
    into[2 * n_bytes] = 0;
}
