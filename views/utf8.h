/* utf8: where characters end (RFC 3629). Not for: code points. */
#ifndef TANDEM_VIEWS_UTF8_H
#define TANDEM_VIEWS_UTF8_H

#include "views/text.h"

/* The length of the character above U+007F at `at` (shortest form, no surrogates, up to U+10FFFF), or 0: there is none. */
static inline size_t utf8_length(const unsigned char *at, size_t left)
{
    size_t n = at[0] >= 0xf0 && at[0] <= 0xf4 ? 4 : at[0] >= 0xe0 ? 3 : 2;
    if (at[0] < 0xc2 || at[0] > 0xf4 || left < n)
        return 0;
    unsigned char low = 0x80, high = 0xbf; /* bounds of the second byte */
    if (at[0] == 0xe0)
        low = 0xa0;
    else if (at[0] == 0xed)
        high = 0x9f;
    else if (at[0] == 0xf0)
        low = 0x90;
    else if (at[0] == 0xf4)
        high = 0x8f;
    if (at[1] < low || at[1] > high)
        return 0;
    for (size_t i = 2; i < n; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    return n;
}

/* How many bytes of the text, at most `max`, are whole characters: all of them when it is UTF-8 and not longer. */
static inline size_t utf8_cut(struct text text, size_t max)
{
    const unsigned char *at = (const unsigned char *)text.at;
    size_t n = 0;
    while (n < text.n) {
        size_t next = at[n] < 0x80 ? 1 : utf8_length(at + n, text.n - n);
        if (next == 0 || n + next > max)
            break;
        n += next;
    }
    return n;
}

static inline bool utf8_is(struct text text)
{
    return utf8_cut(text, text.n) == text.n;
}

#endif
