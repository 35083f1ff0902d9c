#include "serving-layer/kept_rows.h"

#include <stdlib.h>

#include "common/mem.h"
#include "views/row.h"

struct kept_row *kept_rows_get(struct kept_rows *kept, unsigned view, struct text group)
{
    struct kept_row *row = shared_table_find(&kept->table, view, group);
    if (row)
        return row;
    row = block_new(sizeof *row, view, group);
    row->asked = 0;
    row->part = NULL;
    row->n_parts = row->part_cap = 0;
    row->is_found = false;
    row->batch = NULL;
    shared_table_put(&kept->table, row);
    kept->bytes += block_bytes(&row->block);
    return row;
}

struct kept_part *kept_part_find(const struct kept_row *row, int server, int64_t segment)
{
    for (size_t i = 0; i < row->n_parts; i++)
        if (row->part[i].server == server && row->part[i].segment == segment)
            return &row->part[i];
    return NULL;
}

struct kept_part *kept_part_new(struct kept_rows *kept, struct kept_row *row, int server,
                                int64_t segment, int64_t generation)
{
    if (row->n_parts == row->part_cap) {
        row->part_cap = row->part_cap ? 2 * row->part_cap : 1;
        row->part = xrealloc(row->part, row->part_cap * sizeof *row->part);
    }
    struct kept_part *part = &row->part[row->n_parts++];
    *part = (struct kept_part){server, segment, generation, 0, {0}};
    kept->n_parts++;
    kept->bytes += sizeof *part;
    return part;
}

void kept_part_drop(struct kept_rows *kept, struct kept_row *row, struct kept_part *part)
{
    kept->n_parts--;
    kept->bytes -= sizeof *part + sums_bytes(&part->sums);
    sums_free(&part->sums);
    *part = row->part[--row->n_parts];
}

int kept_part_append(struct kept_rows *kept, struct kept_part *part, struct text log,
                     struct symbols *symbols)
{
    size_t before = sums_bytes(&part->sums), length = log.n;
    struct counter counter;
    int more;
    while ((more = row_next(&log, &counter)) > 0)
        sums_add(&part->sums, symbols_put(symbols, counter.member), counter.value);
    part->length += length;
    kept->bytes += sums_bytes(&part->sums) - before;
    return more;
}

static bool row_drop_server(struct kept_rows *kept, struct kept_row *row, int server)
{
    bool dropped = false;
    for (size_t i = row->n_parts; i > 0; i--)
        if (server < 0 || row->part[i - 1].server == server) {
            kept_part_drop(kept, row, &row->part[i - 1]);
            dropped = true;
        }
    return dropped;
}

bool kept_rows_drop_server(struct kept_rows *kept, int server)
{
    bool dropped = false;
    for (size_t i = 0; i < kept->table.n_slots; i++)
        if (kept->table.slot[i])
            dropped |= row_drop_server(kept, (struct kept_row *)kept->table.slot[i], server);
    return dropped;
}

/* Frees what a row has, and (with its table) the row itself afterwards. */
static void row_empty(struct kept_rows *kept, struct kept_row *row)
{
    row_drop_server(kept, row, -1);
    free(row->part);
    row->part = NULL;
    kept->bytes -= block_bytes(&row->block);
}

/* Frees the rows that were last asked for before batch `since`. */
static void rows_keep_since(struct kept_rows *kept, uint64_t since)
{
    struct shared_table stay = {0};
    for (size_t i = 0; i < kept->table.n_slots; i++) {
        struct kept_row *row = (struct kept_row *)kept->table.slot[i];
        if (row && row->asked >= since)
            shared_table_put(&stay, row);
        else if (row)
            row_empty(kept, row);
    }
    shared_table_free(&kept->table);
    kept->table = stay;
}

void kept_rows_evict(struct kept_rows *kept, size_t bytes_max, uint64_t now)
{
    for (uint64_t age = now / 2; kept->bytes > bytes_max; age /= 2) {
        rows_keep_since(kept, now - age);
        if (age == 0)
            return;
    }
}

void kept_rows_clear(struct kept_rows *kept)
{
    rows_keep_since(kept, UINT64_MAX);
    shared_table_free(&kept->table);
}
