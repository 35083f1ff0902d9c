#include "tests/fuzz/harness.h"

#include <stdio.h>

#include "common/mem.h"

void fuzz_found(const char *what)
{
    fprintf(stderr, "this does not hold: %s\n", what);
    abort();
}

struct text fuzz_exact(const uint8_t *data, size_t n)
{
    char *copy = xmalloc(n ? n : 1);
    if (n)
        memcpy(copy, data, n);
    return (struct text){copy, n};
}

char *fuzz_terminated(const uint8_t *data, size_t n)
{
    const uint8_t *end = n ? memchr(data, 0, n) : NULL;
    size_t length = end ? (size_t)(end - data) : n;
    char *copy = xmalloc(length + 1);
    if (length)
        memcpy(copy, data, length);
    copy[length] = 0;
    return copy;
}

uint8_t fuzz_byte(struct text *rest)
{
    if (rest->n == 0)
        return 0;
    rest->n--;
    return (uint8_t)*rest->at++;
}
