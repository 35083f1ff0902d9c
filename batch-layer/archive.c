#include "batch-layer/archive.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "batch-layer/archive_write.h"
#include "batch-layer/commands.h"
#include "batch-layer/statement.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/metrics_http.h"
#include "common/options.h"
#include "common/stop.h"
#include "handover/event_log.h"

#define LOG          "archive"
#define ARCHIVE_LOCK INT64_C(0x74616e64656d0004)

enum {
    FIRST_MS = 100, /* wait for a batch's first record: also how soon a stop is seen */
    IDLE_MS = 5,    /* no more came for so long: do not wait longer */
    LINGER_MS = 50, /* longest wait for a batch to fill */
    RETRY_MS = 500, /* after a failure */
    LOCK_MS = 250,  /* between two looks whether the other archiver has gone */
    REPORT_S = 10,
    LAG_MS = 1000, /* between two looks how far the log has come */
};

struct archive {
    const struct deployment_options *deployment;
    struct archive_log *log;
    struct archive_writer *writer;
    struct archive_batch *batch;
    PGconn *db;                         /* holds the lock */
    char checked[DEPLOYMENT_BYTES + 1]; /* the deployment whose topic has been checked */
    struct archive_figures figures;
    struct archive_counts reported;
    int64_t reported_us, lag_us;
};

/* ---- a connection that may write ---- */

static int deployment_check(struct archive *archive, struct err *err)
{
    const struct deployment_options *deployment = archive->deployment;
    struct publication publication;
    if (publication_read(archive->db, (int)deployment->partitions, &publication, err))
        return -1;
    if (strcmp(publication.deployment, archive->checked) == 0)
        return 0;
    if (event_log_check_deployment(deployment->kafka, deployment->topic,
                                   (int)deployment->partitions, publication.deployment, err))
        return -1;
    memcpy(archive->checked, publication.deployment, sizeof archive->checked);
    return 0;
}

/*
 * Waits until no other session holds the lock. That of a connection which we have lost ends only when Postgres has ended its
 * transaction, so who has the lock finds a settled archive_offset, also after a COMMIT whose answer never came.
 */
static int lock_wait(PGconn *db, struct err *err)
{
    for (bool said = false;; said = true) {
        int64_t taken;
        if (statement_number(db, err, &taken, "SELECT pg_try_advisory_lock(%" PRId64 ")::int",
                             ARCHIVE_LOCK))
            return -1;
        if (taken)
            return 0;
        if (!said)
            log_info(LOG, "standing by: another archiver works");
        if (!stop_sleep_ms(LOCK_MS))
            return err_set(err, ERR_RETRY, "stopped while standing by");
    }
}

static int offsets_read(struct archive *archive, struct err *err)
{
    struct archive_batch *batch = archive->batch;
    PGresult *result = statement_query(archive->db, err,
                                       "SELECT \"offset\" FROM archive_offset ORDER BY partition");
    if (!result)
        return -1;
    int n = PQntuples(result), failed = 0;
    if (n != batch->partitions)
        failed = err_set(err, ERR_FATAL, "postgres: archive_offset has %d rows for %d partitions",
                         n, batch->partitions);
    for (int p = 0; p < n && !failed; p++)
        batch->next[p] = result_number(result, p, 0);
    PQclear(result);
    return failed;
}

static int session_begin(struct archive *archive, struct err *err)
{
    archive->db = database_open(archive->deployment->postgres, "tandem-batch archive", err);
    if (!archive->db || deployment_check(archive, err) || lock_wait(archive->db, err) ||
        offsets_read(archive, err))
        return -1;
    archive_batch_drop(archive->batch);
    if (archive_log_start(archive->log, archive->batch->next, err))
        return -1;
    char next[PARTITIONS_MAX * 21 + 3];
    vector_print(next, sizeof next, archive->batch->next, archive->batch->partitions);
    for (int p = 0; p < archive->batch->partitions; p++)
        metrics_set(&archive->figures.next[p], (uint64_t)archive->batch->next[p]);
    metrics_set(&archive->figures.working, 1);
    archive->lag_us = 0;
    log_info(LOG, "ready next=%s", next);
    return 0;
}

/* The lock goes with the connection, so nothing is fetched without it either. */
static void session_end(struct archive *archive)
{
    struct err err = {0};
    archive_figures_forget(&archive->figures);
    if (archive_log_stop(archive->log, &err))
        log_warn(LOG, "%s", err.message);
    archive_batch_drop(archive->batch);
    PQfinish(archive->db);
    archive->db = NULL;
}

/* ---- batches ---- */

/* Ends when the batch is full, when it is old, when nothing more comes, or when a stop is asked. */
static int collect(struct archive *archive, struct err *err)
{
    struct archive_batch *batch = archive->batch;
    int64_t until_us = INT64_MAX;
    while (!archive_batch_full(batch) && !stop_asked()) {
        struct log_record record;
        int got = archive_log_poll(archive->log, batch->n ? IDLE_MS : FIRST_MS, &record, err);
        if (got <= 0)
            return got;
        if (batch->n == 0)
            until_us = clock_monotonic_us() + LINGER_MS * 1000;
        archive_batch_take(batch, &record);
        if (clock_monotonic_us() >= until_us)
            break;
    }
    return 0;
}

static void lag_look(struct archive *archive)
{
    int64_t now_us = clock_monotonic_us();
    if (archive->lag_us && now_us - archive->lag_us < LAG_MS * 1000)
        return;
    archive->lag_us = now_us;
    for (int p = 0; p < archive->batch->partitions; p++) {
        int64_t lag = archive_log_lag(archive->log, p, archive->batch->next[p]);
        metrics_set(&archive->figures.lag[p], lag < 0 ? ARCHIVE_NONE : (uint64_t)lag);
    }
}

