/*
 * tally: sums by symbol in an array, for one ranking at a time: adding to one is one memory access, beginning anew costs
 * nothing. Memory: 28 bytes a symbol. Pure. One thread at a time.
 */
#ifndef TANDEM_SERVING_TALLY_H
#define TANDEM_SERVING_TALLY_H

#include <stddef.h>
#include <stdint.h>

struct tally_cell {
    union {
        double part;
        int64_t count;
    };
    union {
        double total;
        int64_t before;
    };
    uint32_t begun; /* all is 0 unless this is the tally's */
};

/* Zero-initialise; tally_free. */
struct tally {
    struct tally_cell *cell; /* by symbol */
    uint32_t *touched;       /* the symbols whose cells were asked for, each once */
    size_t n_touched;
    uint32_t n_symbols, begun;
};

/* All cells are 0, for symbols below n_symbols. */
void tally_begin(struct tally *tally, uint32_t n_symbols);
void tally_free(struct tally *tally);

/* Lives until tally_begin. */
static inline struct tally_cell *tally_of(struct tally *tally, uint32_t symbol)
{
    struct tally_cell *cell = &tally->cell[symbol];
    if (cell->begun != tally->begun) {
        *cell = (struct tally_cell){.begun = tally->begun};
        tally->touched[tally->n_touched++] = symbol;
    }
    return cell;
}

#endif
