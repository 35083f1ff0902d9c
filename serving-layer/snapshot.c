#include "serving-layer/snapshot.h"

#include <assert.h>

int64_t snapshot_batch(const struct snapshot *snapshot)
{
    return snapshot->edition->n;
}

int snapshot_partitions(const struct snapshot *snapshot)
{
    return snapshot->edition->partitions;
}

const int64_t *snapshot_boundary(const struct snapshot *snapshot)
{
    return snapshot->edition->boundary;
}

const int64_t *snapshot_as_of(const struct snapshot *snapshot)
{
    return snapshot->as_of;
}

bool snapshot_degraded(const struct snapshot *snapshot)
{
    return snapshot->degraded;
}

const char *snapshot_unserved(const struct snapshot *snapshot)
{
    return snapshot->unserved;
}

size_t snapshot_row(const struct snapshot *snapshot, size_t row, enum layer layer,
                    struct bytes *into)
{
    assert(row < snapshot->n_rows);
    return merge_row(snapshot->rows[row], layer, snapshot->scratch, into);
}

size_t snapshot_pieces(const struct snapshot *snapshot, size_t row, enum layer layer,
                       struct bytes *into)
{
    assert(row < snapshot->n_rows);
    return merge_pieces(snapshot->rows[row], layer, into);
}

void snapshot_add_parts(const struct snapshot *snapshot, size_t row, enum layer layer, double each,
                        struct tally *tally)
{
    assert(row < snapshot->n_rows);
    merge_add_parts(snapshot->rows[row], layer, each, tally);
}

int64_t snapshot_count_of(const struct snapshot *snapshot, size_t row, enum layer layer,
                          uint32_t member)
{
    assert(row < snapshot->n_rows);
    return merge_count(snapshot->rows[row], layer, member);
}

int64_t snapshot_count(const struct snapshot *snapshot, size_t row, enum layer layer,
                       struct text member)
{
    uint32_t symbol = symbols_find(snapshot->symbols, member);
    return symbol == NAMES_ABSENT ? 0 : snapshot_count_of(snapshot, row, layer, symbol);
}

uint32_t snapshot_find(const struct snapshot *snapshot, struct text name)
{
    return symbols_find(snapshot->symbols, name);
}

struct text snapshot_name(const struct snapshot *snapshot, uint32_t member)
{
    return symbols_text(snapshot->symbols, member);
}

uint32_t snapshot_symbols(const struct snapshot *snapshot)
{
    return symbols_count(snapshot->symbols);
}

size_t snapshot_window(const struct snapshot *snapshot, enum window window, enum layer layer,
                       const uint32_t **items)
{
    const struct user_windows *of = layer == LAYER_BATCH ? &snapshot->at_boundary : &snapshot->now;
    *items = of->items[window];
    return of->n[window];
}

bool snapshot_state(const struct snapshot *snapshot, struct text *stored)
{
    *stored = snapshot->state;
    return snapshot->has_state;
}
