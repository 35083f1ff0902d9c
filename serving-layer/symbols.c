#include "serving-layer/symbols.h"

void symbols_begin(struct symbols *symbols, const struct names *batch)
{
    names_free(symbols->extra);
    *symbols = (struct symbols){batch, names_count(batch), names_new()};
}

void symbols_free(struct symbols *symbols)
{
    names_free(symbols->extra);
    *symbols = (struct symbols){0};
}

uint32_t symbols_put(struct symbols *symbols, struct text text)
{
    uint32_t symbol = names_find(symbols->batch, text);
    return symbol != NAMES_ABSENT ? symbol : symbols->n_batch + names_put(symbols->extra, text);
}

uint32_t symbols_find(const struct symbols *symbols, struct text text)
{
    uint32_t symbol = names_find(symbols->batch, text);
    if (symbol != NAMES_ABSENT)
        return symbol;
    symbol = names_find(symbols->extra, text);
    return symbol == NAMES_ABSENT ? NAMES_ABSENT : symbols->n_batch + symbol;
}

struct text symbols_text(const struct symbols *symbols, uint32_t symbol)
{
    return symbol < symbols->n_batch ? names_text(symbols->batch, symbol)
                                     : names_text(symbols->extra, symbol - symbols->n_batch);
}

uint32_t symbols_count(const struct symbols *symbols)
{
    return symbols->n_batch + names_count(symbols->extra);
}
