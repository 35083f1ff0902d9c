#include "serving-layer/jobs.h"

#include <event2/event.h>
#include <pthread.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/mem.h"
#include "handover/database.h"

enum { IDLE_CHECK_US = 1000000 };

struct job {
    struct job *next;
    struct event_base *base;
    jobs_work work;
    jobs_done done;
    void *context;
    int failed;
    struct err err;
};

struct jobs {
    struct jobs_settings settings;
    pthread_t *thread;
    pthread_mutex_t lock; /* over what follows */
    pthread_cond_t wake;
    struct job *first, **behind;
    int waiting;
    bool stopping;
};

/* ---- a connection ---- */

struct connected {
    PGconn *db; /* NULL: not yet, or lost */
    int64_t used_us;
};

static void disconnect(struct connected *at)
{
    PQfinish(at->db);
    at->db = NULL;
}

/* A server that was restarted has forgotten a connection which looks good from here: one that was idle is asked first. */
static int connect_once(const struct jobs *jobs, struct connected *at, struct err *err)
{
    if (at->db && clock_monotonic_us() - at->used_us > IDLE_CHECK_US &&
        database_run(at->db, err, "SELECT 1", 0, NULL))
        disconnect(at);
    if (!at->db)
        at->db = database_open(jobs->settings.postgres, "tandem-serve-jobs", err);
    return at->db ? 0 : -1;
}

static void job_work(const struct jobs *jobs, struct connected *at, struct job *job)
{
    struct err ignored;
    job->failed = connect_once(jobs, at, &job->err) || job->work(at->db, job->context, &job->err);
    at->used_us = clock_monotonic_us();
    if (at->db && PQtransactionStatus(at->db) != PQTRANS_IDLE &&
        database_run(at->db, &ignored, "ROLLBACK", 0, NULL))
        disconnect(at);
    if (at->db && PQstatus(at->db) != CONNECTION_OK)
        disconnect(at);
}

/* ---- the threads ---- */

static void job_end(struct job *job)
{
    job->done(job->failed ? &job->err : NULL, job->context);
    free(job);
}

static void on_done(evutil_socket_t fd, short what, void *context)
{
    (void)fd, (void)what;
    job_end(context);
}

/* The next job, now the caller's; NULL: stop. */
static struct job *job_take(struct jobs *jobs)
{
    pthread_mutex_lock(&jobs->lock);
    while (!jobs->first && !jobs->stopping)
        pthread_cond_wait(&jobs->wake, &jobs->lock);
    struct job *job = jobs->stopping ? NULL : jobs->first;
    if (job) {
        jobs->first = job->next;
        jobs->waiting--;
    }
    pthread_mutex_unlock(&jobs->lock);
    return job;
}

static void *jobs_run(void *context)
{
    struct jobs *jobs = context;
    struct connected at = {NULL, 0};
    for (struct job *job; (job = job_take(jobs));) {
        job_work(jobs, &at, job);
        event_base_once(job->base, -1, EV_TIMEOUT, on_done, job, &(struct timeval){0, 0});
    }
    disconnect(&at);
    return NULL;
}

struct jobs *jobs_new(const struct jobs_settings *settings)
{
    struct jobs *jobs = xcalloc(1, sizeof *jobs);
    jobs->settings = *settings;
    jobs->behind = &jobs->first;
    pthread_mutex_init(&jobs->lock, NULL);
    pthread_cond_init(&jobs->wake, NULL);
    jobs->thread = xcalloc((size_t)settings->threads, sizeof *jobs->thread);
    for (int i = 0; i < settings->threads; i++)
        if (pthread_create(&jobs->thread[i], NULL, jobs_run, jobs))
            abort(); /* at the start, before anything was answered */
    return jobs;
}

void jobs_free(struct jobs *jobs)
{
    pthread_mutex_lock(&jobs->lock);
    jobs->stopping = true;
    pthread_cond_broadcast(&jobs->wake);
    pthread_mutex_unlock(&jobs->lock);
    for (int i = 0; i < jobs->settings.threads; i++)
        pthread_join(jobs->thread[i], NULL);
    for (struct job *job = jobs->first, *next; job; job = next) {
        next = job->next;
        job->failed = err_set(&job->err, ERR_RETRY, "the server stops");
        job_end(job);
    }
    pthread_cond_destroy(&jobs->wake);
    pthread_mutex_destroy(&jobs->lock);
    free(jobs->thread);
    free(jobs);
}

int jobs_ask(struct jobs *jobs, struct event_base *base, jobs_work work, jobs_done done,
             void *context)
{
    struct job *job = xcalloc(1, sizeof *job);
    *job = (struct job){.base = base, .work = work, .done = done, .context = context};
    pthread_mutex_lock(&jobs->lock);
    bool full = jobs->waiting >= jobs->settings.most;
    if (!full) {
        *(jobs->first ? jobs->behind : &jobs->first) = job;
        jobs->behind = &job->next;
        jobs->waiting++;
        pthread_cond_signal(&jobs->wake);
    }
    pthread_mutex_unlock(&jobs->lock);
    if (full)
        free(job);
    return full ? -1 : 0;
}
