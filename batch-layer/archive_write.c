#include "batch-layer/archive_write.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "batch-layer/archive.h"
#include "batch-layer/master_dataset.h"
#include "batch-layer/statement.h"
#include "common/clock.h"
#include "common/failpoint.h"
#include "common/log.h"
#include "common/mem.h"
#include "handover/barrier.h"
#include "handover/event_log.h"

enum { VECTOR_BYTES = BATCH_RECORDS * 21 + 3 };

const char *const archive_failpoints[] = {
    "archive:begin", "archive:moved", "archive:copied", "archive:after-commit", NULL,
};

/* ---- the batch ---- */

void archive_batch_take(struct archive_batch *batch, struct log_record *record)
{
    if (record->offset < batch->upto[record->partition]) {
        log_record_release(record);
        return;
    }
    batch->upto[record->partition] = record->offset + 1;
    batch->bytes += record->key.n + record->value.n;
    batch->record[batch->n++] = *record;
}

bool archive_batch_full(const struct archive_batch *batch)
{
    return batch->n == BATCH_RECORDS || batch->bytes >= BATCH_BYTES;
}

void archive_batch_drop(struct archive_batch *batch)
{
    for (int i = 0; i < batch->n; i++)
        log_record_release(&batch->record[i]);
    batch->n = 0;
    batch->bytes = 0;
    memcpy(batch->upto, batch->next, sizeof batch->upto);
}

/* ---- the writer ---- */

struct bad_record {
    int i; /* of the batch */
    struct event_error why;
};

struct archive_writer {
    struct event_decoder *decoder;
    struct bad_record bad[BATCH_RECORDS];
    int barrier[BATCH_RECORDS]; /* records of the batch */
    int n_bad, n_barriers;
    int64_t events[PARTITIONS_MAX]; /* of the batch */
    int64_t number[BATCH_RECORDS];  /* a column of what is written besides */
    char column[3][VECTOR_BYTES];
};

struct archive_writer *archive_writer_new(void)
{
    struct archive_writer *writer = xcalloc(1, sizeof *writer);
    writer->decoder = event_decoder_new();
    return writer;
}

void archive_writer_free(struct archive_writer *writer)
{
    if (!writer)
        return;
    event_decoder_free(writer->decoder);
    free(writer);
}

static void column_print(struct archive_writer *writer, int column, int n)
{
    vector_print(writer->column[column], VECTOR_BYTES, writer->number, n);
}

/* Three columns as parameters of a statement. Returns the rows affected, -1: err. */
static int64_t columns_run(struct archive_writer *writer, PGconn *db, const char *sql,
                           struct err *err)
{
    const char *const params[] = {writer->column[0], writer->column[1], writer->column[2]};
    PGresult *result = database_query(db, err, sql, 3, params);
    if (!result)
        return -1;
    int64_t rows = strtoll(PQcmdTuples(result), NULL, 10);
    PQclear(result);
    return rows;
}

/*
 * First of all the compare-and-set: it locks the rows, so of two archivers (a connection pool may break the advisory lock)
 * one waits here, then finds other offsets than its own, and has written nothing.
 */
static int offsets_move(struct archive_writer *writer, PGconn *db,
                        const struct archive_batch *batch, struct err *err)
{
    int p_of[PARTITIONS_MAX], n = 0;
    for (int p = 0; p < batch->partitions; p++)
        if (batch->upto[p] > batch->next[p])
            p_of[n++] = p;
    for (int i = 0; i < n; i++)
        writer->number[i] = p_of[i];
    column_print(writer, 0, n);
    for (int i = 0; i < n; i++)
        writer->number[i] = batch->next[p_of[i]];
    column_print(writer, 1, n);
    for (int i = 0; i < n; i++)
        writer->number[i] = batch->upto[p_of[i]];
    column_print(writer, 2, n);
    int64_t moved =
        columns_run(writer, db,
                    "UPDATE archive_offset a SET \"offset\" = v.upto"
                    " FROM unnest($1::int2[], $2::int8[], $3::int8[]) v (partition, next, upto)"
                    " WHERE a.partition = v.partition AND a.\"offset\" = v.next",
                    err);
    if (moved >= 0 && moved != n)
        return err_set(err, ERR_RETRY,
                       "archive_offset was moved by someone else: another archiver");
    return moved < 0 ? -1 : 0;
}

