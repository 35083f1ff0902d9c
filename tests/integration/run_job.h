/*
 * run_job: a `tandem-batch run` in the background that stands still at a named place (common/failpoint.h), while the test does
 * something to its servers. One at a time. Its output is $TANDEM_LOCAL/log/job.log.
 */
#ifndef TANDEM_TESTS_RUN_JOB_H
#define TANDEM_TESTS_RUN_JOB_H

/* Starts `tandem-batch ARGUMENTS` and returns once it stands still at the failpoint, or has ended before. */
void job_begins(const char *arguments, const char *halt_at);
void job_goes_on(void);         /* nothing, when it has ended */
void job_is_told_to_stop(void); /* SIGTERM */
/* Waits until it has ended; its exit code. */
int job_ends(int seconds);

/* One statement; fails the test when Postgres refuses it. */
void sql_do(const char *statement);

#endif
