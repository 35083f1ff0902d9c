#include "tools/title_store.h"

#include "handover/database.h"

enum { CHUNK_ITEMS = 1000 };

/* An element of an array in Postgres' text form: in quotes, with \ before quotes and \ . */
static void put_element(struct bytes *array, struct text t)
{
    bytes_put(array, array->n ? ",\"" : "{\"", 2);
    for (size_t i = 0; i < t.n; i++) {
        if (t.at[i] == '"' || t.at[i] == '\\')
            bytes_put(array, "\\", 1);
        bytes_put(array, t.at + i, 1);
    }
    bytes_put(array, "\"", 1);
}

static int store_chunk(PGconn *db, struct bytes *items, struct bytes *names, struct err *err)
{
    bytes_put(items, "}", 2); /* with its 0 */
    bytes_put(names, "}", 2);
    const char *params[] = {items->at, names->at};
    int failed =
        database_run(db, err,
                     "INSERT INTO item (item, title) SELECT * FROM unnest($1::text[], $2::text[]) "
                     "ON CONFLICT (item) DO UPDATE SET title = excluded.title "
                     "WHERE item.title IS DISTINCT FROM excluded.title",
                     2, params);
    bytes_clear(items);
    bytes_clear(names);
    return failed;
}

static int store_all(PGconn *db, struct title_votes *titles, struct err *err)
{
    struct bytes items = {0}, names = {0};
    struct text item, title;
    size_t cursor = 0, n = 0;
    int failed = database_run(db, err, "BEGIN", 0, NULL);
    while (!failed && title_votes_next(titles, &cursor, &item, &title)) {
        put_element(&items, item);
        put_element(&names, title);
        if (++n % CHUNK_ITEMS == 0)
            failed = store_chunk(db, &items, &names, err);
    }
    if (!failed && items.n)
        failed = store_chunk(db, &items, &names, err);
    if (!failed)
        failed = database_run(db, err, "COMMIT", 0, NULL);
    bytes_free(&items);
    bytes_free(&names);
    return failed;
}

int title_store(const char *postgres, struct title_votes *titles, struct err *err)
{
    PGconn *db = database_open(postgres, "tandem-feed", err);
    if (!db)
        return -1;
    int failed = store_all(db, titles, err); /* closing rolls back what is not committed */
    PQfinish(db);
    return failed ? err_prefix(err, "store titles: ") : 0;
}
