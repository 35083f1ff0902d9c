#include "serving-layer/batch_view.h"

#include <assert.h>
#include <stdlib.h>

#include "common/mem.h"
#include "serving-layer/shared_table.h"
#include "views/row.h"

/*
 * A row in memory takes one of three forms, whichever its counters allow and is the smallest:
 *   PAIRS  {u32 member, i32 value}, members rising: 8 bytes a counter
 *   WIDE   {u32 member, i64 value}: where a value does not fit 32 bits
 *   DENSE  i32 value by member: where a row holds at least half of the dictionary, 4 bytes a name and O(1) a look-up.
 * A long row may be dense though it is larger so, up to four times: it is asked for by member (ranking).
 */
enum row_form { PAIRS, WIDE, DENSE };
enum { LONG_ROW = 2048, LONG_ROW_GROWS = 4 };

struct pair {
    uint32_t member;
    int32_t value;
};

struct wide {
    int64_t value;
    uint32_t member;
};

struct batch_row {
    struct block block; /* tag: view, key: group */
    uint32_t n;         /* elements of its form */
    uint32_t counters;
    enum row_form form;
    union {
        struct pair pairs[1];
        struct wide wides[1];
        int32_t dense[1];
    } of; /* n of them */
};

struct windows {        /* of a user */
    struct block block; /* tag: partition, key: user */
    uint32_t n_seen, n_bought;
    uint32_t items[2 * STATE_WINDOW]; /* n_seen of them, then n_bought */
};

struct batch_view {
    struct batch_edition edition;
    struct names *names;
    struct shared_table rows, windows;
    uint64_t counters; /* of all rows */
    /* While it is filled: counters of the row at hand, and their sum with what is held. */
    struct wide *found, *summed;
    size_t found_cap, summed_cap;
};

struct batch_view *batch_view_new(const struct batch_edition *edition,
                                  const struct batch_view *before, bool with_users)
{
    struct batch_view *batch = xcalloc(1, sizeof *batch);
    size_t boundary_bytes = (size_t)edition->partitions * sizeof(int64_t);
    int64_t *boundary = xmalloc(boundary_bytes);
    memcpy(boundary, edition->boundary, boundary_bytes);
    batch->edition = *edition;
    batch->edition.boundary = boundary;
    batch->edition.deployment = xstrdup(edition->deployment);
    batch->names = before ? names_copy(before->names) : names_new();
    if (before) {
        shared_table_copy(&batch->rows, &before->rows);
        batch->counters = before->counters;
    }
    if (before && with_users)
        shared_table_copy(&batch->windows, &before->windows);
    return batch;
}

void batch_view_free(struct batch_view *batch)
{
    if (!batch)
        return;
    shared_table_free(&batch->rows);
    shared_table_free(&batch->windows);
    names_free(batch->names);
    free((void *)batch->edition.boundary);
    free((void *)batch->edition.deployment);
    free(batch->found);
    free(batch->summed);
    free(batch);
}

/* ---- filling ---- */

static int wide_order(const void *a, const void *b)
{
    uint32_t x = ((const struct wide *)a)->member, y = ((const struct wide *)b)->member;
    return (x > y) - (x < y);
}

/*
 * Orders batch->found by member. Long rows digit by digit, from the lowest on, each time into the other array: nothing is
 * compared, and no memory is taken a row.
 */
static void found_sort(struct batch_view *batch, size_t n)
{
    enum { SHORT_ROW = 48, DIGIT_BITS = 8, DIGITS = 1 << DIGIT_BITS };
    if (n <= SHORT_ROW) {
        if (n)
            qsort(batch->found, n, sizeof *batch->found, wide_order);
        return;
    }
    batch->summed = grown(batch->summed, &batch->summed_cap, n, sizeof *batch->summed);
    for (uint32_t shift = 0, top = names_count(batch->names) - 1; shift < 32 && top >> shift;
         shift += DIGIT_BITS) {
        size_t at[DIGITS + 1] = {0}; /* where the next of each digit goes */
        struct wide *from = batch->found, *to = batch->summed;
        for (size_t i = 0; i < n; i++)
            at[(from[i].member >> shift) % DIGITS + 1]++;
        for (size_t digit = 1; digit < DIGITS; digit++)
            at[digit] += at[digit - 1];
        for (size_t i = 0; i < n; i++)
            to[at[(from[i].member >> shift) % DIGITS]++] = from[i];
        size_t cap = batch->found_cap;
        batch->found = to;
        batch->found_cap = batch->summed_cap;
        batch->summed = from;
        batch->summed_cap = cap;
    }
}

