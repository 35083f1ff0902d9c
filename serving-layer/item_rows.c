#include "serving-layer/item_rows.h"

#include <inttypes.h>
#include <stdio.h>
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

static void array_of(struct bytes *array, struct text element)
{
    text_array_put(array, element);
    text_array_end(array);
}

PGresult *item_rows_find(PGconn *db, struct text item, struct err *err)
{
    struct bytes ids = {0};
    array_of(&ids, item);
    PGresult *row = database_query(
        db, err, "SELECT " ITEM_COLUMNS " FROM item i WHERE i.item = ANY ($1::text[])", 1,
        (const char *const[]){ids.at});
    bytes_free(&ids);
    return row;
}

int item_rows_remove(PGconn *db, struct text item, struct err *err)
{
    struct bytes ids = {0};
    array_of(&ids, item);
    int failed = database_run(db, err, "DELETE FROM item WHERE item = ANY ($1::text[])", 1,
                              (const char *const[]){ids.at});
    bytes_free(&ids);
    return failed;
}

/* A column of values a field; an absent text is empty, an absent number -1. */
enum { PUT_COLUMNS = 11 };

#define PUT_SQL                                                                                   \
    "INSERT INTO item AS i (item, title, category, currency, image, url, labels, price,"          \
    " created_at, available, hidden) SELECT d.item, nullif(d.title, ''), nullif(d.category, '')," \
    " nullif(d.currency, ''), nullif(d.image, ''), nullif(d.url, ''),"                            \
    " string_to_array(d.labels, '|'), nullif(d.price, -1), coalesce(nullif(d.created_at, -1),"    \
    " o.created_at, (extract(epoch FROM clock_timestamp()) * 1000)::int8), d.available, d.hidden" \
    " FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],"        \
    " $7::text[], $8::int8[], $9::int8[], $10::boolean[], $11::boolean[]) d (item, title,"        \
    " category, currency, image, url, labels, price, created_at, available, hidden)"              \
    " LEFT JOIN item o ON o.item = d.item ON CONFLICT (item) DO UPDATE SET title ="               \
    " excluded.title, category = excluded.category, currency = excluded.currency, image ="        \
    " excluded.image, url = excluded.url, labels = excluded.labels, price = excluded.price,"      \
    " created_at = excluded.created_at, available = excluded.available, hidden = excluded.hidden"

static void number_array_put(struct bytes *array, int64_t number)
{
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%" PRId64, number);
    text_array_put(array, (struct text){digits, (size_t)n});
}

PGresult *item_rows_put(PGconn *db, const struct item *items, size_t n, bool answers,
                        struct err *err)
{
    struct bytes array[PUT_COLUMNS] = {0};
    const char *params[PUT_COLUMNS];
    for (size_t i = 0; i < n; i++) {
        const struct item *item = &items[i];
        const struct text texts[] = {item->item,  item->title, item->category, item->currency,
                                     item->image, item->url,   item->labels};
        for (size_t c = 0; c < sizeof texts / sizeof *texts; c++)
            text_array_put(&array[c], texts[c]);
        number_array_put(&array[7], item->price);
        number_array_put(&array[8], item->created_ms);
        text_array_put(&array[9], text_of(item->available ? "t" : "f"));
        text_array_put(&array[10], text_of(item->hidden ? "t" : "f"));
    }
    for (int c = 0; c < PUT_COLUMNS; c++) {
        text_array_end(&array[c]);
        params[c] = array[c].at;
    }
    PGresult *rows = database_query(db, err, answers ? PUT_SQL " RETURNING " ITEM_COLUMNS : PUT_SQL,
                                    PUT_COLUMNS, params);
    for (int c = 0; c < PUT_COLUMNS; c++)
        bytes_free(&array[c]);
    return rows;
}
