/*
 * text: a borrowed run of bytes. Not terminated by 0, not owned: it lives as long as what it was cut from.
 */
#ifndef TANDEM_VIEWS_TEXT_H
#define TANDEM_VIEWS_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct text {
    const char *at;
    size_t n; /* bytes */
};

static inline struct text text_of(const char *terminated)
{
    return (struct text){terminated, strlen(terminated)};
}

static inline bool text_equal(struct text a, struct text b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.at, b.at, a.n) == 0);
}

/* Byte order, the shorter first where one begins the other: < 0, 0, > 0. */
static inline int text_compare(struct text a, struct text b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n ? memcmp(a.at, b.at, n) : 0;
    return order ? order : (a.n > b.n) - (a.n < b.n);
}

#endif