/* Unpacks into batch->found, members rising; returns how many, -1 when these bytes are no row. */
static long counters_unpack(struct batch_view *batch, struct text counters)
{
    struct counter counter;
    size_t n = 0;
    int more;
    while ((more = row_next(&counters, &counter)) > 0) {
        batch->found = grown(batch->found, &batch->found_cap, n + 1, sizeof *batch->found);
        if (counter.value)
            batch->found[n++] =
                (struct wide){counter.value, names_put(batch->names, counter.member)};
    }
    if (more < 0)
        return -1;
    found_sort(batch, n);
    return (long)n;
}

static enum row_form form_of(const struct wide *found, uint32_t n, uint32_t names)
{
    for (uint32_t i = 0; i < n; i++)
        if (found[i].value != (int32_t)found[i].value)
            return WIDE;
    uint64_t pairs_bytes = n * (uint64_t)sizeof(struct pair);
    return names * (uint64_t)sizeof(int32_t) <= (n >= LONG_ROW ? LONG_ROW_GROWS : 1) * pairs_bytes
               ? DENSE
               : PAIRS;
}

static struct batch_row *row_new(enum row_form form, uint32_t n, unsigned view, struct text group)
{
    static const size_t element[] = {
        [PAIRS] = sizeof(struct pair), [WIDE] = sizeof(struct wide), [DENSE] = sizeof(int32_t)};
    struct batch_row *row =
        block_new(offsetof(struct batch_row, of) + n * element[form], view, group);
    row->form = form;
    row->n = n;
    return row;
}

static struct batch_row *row_pack(const struct wide *found, uint32_t n, uint32_t names,
                                  unsigned view, struct text group)
{
    enum row_form form = form_of(found, n, names);
    uint32_t top = found[n - 1].member;
    struct batch_row *row = row_new(form, form == DENSE ? top + 1 : n, view, group);
    row->counters = n;
    if (form == WIDE)
        memcpy(row->of.wides, found, n * sizeof *found);
    else if (form == DENSE)
        memset(row->of.dense, 0, (top + 1) * sizeof(int32_t));
    for (uint32_t i = 0; form == PAIRS && i < n; i++)
        row->of.pairs[i] = (struct pair){found[i].member, (int32_t)found[i].value};
    for (uint32_t i = 0; form == DENSE && i < n; i++)
        row->of.dense[found[i].member] = (int32_t)found[i].value;
    return row;
}

/* In place of `held`, which may be NULL and may be gone afterwards. */
static void row_replace(struct batch_view *batch, unsigned view, struct text group,
                        const struct batch_row *held, const struct wide *counters, size_t n)
{
    batch->counters += n - batch_row_counters(held);
    if (n == 0)
        shared_table_remove(&batch->rows, view, group);
    else
        shared_table_put(&batch->rows,
                         row_pack(counters, (uint32_t)n, names_count(batch->names), view, group));
}

int batch_view_put_row(struct batch_view *batch, unsigned view, struct text group,
                       struct text counters)
{
    long n = counters_unpack(batch, counters);
    if (n < 0)
        return -1;
    row_replace(batch, view, group, batch_view_row(batch, view, group), batch->found, (size_t)n);
    return 0;
}

/* Merges batch->found with what is held into batch->summed; returns how many. */
static size_t counters_sum(struct batch_view *batch, const struct batch_row *held, size_t n_found)
{
    size_t n = 0, cursor = 0, f = 0;
    struct wide *found = batch->found, next;
    batch->summed = grown(batch->summed, &batch->summed_cap, batch_row_counters(held) + n_found + 1,
                          sizeof *batch->summed);
    while (batch_row_next(held, &cursor, &next.member, &next.value)) {
        while (f < n_found && found[f].member < next.member)
            batch->summed[n++] = found[f++];
        if (f < n_found && found[f].member == next.member) /* sums wrap, as in views/row.c */
            next.value = (int64_t)((uint64_t)next.value + (uint64_t)found[f++].value);
        if (next.value)
            batch->summed[n++] = next;
    }
    while (f < n_found)
        batch->summed[n++] = found[f++];
    return n;
}

int batch_view_add_row(struct batch_view *batch, unsigned view, struct text group,
                       struct text counters)
{
    long n_found = counters_unpack(batch, counters);
    if (n_found < 0)
        return -1;
    const struct batch_row *held = batch_view_row(batch, view, group);
    size_t n = counters_sum(batch, held, (size_t)n_found);
    row_replace(batch, view, group, held, batch->summed, n);
    return 0;
}

