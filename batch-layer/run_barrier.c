/* Steps 1 and 2: barrier n into the log, then wait until the archive has met it everywhere. B_n is where it met it. */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "batch-layer/barrier_log.h"
#include "batch-layer/run_steps.h"
#include "batch-layer/statement.h"
#include "common/clock.h"
#include "common/failpoint.h"
#include "common/log.h"
#include "common/stop.h"

enum { POLL_MS = 500, HINT_S = 10 };

/* Which partitions' barrier n is archived: fills the boundary, returns how many, -1: err. */
static int barriers_archived(struct run *run, struct err *err)
{
    PGresult *result = statement_query(
        run->db, err, "SELECT partition, \"offset\" FROM barrier WHERE n = %" PRId64, run->n);
    if (!result)
        return -1;
    int n = PQntuples(result);
    for (int i = 0; i < n; i++)
        run->boundary[result_number(result, i, 0)] = result_number(result, i, 1);
    PQclear(result);
    return n;
}

/* Waits until Postgres notifies (or for POLL_MS, in case the listener was not there in time). */
static int archive_wait(struct run *run, struct err *err)
{
    struct pollfd on[2] = {{.fd = PQsocket(run->db), .events = POLLIN},
                           {.fd = stop_fd(), .events = POLLIN}};
    poll(on, 2, POLL_MS);
    if (stop_asked())
        return err_set(err, ERR_RETRY,
                       "stopped while waiting for the archive: the next start goes on");
    if (!PQconsumeInput(run->db))
        return database_failed(run->db, NULL, "LISTEN", err);
    for (PGnotify *notify; (notify = PQnotifies(run->db));)
        PQfreemem(notify);
    return 0;
}

/* Says what to do when nothing seems to come. */
static void hint(struct run *run, int archived, int64_t waited_s)
{
    progress_clear(&run->progress);
    log_warn(RUN_LOG,
             "waiting for the archive n=%" PRId64 " partitions=%d/%d seconds=%" PRId64
             ": is `tandem-batch archive` running?",
             run->n, archived, run->partitions, waited_s);
}

static int wait_for_archive(struct run *run, struct err *err)
{
    int64_t start = clock_monotonic_us(), hinted_s = 0;
    if (statement_run(run->db, err, "LISTEN tandem_archive") < 0)
        return -1;
    for (;;) {
        int archived = barriers_archived(run, err);
        if (archived < 0 || archived == run->partitions)
            return archived < 0 ? -1 : 0;
        progress_show(&run->progress, archived, run->partitions, "partitions in the archive");
        int64_t waited_s = (clock_monotonic_us() - start) / 1000000;
        if (waited_s >= run->settings->wait_s)
            return err_set(err, ERR_RETRY,
                           "the archive has barrier %" PRId64
                           " in %d of %d partitions after %" PRId64
                           " s: start `tandem-batch archive`, then run again: it goes on here",
                           run->n, archived, run->partitions, waited_s);
        if (waited_s >= hinted_s + HINT_S) {
            hinted_s = waited_s;
            hint(run, archived, waited_s);
        }
        if (archive_wait(run, err))
            return -1;
    }
}

/* B_n and one checkpoint a partition, where the aggregation starts: in one transaction, so that none is without the other. */
static int store_boundary(struct run *run, struct err *err)
{
    for (int p = 0; p < run->partitions; p++)
        if (run->boundary[p] < run->before[p])
            return err_set(err, ERR_FATAL,
                           "barrier %" PRId64 " of partition %d stands at offset %" PRId64
                           ", before the one of the batch view that is published (%" PRId64
                           "): the table barrier is damaged",
                           run->n, p, run->boundary[p], run->before[p]);
    char boundary[PARTITIONS_MAX * 21 + 3];
    vector_print(boundary, sizeof boundary, run->boundary, run->partitions);
    if (statement_run(run->db, err, "BEGIN") < 0 ||
        statement_run(run->db, err, "UPDATE run SET boundary = '%s' WHERE n = %" PRId64, boundary,
                      run->n) < 0)
        return -1;
    for (int p = 0; p < run->partitions; p++)
        if (statement_run(run->db, err,
                          "INSERT INTO checkpoint (n, partition, \"offset\") VALUES (%" PRId64
                          ", %d, %" PRId64 ")",
                          run->n, p, run->rebuild ? 0 : run->before[p]) < 0)
            return -1;
    if (run_move(run, "aggregate", err) ||
        run_step_end(run, run->partitions, err, "boundary %s", boundary) ||
        statement_run(run->db, err, "COMMIT") < 0)
        return -1;
    return 0;
}

static int produce(struct run *run, struct err *err)
{
    const struct deployment_options *deployment = &run->settings->deployment;
    if (run_step_begin(run, "barrier", err) ||
        barrier_log_produce(deployment->kafka, deployment->topic, run->partitions, run->n,
                            (int)run->settings->wait_s * 1000, err))
        return -1;
    failpoint("run:barrier:produced");
    return run_step_end(run, run->partitions, err, "barrier %" PRId64, run->n);
}

int run_barrier(struct run *run, struct err *err)
{
    failpoint("run:barrier:opened");
    int archived = barriers_archived(run, err);
    if (archived < 0 || (archived < run->partitions && produce(run, err)))
        return -1;
    if (run_step_begin(run, "archive", err) || wait_for_archive(run, err))
        return -1;
    failpoint("run:archive:reached");
    if (store_boundary(run, err))
        return -1;
    failpoint("run:archive:stored");
    return 0;
}