/* What a record is: an event, else it is put aside. */
static bool is_event(struct archive_writer *writer, const struct archive_batch *batch, int i,
                     struct event *event)
{
    const struct log_record *record = &batch->record[i];
    struct event_error why;
    if (record->barrier > 0) {
        writer->barrier[writer->n_barriers++] = i;
        return false;
    }
    if (record->barrier < 0)
        why = (struct event_error){"", EVENT_LOG_BAD_BARRIER};
    else if (!record->value.at)
        why = (struct event_error){"", "is null"};
    else if (event_decode(writer->decoder, record->value, EVENT_NEEDS_ALL, event, &why) == 0)
        return true;
    writer->bad[writer->n_bad++] = (struct bad_record){i, why};
    return false;
}

/* Decodes while Postgres takes what was decoded before. */
static int events_copy(struct archive_writer *writer, PGconn *db, const struct archive_batch *batch,
                       struct err *err)
{
    struct copy_in in = {0};
    bool begun = false;
    writer->n_bad = writer->n_barriers = 0;
    memset(writer->events, 0, sizeof writer->events);
    for (int i = 0; i < batch->n; i++) {
        const struct log_record *record = &batch->record[i];
        struct event event;
        if (!is_event(writer, batch, i, &event))
            continue;
        if (!begun && master_copy_begin(&in, db, err))
            return -1;
        begun = true;
        writer->events[record->partition]++;
        if (master_copy_event(&in, record->partition, record->offset, &event, err)) {
            copy_in_abandon(&in);
            return -1;
        }
    }
    return begun ? copy_in_end(&in, err) : 0;
}

static void put_bytes(struct copy_in *in, struct text bytes)
{
    if (bytes.at)
        copy_in_text(in, bytes);
    else
        copy_in_null(in);
}

static int bad_copy(const struct archive_writer *writer, PGconn *db,
                    const struct archive_batch *batch, struct err *err)
{
    struct copy_in in = {0};
    if (writer->n_bad == 0)
        return 0;
    if (copy_in_begin(&in, db,
                      "COPY bad_events (partition, \"offset\", field, reason, key, value)"
                      " FROM STDIN (FORMAT binary)",
                      err))
        return -1;
    for (int i = 0; i < writer->n_bad; i++) {
        const struct bad_record *bad = &writer->bad[i];
        const struct log_record *record = &batch->record[bad->i];
        if (copy_in_row(&in, 6, err)) {
            copy_in_abandon(&in);
            return -1;
        }
        copy_in_int2(&in, record->partition);
        copy_in_int8(&in, record->offset);
        copy_in_text(&in, text_of(bad->why.field));
        copy_in_text(&in, text_of(bad->why.reason));
        put_bytes(&in, record->key);
        put_bytes(&in, record->value);
    }
    return copy_in_end(&in, err);
}

/* The newest barrier of each partition; 0: none. */
static int newest_barriers(PGconn *db, int64_t *newest, int partitions, struct err *err)
{
    PGresult *result = database_query(
        db, err, "SELECT partition, max(n) FROM barrier GROUP BY partition", 0, NULL);
    if (!result)
        return -1;
    for (int p = 0; p < partitions; p++)
        newest[p] = 0;
    for (int i = 0; i < PQntuples(result); i++)
        newest[result_number(result, i, 0)] = result_number(result, i, 1);
    PQclear(result);
    return 0;
}

