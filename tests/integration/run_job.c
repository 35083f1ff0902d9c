#include "tests/integration/run_job.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/integration/deployment.h"
#include "tests/integration/faults.h"

#define JOB "job=$(cat $TANDEM_LOCAL/job.pid); "

void job_begins(const char *arguments, const char *halt_at)
{
    must_exit(
        0,
        "rm -f $TANDEM_LOCAL/job.exit $TANDEM_LOCAL/job.pid; : >>$TANDEM_LOCAL/log/job.log; "
        "(TANDEM_HALT_AT=%s sh -c 'echo $$ >$TANDEM_LOCAL/job.pid; exec $BIN/tandem-batch %s' "
        ">>$TANDEM_LOCAL/log/job.log 2>&1; echo $? >$TANDEM_LOCAL/job.exit) &",
        halt_at, arguments);
    log_mark("job");
    wait_until(10, "[ -s $TANDEM_LOCAL/job.pid ]");
    wait_until(40, JOB "grep -q '^State:.T' /proc/$job/status 2>>$TANDEM_LOCAL/job.err || "
                       "[ -s $TANDEM_LOCAL/job.exit ]");
}

void job_goes_on(void)
{
    must_exit(0, JOB "[ -s $TANDEM_LOCAL/job.exit ] || kill -CONT $job");
}

void job_is_told_to_stop(void)
{
    must_exit(0, JOB "kill -TERM $job");
}

int job_ends(int seconds)
{
    wait_until(seconds, "[ -s $TANDEM_LOCAL/job.exit ]");
    char *code = output_of("cat $TANDEM_LOCAL/job.exit");
    int number = atoi(code);
    free(code);
    return number;
}

void sql_do(const char *statement)
{
    must_exit(0, "psql -XAtq1 -v ON_ERROR_STOP=1 \"$TANDEM_POSTGRES\" -c \"%s\"", statement);
}
