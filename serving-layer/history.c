#include "serving-layer/history.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/mem.h"
#include "handover/database.h"
#include "serving-layer/json_out.h"
#include "views/event.h"

enum { CANDIDATES = 2000, NUMBER_BYTES = 24, ARRAY_BYTES = PARTITIONS_MAX * 21 + 3 };

enum column {
    C_OFFSET,
    C_TYPE,
    C_TS,
    C_QUANTITY,
    C_PRICE, /* numbers */
    C_EVENT_ID,
    C_USER,
    C_ITEM,
    C_CURRENCY,
    C_COUNTRY,
    C_DEVICE,
    C_ORDER,
    C_LIST,
};

#define COLUMNS                                                                                   \
    "\"offset\", type, ts, quantity, price, event_id, \"user\", item, currency, country, device," \
    " \"order\", list"

/* What one partition gives to a page. */
struct found {
    PGresult *rows; /* newest first */
    int n, next;
    int64_t low; /* what is not in rows lies below it */
};

/* ---- a row as JSON ---- */

static struct text value_of(const PGresult *rows, int r, int c)
{
    return (struct text){PQgetvalue(rows, r, c), (size_t)PQgetlength(rows, r, c)};
}

static int64_t number_of(const PGresult *rows, int r, int c)
{
    return strtoll(PQgetvalue(rows, r, c), NULL, 10);
}

static void event_put(struct bytes *out, int partition, const PGresult *rows, int r)
{
    static const char *const names[] = {"offset",   "type",  "ts",   "quantity", "price",
                                        "event_id", "user",  "item", "currency", "country",
                                        "device",   "order", "list"};
    json_put(out, "{\"partition\":");
    json_put_int(out, partition);
    for (int c = C_OFFSET; c <= C_LIST; c++) {
        if (PQgetisnull(rows, r, c))
            continue;
        json_put(out, ",\"");
        json_put(out, names[c]);
        json_put(out, "\":");
        if (c == C_TYPE)
            json_put_text(out, text_of(event_type_name((enum event_type)number_of(rows, r, c))));
        else if (c <= C_PRICE)
            json_put_int(out, number_of(rows, r, c));
        else
            json_put_text(out, value_of(rows, r, c));
    }
    json_put(out, "}");
}

static void found_take(struct found *found, int partition, struct history_page *page)
{
    if (page->n++)
        json_put(&page->events, ",\n");
    event_put(&page->events, partition, found->rows, found->next++);
}

/* ---- reading back from the end ---- */

/* Rows of [low, before) of a partition whose `column` is the name, the newest n. */
static int window_read(PGconn *db, const struct history_ask *ask, int partition, int64_t low,
                       int64_t before, int n, struct found *found, struct err *err)
{
    char number[5][NUMBER_BYTES];
    const int64_t of[] = {partition, low, before, n, ask->type};
    for (int i = 0; i < 5; i++)
        snprintf(number[i], NUMBER_BYTES, "%" PRId64, of[i]);
    const char *const params[] = {number[0], number[1], number[2], number[3], number[4], ask->name};
    found->rows = database_query(
        db, err,
        ask->user_partition < 0
            ? "SELECT " COLUMNS
              " FROM event_rows($1::int2, $2::int8, $3::int8) WHERE ($5::int2 = 0 OR type = $5::int2) AND item = $6"
              " ORDER BY \"offset\" DESC LIMIT $4::int4"
            : "SELECT " COLUMNS
              " FROM event_rows($1::int2, $2::int8, $3::int8) WHERE ($5::int2 = 0 OR type = $5::int2) AND \"user\" = $6"
              " ORDER BY \"offset\" DESC LIMIT $4::int4",
        6, params);
    found->n = found->rows ? PQntuples(found->rows) : 0;
    found->low = found->n == n ? number_of(found->rows, n - 1, C_OFFSET) : low;
    return found->rows ? 0 : -1;
}

