#include "batch-layer/run_views.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "batch-layer/statement.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/stop.h"
#include "handover/view_state.h"

enum { POLL_MS = 50, REDIS_TIMEOUT_MS = 5000 };

/* How long the partitions of a tandem-speed that was just replaced may be without a new owner. */
enum { OWNERS_WAIT_US = 15 * 1000000 };

/* Later than any segment: whether a view is counted at all. */
static const int64_t any_segment = INT64_C(1000000000000000);

int run_views_parse(const char *list, uint64_t *views, struct err *err)
{
    *views = 0;
    while (*list) {
        size_t n = strcspn(list, ",");
        int view = catalogue_find((struct text){list, n});
        if (view < 0)
            return err_set(err, ERR_FATAL,
                           "there is no view '%.*s': `curl .../v1/views` lists them, and this "
                           "program must be of the release that has it",
                           (int)n, list);
        *views |= UINT64_C(1) << view;
        list += n + (list[n] == ',');
    }
    return 0;
}

int run_views_find(struct run *run, struct err *err)
{
    char names[VIEW_NAMES_BYTES];
    struct view_state state;
    if (view_state_read(run->db, run->n - 1, &state, err))
        return -1;
    run->complete = state.complete;
    run->served = state.served;
    uint64_t out = catalogue_all() & ~(state.complete | run->rebuilt);
    if (out)
        log_warn(RUN_LOG,
                 "left out, because their rows are not whole: %s: `tandem-batch rebuild "
                 "--view NAME` when every tandem-speed knows them",
                 view_names(out, " ", names));
    if (state.foreign[0])
        log_warn(RUN_LOG,
                 "view %s is of a newer release and falls behind with this run: replace "
                 "this program, then `tandem-batch rebuild --view %s`",
                 state.foreign, state.foreign);
    return 0;
}

/* One call of tandem2_require on one server. */
static int server_require(const struct run *run, int server, int64_t published, int64_t n,
                          uint64_t views, uint64_t *late, struct err *err)
{
    redisContext *redis = speed_view_open(&run->settings->servers, server, REDIS_TIMEOUT_MS, err);
    int failed =
        !redis || speed_view_require(redis, run->deployment, published, n, views, late, err);
    if (redis)
        redisFree(redis);
    return failed ? -1 : 0;
}

/* Which of the views some partition's owner does not count. */
static int views_late(const struct run *run, int64_t published, uint64_t *late, struct err *err)
{
    struct view_state state;
    *late = 0;
    if (view_state_read(run->db, published, &state, err))
        return -1;
    for (int i = 0; i < run->settings->servers.n; i++)
        if (server_require(run, i, published, any_segment, state.complete | run->rebuilt, late,
                           err))
            return -1;
    *late &= run->rebuilt;
    return 0;
}

int run_views_counted(const struct run *run, int64_t published, struct err *err)
{
    char names[VIEW_NAMES_BYTES];
    uint64_t late;
    int64_t until_us = clock_monotonic_us() + OWNERS_WAIT_US;
    for (bool told = false;; told = true) {
        if (views_late(run, published, &late, err))
            return -1;
        if (!late)
            return 0;
        if (clock_monotonic_us() > until_us)
            break;
        if (!told)
            log_info(RUN_LOG,
                     "waiting for the tandem-speed that was replaced last to be followed "
                     "by one that counts %s",
                     view_names(late, ", ", names));
        if (!stop_sleep_ms(POLL_MS))
            return err_set(err, ERR_RETRY, "stopped while waiting for tandem-speed");
    }
    return err_set(
        err, ERR_FATAL,
        "a tandem-speed is running that does not count %s: replace every tandem-speed by "
        "this release, then start this again; nothing was changed",
        view_names(late, ", ", names));
}

/* A rebuild of all leaves no row of a view that is no longer in the catalogue. */
static int gone_remove(const struct run *run, struct err *err)
{
    char names[VIEW_NAMES_BYTES];
    return run->rebuilt != catalogue_all()
               ? 0
               : database_run(run->db, err,
                              "DELETE FROM view_state WHERE view <> ALL (string_to_array($1, ','))",
                              1, (const char *[]){view_names(catalogue_all(), ",", names)});
}

int run_views_publish(const struct run *run, struct err *err)
{
    char names[VIEW_NAMES_BYTES], n[24];
    snprintf(n, sizeof n, "%" PRId64, run->n);
    return gone_remove(run, err) ||
                   database_run(
                       run->db, err,
                       "INSERT INTO view_state (view, n, served)"
                       " SELECT v, $2::int8, false FROM unnest(string_to_array($1, ',')) v"
                       " ON CONFLICT (view) DO UPDATE SET n = excluded.n,"
                       " served = view_state.served AND view_state.n = excluded.n - 1",
                       2, (const char *[]){view_names(run->complete | run->rebuilt, ",", names), n})
               ? -1
               : 0;
}

/* ---- serving ---- */

static int server_late(const struct run *run, int server, uint64_t views, uint64_t *late,
                       int64_t until_us, struct err *err)
{
    for (;;) {
        if (server_require(run, server, run->n, run->n, views, late, err) == 0)
            return 0;
        if (err->kind != ERR_RETRY || clock_monotonic_us() > until_us)
            return -1;
        if (!stop_sleep_ms(POLL_MS))
            return err_set(err, ERR_RETRY, "stopped while waiting for redis");
    }
}

static int served_store(const struct run *run, uint64_t served, struct err *err)
{
    char names[VIEW_NAMES_BYTES], n[24];
    snprintf(n, sizeof n, "%" PRId64, run->n);
    return database_run(run->db, err,
                        "UPDATE view_state SET served = (view = ANY (string_to_array($1, ',')))"
                        " WHERE n = $2::int8",
                        2, (const char *[]){view_names(served, ",", names), n}) ||
                   statement_run(run->db, err, "NOTIFY tandem_publication") < 0
               ? -1
               : 0;
}

int run_views_serve(const struct run *run, int64_t until_us, struct err *err)
{
    char names[VIEW_NAMES_BYTES];
    struct view_state state;
    uint64_t late = 0;
    if (view_state_read(run->db, run->n, &state, err))
        return -1;
    for (int i = 0; i < run->settings->servers.n; i++)
        if (server_late(run, i, state.complete, &late, until_us, err))
            return -1;
    uint64_t served = state.complete & ~late;
    if (late)
        log_warn(RUN_LOG,
                 "not served, because the speed layer does not count them whole since this run "
                 "began: %s: the next run serves them, if every tandem-speed is of this release",
                 view_names(late, " ", names));
    if (served == state.served)
        return 0;
    log_info(RUN_LOG, "served n=%" PRId64 " views=%s", run->n, view_names(served, ",", names));
    return served_store(run, served, err);
}
