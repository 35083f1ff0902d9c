/* share: "0.01" -> 10000 parts in a million, without floating point. */
#ifndef TANDEM_TOOLS_SHARE_H
#define TANDEM_TOOLS_SHARE_H

#include <stdint.h>

/* -1: not a decimal number from 0 to 1. Digits behind the sixth are cut off. */
static inline int64_t share_ppm(const char *text)
{
    if (*text != '0' && *text != '1')
        return -1;
    int64_t ppm = (*text++ - '0') * INT64_C(1000000);
    if (*text == 0)
        return ppm;
    if (*text++ != '.' || *text == 0)
        return -1;
    for (int64_t unit = 100000; *text; text++, unit /= 10) {
        if (*text < '0' || *text > '9')
            return -1;
        ppm += (*text - '0') * unit;
    }
    return ppm <= 1000000 ? ppm : -1;
}

#endif
