/*
 * database: connections to Postgres and the publication, which all layers read. Not for: what one layer alone asks.
 */
#ifndef TANDEM_HANDOVER_DATABASE_H
#define TANDEM_HANDOVER_DATABASE_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "common/options.h" /* PARTITIONS_MAX */
#include "views/bytes.h"

enum { DEPLOYMENT_BYTES = 32, SCHEMA_VERSION = 9 };

/* NULL: err (ERR_RETRY when the server is away). `program` becomes application_name. Caller: PQfinish. */
PGconn *database_open(const char *conninfo, const char *program, struct err *err);

/* One statement with text parameters and text results. NULL: err; else the caller clears it. */
PGresult *database_query(PGconn *db, struct err *err, const char *sql, int n_params,
                         const char *const *params);

/* The same where no rows are wanted. */
int database_run(PGconn *db, struct err *err, const char *sql, int n_params,
                 const char *const *params);

/* Fills err from the connection's last error: ERR_RETRY when the connection is gone or the state may pass, else ERR_FATAL.
 * database_failed is -1. `result` may be NULL and is not cleared. Of `operation`, such as the statement, 60 bytes are told. */
void database_describe(PGconn *db, const PGresult *result, const char *operation, struct err *err);
#define database_failed(...)            \
    (__extension__({                    \
        database_describe(__VA_ARGS__); \
        -1;                             \
    }))

/* What the batch layer has published: one row, read in one statement. */
struct publication {
    char deployment[DEPLOYMENT_BYTES + 1];
    int partitions;
    int64_t n;                        /* batch view N; 0: nothing published yet, all boundaries 0 */
    int64_t boundary[PARTITIONS_MAX]; /* B_N, an offset a partition */
    int64_t states_from;              /* user states in Postgres stand for segments >= this */
};

/* ERR_FATAL with what to do when there is no schema, another version, or another number of partitions than `partitions`. */
int publication_read(PGconn *db, int partitions, struct publication *publication, struct err *err);

/* text[] in Postgres' text form, an element at a time; the end makes it a C string. Begin with an empty array. */
void text_array_put(struct bytes *array, struct text element);
void text_array_end(struct bytes *array);

/* int8[] in Postgres' text form, both ways. Parsing: -1 when it is no such array or longer than `max`. */
int vector_parse(const char *text, int64_t *vector, int max);
void vector_print(char *into, size_t into_bytes, const int64_t *vector, int n);

#endif
