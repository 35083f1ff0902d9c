#include "views/bytes.h"

#include <stdlib.h>

void *grown(void *array, size_t *cap, size_t n, size_t size)
{
    if (n <= *cap)
        return array;
    size_t wanted = *cap ? *cap : 16;
    while (wanted < n)
        wanted *= 2;
    array = realloc(array, wanted * size);
    if (!array)
        abort(); /* out of memory: nothing here can do without */
    *cap = wanted;
    return array;
}

char *bytes_room(struct bytes *b, size_t more)
{
    b->at = grown(b->at, &b->cap, b->n + more, 1);
    return b->n ? b->at + b->n : b->at; /* no arithmetic on NULL, which an empty buffer may have */
}

void bytes_put(struct bytes *b, const void *from, size_t n)
{
    if (n == 0)
        return;
    memcpy(bytes_room(b, n), from, n);
    b->n += n;
}

void bytes_put_text(struct bytes *b, struct text t)
{
    bytes_put(b, t.at, t.n);
}

void bytes_clear(struct bytes *b)
{
    b->n = 0;
}

void bytes_free(struct bytes *b)
{
    free(b->at);
    *b = (struct bytes){0};
}
