/*
 * Counters lie in one dense array, chained by row; an open-addressing index finds (row, member), a second one (view, group).
 * The row of the last call is remembered: views emit many members of one group after another.
 */
#include "views/deltas.h"

#include <stdlib.h>

#include "views/row.h"

struct entry {
    uint32_t row, member;
    int64_t value;
    uint32_t next; /* entry + 1 of the same row, 0 at its end */
};

struct delta_row {
    uint32_t view, group;
    uint32_t first, last; /* entry + 1, 0: none */
};

/* Open addressing, at most half full. A slot is the upper half of the hash, then element + 1; 0 is free. */
struct index {
    uint64_t *slot;
    size_t n_slots; /* a power of two */
};

struct deltas {
    struct entry *entry;
    size_t n, cap;
    struct delta_row *row;
    size_t n_rows, row_cap;
    struct index entries, rows;
    size_t last_row; /* of the last deltas_add */
};

static uint64_t mix(uint32_t a, uint32_t b)
{
    uint64_t h = (((uint64_t)a << 32) | b) * UINT64_C(0x9e3779b97f4a7c15);
    return h ^ (h >> 32);
}

static uint64_t slot_of(uint64_t hash, size_t element)
{
    return (hash & UINT64_C(0xffffffff00000000)) | (element + 1);
}

static size_t slot_element(uint64_t slot)
{
    return (size_t)(slot & UINT32_MAX) - 1;
}

static bool slot_may_be(uint64_t slot, uint64_t hash)
{
    return (slot ^ hash) >> 32 == 0;
}

static uint64_t entry_hash(const struct deltas *d, size_t i)
{
    return mix(d->entry[i].row, d->entry[i].member);
}

static uint64_t row_hash(const struct deltas *d, size_t i)
{
    return mix(d->row[i].view, d->row[i].group);
}

static void index_resize(struct index *index, size_t n_slots)
{
    free(index->slot);
    index->n_slots = n_slots;
    index->slot = calloc(n_slots, sizeof *index->slot);
    if (!index->slot)
        abort();
}

static void index_double(struct index *index, const struct deltas *d, size_t n,
                         uint64_t (*hash)(const struct deltas *, size_t))
{
    index_resize(index, index->n_slots * 2);
    size_t mask = index->n_slots - 1;
    for (size_t i = 0; i < n; i++) {
        uint64_t h = hash(d, i);
        size_t s = h & mask;
        while (index->slot[s])
            s = (s + 1) & mask;
        index->slot[s] = slot_of(h, i);
    }
}

/* Empties the index of n elements without touching all of a table that once was large. */
static void index_clear(struct index *index, const struct deltas *d, size_t n,
                        uint64_t (*hash)(const struct deltas *, size_t))
{
    size_t mask = index->n_slots - 1;
    if (n > index->n_slots / 16) {
        memset(index->slot, 0, index->n_slots * sizeof *index->slot);
        return;
    }
    for (size_t i = 0; i < n;
         i++) /* probe runs hold nothing but elements: free each from its home slot on */
        for (size_t s = hash(d, i) & mask; index->slot[s]; s = (s + 1) & mask)
            index->slot[s] = 0;
}

struct deltas *deltas_new(void)
{
    size_t cap = 0;
    struct deltas *d = grown(NULL, &cap, 1, sizeof *d);
    *d = (struct deltas){0};
    index_resize(&d->entries, 1024);
    index_resize(&d->rows, 256);
    d->last_row = SIZE_MAX;
    return d;
}

void deltas_free(struct deltas *d)
{
    if (!d)
        return;
    free(d->entry);
    free(d->row);
    free(d->entries.slot);
    free(d->rows.slot);
    free(d);
}

void deltas_clear(struct deltas *d)
{
    index_clear(&d->entries, d, d->n, entry_hash);
    index_clear(&d->rows, d, d->n_rows, row_hash);
    d->n = d->n_rows = 0;
    d->last_row = SIZE_MAX;
}

static size_t row_slot(const struct deltas *d, unsigned view, uint32_t group)
{
    size_t mask = d->rows.n_slots - 1;
    uint64_t hash = mix(view, group);
    size_t s = hash & mask;
    for (; d->rows.slot[s]; s = (s + 1) & mask) {
        if (!slot_may_be(d->rows.slot[s], hash))
            continue;
        const struct delta_row *row = &d->row[slot_element(d->rows.slot[s])];
        if (row->view == view && row->group == group)
            break;
    }
    return s;
}

