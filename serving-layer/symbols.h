/*
 * symbols: the members that one reader can meet: the batch view's names first, with their own numbers, then the names that
 * only the speed layer knows yet. Valid for one version of the batch view. One thread at a time.
 */
#ifndef TANDEM_SERVING_SYMBOLS_H
#define TANDEM_SERVING_SYMBOLS_H

#include "views/names.h"

struct symbols {
    const struct names *batch; /* borrowed: the version's */
    uint32_t n_batch;
    struct names *extra; /* symbol = n_batch + its number here; owned */
};

/* Begins anew, for another version. Zero-initialise before the first. */
void symbols_begin(struct symbols *symbols, const struct names *batch);
void symbols_free(struct symbols *symbols);

uint32_t symbols_put(struct symbols *symbols, struct text text);
uint32_t symbols_find(const struct symbols *symbols, struct text text); /* NAMES_ABSENT */
uint32_t symbols_count(const struct symbols *symbols);
/* Lives until the next put. */
struct text symbols_text(const struct symbols *symbols, uint32_t symbol);

#endif
