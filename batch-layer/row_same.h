/*
 * row_same: do two rows (views/row.h), in whatever order their entries come and however often a member comes again, have the same
 * counters? Without sorting either. Not for: what differs (row_canonical, row_merge).
 */
#ifndef TANDEM_BATCH_ROW_SAME_H
#define TANDEM_BATCH_ROW_SAME_H

#include <stdbool.h>

#include "views/bytes.h"

/* Memory that is used again; zero-initialised it is empty. One thread at a time. */
struct row_same {
    struct row_same_cell *cell;
    size_t size, cap; /* in use, a power of two; there is memory for */
};
void row_same_free(struct row_same *same);

/* false also where one of them is no row. */
bool row_same(struct row_same *same, struct text a, struct text b);

#endif
