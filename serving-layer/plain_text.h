/* plain_text: text as it stands in events: 1 to so many bytes of UTF-8 without control characters (design.md, section 3). */
#ifndef TANDEM_SERVING_PLAIN_TEXT_H
#define TANDEM_SERVING_PLAIN_TEXT_H

#include "views/utf8.h"

static inline bool plain_text_is(struct text text, size_t bytes_max)
{
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.at[i];
        if (c < 0x20 || c == 0x7f)
            return false;
        if (c == 0xc2 && i + 1 < text.n &&
            (unsigned char)text.at[i + 1] < 0xa0) /* U+0080 to 009F */
            return false;
    }
    return text.n >= 1 && text.n <= bytes_max && utf8_is(text);
}

#endif
