/*
 * row: the packed form of the counters of one (view, group), the same in Redis and in Postgres:
 *   entries  =  member length (u8, 1-64) | member bytes | value (zigzag varint, 1-10 bytes)
 * In Redis a row is a log: a member may come again, its values are summed. In Postgres a row is canonical: members in
 * byte order, each once, no value 0.
 */
#ifndef TANDEM_VIEWS_ROW_H
#define TANDEM_VIEWS_ROW_H

#include <stdint.h>

#include "views/bytes.h"

enum { ROW_MEMBER_BYTES = 64 };

struct counter {
    struct text member;
    int64_t value;
};

void row_put(struct bytes *into, struct text member, int64_t value);

/* Cuts the next entry off the front of `rest`: 1, or 0 at the end, or -1 when these bytes are no row. */
int row_next(struct text *rest, struct counter *counter);

/* Sums a log into canonical form, appended to `into`. Returns the number of counters, -1 when these bytes are no row. */
long row_canonical(struct text log, struct bytes *into);

/* Adds `sign` times canonical b to canonical a, appended to `into`. Returns the number of counters or -1. */
long row_merge(struct text a, struct text b, int sign, struct bytes *into);

/* varints, for other stored forms */
void varint_put(struct bytes *into, uint64_t value);
int varint_next(struct text *rest, uint64_t *value); /* 1, or -1 */

static inline uint64_t zigzag(int64_t value)
{
    return ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
}

static inline int64_t unzigzag(uint64_t value)
{
    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

#endif
