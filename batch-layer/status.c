/*
 * `tandem-batch status`: what the batch layer has done and where it is, from Postgres alone. For people a few tables, for
 * programs one JSON object, put together by Postgres itself.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "batch-layer/audit_report.h"
#include "batch-layer/commands.h"
#include "batch-layer/statement.h"
#include "common/log.h"
#include "common/options.h"
#include "handover/database.h"

#define LOG "status"

struct settings {
    struct deployment_options deployment;
    bool json;
    int64_t max_age_s;
};

struct column {
    const char *name;
    int width;   /* < 0: to the left */
    bool number; /* with thousands */
};

static void value_print(const PGresult *result, int row, int column, const struct column *as)
{
    char text[32];
    const char *value = PQgetisnull(result, row, column) ? "-" : PQgetvalue(result, row, column);
    if (as->number && !PQgetisnull(result, row, column))
        value = thousands(result_number(result, row, column), text);
    printf("%*s  ", as->width, value);
}

/* The rows of a query, under its columns' names. */
static int table_print(PGconn *db, const char *sql, const struct column *columns, int n_columns,
                       struct err *err)
{
    PGresult *result = database_query(db, err, sql, 0, NULL);
    if (!result)
        return -1;
    for (int c = 0; c < n_columns; c++)
        printf("%*s  ", columns[c].width, columns[c].name);
    putchar('\n');
    for (int r = 0; r < PQntuples(result); r++) {
        for (int c = 0; c < n_columns; c++)
            value_print(result, r, c, &columns[c]);
        putchar('\n');
    }
    PQclear(result);
    return 0;
}

#define SECONDS(from, to) "round(extract(epoch FROM " to " - " from ")::numeric, 1)"

static int runs_print(PGconn *db, struct err *err)
{
    static const struct column columns[] = {
        {"run", 6, false},     {"kind", -8, false},  {"state", -10, false}, {"started", -20, false},
        {"seconds", 9, false}, {"events", 14, true}, {"drift", 8, true}};
    return table_print(
        db,
        "SELECT * FROM (SELECT n, kind, state, to_char(started_at, 'YYYY-MM-DD HH24:MI:SS'),"
        " " SECONDS(
            "started_at",
            "coalesce(finished_at, now())") ", events, drift"
                                            " FROM run ORDER BY n DESC LIMIT 20) newest ORDER BY n",
        columns, sizeof columns / sizeof *columns, err);
}

static int checks_print(PGconn *db, struct err *err)
{
    static const struct column columns[] = {{"check", -16, false},   {"result", -10, false},
                                            {"measured", 12, false}, {"limit", 7, false},
                                            {"unit", -17, false},    {"says", -1, false}};
    return table_print(db,
                       "SELECT name, result, round(measured::numeric, 1), \"limit\", unit, says"
                       " FROM run_check WHERE n = (SELECT max(n) FROM run)"
                       " ORDER BY result = 'passed', result = 'not judged', name",
                       columns, sizeof columns / sizeof *columns, err);
}

static int steps_print(PGconn *db, struct err *err)
{
    static const struct column columns[] = {{"step", -10, false},
                                            {"attempt", 7, false},
                                            {"seconds", 9, false},
                                            {"rows", 14, true},
                                            {"detail", -1, false}};
    return table_print(
        db,
        "SELECT step, attempt, " SECONDS(
            "started_at",
            "finished_at") ", rows,"
                           " coalesce('failed: ' || failure, detail,"
                           " CASE WHEN finished_at IS NULL THEN 'not finished' END)"
                           " FROM run_step WHERE n = (SELECT max(n) FROM run) ORDER BY started_at",
        columns, sizeof columns / sizeof *columns, err);
}

static int partitions_print(PGconn *db, struct err *err)
{
    static const struct column columns[] = {{"partition", 9, false},
                                            {"boundary", 16, true},
                                            {"archived", 16, true},
                                            {"since", 14, true}};
    return table_print(db,
                       "SELECT a.partition, p.boundary[a.partition + 1], a.\"offset\","
                       " a.\"offset\" - p.boundary[a.partition + 1]"
                       " FROM archive_offset a, publication p ORDER BY a.partition",
                       columns, sizeof columns / sizeof *columns, err);
}

static int views_print(PGconn *db, struct err *err)
{
    static const struct column columns[] = {
        {"view", -18, false}, {"whole in batch view", 20, true}, {"served", -6, false}};
    return table_print(db,
                       "SELECT view, n, CASE WHEN served AND n = (SELECT n FROM publication)"
                       " THEN 'yes' ELSE 'no' END FROM view_state ORDER BY view",
                       columns, sizeof columns / sizeof *columns, err);
}