/* Where the next page begins, when all above `low` was looked at: behind the newest row below it; 0 when there is none. */
static int below(PGconn *db, int partition, int64_t low, int64_t *before, struct err *err)
{
    char number[2][NUMBER_BYTES];
    snprintf(number[0], NUMBER_BYTES, "%d", partition);
    snprintf(number[1], NUMBER_BYTES, "%" PRId64, low);
    PGresult *row = database_query(db, err,
                                   "SELECT coalesce((SELECT max(\"offset\") + 1 FROM events"
                                   " WHERE partition = $1::int2 AND \"offset\" < $2::int8),"
                                   " (SELECT least(max(upto), $2::int8) FROM events_packed"
                                   " WHERE partition = $1::int2 AND first < $2::int8), 0)",
                                   2, (const char *const[]){number[0], number[1]});
    if (row)
        *before = number_of(row, 0, 0);
    PQclear(row);
    return row ? 0 : -1;
}

/* ---- an item: every partition a piece, merged by ts ---- */

static int latest(const struct found *found, int partitions)
{
    int best = -1;
    for (int p = 0; p < partitions; p++)
        if (found[p].next < found[p].n &&
            (best < 0 || number_of(found[p].rows, found[p].next, C_TS) >
                             number_of(found[best].rows, found[best].next, C_TS)))
            best = p;
    return best;
}

static int item_read(PGconn *db, const struct history_ask *ask, struct history_page *page,
                     struct err *err)
{
    struct found *found = xcalloc((size_t)ask->partitions, sizeof *found);
    int failed = 0, p;
    for (p = 0; p < ask->partitions && !failed; p++) {
        int64_t low = page->before[p] - HISTORY_SCANNED_ROWS / ask->partitions;
        failed =
            window_read(db, ask, p, low > 0 ? low : 0, page->before[p], ask->n, &found[p], err);
    }
    while (!failed && page->n < (size_t)ask->n && (p = latest(found, ask->partitions)) >= 0)
        found_take(&found[p], p, page);
    for (p = 0; p < ask->partitions && !failed; p++) {
        if (found[p].next < found[p].n)
            page->before[p] = number_of(found[p].rows, found[p].next, C_OFFSET) + 1;
        else
            failed = below(db, p, found[p].low, &page->before[p], err);
        page->more |= page->before[p] > 0;
    }
    for (p = 0; p < ask->partitions; p++)
        PQclear(found[p].rows);
    free(found);
    return failed;
}

/* ---- a user: what came since the last run, then by user_events ---- */

/* The offsets below `before` that user_events has for such a user, the newest first, as an array; `low`: the last of them, 0 when there are no more. */
static PGresult *candidates_read(PGconn *db, const struct history_ask *ask, int64_t before,
                                 int64_t *low, struct err *err)
{
    char number[3][NUMBER_BYTES];
    snprintf(number[0], NUMBER_BYTES, "%d", ask->user_partition);
    snprintf(number[1], NUMBER_BYTES, "%" PRId64, before);
    snprintf(number[2], NUMBER_BYTES, "%d", CANDIDATES);
    const char *const params[] = {number[0], ask->name, number[1], number[2]};
    PGresult *row = database_query(
        db, err,
        "SELECT coalesce(array_agg(o), '{}'), count(*), min(o) FROM (SELECT o FROM user_events b"
        " CROSS JOIN LATERAL unnest(b.offsets, b.tags) t(o, tag) WHERE b.partition = $1::int2"
        " AND b.bucket = user_bucket($2) AND (tag IS NULL OR tag = user_tag($2)) AND o < $3::int8"
        " ORDER BY o DESC LIMIT $4::int4) c",
        4, params);
    if (row)
        *low = number_of(row, 0, 1) == CANDIDATES ? number_of(row, 0, 2) : 0;
    return row;
}

static int bucket_read(PGconn *db, const struct history_ask *ask, int64_t before, int n,
                       struct found *found, struct err *err)
{
    char number[3][NUMBER_BYTES];
    int64_t low;
    PGresult *candidates = candidates_read(db, ask, before, &low, err);
    if (!candidates)
        return -1;
    snprintf(number[0], NUMBER_BYTES, "%d", ask->user_partition);
    snprintf(number[1], NUMBER_BYTES, "%d", ask->type);
    snprintf(number[2], NUMBER_BYTES, "%d", n);
    const char *const params[] = {number[0], PQgetvalue(candidates, 0, 0), number[1], ask->name,
                                  number[2]};
    found->rows = database_query(
        db, err,
        "SELECT " COLUMNS
        " FROM event_rows_at($1::int2, $2::int8[]) WHERE ($3::int2 = 0 OR type = $3::int2) AND \"user\" = $4 ORDER BY \"offset\" DESC LIMIT $5::int4",
        5, params);
    PQclear(candidates);
    found->n = found->rows ? PQntuples(found->rows) : 0;
    found->low = found->n == n ? number_of(found->rows, n - 1, C_OFFSET) : low;
    return found->rows ? 0 : -1;
}

