/*
 * `tandem-batch nightly`: the scheduler for where there is no cron: one run a night, as a child process of its own.
 *
 * When: at once if no run that began at or after the last due time was published (started late, or the machine was asleep);
 * else at the next due time. Asked of Postgres each time, and in ages, so that it does not matter whose clock is right, which
 * of several runs it was, or who started it. A clock that is set is noticed within TICK_MS. Never two at once: a run
 * is waited for, and one that somebody else has started holds the lock.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "batch-layer/commands.h"
#include "batch-layer/night.h"
#include "batch-layer/run.h"
#include "batch-layer/run_options.h"
#include "batch-layer/statement.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/stop.h"
#include "handover/database.h"

#define LOG "nightly"

enum { TICK_MS = 20000, CHILD_TICK_MS = 200, CRASHED = 128 };

struct nightly {
    struct run_settings run;
    const char *at, *zone;
    int64_t again_s;
    struct night night;
    sigset_t signals; /* SIGTERM, SIGINT */
};

/* ---- one run ---- */

static int child_main(const struct nightly *nightly, pid_t parent)
{
    setpgid(0, 0); /* a terminal's Ctrl-C is told to the parent, which tells the child */
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) || getppid() != parent)
        return BATCH_FAILED;
    stop_install();
    sigprocmask(SIG_UNBLOCK, &nightly->signals, NULL);
    return run_work(&nightly->run, 0);
}

static int exit_code_of(int status)
{
    return WIFEXITED(status) ? WEXITSTATUS(status) : CRASHED + WTERMSIG(status);
}

/* Waits for the child; a stop that is asked meanwhile is passed on, once. */
static int child_wait(pid_t child)
{
    bool told = false;
    for (int status;;) {
        pid_t ended = waitpid(child, &status, told ? 0 : WNOHANG);
        if (ended == child)
            return exit_code_of(status);
        if (ended < 0 && errno != EINTR)
            return CRASHED;
        if (!told && !stop_sleep_ms(CHILD_TICK_MS)) {
            kill(child, SIGTERM);
            told = true;
        }
    }
}

/* A run in a process of its own: what it held is gone when it ends, and what it crashes with is its own. */
static int night_run(const struct nightly *nightly)
{
    sigprocmask(SIG_BLOCK, &nightly->signals, NULL); /* until the child has handlers of its own */
    pid_t parent = getpid(), child = fork();
    if (child == 0)
        _exit(child_main(nightly, parent));
    sigprocmask(SIG_UNBLOCK, &nightly->signals, NULL);
    if (child < 0) {
        log_error(LOG, "no process for the run: %s", strerror(errno));
        return BATCH_FAILED;
    }
    return child_wait(child);
}

/* ---- when ---- */

/* Seconds since the newest published run was begun; INT64_MAX: there was none. */
static int run_age(const struct nightly *nightly, int64_t *age_s, struct err *err)
{
    PGconn *db = database_open(nightly->run.deployment.postgres, "tandem-batch nightly", err);
    if (!db)
        return -1;
    int failed = statement_number(
        db, err, age_s,
        "SELECT coalesce(floor(extract(epoch FROM clock_timestamp() - max(started_at)))::int8,"
        " %" PRId64 ") FROM run WHERE published_at IS NOT NULL",
        INT64_MAX);
    PQfinish(db);
    return failed;
}

static bool is_done(const struct nightly *nightly, time_t now)
{
    struct err err = {0};
    int64_t age_s;
    if (run_age(nightly, &age_s, &err) == 0)
        return age_s <= now - night_last(nightly->night, now);
    log_warn(LOG, "%s; the run will wait for it", err.message);
    return false;
}

static void next_tell(const struct nightly *nightly, time_t next)
{
    char text[64];
    struct tm local;
    localtime_r(&next, &local);
    strftime(text, sizeof text, "%Y-%m-%d %H:%M %Z", &local);
    log_info(LOG, "next run at=\"%s\" zone=%s in_s=%" PRId64, text, nightly->zone,
             (int64_t)(next - clock_unix_ms() / 1000));
}

static bool is_success(int exit_code)
{
    return exit_code == BATCH_DONE || exit_code == BATCH_DRIFTED;
}

/* Whether another attempt could end otherwise before the next night: not when a check failed or the time was over. */
static bool is_tried_again(int exit_code)
{
    return exit_code == BATCH_FAILED || exit_code == BATCH_LOCKED || exit_code >= CRASHED;
}

