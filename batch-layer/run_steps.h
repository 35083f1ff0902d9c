/*
 * run_steps: what the steps of a run share. Each step is a file run_<step>.c with one function: it does what the run's state
 * says, in transactions that move the state, and may be called again after a crash at any point.
 */
#ifndef TANDEM_BATCH_RUN_STEPS_H
#define TANDEM_BATCH_RUN_STEPS_H

#include "batch-layer/progress.h"
#include "batch-layer/run_options.h"
#include "handover/database.h"

#define RUN_LOG "run"

struct run {
    const struct run_settings *settings;
    PGconn *db; /* holds the lock: when it is lost, so is the right to go on */
    char deployment[DEPLOYMENT_BYTES + 1];
    int partitions;
    int64_t n;
    bool rebuild;
    uint64_t rebuilt; /* views recomputed from the first event: all, those of --view, or none */
    uint64_t complete, served;        /* of batch view n - 1 (run_views.h) */
    char state[16];                   /* table run */
    int64_t before[PARTITIONS_MAX];   /* B_{n-1}; not known in state retire */
    int64_t boundary[PARTITIONS_MAX]; /* B_n, once state is behind barrier */
    int64_t drift;                    /* -1: not compared */
    char step[16];                    /* whose row of run_step is open; "": none */
    int attempt;                      /* of that step */
    struct progress progress;
    /* of this process: */
    int64_t began_us;  /* clock_monotonic_us */
    char failure[512]; /* of the attempt before */
    int64_t opened; /* the run that it has opened; 0: none */
    bool drifted;   /* in any run that it has worked on */
    bool locked;    /* another run holds the lock */
    bool refused;   /* a check of the data failed */
};

int run_barrier(struct run *run, struct err *err);
int run_aggregate(struct run *run, struct err *err);
/* Its work alone: stages everything from the checkpoints to run->boundary; the run stays where it is. */
int run_aggregate_stage(struct run *run, struct err *err);
int run_check(struct run *run, struct err *err);
int run_publish(struct run *run, struct err *err);
int run_retire(struct run *run, struct err *err);

/* ---- run_record.c: the rows that say where a run is ---- */

/* Takes up the run that is open or left in retire; run->n = 0: there is none. Sets before, boundary and drift. */
int run_find(struct run *run, const struct publication *publication, struct err *err);
/* Opens run publication->n + 1. */
int run_open(struct run *run, const struct publication *publication, struct err *err);
/*
 * Makes the open run, which is not published, a rebuild from the first event with the same n: its barriers may be in the log
 * already. Nothing that it has staged is kept, so whatever kept it from succeeding is gone.
 */
int run_take_over(struct run *run, struct err *err);

/* Begins and ends a row of run_step; end belongs into the transaction that ends the step's work. */
int run_step_begin(struct run *run, const char *step, struct err *err);
int run_step_end(struct run *run, int64_t rows, struct err *err, const char *detail, ...)
    __attribute__((format(printf, 4, 5)));

/* Writes down why the attempt under way failed, if there is one. The transaction that it has left is rolled back. */
int run_step_fail(struct run *run, const char *failure, struct err *err);

/* Moves the run's state by compare-and-set: part of the transaction that ends the step. run->state follows at once. */
int run_move(struct run *run, const char *to, struct err *err);

#endif
