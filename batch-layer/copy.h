/*
 * copy: PostgreSQL's COPY in its binary form, row by row, both ways
 * (https://www.postgresql.org/docs/15/sql-copy.html, "Binary Format"). Not for: what the rows mean.
 * A writer or reader belongs to one connection, which does nothing else until it has ended. One thread at a time.
 *
 *   file    =  "PGCOPY\n\377\r\n\0" | flags i32 | extension bytes i32 | rows | -1 i16
 *   row     =  number of fields i16 | fields, each: bytes i32 (-1: null) | value; numbers are big endian
 */
#ifndef TANDEM_BATCH_COPY_H
#define TANDEM_BATCH_COPY_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "views/bytes.h"

/* Zero-initialised, then copy_in_begin. Its memory is freed by copy_in_end and copy_in_abandon. */
struct copy_in {
    PGconn *db;
    struct bytes unsent;
    int64_t rows;
};

/* `sql`: "COPY table (columns) FROM STDIN (FORMAT binary)". */
int copy_in_begin(struct copy_in *in, PGconn *db, const char *sql, struct err *err);
/* Begins a row; exactly n_fields puts follow. */
int copy_in_row(struct copy_in *in, int n_fields, struct err *err);
void copy_in_bool(struct copy_in *in, bool value);
void copy_in_int2(struct copy_in *in, int64_t value);
void copy_in_int4(struct copy_in *in, int64_t value);
void copy_in_int8(struct copy_in *in, int64_t value);
void copy_in_text(struct copy_in *in, struct text value); /* text or bytea */
void copy_in_null(struct copy_in *in);
/* Ends the COPY: what it wrote is in the transaction, or -1. */
int copy_in_end(struct copy_in *in, struct err *err);
/* Gives up a COPY that has begun and has not ended; the transaction has failed. */
void copy_in_abandon(struct copy_in *in);

/* Zero-initialised, then copy_out_begin; copy_out_end in any case. */
struct copy_out {
    PGconn *db;
    char *row; /* the current one, libpq's */
    bool headed;
};

/* `sql`: "COPY (query) TO STDOUT (FORMAT binary)". */
int copy_out_begin(struct copy_out *out, PGconn *db, const char *sql, struct err *err);
/* 1 and the fields of the next row (at = NULL: null), which live until the next call; 0 at the end; -1. */
int copy_out_row(struct copy_out *out, struct text *fields, int n_fields, struct err *err);
/* Frees; cancels what is still to come, so that the connection can be used again. */
void copy_out_end(struct copy_out *out);

/* A number field of 2, 4 or 8 bytes. */
int64_t copy_number(struct text field);

#endif
