#include "serving-layer/item_rows.h"

#include <stdlib.h>

#include "handover/database.h"

static struct text text_in(const PGresult *rows, int row, int column)
{
    return (struct text){PQgetvalue(rows, row, column), (size_t)PQgetlength(rows, row, column)};
}

static int64_t number_in(const PGresult *rows, int row, int column)
{
    return strtoll(PQgetvalue(rows, row, column), NULL, 10);
}

struct item item_of_row(const PGresult *rows, int row)
{
    return (struct item){
        .item = text_in(rows, row, 0),
        .title = text_in(rows, row, 1),
        .category = text_in(rows, row, 2),
        .currency = text_in(rows, row, 3),
        .image = text_in(rows, row, 4),
        .url = text_in(rows, row, 5),
        .labels = text_in(rows, row, 6),
        .price = PQgetisnull(rows, row, 7) ? -1 : number_in(rows, row, 7),
        .created_ms = number_in(rows, row, 8),
        .updated_ms = number_in(rows, row, 9),
        .version = number_in(rows, row, 10),
        .available = PQgetvalue(rows, row, 11)[0] == 't',
        .hidden = PQgetvalue(rows, row, 12)[0] == 't',
    };
}

int item_rows_begin(PGconn *db, struct err *err)
{
    return database_run(db, err, "BEGIN", 0, NULL) ||
                   database_run(db, err, "SET LOCAL lock_timeout = '3s'", 0, NULL) ||
                   database_run(db, err, "SELECT item_lock()", 0, NULL)
               ? -1
               : 0;
}