static void report(struct archive *archive)
{
    int64_t now_us = clock_monotonic_us(), passed_us = now_us - archive->reported_us;
    if (passed_us < REPORT_S * INT64_C(1000000))
        return;
    const struct archive_counts now = archive_figures_sum(&archive->figures),
                                before = archive->reported;
    uint64_t events = now.events - before.events, bad = now.bad - before.bad,
             barriers = now.barriers - before.barriers;
    if (events || bad || barriers)
        log_info(LOG,
                 "archived events=%" PRIu64 " bad=%" PRIu64 " barriers=%" PRIu64
                 " events_per_s=%" PRIu64 " lag=%" PRIu64,
                 events, bad, barriers, events * 1000000 / (uint64_t)passed_us, now.lag);
    archive->reported = now;
    archive->reported_us = now_us;
}

static int batches(struct archive *archive, struct err *err)
{
    struct archive_batch *batch = archive->batch;
    while (!stop_asked()) {
        if (collect(archive, err))
            return -1;
        if (batch->n == 0 && !PQconsumeInput(archive->db))
            return database_failed(archive->db, NULL, "idle", err); /* and so is the lock lost */
        int last = batch->n ? batch->record[batch->n - 1].partition : -1;
        bool full = archive_batch_full(batch);
        if (batch->n && archive_write(archive->writer, archive->db, batch, &archive->figures, err))
            return -1;
        if (full)
            archive_log_hurry(archive->log, last);
        lag_look(archive);
        report(archive);
    }
    return 0;
}

/* ---- for ever ---- */

/* Until a stop is asked, or a person is needed. Whatever failed, the next session begins from what Postgres says. */
static int sessions(struct archive *archive)
{
    char said[sizeof((struct err *)0)->message] = "";
    for (;;) {
        struct err err = {0};
        bool begun = session_begin(archive, &err) == 0;
        if (begun)
            said[0] = 0;
        int failed = !begun || batches(archive, &err);
        session_end(archive);
        if (failed && err.kind != ERR_RETRY) {
            log_error(LOG, "%s", err.message);
            return BATCH_FAILED;
        }
        if (stop_asked())
            return BATCH_DONE; /* what could not be written any more is read again by the next */
        metrics_add(&archive->figures.failures, 1);
        if (strcmp(said, err.message) != 0)
            log_warn(LOG, "%s: trying again", err.message);
        memcpy(said, err.message, sizeof said);
        stop_sleep_ms(RETRY_MS);
    }
}

static void print(struct metrics *into, void *context)
{
    const struct archive *archive = context;
    archive_figures_print(&archive->figures, (int)archive->deployment->partitions, into);
    metrics_process(into);
}

/* With the log open; the figures are listened for as long. */
static int listen_and_work(struct archive *archive, const char *metrics)
{
    struct err err = {0};
    struct metrics_http *http;
    if (metrics_http_open(metrics, print, archive, &http, &err)) {
        log_error(LOG, "%s", err.message);
        return err.kind == ERR_DATA ? BATCH_WRONG_USE : BATCH_FAILED;
    }
    archive->writer = archive_writer_new();
    archive->batch = xcalloc(1, sizeof *archive->batch);
    archive->batch->partitions = (int)archive->deployment->partitions;
    int exit_code = sessions(archive);
    metrics_http_close(http);
    struct archive_counts counts = archive_figures_sum(&archive->figures);
    log_info(LOG, "ended events=%" PRIu64 " bad=%" PRIu64 " barriers=%" PRIu64, counts.events,
             counts.bad, counts.barriers);
    free(archive->batch);
    archive_writer_free(archive->writer);
    return exit_code;
}

static int work(const struct deployment_options *deployment, const char *metrics)
{
    struct err err = {0};
    struct archive *archive = xcalloc(1, sizeof *archive);
    archive->deployment = deployment;
    archive->reported_us = clock_monotonic_us();
    archive_figures_forget(&archive->figures);
    archive->log =
        archive_log_open(deployment->kafka, deployment->topic, (int)deployment->partitions, &err);
    if (!archive->log)
        log_error(LOG, "%s", err.message);
    int exit_code = archive->log ? listen_and_work(archive, metrics) : BATCH_FAILED;
    archive_log_close(archive->log);
    free(archive);
    return exit_code;
}

int archive_main(int argc, char **argv)
{
    static const struct options_usage usage = {
        .program = "tandem-batch",
        .synopsis = "archive [options]",
        .about =
            "Copies events from Kafka into the master dataset in Postgres, exactly once, until it\n"
            "is asked to stop. A second one stands by and takes over when the first has gone.",
        .commands = "",
    };
    struct deployment_options deployment = {0};
    const char *metrics;
    const struct option_row own = {
        .name = "metrics",
        .type = OPTION_TEXT,
        .initial = "",
        .unit = "host:port",
        .sentence = "where GET /metrics answers, for who monitors it; none: nowhere",
        .into = &metrics,
    };
    struct option_row rows[OPTIONS_DEPLOYMENT + 1];
    size_t n = options_deployment(rows, &deployment);
    rows[n++] = own;
    options_read(&usage, rows, n, argc, argv);
    if (deployment.partitions > PARTITIONS_MAX) {
        log_error(LOG, "TANDEM_PARTITIONS is %" PRId64 ", at most %d are possible",
                  deployment.partitions, PARTITIONS_MAX);
        return BATCH_WRONG_USE;
    }
    stop_install();
    return work(&deployment, metrics);
}