/* One run, and what came of it. */
static int night_work(const struct nightly *nightly)
{
    int64_t began_us = clock_monotonic_us();
    log_info(LOG, "run begins");
    int exit_code = night_run(nightly);
    int64_t took_s = (clock_monotonic_us() - began_us) / 1000000;
    if (is_success(exit_code))
        log_info(LOG, "run ended exit=%d seconds=%" PRId64, exit_code, took_s);
    else
        log_error(LOG, "run failed exit=%d seconds=%" PRId64, exit_code, took_s);
    return exit_code;
}

/*
 * All that is due. A run that goes on with what an earlier night has left covers that night only: then there is one more to
 * do. false: what is due is not done, and may be if it is tried again before the next night.
 */
static bool night_catch_up(const struct nightly *nightly)
{
    enum { RUNS_AT_ONCE = 2 };
    int exit_code = BATCH_DONE;
    for (int i = 0; i < RUNS_AT_ONCE && is_success(exit_code) && !stop_asked(); i++) {
        if (is_done(nightly, (time_t)(clock_unix_ms() / 1000)))
            break;
        exit_code = night_work(nightly);
    }
    return !is_tried_again(exit_code);
}

/* Until `next`, by the wall clock, however it is set meanwhile: an earlier due time comes first. false: a stop was asked. */
static bool wait_until(const struct nightly *nightly, time_t next)
{
    time_t due = night_next(nightly->night, (time_t)(clock_unix_ms() / 1000));
    for (;;) {
        int64_t now_ms = clock_unix_ms();
        time_t now = (time_t)(now_ms / 1000), due_now = night_next(nightly->night, now);
        if (now >= next || due_now != due)
            return !stop_asked();
        int64_t left_ms = (int64_t)(next < due ? next : due) * 1000 - now_ms;
        if (!stop_sleep_ms(left_ms < TICK_MS ? (long)left_ms : TICK_MS))
            return false;
    }
}

static int nights(const struct nightly *nightly)
{
    time_t next;
    do {
        bool settled = night_catch_up(nightly);
        time_t now = (time_t)(clock_unix_ms() / 1000), again = now + nightly->again_s;
        next = night_next(nightly->night, now);
        if (!settled && nightly->again_s && again < next)
            next = again;
        if (!stop_asked())
            next_tell(nightly, next);
    } while (wait_until(nightly, next));
    log_info(LOG, "stopped");
    return BATCH_DONE;
}

static const struct options_usage usage = {
    .program = "tandem-batch",
    .synopsis = "nightly --at HH:MM [--tz AREA/CITY] [options]",
    .about =
        "Stays, and does a run every night at a local time. At once when the last due time has passed\n"
        "without one: started late, or the machine was asleep. A time that a change of the clocks skips is\n"
        "due when the change is over; one that it repeats is due the first time. Stop with SIGTERM.",
    .commands = "",
};

int nightly_main(int argc, char **argv)
{
    struct nightly nightly = {0};
    struct err err = {0};
    const struct option_row own[] = {
        {.name = "at",
         .type = OPTION_TEXT,
         .initial = "02:30",
         .unit = "HH:MM",
         .sentence = "when the night's run is due, by the local clock",
         .into = &nightly.at},
        {.name = "tz",
         .type = OPTION_TEXT,
         .initial = "UTC",
         .unit = "",
         .sentence = "where that clock hangs: a name of the tz database, as Europe/Berlin",
         .into = &nightly.zone},
        {.name = "again_s",
         .type = OPTION_INT,
         .initial = "1800",
         .unit = "s",
         .sentence =
             "so long after a run has failed or was locked out it is started again; 0: not before the next night",
         .into = &nightly.again_s,
         .max = 86400},
    };
    run_options_read(&nightly.run, &usage, own, sizeof own / sizeof *own, argc, argv);
    if (night_parse(nightly.at, &nightly.night))
        err_set(&err, ERR_FATAL, "--at: \"%.32s\" is no time of day like 02:30", nightly.at);
    else if (*nightly.run.step)
        err_set(&err, ERR_FATAL, "--step: a night's run has all steps");
    else
        night_zone_set(nightly.zone, &err);
    if (err.kind) {
        log_error(LOG, "%s", err.message);
        return BATCH_WRONG_USE;
    }
    sigemptyset(&nightly.signals);
    sigaddset(&nightly.signals, SIGTERM);
    sigaddset(&nightly.signals, SIGINT);
    stop_install();
    return nights(&nightly);
}
