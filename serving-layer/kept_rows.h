/*
 * kept_rows: what a reader has parsed of the speed layer's rows and keeps, so that it asks only for what was appended since.
 * A part belongs to one server, one segment, and to the connection and epoch that it was read over: whoever reads drops a
 * server's parts when one of them is another (speed_reader.h). All is of one version of the batch view: with another, clear.
 * One thread at a time. Not for: talking to Redis.
 */
#ifndef TANDEM_SERVING_KEPT_ROWS_H
#define TANDEM_SERVING_KEPT_ROWS_H

#include "serving-layer/shared_table.h"
#include "serving-layer/sums.h"
#include "serving-layer/symbols.h"

struct batch_row;

struct kept_part {
    int server;
    int64_t segment;
    int64_t generation;
    size_t length; /* bytes of the row's log that are in `sums` */
    struct sums sums;
};

struct kept_row {
    struct block block;     /* tag: view, key: group */
    uint64_t asked;         /* the read batch that asked for it last */
    size_t place;           /* of the row in that batch */
    struct kept_part *part; /* n_parts */
    size_t n_parts, part_cap;
    bool is_found; /* `batch` is: the row of the batch view, or NULL */
    const struct batch_row *batch;
};

struct kept_rows {
    struct shared_table table;
    size_t bytes; /* of sums */
    uint64_t n_parts;
};

static inline unsigned kept_view(const struct kept_row *row)
{
    return row->block.tag;
}

static inline struct text kept_group(const struct kept_row *row)
{
    return (struct text){(const char *)row + row->block.key_at, row->block.key_bytes};
}

/* The row, made where it is not there. It stays where it is until kept_rows_evict or kept_rows_clear. */
struct kept_row *kept_rows_get(struct kept_rows *kept, unsigned view, struct text group);

/* NULL: nothing is kept. Lives until a part is added to or taken from the row. */
struct kept_part *kept_part_find(const struct kept_row *row, int server, int64_t segment);
struct kept_part *kept_part_new(struct kept_rows *kept, struct kept_row *row, int server,
                                int64_t segment, int64_t generation);
void kept_part_drop(struct kept_rows *kept, struct kept_row *row, struct kept_part *part);
/* Adds what was appended to the row's log (views/row.h). -1: these bytes are no row; then drop the part. */
int kept_part_append(struct kept_rows *kept, struct kept_part *part, struct text log,
                     struct symbols *symbols);

/* true: something was dropped. */
bool kept_rows_drop_server(struct kept_rows *kept, int server);
/* Frees rows, those that were not asked for longest first, until `bytes_max` is kept; those of batch `now` stay. */
void kept_rows_evict(struct kept_rows *kept, size_t bytes_max, uint64_t now);
void kept_rows_clear(struct kept_rows *kept);

#endif
