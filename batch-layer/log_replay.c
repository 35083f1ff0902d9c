/*
 * `tandem-batch replay`: recomputes every view from the Kafka log alone, as if there were no archive and no runs (what is
 * called Kappa), and compares each counter with the batch view at its boundary.
 *
 * There is no second code base: the archiver's writer and the run's aggregation work on temporary tables that stand in front of
 * the real ones on this connection (pg_temp is searched first), a chunk of the log at a time, so memory and disk are bounded by
 * a chunk, the users' states and the counters. Nothing that anybody else sees is written; killed, nothing is left.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "batch-layer/archive_write.h"
#include "batch-layer/audit_report.h"
#include "batch-layer/commands.h"
#include "batch-layer/run_steps.h"
#include "batch-layer/statement.h"
#include "batch-layer/view_changes.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/stop.h"
#include "handover/event_log.h"
#include "handover/view_state.h"
#include "views/row.h"

#define LOG "replay"

enum { POLL_MS = 500, EDGES_MS = 10000, VECTOR_BYTES = PARTITIONS_MAX * 21 + 3 };

struct log_replay {
    struct run_settings settings;
    struct run run; /* run.db has the temporary tables; run.boundary is how far the log was taken */
    PGconn *other;  /* looks at the publication */
    struct publication publication;
    uint64_t views;
    struct archive_log *log;
    struct archive_batch *batch;
    struct archive_writer *writer;
    struct archive_figures *figures;
    bool reached[PARTITIONS_MAX];
    int64_t since_chunk, done, total, start_us;
    struct audit_report *report;
};

/* ---- what is there ---- */

static int publication_look(struct log_replay *r, struct publication *publication, struct err *err)
{
    struct view_state views;
    if (publication_read(r->other, r->run.partitions, publication, err) ||
        view_state_read(r->other, publication->n, &views, err))
        return -1;
    r->views &= views.complete;
    return 0;
}

/* The log alone is enough only where it has its beginning. */
static int beginning_check(struct log_replay *r, struct err *err)
{
    const struct deployment_options *at = &r->settings.deployment;
    int64_t begin[PARTITIONS_MAX];
    rd_kafka_conf_t *conf = event_log_conf(at->kafka, "tandem-replay");
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, err->message, sizeof err->message);
    if (!client) {
        rd_kafka_conf_destroy(conf);
        return err_prefix(err, "kafka: ");
    }
    int failed = event_log_check(client, at->topic, r->run.partitions, EDGES_MS, err) ||
                         event_log_edges(client, at->topic, 0, r->run.partitions, LOG_BEGIN, begin,
                                         EDGES_MS, err)
                     ? -1
                     : 0;
    for (int p = 0; !failed && p < r->run.partitions; p++)
        if (begin[p] > 0)
            failed =
                err_set(err, ERR_FATAL,
                        "the log's retention has deleted its beginning: %s[%d] begins at offset "
                        "%" PRId64 ", so the log alone cannot say what the views are; "
                        "`tandem-batch audit` recomputes them from the master dataset",
                        at->topic, p, begin[p]);
    rd_kafka_destroy(client);
    return failed;
}

/* Empty tables of the same shape, found before the real ones by this connection alone. */
static int tables_make(struct log_replay *r, struct err *err)
{
    static const char *const shadowed[] = {
        "events",         "bad_events", "barrier",      "checkpoint",    "run",
        "archive_offset", "staged_row", "staged_state", "staged_forget", "events_packed"};
    for (size_t i = 0; i < sizeof shadowed / sizeof *shadowed; i++)
        if (statement_run(r->run.db, err, "CREATE TEMPORARY TABLE %s (LIKE %s INCLUDING ALL)",
                          shadowed[i], shadowed[i]) < 0)
            return -1;
    return statement_run(r->run.db, err,
                         "INSERT INTO archive_offset SELECT p, 0 FROM generate_series(0, %d) p",
                         r->run.partitions - 1) < 0 ||
                   statement_run(r->run.db, err,
                                 "INSERT INTO checkpoint SELECT %" PRId64
                                 ", p, 0 FROM generate_series(0, %d) p",
                                 r->run.n, r->run.partitions - 1) < 0
               ? -1
               : 0;
}

/* ---- the log ---- */

static int batch_write(struct log_replay *r, struct err *err)
{
    int64_t before = r->since_chunk;
    r->since_chunk += r->batch->n;
    r->done += r->since_chunk - before;
    return r->batch->n && archive_write(r->writer, r->run.db, r->batch, r->figures, err) ? -1 : 0;
}

