/*
 * statement: SQL with numbers in it, in one line. Only numbers are printed into a statement; text goes as a parameter of
 * handover/database.h.
 */
#ifndef TANDEM_BATCH_STATEMENT_H
#define TANDEM_BATCH_STATEMENT_H

#include <libpq-fe.h>
#include <stdint.h>

#include "common/err.h"

/* Rows affected (0 for statements that have none), -1: err. */
int64_t statement_run(PGconn *db, struct err *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Rows in text form; NULL: err; else the caller clears them. */
PGresult *statement_query(PGconn *db, struct err *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The one number that it answers. */
int statement_number(PGconn *db, struct err *err, int64_t *number, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/*
 * For the rest of the transaction, joins look the rows of large tables up by their keys. The planner knows nothing of rows
 * that were staged a moment ago and might else read a whole table, whose size is that of the history, or even scan a
 * table again for each row. Where a table must be read all the same (a temporary one without an index), its price is then so high
 * that the planner would have the statement compiled each time: that is off, too.
 */
int statement_plan_by_keys(PGconn *db, struct err *err);

/*
 * Counts a table anew (ANALYZE) where the planner takes it to have fewer than `rows`, which are there for certain: after a
 * transaction that was rolled back it may believe in none, and joins turn round: each row would cost a pass over the table.
 */
int statement_count_anew(PGconn *db, const char *table, int64_t rows, struct err *err);

/* A field of a text result. */
int64_t result_number(const PGresult *result, int row, int column);

#endif
