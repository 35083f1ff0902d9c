#include "common/failpoint.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

static void signal_at(const char *variable, const char *name, int signal_number)
{
    const char *wanted = getenv(variable);
    if (wanted && strcmp(wanted, name) == 0)
        raise(signal_number);
}

void failpoint(const char *name)
{
    signal_at("TANDEM_CRASH_AT", name, SIGKILL);
    signal_at("TANDEM_HALT_AT", name, SIGSTOP);
}
