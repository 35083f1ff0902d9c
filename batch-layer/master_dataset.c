#include "batch-layer/master_dataset.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "batch-layer/statement.h"
#include "common/mem.h"

/* The order of all that follows. */
#define COLUMNS                                                                              \
    "partition, \"offset\", type, event_id, \"user\", item, ts, quantity, price, currency, " \
    "country, device, \"order\", list"

enum column {
    PARTITION,
    OFFSET,
    TYPE,
    EVENT_ID,
    USER,
    ITEM,
    TS,
    QUANTITY,
    PRICE,
    CURRENCY,
    COUNTRY,
    DEVICE,
    ORDER,
    LIST,
};

_Static_assert(LIST + 1 == MASTER_FIELDS, "a column without its place");

/* ---- in ---- */

int master_copy_begin(struct copy_in *in, PGconn *db, struct err *err)
{
    return copy_in_begin(in, db, "COPY events (" COLUMNS ") FROM STDIN (FORMAT binary)", err);
}

static void put_optional(struct copy_in *in, struct text value)
{
    if (value.n)
        copy_in_text(in, value);
    else
        copy_in_null(in);
}

int master_copy_event(struct copy_in *in, int partition, int64_t offset, const struct event *event,
                      struct err *err)
{
    if (copy_in_row(in, MASTER_FIELDS, err))
        return -1;
    copy_in_int2(in, partition);
    copy_in_int8(in, offset);
    copy_in_int2(in, event->type);
    copy_in_text(in, event->event_id);
    copy_in_text(in, event->user);
    put_optional(in, event->item);
    copy_in_int8(in, event->ts);
    copy_in_int4(in, event->quantity);
    if (event->price < 0)
        copy_in_null(in);
    else
        copy_in_int8(in, event->price);
    put_optional(in, event->currency);
    copy_in_text(in, event->country);
    copy_in_text(in, event->device);
    put_optional(in, event->order);
    put_optional(in, event->list);
    return 0;
}

/* ---- out ---- */

struct master_rows {
    PGconn *db;
    struct copy_out out;
    char of[32]; /* for messages */
    /* Nothing of the range was packed, so it is read in the order of the key, without sorting. */
    bool plain;
    int partition;
    int64_t from;
};

static struct master_rows *rows_open(PGconn *db, const char *sql, const char *of, struct err *err)
{
    struct master_rows *rows = xcalloc(1, sizeof *rows);
    rows->db = db;
    snprintf(rows->of, sizeof rows->of, "%s", of);
    if (copy_out_begin(&rows->out, db, sql, err)) {
        err_prefix(err, "master dataset, %s: ", of);
        master_rows_close(rows);
        return NULL;
    }
    return rows;
}

int master_packed_upto(PGconn *db, int partition, int64_t *upto, struct err *err)
{
    return statement_number(db, err, upto,
                            "SELECT coalesce(max(upto), 0) FROM events_packed WHERE partition = %d",
                            partition);
}

struct master_rows *master_rows_open(PGconn *db, int partition, int64_t from, int64_t to,
                                     struct err *err)
{
    char sql[512], of[32];
    int64_t upto;
    if (master_packed_upto(db, partition, &upto, err))
        return NULL;
    snprintf(of, sizeof of, "partition %d", partition);
    snprintf(sql, sizeof sql,
             from >= upto ? "COPY (SELECT " COLUMNS " FROM events WHERE partition = %d"
                            " AND \"offset\" >= %" PRId64 " AND \"offset\" < %" PRId64
                            " ORDER BY \"offset\") TO STDOUT (FORMAT binary)"
                          : "COPY (SELECT " COLUMNS " FROM event_rows(%d::int2, %" PRId64
                            ", %" PRId64 ") ORDER BY \"offset\") TO STDOUT (FORMAT binary)",
             partition, from, to);
    struct master_rows *rows = rows_open(db, sql, of, err);
    if (rows) {
        rows->plain = from >= upto;
        rows->partition = partition;
        rows->from = from;
    }
    return rows;
}

/* What was looked up first and what was read may have had a prune between them, for who holds none of its locks. */
static int still_plain(const struct master_rows *rows, struct err *err)
{
    int64_t upto;
    if (!rows->plain)
        return 0;
    if (master_packed_upto(rows->db, rows->partition, &upto, err))
        return -1;
    return rows->from >= upto ? 0
                              : err_set(err, ERR_RETRY, "events were packed while they were read");
}

enum { SAMPLE_BITS = 30 };

struct master_rows *master_sample_open(PGconn *db, double share, int64_t seed, struct err *err)
{
    char sql[1024];
    snprintf(sql, sizeof sql,
             "COPY (SELECT " COLUMNS " FROM (SELECT " COLUMNS " FROM events UNION ALL SELECT"
             " c.partition, r.* FROM events_packed c CROSS JOIN LATERAL unnest(c.rows) r) e"
             " WHERE (hashtextextended(\"user\", %" PRId64 ") & %d) < %" PRId64
             " ORDER BY \"user\" COLLATE \"C\", partition, \"offset\") TO STDOUT (FORMAT binary)",
             seed, (1 << SAMPLE_BITS) - 1, (int64_t)(share * (1 << SAMPLE_BITS)));
    return rows_open(db, sql, "sample of users", err);
}

/* A number of exactly the column's bytes; absent: -1 where that may be. */
static int take_number(struct text field, size_t bytes, int64_t *value)
{
    if (!field.at || field.n != bytes)
        return -1;
    *value = copy_number(field);
    return 0;
}

int master_row_event(const struct text fields[MASTER_FIELDS], int64_t *offset, struct event *event,
                     struct err *err)
{
    int64_t type;
    *event = (struct event){.event_id = fields[EVENT_ID],
                            .user = fields[USER],
                            .item = fields[ITEM],
                            .price = -1,
                            .currency = fields[CURRENCY],
                            .country = fields[COUNTRY],
                            .device = fields[DEVICE],
                            .order = fields[ORDER],
                            .list = fields[LIST]};
    if (take_number(fields[OFFSET], 8, offset) || take_number(fields[TYPE], 2, &type) || type < 1 ||
        type > EVENT_TYPES || take_number(fields[TS], 8, &event->ts) ||
        take_number(fields[QUANTITY], 4, &event->quantity) ||
        (fields[PRICE].at && take_number(fields[PRICE], 8, &event->price)))
        return err_set(err, ERR_DATA, "a row of table events that is no event");
    event->type = (enum event_type)type;
    return 0;
}

int master_rows_next(struct master_rows *rows, int64_t *offset, struct event *event,
                     struct err *err)
{
    struct text fields[MASTER_FIELDS];
    int more = copy_out_row(&rows->out, fields, MASTER_FIELDS, err);
    if (more > 0 && master_row_event(fields, offset, event, err))
        more = -1;
    if (more == 0 && still_plain(rows, err))
        more = -1;
    if (more < 0)
        err_prefix(err, "master dataset, %s: ", rows->of);
    return more;
}

void master_rows_close(struct master_rows *rows)
{
    if (!rows)
        return;
    copy_out_end(&rows->out);
    free(rows);
}