/* What was taken is folded and let go. */
static int chunk_fold(struct log_replay *r, struct err *err)
{
    if (batch_write(r, err))
        return -1;
    memcpy(r->run.boundary, r->batch->next, sizeof r->run.boundary);
    if (run_aggregate_stage(&r->run, err) ||
        statement_run(r->run.db, err, "TRUNCATE events, bad_events") < 0)
        return -1;
    r->since_chunk = 0;
    run_progress_show(&r->run.progress, r->done, r->total, "records");
    return 0;
}

static int record_take(struct log_replay *r, struct log_record *record, struct err *err)
{
    int p = record->partition;
    if (record->offset >= r->publication.boundary[p]) {
        r->reached[p] = true;
        log_record_release(record);
        return 0;
    }
    archive_batch_take(r->batch, record);
    if (!archive_batch_full(r->batch))
        return 0;
    if (batch_write(r, err))
        return -1;
    return r->since_chunk >= r->settings.chunk_events ? chunk_fold(r, err) : 0;
}

static bool all_reached(const struct log_replay *r)
{
    for (int p = 0; p < r->run.partitions; p++)
        if (!r->reached[p])
            return false;
    return true;
}

/* On to the boundary. Its own record, the barrier, is in the log: when it is met the partition is complete. */
static int log_take(struct log_replay *r, struct err *err)
{
    int64_t heard_us = clock_monotonic_us();
    r->total = 0;
    for (int p = 0; p < r->run.partitions; p++) {
        r->reached[p] = r->publication.boundary[p] <= r->batch->next[p];
        r->total += r->publication.boundary[p];
    }
    if (archive_log_start(r->log, r->batch->next, err))
        return -1;
    while (!all_reached(r)) {
        struct log_record record;
        int more = archive_log_poll(r->log, POLL_MS, &record, err);
        if (more < 0 || (more > 0 && record_take(r, &record, err)))
            return -1;
        if (stop_asked())
            return err_set(err, ERR_RETRY, "stopped: nothing is left behind");
        if (more > 0)
            heard_us = clock_monotonic_us();
        else if (clock_monotonic_us() - heard_us > r->settings.wait_s * 1000000)
            return err_set(err, ERR_RETRY, "kafka has given no record for %" PRId64 " s",
                           r->settings.wait_s);
    }
    return archive_log_stop(r->log, err) || chunk_fold(r, err) ? -1 : 0;
}

/* ---- against the batch view ---- */

static void group_compare(struct log_replay *r, const struct view_change *change,
                          struct bytes *found, const char *as_of)
{
    bytes_clear(found);
    row_merge(change->whole, change->change, -1, found);
    if (change->damaged)
        log_error(LOG, "the batch view's bytes are no row: view=%.*s group=%.*s",
                  (int)change->view.n, change->view.at, (int)change->group.n, change->group.at);
    audit_report_compare(r->report, (unsigned)catalogue_find(change->view), change->group,
                         change->whole, bytes_text(found), as_of);
}

static int changes_compare(struct log_replay *r, struct view_changes *changes, struct err *err)
{
    char as_of[VECTOR_BYTES];
    struct bytes found = {0};
    struct view_change change;
    int more;
    vector_print(as_of, sizeof as_of, r->publication.boundary, r->run.partitions);
    while ((more = view_changes_next(changes, &change, err)) > 0)
        group_compare(r, &change, &found, as_of);
    bytes_free(&found);
    return more;
}

/* 0; 1: a run has published meanwhile: on to its boundary first; -1. The statement's snapshot lies between the two looks. */
static int compare(struct log_replay *r, struct err *err)
{
    struct view_changes changes = {0};
    struct publication before, after;
    if (publication_look(r, &before, err))
        return -1;
    int result = before.n != r->publication.n;
    if (!result) {
        result =
            view_changes_begin(&changes, r->run.db, r->run.n, CHANGES_OF_REBUILD, r->views, err)
                ? -1
                : 0;
        if (!result && publication_look(r, &after, err))
            result = -1;
        if (!result && after.n != before.n)
            result = 1;
        if (!result)
            result = changes_compare(r, &changes, err);
        view_changes_end(&changes);
    }
    if (result > 0)
        return publication_look(r, &r->publication, err) ? -1 : 1;
    return result;
}

/* ---- the whole ---- */