/* Keeps those barriers of the batch, in log order, whose turn it is (handover/barrier.h). */
static void barriers_in_turn(struct archive_writer *writer, const struct archive_batch *batch,
                             int64_t *newest)
{
    int n = 0;
    bool warned = false; /* once a batch: there may be many */
    for (int i = 0; i < writer->n_barriers; i++) {
        const struct log_record *record = &batch->record[writer->barrier[i]];
        int64_t *before = &newest[record->partition];
        if (segment_after(*before, record->barrier) != *before) {
            *before = record->barrier;
            writer->barrier[n++] = writer->barrier[i];
        } else if (record->barrier > *before && !warned) {
            warned = true;
            log_warn("archive",
                     "a barrier ahead of its turn changes nothing n=%" PRId64 " newest=%" PRId64
                     " partition=%d offset=%" PRId64 ": who else writes barriers to this topic?",
                     record->barrier, *before, record->partition, record->offset);
        }
    }
    writer->n_barriers = n;
}

static int barriers_insert(struct archive_writer *writer, PGconn *db,
                           const struct archive_batch *batch, struct err *err)
{
    int64_t newest[PARTITIONS_MAX];
    if (writer->n_barriers == 0)
        return 0;
    if (newest_barriers(db, newest, batch->partitions, err))
        return -1;
    barriers_in_turn(writer, batch, newest);
    int n = writer->n_barriers;
    for (int i = 0; i < n; i++)
        writer->number[i] = batch->record[writer->barrier[i]].barrier;
    column_print(writer, 0, n);
    for (int i = 0; i < n; i++)
        writer->number[i] = batch->record[writer->barrier[i]].partition;
    column_print(writer, 1, n);
    for (int i = 0; i < n; i++)
        writer->number[i] = batch->record[writer->barrier[i]].offset;
    column_print(writer, 2, n);
    return columns_run(writer, db,
                       "INSERT INTO barrier (n, partition, \"offset\")"
                       " SELECT n, p, o FROM unnest($1::int8[], $2::int2[], $3::int8[])"
                       " v (n, p, o)",
                       err) < 0
               ? -1
               : 0;
}

/* A failed transaction answers COMMIT with ROLLBACK and no error. */
static int commit(PGconn *db, struct err *err)
{
    PGresult *result = PQexec(db, "NOTIFY tandem_archive; COMMIT");
    int failed = 0;
    if (PQresultStatus(result) != PGRES_COMMAND_OK || strcmp(PQcmdStatus(result), "COMMIT") != 0)
        failed = database_failed(db, result, "COMMIT of the archive", err);
    PQclear(result);
    return failed;
}

/* Counts what is in now. */
static void committed(const struct archive_writer *writer, const struct archive_batch *batch,
                      struct archive_figures *figures)
{
    for (int p = 0; p < batch->partitions; p++) {
        metrics_add(&figures->events[p], (uint64_t)writer->events[p]);
        metrics_set(&figures->next[p], (uint64_t)batch->upto[p]);
    }
    for (int i = 0; i < writer->n_bad; i++)
        metrics_add(&figures->bad[batch->record[writer->bad[i].i].partition], 1);
    metrics_add(&figures->barriers, (uint64_t)writer->n_barriers);
}

int archive_write(struct archive_writer *writer, PGconn *db, struct archive_batch *batch,
                  struct archive_figures *figures, struct err *err)
{
    int64_t began_us = clock_monotonic_us();
    failpoint("archive:begin");
    if (statement_run(db, err, "BEGIN") < 0 || offsets_move(writer, db, batch, err))
        return -1;
    failpoint("archive:moved");
    if (events_copy(writer, db, batch, err) || bad_copy(writer, db, batch, err) ||
        barriers_insert(writer, db, batch, err))
        return -1;
    failpoint("archive:copied");
    if (commit(db, err))
        return -1;
    failpoint("archive:after-commit");
    archive_figures_transaction(figures, clock_monotonic_us() - began_us, batch->n);
    committed(writer, batch, figures);
    memcpy(batch->next, batch->upto, sizeof batch->next);
    archive_batch_drop(batch);
    return 0;
}
