#include "speed-layer/compaction.h"

#include <assert.h>
#include <stdlib.h>

#include "common/mem.h"
#include "handover/speed_keys.h"
#include "views/names.h"
#include "views/row.h"

/*
 * Each appended byte costs 1 / (DUE_TIMES - 1) of a compacted one, and rows are that many times longer than they need be. A
 * compaction takes Redis as long as a dozen appends: seldom is better than tidy, and readers that keep a row read its end only.
 */
enum { DUE_TIMES = 6 };

enum { ROWS_MAX = 100000, MEMBERS_MAX = 200000 };

struct row {
    size_t length, compacted; /* bytes, as last heard; compacted 0: not known */
    bool busy;                /* waits, or is under way */
};

struct compaction {
    struct names *keys; /* symbol = index into row */
    struct row *row;
    size_t row_cap;
    uint32_t *due; /* a queue: [first, end) */
    size_t first, end, due_cap;
    struct bytes key;
    struct names *members; /* for summing */
    uint64_t *sum;
    size_t sum_cap;
    uint32_t *met; /* members of the row at hand */
    size_t met_cap;
};

struct compaction *compaction_new(void)
{
    struct compaction *compaction = xcalloc(1, sizeof *compaction);
    compaction->keys = names_new();
    compaction->members = names_new();
    return compaction;
}

void compaction_free(struct compaction *compaction)
{
    if (!compaction)
        return;
    names_free(compaction->keys);
    names_free(compaction->members);
    free(compaction->row);
    free(compaction->due);
    free(compaction->sum);
    free(compaction->met);
    bytes_free(&compaction->key);
    free(compaction);
}

void compaction_forget(struct compaction *compaction)
{
    names_free(compaction->keys);
    compaction->keys = names_new();
    compaction->first = compaction->end = 0;
}

static void due_put(struct compaction *compaction, uint32_t row)
{
    if (compaction->end == compaction->due_cap && compaction->first > 0) {
        compaction->end -= compaction->first;
        memmove(compaction->due, compaction->due + compaction->first,
                compaction->end * sizeof *compaction->due);
        compaction->first = 0;
    }
    compaction->due =
        grown(compaction->due, &compaction->due_cap, compaction->end + 1, sizeof *compaction->due);
    compaction->due[compaction->end++] = row;
    compaction->row[row].busy = true;
}

void compaction_note(struct compaction *compaction, int64_t segment, struct text row_name,
                     size_t length_bytes)
{
    speed_row_key(&compaction->key, segment, row_name);
    struct text key = bytes_text(&compaction->key), view, group;
    if (!speed_row_key_parse(key, &segment, &view, &group))
        return;
    uint32_t row = names_find(compaction->keys, key);
    if (row == NAMES_ABSENT) {
        if (names_count(compaction->keys) >= ROWS_MAX)
            return;
        row = names_put(compaction->keys, key);
        compaction->row =
            grown(compaction->row, &compaction->row_cap, (size_t)row + 1, sizeof *compaction->row);
        compaction->row[row] = (struct row){0};
    }
    struct row *found = &compaction->row[row];
    found->length = length_bytes;
    if (!found->busy && length_bytes > DUE_TIMES * found->compacted)
        due_put(compaction, row);
}

bool compaction_is_full(const struct compaction *compaction)
{
    return names_count(compaction->keys) >= ROWS_MAX;
}

size_t compaction_due(const struct compaction *compaction)
{
    return compaction->end - compaction->first;
}

bool compaction_take(struct compaction *compaction, uint32_t *row, size_t *length_bytes)
{
    if (compaction->first == compaction->end)
        return false;
    *row = compaction->due[compaction->first++];
    *length_bytes = compaction->row[*row].length;
    return true;
}

void compaction_row(const struct compaction *compaction, uint32_t row, int64_t *segment,
                    struct text *row_name)
{
    struct text view, group;
    bool parsed = speed_row_key_parse(names_text(compaction->keys, row), segment, &view, &group);
    assert(parsed);
    (void)parsed;
    *row_name = (struct text){view.at, view.n + 1 + group.n};
}

void compaction_done(struct compaction *compaction, uint32_t row, size_t length_bytes)
{
    compaction->row[row].busy = false;
    if (length_bytes)
        compaction->row[row].compacted = length_bytes;
}

/* Sums wrap at 64 bits. A member's place in `sum` is 0 whenever no row is at hand. */
static int members_sum(struct compaction *compaction, struct text log, size_t *n_met)
{
    struct counter counter;
    int more;
    while ((more = row_next(&log, &counter)) > 0) {
        uint32_t before = names_count(compaction->members);
        uint32_t member = names_put(compaction->members, counter.member);
        if (member == before) {
            compaction->sum = grown(compaction->sum, &compaction->sum_cap, (size_t)member + 1,
                                    sizeof *compaction->sum);
            compaction->sum[member] = 0;
        }
        compaction->met =
            grown(compaction->met, &compaction->met_cap, *n_met + 1, sizeof *compaction->met);
        compaction->met[(*n_met)++] = member;
        compaction->sum[member] += (uint64_t)counter.value;
    }
    return more;
}

int compaction_sum(struct compaction *compaction, struct text log, struct bytes *into)
{
    if (names_count(compaction->members) > MEMBERS_MAX) {
        names_free(compaction->members);
        compaction->members = names_new();
    }
    size_t n_met = 0;
    int failed = members_sum(compaction, log, &n_met);
    for (size_t i = 0; i < n_met; i++) {
        uint32_t member = compaction->met[i];
        if (compaction->sum[member] && !failed)
            row_put(into, names_text(compaction->members, member),
                    (int64_t)compaction->sum[member]);
        compaction->sum[member] = 0; /* met again: nothing more to write */
    }
    return failed;
}
