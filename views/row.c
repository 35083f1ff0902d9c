#include "views/row.h"

#include <assert.h>
#include <stdlib.h>

void varint_put(struct bytes *into, uint64_t value)
{
    unsigned char *at = (unsigned char *)bytes_room(into, 10);
    size_t n = 0;
    while (value >= 128) {
        at[n++] = (unsigned char)(value | 128);
        value >>= 7;
    }
    at[n++] = (unsigned char)value;
    into->n += n;
}

int varint_next(struct text *rest, uint64_t *value)
{
    const unsigned char *at = (const unsigned char *)rest->at;
    uint64_t sum = 0;
    for (size_t i = 0; i < rest->n && i < 10; i++) {
        if (i == 9 && at[i] > 1)
            return -1; /* more than 64 bits */
        sum |= (uint64_t)(at[i] & 127) << (7 * i);
        if (at[i] < 128) {
            *value = sum;
            rest->at += i + 1;
            rest->n -= i + 1;
            return 1;
        }
    }
    return -1;
}

void row_put(struct bytes *into, struct text member, int64_t value)
{
    assert(member.n >= 1 && member.n <= ROW_MEMBER_BYTES);
    char *at = bytes_room(into, 1 + member.n + 10);
    at[0] = (char)member.n;
    memcpy(at + 1, member.at, member.n);
    into->n += 1 + member.n;
    varint_put(into, zigzag(value));
}

int row_next(struct text *rest, struct counter *counter)
{
    if (rest->n == 0)
        return 0;
    size_t n = (unsigned char)rest->at[0];
    if (n < 1 || n > ROW_MEMBER_BYTES || n + 1 >= rest->n)
        return -1;
    struct text behind = {rest->at + 1 + n, rest->n - 1 - n};
    uint64_t value;
    if (varint_next(&behind, &value) < 0)
        return -1;
    *counter = (struct counter){{rest->at + 1, n}, unzigzag(value)};
    *rest = behind;
    return 1;
}

static int counter_order(const void *a, const void *b)
{
    return text_compare(((const struct counter *)a)->member, ((const struct counter *)b)->member);
}

/* The counters of a row that is canonical already; -1: it is not. */
static long canonical_counters(struct text row)
{
    struct counter counter;
    struct text before = {NULL, 0};
    long n = 0;
    int more;
    while ((more = row_next(&row, &counter)) > 0) {
        bool is_short = row.at[-1] != 0; /* its value could not be written in fewer bytes */
        if (counter.value == 0 || !is_short || (n > 0 && text_compare(before, counter.member) >= 0))
            return -1;
        before = counter.member;
        n++;
    }
    return more < 0 ? -1 : n;
}

long row_canonical(struct text log, struct bytes *into)
{
    struct counter *found = NULL;
    size_t n = 0, cap = 0;
    int more;
    long kept = canonical_counters(log);
    if (kept >= 0) {
        bytes_put(into, log.at, log.n);
        return kept;
    }
    for (;;) {
        found = grown(found, &cap, n + 1, sizeof *found);
        more = row_next(&log, &found[n]);
        if (more <= 0)
            break;
        n++;
    }
    kept = more < 0 ? -1 : 0;
    if (more == 0)
        qsort(found, n, sizeof *found, counter_order);
    for (size_t i = 0; more == 0 && i < n;) {
        uint64_t sum = 0; /* unsigned: sums wrap */
        size_t first = i;
        for (; i < n && text_equal(found[i].member, found[first].member); i++)
            sum += (uint64_t)found[i].value;
        if (sum) {
            row_put(into, found[first].member, (int64_t)sum);
            kept++;
        }
    }
    free(found);
    return kept;
}

long row_merge(struct text a, struct text b, int sign, struct bytes *into)
{
    struct counter x, y;
    int more_a = row_next(&a, &x), more_b = row_next(&b, &y);
    long kept = 0;
    while (more_a > 0 || more_b > 0) {
        int order = more_a <= 0 ? 1 : more_b <= 0 ? -1 : text_compare(x.member, y.member);
        struct text member = order <= 0 ? x.member : y.member;
        uint64_t sum = order <= 0 ? (uint64_t)x.value : 0;
        if (order >= 0)
            sum += (uint64_t)(sign < 0 ? 0 - (uint64_t)y.value : (uint64_t)y.value);
        if (sum) {
            row_put(into, member, (int64_t)sum);
            kept++;
        }
        if (order <= 0)
            more_a = row_next(&a, &x);
        if (order >= 0)
            more_b = row_next(&b, &y);
    }
    return more_a < 0 || more_b < 0 ? -1 : kept;
}
