#include "handover/database.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"

static void notice_log(void *context, const char *message)
{
    (void)context;
    log_debug("postgres", "%s", message);
}

/* What the programs count on, whatever the server's or the role's defaults are. The server, too, is to notice within seconds
 * that a machine with a session has gone: such a session may hold a lock. */
static const char session[] =
    "SET datestyle = ISO; SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5;"
    " SET tcp_keepalives_count = 3; SET tcp_user_timeout = '25s'";

PGconn *database_open(const char *conninfo, const char *program, struct err *err)
{
    /* What stands before dbname is a default, what stands behind it holds. */
    const char *const names[] = {
        "connect_timeout",  "keepalives_idle",           "keepalives_interval",
        "keepalives_count", "tcp_user_timeout",          "dbname",
        "client_encoding",  "fallback_application_name", NULL};
    const char *const values[] = {"5", "10", "5", "3", "25000", conninfo, "UTF8", program, NULL};
    PGconn *db = PQconnectdbParams(names, values, 1);
    PGresult *result = PQstatus(db) == CONNECTION_OK ? PQexec(db, session) : NULL;
    bool opened = PQresultStatus(result) == PGRES_COMMAND_OK;
    PQclear(result);
    if (opened) {
        PQsetNoticeProcessor(db, notice_log, NULL);
        return db;
    }
    err_set(err, ERR_RETRY, "postgres: connect: %s", PQerrorMessage(db));
    PQfinish(db);
    return NULL;
}

void database_describe(PGconn *db, const PGresult *result, const char *operation, struct err *err)
{
    /* Classes 08 connection, 40 rollback, 53 resources, 55 lock, 57 operator intervention may pass by themselves. */
    static const char *const passing[] = {"08", "40", "53", "55", "57"};
    const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    enum err_kind kind = PQstatus(db) != CONNECTION_OK || !state ? ERR_RETRY : ERR_FATAL;
    for (size_t i = 0; state && i < sizeof passing / sizeof *passing; i++)
        if (strncmp(state, passing[i], 2) == 0)
            kind = ERR_RETRY;
    const char *primary = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    err_fill(err, kind, "postgres: %.60s: %s", operation, primary ? primary : PQerrorMessage(db));
}

PGresult *database_query(PGconn *db, struct err *err, const char *sql, int n_params,
                         const char *const *params)
{
    PGresult *result = PQexecParams(db, sql, n_params, NULL, params, NULL, NULL, 0);
    ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
        return result;
    database_failed(db, result, sql, err);
    PQclear(result);
    return NULL;
}

int database_run(PGconn *db, struct err *err, const char *sql, int n_params,
                 const char *const *params)
{
    PGresult *result = database_query(db, err, sql, n_params, params);
    PQclear(result);
    return result ? 0 : -1;
}

int vector_parse(const char *text, int64_t *vector, int max)
{
    if (*text++ != '{')
        return -1;
    if (text[0] == '}')
        return text[1] ? -1 : 0;
    for (int n = 0; n < max; text++) {
        char *end;
        if (*text != '-' && (*text < '0' || *text > '9'))
            return -1;
        errno = 0;
        vector[n++] = strtoll(text, &end, 10);
        if (errno) /* more than 64 bits */
            return -1;
        text = end;
        if (*text == '}')
            return text[1] ? -1 : n;
        if (*text != ',')
            return -1;
    }
    return -1;
}

void vector_print(char *into, size_t into_bytes, const int64_t *vector, int n)
{
    size_t at = (size_t)snprintf(into, into_bytes, "{");
    for (int i = 0; i < n && at < into_bytes; i++)
        at += (size_t)snprintf(into + at, into_bytes - at, "%s%" PRId64, i ? "," : "", vector[i]);
    if (at < into_bytes)
        snprintf(into + at, into_bytes - at, "}");
}

static int publication_check(const struct publication *publication, int version, int n_boundary,
                             int partitions, struct err *err)
{
    if (version != SCHEMA_VERSION)
        return err_set(
            err, ERR_FATAL,
            "postgres: the tables have version %d, this program needs %d: run `tandem-batch setup`",
            version, SCHEMA_VERSION);
    if (publication->partitions != partitions || n_boundary != partitions)
        return err_set(
            err, ERR_FATAL,
            "postgres: this deployment was set up with %d partitions, TANDEM_PARTITIONS is %d: the number is fixed at "
            "setup; set TANDEM_PARTITIONS=%d",
            publication->partitions, partitions, publication->partitions);
    return 0;
}

int publication_read(PGconn *db, int partitions, struct publication *publication, struct err *err)
{
    PGresult *result =
        database_query(db, err,
                       "SELECT d.id, d.schema_version, d.partitions, p.n, p.boundary, p.states_from"
                       " FROM deployment d, publication p",
                       0, NULL);
    if (!result) {
        if (err->kind == ERR_FATAL)
            err_prefix(err, "no Tandem tables here? run `tandem-batch setup`: ");
        return -1;
    }
    int failed;
    if (PQntuples(result) != 1) {
        failed =
            err_set(err, ERR_FATAL, "postgres: nothing is set up here: run `tandem-batch setup`");
    } else {
        snprintf(publication->deployment, sizeof publication->deployment, "%s",
                 PQgetvalue(result, 0, 0));
        publication->partitions = atoi(PQgetvalue(result, 0, 2));
        publication->n = strtoll(PQgetvalue(result, 0, 3), NULL, 10);
        int n = vector_parse(PQgetvalue(result, 0, 4), publication->boundary, PARTITIONS_MAX);
        publication->states_from = strtoll(PQgetvalue(result, 0, 5), NULL, 10);
        failed = publication_check(publication, atoi(PQgetvalue(result, 0, 1)), n, partitions, err);
    }
    PQclear(result);
    return failed;
}

void text_array_put(struct bytes *array, struct text element)
{
    bytes_put(array, array->n ? ",\"" : "{\"", 2);
    for (size_t i = 0; i < element.n; i++) {
        if (element.at[i] == '"' || element.at[i] == '\\')
            bytes_put(array, "\\", 1);
        bytes_put(array, &element.at[i], 1);
    }
    bytes_put(array, "\"", 1);
}

void text_array_end(struct bytes *array)
{
    bytes_put(array, array->n ? "}" : "{}", array->n ? 2 : 3); /* and the final 0 */
}