int batch_view_put_user(struct batch_view *batch, int partition, struct text user,
                        struct text stored)
{
    struct user_state state;
    if (user_state_decode(stored, batch->names, &state))
        return -1;
    if (state.n_seen + state.n_bought == 0) {
        shared_table_remove(&batch->windows, (uint32_t)partition, user);
        return 0;
    }
    uint32_t n = state.n_seen + state.n_bought;
    struct windows *windows = block_new(offsetof(struct windows, items) + n * sizeof(uint32_t),
                                        (uint32_t)partition, user);
    windows->n_seen = state.n_seen;
    windows->n_bought = state.n_bought;
    for (uint32_t i = 0; i < state.n_seen; i++)
        windows->items[i] = state.seen[i].item;
    for (uint32_t i = 0; i < state.n_bought; i++)
        windows->items[state.n_seen + i] = state.bought[i].item;
    shared_table_put(&batch->windows, windows);
    return 0;
}

void batch_view_seal(struct batch_view *batch)
{
    free(batch->found);
    free(batch->summed);
    batch->found = batch->summed = NULL;
    batch->found_cap = batch->summed_cap = 0;
}

/* ---- reading ---- */

const struct batch_edition *batch_view_edition(const struct batch_view *batch)
{
    return &batch->edition;
}

const struct names *batch_view_names(const struct batch_view *batch)
{
    return batch->names;
}

const struct batch_row *batch_view_row(const struct batch_view *batch, unsigned view,
                                       struct text group)
{
    return shared_table_find(&batch->rows, view, group);
}

size_t batch_row_counters(const struct batch_row *row)
{
    return row ? row->counters : 0;
}

static uint32_t row_member(const struct batch_row *row, size_t i)
{
    return row->form == PAIRS ? row->of.pairs[i].member : row->of.wides[i].member;
}

static int64_t row_value(const struct batch_row *row, size_t i)
{
    return row->form == PAIRS ? row->of.pairs[i].value : row->of.wides[i].value;
}

int64_t batch_row_count(const struct batch_row *row, uint32_t member)
{
    if (!row)
        return 0;
    if (row->form == DENSE)
        return member < row->n ? row->of.dense[member] : 0;
    size_t first = 0, behind = row->n;
    while (first < behind) {
        size_t middle = first + (behind - first) / 2;
        if (row_member(row, middle) < member)
            first = middle + 1;
        else
            behind = middle;
    }
    return first < row->n && row_member(row, first) == member ? row_value(row, first) : 0;
}

bool batch_row_next(const struct batch_row *row, size_t *cursor, uint32_t *member, int64_t *value)
{
    if (!row)
        return false;
    while (row->form == DENSE && *cursor < row->n && !row->of.dense[*cursor])
        ++*cursor;
    if (*cursor >= row->n)
        return false;
    *member = row->form == DENSE ? (uint32_t)*cursor : row_member(row, *cursor);
    *value = row->form == DENSE ? row->of.dense[*cursor] : row_value(row, *cursor);
    ++*cursor;
    return true;
}

size_t batch_view_window(const struct batch_view *batch, enum window window, int partition,
                         struct text user, const uint32_t **items)
{
    const struct windows *windows = shared_table_find(&batch->windows, (uint32_t)partition, user);
    *items = !windows ? NULL : windows->items + (window == WINDOW_BOUGHT ? windows->n_seen : 0);
    return !windows ? 0 : window == WINDOW_BOUGHT ? windows->n_bought : windows->n_seen;
}

size_t batch_row_take(const struct batch_row *row, struct member_count *into)
{
    size_t n = 0;
    if (!row)
        return 0;
    for (uint32_t i = 0; row->form == PAIRS && i < row->n; i++)
        into[n++] = (struct member_count){row->of.pairs[i].member, row->of.pairs[i].value};
    for (uint32_t i = 0; row->form == WIDE && i < row->n; i++)
        into[n++] = (struct member_count){row->of.wides[i].member, row->of.wides[i].value};
    for (uint32_t i = 0; row->form == DENSE && i < row->n; i++)
        if (row->of.dense[i])
            into[n++] = (struct member_count){i, row->of.dense[i]};
    return n;
}

void batch_row_add_parts(const struct batch_row *row, double each, struct tally *tally)
{
    for (uint32_t i = 0; row->form == PAIRS && i < row->n; i++)
        tally_of(tally, row->of.pairs[i].member)->part += each * row->of.pairs[i].value;
    for (uint32_t i = 0; row->form == WIDE && i < row->n; i++)
        tally_of(tally, row->of.wides[i].member)->part += each * (double)row->of.wides[i].value;
    for (uint32_t i = 0; row->form == DENSE && i < row->n; i++)
        if (row->of.dense[i])
            tally_of(tally, i)->part += each * row->of.dense[i];
}

void batch_view_figures(const struct batch_view *batch, struct batch_view_figures *figures)
{
    *figures = (struct batch_view_figures){.rows = batch->rows.n,
                                           .counters = batch->counters,
                                           .users = batch->windows.n,
                                           .bytes = shared_table_bytes(&batch->rows) +
                                                    shared_table_bytes(&batch->windows) +
                                                    names_bytes(batch->names)};
}