static int work_all(struct log_replay *r, struct err *err)
{
    const struct deployment_options *at = &r->settings.deployment;
    int again;
    if (publication_look(r, &r->publication, err) ||
        event_log_check_deployment(at->kafka, at->topic, r->run.partitions,
                                   r->publication.deployment, err))
        return -1;
    if (r->publication.n == 0)
        return err_set(err, ERR_FATAL, "no batch view is published yet: `tandem-batch run` first");
    r->run.n = r->publication.n;
    r->run.complete = r->run.rebuilt = r->views;
    if (beginning_check(r, err) || tables_make(r, err))
        return -1;
    run_progress_begin(&r->run.progress, "replay");
    do
        again = log_take(r, err) ? -1 : compare(r, err);
    while (again > 0);
    run_progress_clear(&r->run.progress);
    return again;
}

static void report_print(const struct log_replay *r)
{
    char boundary[VECTOR_BYTES], names[VIEW_NAMES_BYTES];
    vector_print(boundary, sizeof boundary, r->publication.boundary, r->run.partitions);
    log_info(LOG, "compared n=%" PRId64 " boundary=%s records=%" PRId64 " ms=%" PRId64,
             r->publication.n, boundary, r->done, (clock_monotonic_us() - r->start_us) / 1000);
    if (r->views != catalogue_all())
        log_warn(LOG, "not compared, because their rows are not whole: %s",
                 view_names(catalogue_all() & ~r->views, " ", names));
    audit_report_print(r->report);
}

static bool opened(struct log_replay *r, struct err *err)
{
    const struct deployment_options *at = &r->settings.deployment;
    r->run.db = database_open(at->postgres, "tandem-batch replay", err);
    r->other = r->run.db ? database_open(at->postgres, "tandem-batch replay", err) : NULL;
    r->log = r->other ? archive_log_open(at->kafka, at->topic, r->run.partitions, err) : NULL;
    return r->log;
}

static int work(struct log_replay *r)
{
    struct err err = {0};
    r->run.settings = &r->settings;
    r->run.rebuild = true;
    r->run.partitions = r->batch->partitions = (int)r->settings.deployment.partitions;
    r->views = catalogue_all();
    r->start_us = clock_monotonic_us();
    int exit_code = BATCH_FAILED;
    if (!opened(r, &err) || work_all(r, &err))
        log_error(LOG, "%s", err.message);
    else {
        report_print(r);
        exit_code = audit_report_totals(r->report).differing ? BATCH_DRIFTED : BATCH_DONE;
    }
    archive_batch_drop(r->batch);
    archive_log_close(r->log);
    PQfinish(r->other);
    PQfinish(r->run.db);
    return exit_code;
}

int replay_main(int argc, char **argv)
{
    static const struct options_usage usage = {
        .program = "tandem-batch",
        .synopsis = "replay [options]",
        .about =
            "Recomputes every view from the Kafka log alone, into temporary tables, and compares\n"
            "every counter with the batch view at its boundary. Exit 4: some differ, the first are\n"
            "named. The log must still have its beginning (retention). Writes nothing that stays.",
        .commands = "",
    };
    struct log_replay *r = xcalloc(1, sizeof *r);
    struct option_row rows[OPTIONS_DEPLOYMENT + 3];
    size_t n = options_deployment(rows, &r->settings.deployment);
    rows[n++] = (struct option_row){.name = "chunk_events",
                                    .type = OPTION_INT,
                                    .initial = "300000",
                                    .unit = "events",
                                    .sentence = "records taken from the log before they are folded",
                                    .into = &r->settings.chunk_events,
                                    .min = 1,
                                    .max = 100000000};
    rows[n++] = (struct option_row){.name = "memory_bytes",
                                    .type = OPTION_INT,
                                    .initial = "1073741824",
                                    .unit = "bytes",
                                    .sentence = "users' states kept while a chunk is folded",
                                    .into = &r->settings.memory_bytes,
                                    .min = 1 << 20,
                                    .max = INT64_C(1) << 40};
    rows[n++] = (struct option_row){.name = "wait_s",
                                    .type = OPTION_INT,
                                    .initial = "60",
                                    .unit = "s",
                                    .sentence = "how long Kafka may give no record",
                                    .into = &r->settings.wait_s,
                                    .min = 1,
                                    .max = 86400};
    options_read(&usage, rows, n, argc, argv);
    stop_install();
    r->batch = xcalloc(1, sizeof *r->batch);
    r->writer = archive_writer_new();
    r->figures = xcalloc(1, sizeof *r->figures);
    r->report = audit_report_new();
    int exit_code = work(r);
    archive_writer_free(r->writer);
    audit_report_free(r->report);
    free(r->figures);
    free(r->batch);
    free(r);
    return exit_code;
}