static int people_print(PGconn *db, const struct publication *publication, struct err *err)
{
    printf("deployment %s\nbatch view %" PRId64 ", user states from segment %" PRId64 "\n\n",
           publication->deployment, publication->n, publication->states_from);
    if (partitions_print(db, err))
        return -1;
    putchar('\n');
    if (views_print(db, err))
        return -1;
    putchar('\n');
    if (runs_print(db, err))
        return -1;
    putchar('\n');
    if (steps_print(db, err))
        return -1;
    putchar('\n');
    return checks_print(db, err);
}

static int json_print(PGconn *db, struct err *err)
{
    PGresult *result = database_query(
        db, err,
        "SELECT jsonb_pretty(jsonb_build_object("
        "'deployment', (SELECT id FROM deployment),"
        "'batch', p.n, 'boundary', p.boundary, 'states_from', p.states_from,"
        "'published_at', p.published_at,"
        "'archived', (SELECT jsonb_agg(\"offset\" ORDER BY partition) FROM archive_offset),"
        "'views', (SELECT jsonb_object_agg(view, served AND v.n = p.n) FROM view_state v),"
        "'runs', coalesce((SELECT jsonb_agg(to_jsonb(r) ORDER BY r.n) FROM"
        " (SELECT * FROM run ORDER BY n DESC LIMIT 20) r), '[]'),"
        "'steps', coalesce((SELECT jsonb_agg(to_jsonb(s) ORDER BY s.started_at) FROM run_step s"
        " WHERE s.n > (SELECT max(n) FROM run) - 20), '[]'),"
        "'checks', coalesce((SELECT jsonb_agg(to_jsonb(c) ORDER BY c.n, c.name) FROM run_check c"
        " WHERE c.n > (SELECT max(n) FROM run) - 20), '[]')))"
        " FROM publication p",
        0, NULL);
    if (!result)
        return -1;
    puts(PQgetvalue(result, 0, 0));
    PQclear(result);
    return 0;
}

/* For health checks: the batch view must not be older. */
static int age_check(PGconn *db, int64_t max_age_s, struct err *err)
{
    int64_t age_s;
    if (max_age_s == 0)
        return 0;
    if (statement_number(db, err, &age_s,
                         "SELECT floor(extract(epoch FROM clock_timestamp() - published_at))::int8"
                         " FROM publication"))
        return -1;
    return age_s <= max_age_s
               ? 0
               : err_set(err, ERR_FATAL,
                         "the batch view was published %" PRId64 " s ago, --max-age-s is %" PRId64
                         ": `tandem-batch run`; the steps of the newest run say why not",
                         age_s, max_age_s);
}

static int status_print(const struct settings *settings, struct err *err)
{
    struct publication publication;
    PGconn *db = database_open(settings->deployment.postgres, "tandem-batch", err);
    if (!db)
        return -1;
    int failed = publication_read(db, (int)settings->deployment.partitions, &publication, err);
    if (!failed)
        failed = settings->json ? json_print(db, err) : people_print(db, &publication, err);
    if (!failed)
        failed = age_check(db, settings->max_age_s, err);
    PQfinish(db);
    return failed;
}

int status_main(int argc, char **argv)
{
    static const struct options_usage usage = {
        .program = "tandem-batch",
        .synopsis = "status [--json] [options]",
        .about =
            "Shows the newest runs, the steps and checks of the newest, the publication, the views and the archive's\n"
            "offsets.",
        .commands = "",
    };
    struct settings settings = {0};
    struct err err = {0};
    struct option_row rows[OPTIONS_DEPLOYMENT + 2];
    size_t n = options_deployment(rows, &settings.deployment);
    rows[n++] = (struct option_row){.name = "json",
                                    .type = OPTION_FLAG,
                                    .initial = "0",
                                    .unit = "",
                                    .sentence = "one JSON object instead of tables",
                                    .into = &settings.json};
    rows[n++] = (struct option_row){
        .name = "max_age_s",
        .type = OPTION_INT,
        .initial = "0",
        .unit = "s",
        .sentence =
            "exits with 1 when the batch view is older, for health checks; 0: whatever its age",
        .into = &settings.max_age_s,
        .max = INT64_C(366) * 86400};
    options_read(&usage, rows, n, argc, argv);
    if (status_print(&settings, &err) == 0)
        return BATCH_DONE;
    log_error(LOG, "%s", err.message);
    return BATCH_FAILED;
}
