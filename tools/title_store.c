#include "tools/title_store.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/clock.h"
#include "handover/database.h"

enum { CHUNK_ITEMS = 1000 };

enum column { ITEM, TITLE, CATEGORY, CURRENCY, PRICE, CREATED, AVAILABLE, COLUMNS };

static void number_put(struct bytes *column, int64_t number)
{
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%" PRId64, number);
    text_array_put(column, (struct text){digits, (size_t)n});
}

static void item_put(struct bytes column[COLUMNS], struct text item, struct text title,
                     const struct shop_description *is, int64_t now_ms)
{
    text_array_put(&column[ITEM], item);
    text_array_put(&column[TITLE], title);
    text_array_put(&column[CATEGORY], is->category);
    text_array_put(&column[CURRENCY], is->currency);
    number_put(&column[PRICE], is->price);
    number_put(&column[CREATED], now_ms - is->age_ms);
    text_array_put(&column[AVAILABLE], text_of(is->available ? "t" : "f"));
}

static int store_chunk(PGconn *db, struct bytes column[COLUMNS], struct err *err)
{
    const char *params[COLUMNS];
    for (int c = 0; c < COLUMNS; c++) {
        text_array_end(&column[c]);
        params[c] = column[c].at;
    }
    int failed = database_run(
        db, err,
        "INSERT INTO item (item, title, category, currency, price, created_at, available)"
        " SELECT item, title, nullif(category, ''), nullif(currency, ''), nullif(price, -1),"
        " created_at, available FROM unnest($1::text[], $2::text[], $3::text[], $4::text[],"
        " $5::int8[], $6::int8[], $7::boolean[])"
        " d (item, title, category, currency, price, created_at, available)"
        " ON CONFLICT (item) DO UPDATE SET title = excluded.title"
        " WHERE item.title IS DISTINCT FROM excluded.title",
        COLUMNS, params);
    for (int c = 0; c < COLUMNS; c++)
        bytes_clear(&column[c]);
    return failed;
}

static int store_all(PGconn *db, struct title_votes *titles,
                     struct shop_description (*describe)(struct text item), struct err *err)
{
    static const struct shop_description nothing = {.price = -1, .available = true};
    struct bytes column[COLUMNS] = {0};
    struct text item, title;
    size_t cursor = 0, n = 0;
    int64_t now_ms = clock_unix_ms();
    int failed = database_run(db, err, "BEGIN", 0, NULL);
    while (!failed && title_votes_next(titles, &cursor, &item, &title)) {
        struct shop_description is = describe ? describe(item) : nothing;
        item_put(column, item, title, &is, now_ms);
        if (++n % CHUNK_ITEMS == 0)
            failed = store_chunk(db, column, err);
    }
    if (!failed && column[ITEM].n)
        failed = store_chunk(db, column, err);
    if (!failed)
        failed = database_run(db, err, "COMMIT", 0, NULL);
    for (int c = 0; c < COLUMNS; c++)
        bytes_free(&column[c]);
    return failed;
}

int title_store(const char *postgres, struct title_votes *titles,
                struct shop_description (*describe)(struct text item), struct err *err)
{
    PGconn *db = database_open(postgres, "tandem-feed", err);
    if (!db)
        return -1;
    int failed =
        store_all(db, titles, describe, err); /* closing rolls back what is not committed */
    PQfinish(db);
    return failed ? err_prefix(err, "store titles: ") : 0;
}
