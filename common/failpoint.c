#define _POSIX_C_SOURCE 200809L
#include "common/failpoint.h"

#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool is_wanted(const char *variable, const char *name)
{
    const char *wanted = getenv(variable);
    return wanted && strcmp(wanted, name) == 0;
}

void failpoint(const char *name)
{
    if (is_wanted("TANDEM_CRASH_AT", name))
        raise(SIGKILL);
    if (is_wanted("TANDEM_HALT_AT", name)) {
        unsetenv("TANDEM_HALT_AT"); /* once */
        raise(SIGSTOP);
    }
}
