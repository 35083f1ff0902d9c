/*
 * deltas: a sum of changes to counters, coalesced: (view, group, member) -> int64, grouped by row (view, group).
 * Groups and members are symbols of the `names` it was filled with. Sums wrap at 64 bits: exact modulo 2^64, order-free.
 * Not for: what is stored (row.h).
 */
#ifndef TANDEM_VIEWS_DELTAS_H
#define TANDEM_VIEWS_DELTAS_H

#include <stdint.h>

#include "views/bytes.h"
#include "views/names.h"

struct deltas;

struct deltas *deltas_new(void);
void deltas_free(struct deltas *deltas);
void deltas_clear(struct deltas *deltas); /* keeps the memory */

void deltas_add(struct deltas *deltas, unsigned view, uint32_t group, uint32_t member,
                int64_t value);
int64_t deltas_get(const struct deltas *deltas, unsigned view, uint32_t group, uint32_t member);

/* Rows touched, numbered from 0 in order of first touch; a row whose changes cancelled out has no counters. */
size_t deltas_rows(const struct deltas *deltas);
void deltas_row_key(const struct deltas *deltas, size_t row, unsigned *view, uint32_t *group);
/* The row of (view, group), or SIZE_MAX. */
size_t deltas_row_find(const struct deltas *deltas, unsigned view, uint32_t group);

/* Walks the counters of a row that are not 0: start with *cursor = 0; false at the end. */
bool deltas_next(const struct deltas *deltas, size_t row, size_t *cursor, uint32_t *member,
                 int64_t *value);

/* Appends the row's counters in the form of row.h, in no order. Returns how many. */
size_t deltas_row_pack(const struct deltas *deltas, size_t row, const struct names *names,
                       struct bytes *into);

size_t deltas_counters(const struct deltas *deltas); /* held, zeros included */
size_t deltas_bytes(const struct deltas *deltas);    /* memory held */

#endif
