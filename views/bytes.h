/*
 * bytes: a growing buffer that its owner frees. Zero-initialised is empty. Out of memory ends the process.
 */
#ifndef TANDEM_VIEWS_BYTES_H
#define TANDEM_VIEWS_BYTES_H

#include "views/text.h"

struct bytes {
    char *at;
    size_t n;   /* bytes used */
    size_t cap; /* bytes held */
};

/* Makes room for `more` bytes behind the used ones and returns where they begin (NULL where there is neither). */
char *bytes_room(struct bytes *b, size_t more);
void bytes_put(struct bytes *b, const void *from, size_t n);
void bytes_put_text(struct bytes *b, struct text t);
void bytes_clear(struct bytes *b); /* keeps the memory */
void bytes_free(struct bytes *b);

static inline struct text bytes_text(const struct bytes *b)
{
    return (struct text){b->at, b->n};
}

/* Room for `n` elements of `size` bytes, at least doubling: for arrays that grow one by one. */
void *grown(void *array, size_t *cap, size_t n, size_t size);

#endif
