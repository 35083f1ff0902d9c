/*
 * Step 6: what batch view n has replaced goes: first, when no serving instance answers from an older view any more, the speed
 * layer's segments below n; then, in one transaction, older versions of user states and all that was staged. Each part may
 * be done twice. Who is late is told: a reader by `retired`, a worker by `retired` and `states_from`.
 */
#include <inttypes.h>
#include <stdio.h>

#include "batch-layer/run_views.h"
#include "batch-layer/statement.h"
#include "common/clock.h"
#include "common/failpoint.h"
#include "common/log.h"
#include "common/stop.h"

enum { POLL_MS = 2, REDIS_TIMEOUT_MS = 5000 };

static int leases_wait(struct run *run, int64_t until_us, struct err *err)
{
    for (;;) {
        int64_t older;
        if (statement_number(run->db, err, &older,
                             "SELECT count(*) FROM serving_lease WHERE n < %" PRId64
                             " AND expires_at > now()",
                             run->n))
            return -1;
        if (older == 0)
            return 0;
        if (clock_monotonic_us() > until_us)
            return err_set(err, ERR_RETRY,
                           "%" PRId64
                           " serving instances still answer from a batch view before %" PRId64
                           " (table serving_lease)",
                           older, run->n);
        if (!stop_sleep_ms(POLL_MS))
            return err_set(err, ERR_RETRY, "stopped while waiting for serving instances");
    }
}

static int server_drop(struct run *run, int server, int64_t until_us, struct err *err)
{
    for (;;) {
        redisContext *redis =
            speed_view_open(&run->settings->servers, server, REDIS_TIMEOUT_MS, err);
        int failed = !redis || speed_view_drop(redis, run->deployment, run->n, err);
        if (redis)
            redisFree(redis);
        if (!failed)
            return 0;
        if (err->kind != ERR_RETRY || clock_monotonic_us() > until_us)
            return -1;
        if (!stop_sleep_ms(POLL_MS))
            return err_set(err, ERR_RETRY, "stopped while waiting for redis");
    }
}

/*
 * Every version staged by run m is user_state's version m, so whatever is older than it is superseded, and where it is empty
 * it says no more than its absence. Only users that the runs met are looked at: the cost is that of the run.
 */
static int64_t states_prune(struct run *run, struct err *err)
{
    int64_t older =
        statement_run(run->db, err,
                      "DELETE FROM user_state u USING staged_state s WHERE s.n <= %" PRId64
                      " AND u.partition = s.partition AND u.\"user\" = s.\"user\""
                      " AND (u.n < s.n OR (u.n = s.n AND u.state = ''))",
                      run->n);
    return older;
}

/* Instances that were killed have not removed theirs; one that is only late writes it again. */
static int leases_sweep(struct run *run, struct err *err)
{
    return statement_run(run->db, err,
                         "DELETE FROM serving_lease WHERE expires_at < now() - interval '1 day'") <
                   0
               ? -1
               : 0;
}

/* Staged rows are those of this run and of runs whose retiring was left to it: no other is open. */
static int prune(struct run *run, struct err *err)
{
    if (statement_run(run->db, err, "BEGIN") < 0 ||
        statement_run(run->db, err, "UPDATE publication SET states_from = %" PRId64, run->n) < 0 ||
        statement_plan_by_keys(run->db, err))
        return -1;
    int64_t pruned = leases_sweep(run, err) ? -1 : states_prune(run, err);
    if (pruned < 0 ||
        statement_run(run->db, err,
                      "TRUNCATE staged_row, staged_state, staged_forget, checkpoint") < 0 ||
        run_move(run, "done", err) ||
        statement_run(run->db, err,
                      "UPDATE run SET state = 'done', finished_at = clock_timestamp()"
                      " WHERE n <= %" PRId64 " AND finished_at IS NULL",
                      run->n) < 0 ||
        run_step_end(run, pruned, err, "%" PRId64 " user states pruned", pruned))
        return -1;
    failpoint("run:retire:before-commit");
    return statement_run(run->db, err, "COMMIT") < 0 ? -1 : 0;
}

int run_retire(struct run *run, struct err *err)
{
    failpoint("run:retire:begin");
    int64_t until_us = clock_monotonic_us() + run->settings->retire_wait_s * 1000000;
    /* What a crash of Postgres may lose of this step is done once more. */
    if (statement_run(run->db, err, "SET synchronous_commit = off") < 0 ||
        run_step_begin(run, "retire", err) || run_views_serve(run, until_us, err) ||
        leases_wait(run, until_us, err))
        return -1;
    for (int i = 0; i < run->settings->servers.n; i++)
        if (server_drop(run, i, until_us, err))
            return -1;
    failpoint("run:retire:dropped");
    if (prune(run, err) || statement_run(run->db, err, "SET synchronous_commit = on") < 0)
        return -1;
    failpoint("run:retire:pruned");
    return 0;
}
