#include "common/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

static _Atomic int log_level_shown = LOG_INFO;

void log_set_level(enum log_level level)
{
    log_level_shown = (int)level;
}

void log_line(enum log_level level, const char *module, const char *format, ...)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};
    if ((int)level > log_level_shown)
        return;
    char line[1024];
    int n = snprintf(line, sizeof line, "%s %s: ", names[level], module);
    va_list args;
    va_start(args, format);
    int m = vsnprintf(line + n, sizeof line - (size_t)n, format, args);
    va_end(args);
    size_t end = (size_t)n + (m < 0 ? 0 : (size_t)m);
    if (end > sizeof line - 2)
        end = sizeof line - 2;
    for (size_t i = 0; i < end;
         i++) /* what a server said may hold line ends: one line stays one line */
        if (line[i] == '\n' || line[i] == '\r')
            line[i] = ' ';
    while (end > 0 && line[end - 1] == ' ')
        end--;
    line[end++] = '\n';
    if (write(STDERR_FILENO, line, end) < 0)
        return; /* nobody is left to tell */
}
