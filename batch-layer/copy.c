#include "batch-layer/copy.h"

#include <assert.h>

#include "handover/database.h"

enum { SEND_BYTES = 256 * 1024, HEADER_BYTES = 19 };

/* ---- in ---- */

int copy_in_begin(struct copy_in *in, PGconn *db, const char *sql, struct err *err)
{
    static const char header[HEADER_BYTES] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0";
    PGresult *result = PQexec(db, sql);
    int failed = 0;
    if (PQresultStatus(result) != PGRES_COPY_IN)
        failed = database_failed(db, result, sql, err);
    PQclear(result);
    if (failed)
        return -1;
    in->db = db;
    in->rows = 0;
    bytes_clear(&in->unsent);
    bytes_put(&in->unsent, header, sizeof header);
    return 0;
}

static void put_big_endian(struct copy_in *in, uint64_t value, int n)
{
    char *at = bytes_room(&in->unsent, (size_t)n);
    for (int i = 0; i < n; i++)
        at[i] = (char)(value >> (8 * (n - 1 - i)));
    in->unsent.n += (size_t)n;
}

static int send_unsent(struct copy_in *in, struct err *err)
{
    if (PQputCopyData(in->db, in->unsent.at, (int)in->unsent.n) != 1)
        return database_failed(in->db, NULL, "COPY", err);
    bytes_clear(&in->unsent);
    return 0;
}

int copy_in_row(struct copy_in *in, int n_fields, struct err *err)
{
    if (in->unsent.n >= SEND_BYTES && send_unsent(in, err))
        return -1;
    put_big_endian(in, (uint64_t)n_fields, 2);
    in->rows++;
    return 0;
}

static void put_number(struct copy_in *in, int64_t value, int n)
{
    put_big_endian(in, (uint64_t)n, 4);
    put_big_endian(in, (uint64_t)value, n);
}

void copy_in_bool(struct copy_in *in, bool value)
{
    put_number(in, value, 1);
}

void copy_in_int2(struct copy_in *in, int64_t value)
{
    put_number(in, value, 2);
}

void copy_in_int4(struct copy_in *in, int64_t value)
{
    put_number(in, value, 4);
}

void copy_in_int8(struct copy_in *in, int64_t value)
{
    put_number(in, value, 8);
}

void copy_in_text(struct copy_in *in, struct text value)
{
    put_big_endian(in, value.n, 4);
    bytes_put_text(&in->unsent, value);
}

void copy_in_null(struct copy_in *in)
{
    put_big_endian(in, UINT32_MAX, 4);
}

/* Takes the results that end a COPY; the first failure is kept. */
static int take_results(PGconn *db, struct err *err)
{
    int failed = 0;
    PGresult *result;
    while ((result = PQgetResult(db))) {
        if (!failed && PQresultStatus(result) != PGRES_COMMAND_OK)
            failed = database_failed(db, result, "COPY", err);
        PQclear(result);
    }
    return failed;
}

int copy_in_end(struct copy_in *in, struct err *err)
{
    put_big_endian(in, UINT16_MAX, 2);
    int failed = send_unsent(in, err);
    if (!failed && PQputCopyEnd(in->db, NULL) != 1)
        failed = database_failed(in->db, NULL, "COPY", err);
    struct err unused;
    if (take_results(in->db, failed ? &unused : err))
        failed = -1;
    bytes_free(&in->unsent);
    return failed;
}

void copy_in_abandon(struct copy_in *in)
{
    struct err unused; /* whoever gives up has its reason already */
    PQputCopyEnd(in->db, "given up");
    take_results(in->db, &unused);
    bytes_free(&in->unsent);
}

/* ---- out ---- */

int copy_out_begin(struct copy_out *out, PGconn *db, const char *sql, struct err *err)
{
    PGresult *result = PQexec(db, sql);
    int failed = 0;
    if (PQresultStatus(result) != PGRES_COPY_OUT)
        failed = database_failed(db, result, sql, err);
    PQclear(result);
    *out = (struct copy_out){.db = failed ? NULL : db};
    return failed;
}

int64_t copy_number(struct text field)
{
    assert(field.at && field.n <= 8);
    int64_t value = field.n && (signed char)field.at[0] < 0 ? -1 : 0;
    for (size_t i = 0; i < field.n; i++)
        value = (int64_t)((uint64_t)value << 8 | (unsigned char)field.at[i]);
    return value;
}

static int cut_fields(struct text rest, struct text *fields, int n_fields)
{
    for (int i = 0; i < n_fields; i++) {
        if (rest.n < 4)
            return -1;
        int64_t n = copy_number((struct text){rest.at, 4});
        rest.at += 4, rest.n -= 4;
        if (n > (int64_t)rest.n)
            return -1;
        fields[i] = n < 0 ? (struct text){NULL, 0} : (struct text){rest.at, (size_t)n};
        if (n > 0)
            rest.at += n, rest.n -= (size_t)n;
    }
    return 0;
}

int copy_out_row(struct copy_out *out, struct text *fields, int n_fields, struct err *err)
{
    PQfreemem(out->row);
    out->row = NULL;
    int n = PQgetCopyData(out->db, &out->row, 0);
    if (n < 0) { /* -1: the end, after which the result says whether all of it came; -2: an error */
        PGconn *db = out->db;
        out->db = NULL;
        if (n == -2)
            database_failed(db, NULL, "COPY", err);
        return take_results(db, err) || n == -2 ? -1 : 0;
    }
    struct text rest = {out->row, (size_t)n};
    if (!out->headed) { /* libpq hands the header over together with the first row */
        if (rest.n < HEADER_BYTES + 2)
            return err_set(err, ERR_DATA, "postgres: COPY: no header");
        rest.at += HEADER_BYTES, rest.n -= HEADER_BYTES;
        out->headed = true;
    }
    int64_t count = rest.n < 2 ? -2 : copy_number((struct text){rest.at, 2});
    if (count == -1)
        return copy_out_row(out, fields, n_fields, err); /* the trailer: the end comes next */
    rest.at += 2, rest.n -= 2;
    if (count != n_fields || cut_fields(rest, fields, n_fields))
        return err_set(err, ERR_DATA, "postgres: COPY: a row that is none");
    return 1;
}

void copy_out_end(struct copy_out *out)
{
    PQfreemem(out->row);
    out->row = NULL;
    if (!out->db)
        return;
    PGcancel *cancel = PQgetCancel(out->db);
    char why[256];
    struct err unused; /* the cancellation itself */
    if (cancel)
        PQcancel(cancel, why, sizeof why);
    PQfreeCancel(cancel);
    while (PQgetCopyData(out->db, &out->row, 0) >
           0) /* before the last, PQgetResult would answer "COPY OUT" for ever */
        PQfreemem(out->row);
    take_results(out->db, &unused);
    out->db = NULL;
}
