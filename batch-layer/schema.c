#include "batch-layer/schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "batch-layer/statement.h"
#include "common/failpoint.h"
#include "handover/view_state.h"

static const char tables[] = {
#include "batch-layer/schema/001-master-dataset-and-views.sql.inc"
    0};
static const char items[] = {
#include "batch-layer/schema/002-catalogue.sql.inc"
    0};

static const char keys[] = {
#include "batch-layer/schema/003-api-keys.sql.inc"
    0};

static const char checks[] = {
#include "batch-layer/schema/004-run-checks.sql.inc"
    0};

static const char view_states[] = {
#include "batch-layer/schema/005-view-state.sql.inc"
    0};

static const char packed_events[] = {
#include "batch-layer/schema/006-packed-events.sql.inc"
    0};

static const char user_tags[] = {
#include "batch-layer/schema/007-user-tags.sql.inc"
    0};

/* Applied in order, each once; the last one's version is SCHEMA_VERSION. */
static const struct {
    int version; /* that the tables have then */
    const char *script;
} steps[] = {{SCHEMA_OLDEST, tables}, {4, items},         {5, keys},     {6, checks},
             {7, view_states},        {8, packed_events}, {9, user_tags}};

/* The table may be another application's: then this fails and says so. */
static int deployment_find(PGconn *db, struct schema_found *found, struct err *err)
{
    PGresult *result =
        database_query(db, err,
                       "SELECT d.id, d.schema_version, d.topic, d.partitions, p.n,"
                       " (SELECT coalesce(sum(\"offset\"), 0)::int8 FROM archive_offset)"
                       " FROM deployment d, publication p",
                       0, NULL);
    if (!result)
        return err_prefix(err, "a table `deployment` is there that is not Tandem's, or may not be "
                               "read; use a database of its own: ");
    int failed = 0;
    if (PQntuples(result) != 1) {
        failed = err_set(err, ERR_FATAL,
                         "postgres: the tables are there, but not what setup writes into them: use "
                         "a new database");
    } else {
        snprintf(found->deployment, sizeof found->deployment, "%s", PQgetvalue(result, 0, 0));
        found->version = (int)result_number(result, 0, 1);
        snprintf(found->topic, sizeof found->topic, "%s", PQgetvalue(result, 0, 2));
        found->partitions = (int)result_number(result, 0, 3);
        found->n = result_number(result, 0, 4);
        found->archived = result_number(result, 0, 5);
    }
    PQclear(result);
    return failed;
}

int schema_find(PGconn *db, struct schema_found *found, struct err *err)
{
    int64_t there;
    *found = (struct schema_found){0};
    if (statement_number(db, err, &there, "SELECT (to_regclass('deployment') IS NOT NULL)::int"))
        return -1;
    found->there = there;
    return there ? deployment_find(db, found, err) : 0;
}

static int encoding_check(PGconn *db, struct err *err)
{
    const char *encoding = PQparameterStatus(db, "server_encoding");
    if (!encoding || strcmp(encoding, "UTF8") != 0)
        return err_set(err, ERR_FATAL,
                       "postgres: the database's encoding is %s; Tandem needs one made with "
                       "ENCODING 'UTF8'",
                       encoding ? encoding : "unknown");
    return 0;
}

/* Several statements at once, without parameters. */
static int script_run(PGconn *db, const char *script, struct err *err)
{
    PGresult *result = PQexec(db, script);
    int failed = 0;
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        failed = database_failed(db, result, "making the tables", err);
    PQclear(result);
    return failed;
}

static int steps_run(PGconn *db, int above, struct err *err)
{
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        if (steps[i].version > above && script_run(db, steps[i].script, err))
            return -1;
    return 0;
}

static int rows_first(PGconn *db, const char *deployment, const char *topic, int partitions,
                      struct err *err)
{
    char version[16], n_partitions[16], boundary[PARTITIONS_MAX * 21 + 3];
    static const int64_t zeros[PARTITIONS_MAX];
    snprintf(version, sizeof version, "%d", SCHEMA_VERSION);
    snprintf(n_partitions, sizeof n_partitions, "%d", partitions);
    vector_print(boundary, sizeof boundary, zeros, partitions);
    const char *const row[] = {deployment, version, topic, n_partitions};
    const char *const zero[] = {boundary};
    return database_run(db, err,
                        "INSERT INTO deployment (id, schema_version, topic, partitions)"
                        " VALUES ($1, $2, $3, $4)",
                        4, row) ||
                   database_run(db, err,
                                "INSERT INTO publication (n, boundary, states_from)"
                                " VALUES (0, $1, 0)",
                                1, zero)
               ? -1
               : 0;
}

/* A new deployment has nothing in it: each view that this program knows is whole. */
static int views_first(PGconn *db, struct err *err)
{
    char names[VIEW_NAMES_BYTES];
    return database_run(db, err,
                        "INSERT INTO view_state (view, n, served)"
                        " SELECT v, 0, true FROM unnest(string_to_array($1, ',')) v",
                        1, (const char *[]){view_names(catalogue_all(), ",", names)});
}

static int partition_create(PGconn *db, int p, struct err *err)
{
    return statement_run(db, err, "CREATE TABLE events_%d PARTITION OF events FOR VALUES IN (%d)",
                         p, p) < 0 ||
                   statement_run(
                       db, err, "INSERT INTO archive_offset (partition, \"offset\") VALUES (%d, 0)",
                       p) < 0
               ? -1
               : 0;
}

int schema_create(PGconn *db, const char *deployment, const char *topic, int partitions,
                  struct err *err)
{
    if (encoding_check(db, err) || statement_run(db, err, "BEGIN") < 0 || steps_run(db, 0, err))
        return -1;
    for (int p = 0; p < partitions; p++)
        if (partition_create(db, p, err))
            return -1;
    if (rows_first(db, deployment, topic, partitions, err) || views_first(db, err))
        return -1;
    failpoint("setup:tables:before-commit");
    return statement_run(db, err, "COMMIT") < 0 ? -1 : 0;
}

int schema_upgrade(PGconn *db, int from, struct err *err)
{
    if (statement_run(db, err, "BEGIN") < 0 || steps_run(db, from, err) ||
        statement_run(db, err, "UPDATE deployment SET schema_version = %d", SCHEMA_VERSION) < 0)
        return -1;
    failpoint("setup:tables:before-upgrade");
    return statement_run(db, err, "COMMIT") < 0 ? -1 : 0;
}