static size_t entry_slot(const struct deltas *d, size_t row, uint32_t member)
{
    size_t mask = d->entries.n_slots - 1;
    uint64_t hash = mix((uint32_t)row, member);
    size_t s = hash & mask;
    for (; d->entries.slot[s]; s = (s + 1) & mask) {
        if (!slot_may_be(d->entries.slot[s], hash))
            continue;
        const struct entry *entry = &d->entry[slot_element(d->entries.slot[s])];
        if (entry->row == row && entry->member == member)
            break;
    }
    return s;
}

static size_t row_of(struct deltas *d, unsigned view, uint32_t group)
{
    size_t s = row_slot(d, view, group);
    if (d->rows.slot[s])
        return slot_element(d->rows.slot[s]);
    d->row = grown(d->row, &d->row_cap, d->n_rows + 1, sizeof *d->row);
    d->row[d->n_rows] = (struct delta_row){view, group, 0, 0};
    d->rows.slot[s] = slot_of(mix(view, group), d->n_rows++);
    if (d->n_rows * 2 > d->rows.n_slots)
        index_double(&d->rows, d, d->n_rows, row_hash);
    return d->n_rows - 1;
}

static void entry_append(struct deltas *d, size_t slot, size_t row, uint32_t member, int64_t value)
{
    d->entry = grown(d->entry, &d->cap, d->n + 1, sizeof *d->entry);
    d->entry[d->n++] = (struct entry){(uint32_t)row, member, value, 0};
    struct delta_row *of = &d->row[row];
    if (of->last)
        d->entry[of->last - 1].next = (uint32_t)d->n;
    else
        of->first = (uint32_t)d->n;
    of->last = (uint32_t)d->n;
    d->entries.slot[slot] = slot_of(mix((uint32_t)row, member), d->n - 1);
    if (d->n * 2 > d->entries.n_slots)
        index_double(&d->entries, d, d->n, entry_hash);
}

void deltas_add(struct deltas *d, unsigned view, uint32_t group, uint32_t member, int64_t value)
{
    size_t row = d->last_row;
    if (row == SIZE_MAX || d->row[row].group != group || d->row[row].view != view)
        row = d->last_row = row_of(d, view, group);
    size_t slot = entry_slot(d, row, member);
    if (!d->entries.slot[slot]) {
        entry_append(d, slot, row, member, value);
        return;
    }
    struct entry *entry = &d->entry[slot_element(d->entries.slot[slot])];
    entry->value = (int64_t)((uint64_t)entry->value + (uint64_t)value); /* unsigned: sums wrap */
}

int64_t deltas_get(const struct deltas *d, unsigned view, uint32_t group, uint32_t member)
{
    size_t row = deltas_row_find(d, view, group);
    if (row == SIZE_MAX)
        return 0;
    uint64_t slot = d->entries.slot[entry_slot(d, row, member)];
    return slot ? d->entry[slot_element(slot)].value : 0;
}

size_t deltas_rows(const struct deltas *d)
{
    return d->n_rows;
}

void deltas_row_key(const struct deltas *d, size_t row, unsigned *view, uint32_t *group)
{
    *view = d->row[row].view;
    *group = d->row[row].group;
}

size_t deltas_row_find(const struct deltas *d, unsigned view, uint32_t group)
{
    uint64_t slot = d->rows.slot[row_slot(d, view, group)];
    return slot ? slot_element(slot) : SIZE_MAX;
}

bool deltas_next(const struct deltas *d, size_t row, size_t *cursor, uint32_t *member,
                 int64_t *value)
{
    size_t at = *cursor ? d->entry[*cursor - 1].next : d->row[row].first;
    while (at && d->entry[at - 1].value == 0)
        at = d->entry[at - 1].next;
    if (!at)
        return false;
    *cursor = at;
    *member = d->entry[at - 1].member;
    *value = d->entry[at - 1].value;
    return true;
}

size_t deltas_row_pack(const struct deltas *d, size_t row, const struct names *names,
                       struct bytes *into)
{
    size_t cursor = 0, n = 0;
    uint32_t member;
    int64_t value;
    for (; deltas_next(d, row, &cursor, &member, &value); n++)
        row_put(into, names_text(names, member), value);
    return n;
}

size_t deltas_counters(const struct deltas *d)
{
    return d->n;
}

size_t deltas_bytes(const struct deltas *d)
{
    return sizeof *d + d->cap * sizeof *d->entry + d->row_cap * sizeof *d->row +
           (d->entries.n_slots + d->rows.n_slots) * sizeof(uint64_t);
}
