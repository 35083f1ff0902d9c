#include "serving-layer/json_out.h"

#include <math.h>
#include <stdio.h>

void json_put(struct bytes *into, const char *json)
{
    bytes_put_text(into, text_of(json));
}

static bool needs_escape(unsigned char c)
{
    return c < 0x20 || c == '"' || c == '\\';
}

void json_put_text(struct bytes *into, struct text text)
{
    size_t plain = 0;
    bytes_put(into, "\"", 1);
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.at[i];
        if (!needs_escape(c))
            continue;
        char escaped[8];
        int n = c == '"' || c == '\\' ? snprintf(escaped, sizeof escaped, "\\%c", c)
                                      : snprintf(escaped, sizeof escaped, "\\u%04x", c);
        bytes_put(into, text.at + plain, i - plain);
        bytes_put(into, escaped, (size_t)n);
        plain = i + 1;
    }
    bytes_put(into, text.at + plain, text.n - plain);
    bytes_put(into, "\"", 1);
}

void json_put_int(struct bytes *into, int64_t value)
{
    char digits[24], *at = digits + sizeof digits;
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do
        *--at = (char)('0' + left % 10);
    while ((left /= 10) > 0);
    if (value < 0)
        *--at = '-';
    bytes_put(into, at, (size_t)(digits + sizeof digits - at));
}

void json_put_score(struct bytes *into, double value)
{
    if (!(fabs(value) < 1e12)) { /* not a number, or beyond what six digits mean anything for */
        json_put_int(into, 0);
        return;
    }
    long long millionths = llround(value * 1e6);
    unsigned long long size = (unsigned long long)(millionths < 0 ? -millionths : millionths);
    if (millionths < 0)
        bytes_put(into, "-", 1);
    json_put_int(into, (int64_t)(size / 1000000));
    char fraction[7] = ".000000";
    unsigned long long rest = size % 1000000;
    for (int i = 6; i > 0; i--, rest /= 10)
        fraction[i] = (char)('0' + rest % 10);
    bytes_put(into, fraction, sizeof fraction);
}

void json_put_ints(struct bytes *into, const int64_t *values, int n)
{
    bytes_put(into, "[", 1);
    for (int i = 0; i < n; i++) {
        if (i)
            bytes_put(into, ",", 1);
        json_put_int(into, values[i]);
    }
    bytes_put(into, "]", 1);
}
