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

/* Begins a transaction in which no one else writes the catalogue (what they have written is seen); a bounded wait. */
int item_rows_begin(PGconn *db, struct err *err);

#endif