static void user_take(struct found *found, const struct history_ask *ask, struct history_page *page,
                      int64_t *before)
{
    while (found->next < found->n)
        found_take(found, ask->user_partition, page);
    *before = found->low;
    PQclear(found->rows);
}

static int user_read(PGconn *db, const struct history_ask *ask, int64_t boundary,
                     struct history_page *page, struct err *err)
{
    int64_t *before = &page->before[ask->user_partition];
    struct found found = {0};
    if (*before > boundary) {
        int64_t low = *before - HISTORY_SCANNED_ROWS;
        if (window_read(db, ask, ask->user_partition, low > boundary ? low : boundary, *before,
                        ask->n, &found, err))
            return -1;
        user_take(&found, ask, page, before);
    }
    if (*before <= boundary && page->n < (size_t)ask->n) {
        found = (struct found){0};
        if (bucket_read(db, ask, *before, ask->n - (int)page->n, &found, err))
            return -1;
        user_take(&found, ask, page, before);
    }
    page->more = *before > 0;
    return 0;
}

/* ---- a page ---- */

/* Of the partition of a user's: the published boundary. */
static int ends_read(PGconn *db, const struct history_ask *ask, struct history_page *page,
                     int64_t *boundary, struct err *err)
{
    PGresult *rows = database_query(db, err,
                                    "SELECT a.partition, a.\"offset\", p.boundary[a.partition + 1]"
                                    " FROM archive_offset a, publication p",
                                    0, NULL);
    if (!rows)
        return -1;
    for (int r = 0; r < PQntuples(rows); r++) {
        int64_t p = number_of(rows, r, 0);
        if (p < 0 || p >= ask->partitions)
            continue;
        page->archived[p] = number_of(rows, r, 1);
        if (p == ask->user_partition)
            *boundary = number_of(rows, r, 2);
    }
    PQclear(rows);
    return 0;
}

/* From one snapshot: a run that publishes meanwhile moves the boundary and replaces users' ids. */
int history_read(PGconn *db, const struct history_ask *ask, struct history_page *page,
                 struct err *err)
{
    int64_t boundary = 0;
    page->more = false;
    page->n = 0;
    if (database_run(db, err, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", 0, NULL) ||
        ends_read(db, ask, page, &boundary, err))
        return -1;
    for (int p = 0; p < ask->partitions; p++)
        page->before[p] = ask->from_end || ask->before[p] > page->archived[p] ? page->archived[p]
                                                                              : ask->before[p];
    if (ask->user_partition < 0 ? item_read(db, ask, page, err)
                                : user_read(db, ask, boundary, page, err))
        return -1;
    return database_run(db, err, "COMMIT", 0, NULL);
}

/* ---- cursors: offsets, separated by points ---- */

void history_cursor_put(struct bytes *into, const int64_t *before, int partitions)
{
    for (int p = 0; p < partitions; p++) {
        if (p)
            bytes_put(into, ".", 1);
        json_put_int(into, before[p]);
    }
}

int history_cursor_parse(struct text cursor, int64_t *before, int partitions)
{
    size_t at = 0;
    for (int p = 0; p < partitions; p++) {
        size_t from = at;
        for (before[p] = 0; at < cursor.n && cursor.at[at] >= '0' && cursor.at[at] <= '9'; at++) {
            if (at - from == 18)
                return -1;
            before[p] = before[p] * 10 + (cursor.at[at] - '0');
        }
        if (at == from || (p + 1 < partitions && (at == cursor.n || cursor.at[at++] != '.')))
            return -1;
    }
    return at == cursor.n ? 0 : -1;
}
