#include "serving-layer/tally.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

static void tally_grow(struct tally *tally, uint32_t n_symbols)
{
    uint32_t n = n_symbols + n_symbols / 4;
    tally_free(tally);
    tally->cell = xcalloc(n, sizeof *tally->cell);
    tally->touched = xmalloc(n * sizeof *tally->touched);
    tally->n_symbols = n;
}

void tally_begin(struct tally *tally, uint32_t n_symbols)
{
    if (n_symbols > tally->n_symbols)
        tally_grow(tally, n_symbols);
    tally->n_touched = 0;
    if (++tally->begun == 0) { /* after 2^32 of them: no cell may look as if it were of this one */
        memset(tally->cell, 0, tally->n_symbols * sizeof *tally->cell);
        tally->begun = 1;
    }
}

void tally_free(struct tally *tally)
{
    free(tally->cell);
    free(tally->touched);
    *tally = (struct tally){0};
}
