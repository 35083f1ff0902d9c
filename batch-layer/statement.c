#include "batch-layer/statement.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "handover/database.h"

static PGresult *query(PGconn *db, struct err *err, const char *format, va_list args)
{
    char sql[8192];
    int n = vsnprintf(sql, sizeof sql, format, args);
    if (n < 0 || (size_t)n >= sizeof sql) {
        err_set(err, ERR_FATAL, "statement of %d bytes is too long: %.80s", n, format);
        return NULL;
    }
    return database_query(db, err, sql, 0, NULL);
}

PGresult *statement_query(PGconn *db, struct err *err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    PGresult *result = query(db, err, format, args);
    va_end(args);
    return result;
}

int64_t statement_run(PGconn *db, struct err *err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    PGresult *result = query(db, err, format, args);
    va_end(args);
    if (!result)
        return -1;
    int64_t rows = strtoll(PQcmdTuples(result), NULL, 10);
    PQclear(result);
    return rows;
}

int statement_number(PGconn *db, struct err *err, int64_t *number, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    PGresult *result = query(db, err, format, args);
    va_end(args);
    if (!result)
        return -1;
    int failed = 0;
    if (PQntuples(result) == 1)
        *number = result_number(result, 0, 0);
    else
        failed = err_set(err, ERR_DATA, "postgres: %d rows where one belongs: %.80s",
                         PQntuples(result), format);
    PQclear(result);
    return failed;
}

int statement_plan_by_keys(PGconn *db, struct err *err)
{
    return statement_run(db, err,
                         "SELECT set_config('enable_seqscan', 'off', true),"
                         " set_config('enable_hashjoin', 'off', true),"
                         " set_config('enable_mergejoin', 'off', true),"
                         " set_config('jit', 'off', true)") < 0
               ? -1
               : 0;
}

int statement_count_anew(PGconn *db, const char *table, int64_t rows, struct err *err)
{
    int64_t fewer;
    if (statement_number(db, err, &fewer,
                         "SELECT (reltuples < %" PRId64 ")::int FROM pg_class"
                         " WHERE oid = '%s'::regclass",
                         rows, table))
        return -1;
    return fewer && statement_run(db, err, "ANALYZE %s", table) < 0 ? -1 : 0;
}

int64_t result_number(const PGresult *result, int row, int column)
{
    return strtoll(PQgetvalue(result, row, column), NULL, 10);
}
