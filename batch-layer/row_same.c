#include "batch-layer/row_same.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "views/names.h"
#include "views/row.h"

enum { ENTRY_BYTES = 3 /* at least */, SIZE_MIN = 64 };

struct row_same_cell {
    struct text member; /* at NULL: free */
    uint64_t sum;       /* sums wrap */
};

void row_same_free(struct row_same *same)
{
    free(same->cell);
    *same = (struct row_same){0};
}

/* Empty, and at most half of it can be taken by entries of so many bytes. */
static void clear(struct row_same *same, size_t bytes)
{
    size_t size = SIZE_MIN;
    while (size < 2 * (bytes / ENTRY_BYTES))
        size *= 2;
    if (size > same->cap) {
        free(same->cell);
        same->cell = xmalloc(size * sizeof *same->cell);
        same->cap = size;
    }
    same->size = size;
    memset(same->cell, 0, size * sizeof *same->cell);
}

static bool add(struct row_same *same, struct text row, bool minus)
{
    struct counter counter;
    int more;
    while ((more = row_next(&row, &counter)) > 0) {
        size_t at = text_hash(counter.member) & (same->size - 1);
        while (same->cell[at].member.at && !text_equal(same->cell[at].member, counter.member))
            at = (at + 1) & (same->size - 1);
        struct row_same_cell *cell = &same->cell[at];
        cell->member = counter.member;
        cell->sum += minus ? 0 - (uint64_t)counter.value : (uint64_t)counter.value;
    }
    return more == 0;
}

bool row_same(struct row_same *same, struct text a, struct text b)
{
    clear(same, a.n + b.n);
    if (!add(same, a, false) || !add(same, b, true))
        return false;
    for (size_t i = 0; i < same->size; i++)
        if (same->cell[i].sum)
            return false;
    return true;
}
