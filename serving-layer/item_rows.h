/* item_rows: rows of the table `item` (batch-layer/schema/002-catalogue.sql) as items. Not for: what is done with them. */
#ifndef TANDEM_SERVING_ITEM_ROWS_H
#define TANDEM_SERVING_ITEM_ROWS_H

#include <libpq-fe.h>

#include "common/err.h"
#include "serving-layer/item.h"

/* The columns that item_of_row reads, in its order. */
#define ITEM_COLUMNS                                                                           \
    "i.item, i.title, i.category, i.currency, i.image, i.url, array_to_string(i.labels, '|')," \
    " i.price, i.created_at, i.updated_at, i.version, i.available, i.hidden"
enum { ITEM_N_COLUMNS = 13 };

/* Texts are the result's. */
struct item item_of_row(const PGresult *rows, int row);

/* One row or none; NULL: err. Else the caller clears it. */
PGresult *item_rows_find(PGconn *db, struct text item, struct err *err);

/*
 * Puts n items, no id twice, each in place of the one with its id; created_ms -1: that one's, else now. Returns their rows as
 * they are then where `answers`, else none; NULL: err. Else the caller clears them.
 */
PGresult *item_rows_put(PGconn *db, const struct item *items, size_t n, bool answers,
                        struct err *err);
int item_rows_remove(PGconn *db, struct text item, struct err *err);

/* Begins a transaction in which no one else writes the catalogue (what they have written is seen); a bounded wait. */
int item_rows_begin(PGconn *db, struct err *err);

#endif
