#include "batch-layer/progress.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "common/clock.h"

enum { EVERY_US = 200000, EARLIEST_US = 1000000 };

static void duration_text(char *into, size_t bytes, int64_t s)
{
    if (s < 60)
        snprintf(into, bytes, "%" PRId64 " s", s);
    else if (s < 3600)
        snprintf(into, bytes, "%" PRId64 " min %" PRId64 " s", s / 60, s % 60);
    else
        snprintf(into, bytes, "%" PRId64 " h %" PRId64 " min", s / 3600, s / 60 % 60);
}

void progress_text(char *into, size_t bytes, const char *what, int64_t done, int64_t total,
                   const char *unit, int64_t took_us)
{
    char left[48];
    if (total <= 0) {
        snprintf(into, bytes, "%s", what);
        return;
    }
    int n = snprintf(into, bytes, "%s: %" PRId64 " of %" PRId64 " %s, %d %%", what, done, total,
                     unit, (int)(100.0 * (double)done / (double)total));
    if (done <= 0 || done >= total || took_us < EARLIEST_US || n < 0 || (size_t)n >= bytes)
        return;
    duration_text(left, sizeof left,
                  (int64_t)((double)took_us / 1e6 * (double)(total - done) / (double)done + 0.5));
    snprintf(into + n, bytes - (size_t)n, ", about %s left", left);
}

static void line_write(struct progress *progress, int64_t done, int64_t total, const char *unit)
{
    char text[160], line[192];
    int64_t now_us = clock_monotonic_us();
    progress_text(text, sizeof text, progress->what, done, total, unit,
                  now_us - progress->began_us);
    int n = snprintf(line, sizeof line, "\r\033[K%s", text);
    progress->shown_us = now_us;
    progress->stands = n > 0 && write(STDERR_FILENO, line, (size_t)n) > 0;
}

void progress_begin(struct progress *progress, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(progress->what, sizeof progress->what, format, args);
    va_end(args);
    progress->terminal = isatty(STDERR_FILENO) == 1;
    progress->began_us = clock_monotonic_us();
    if (progress->terminal)
        line_write(progress, 0, 0, "");
}

void progress_show(struct progress *progress, int64_t done, int64_t total, const char *unit)
{
    if (progress->terminal && clock_monotonic_us() - progress->shown_us >= EVERY_US)
        line_write(progress, done, total, unit);
}

void progress_clear(struct progress *progress)
{
    if (progress->stands && write(STDERR_FILENO, "\r\033[K", 4) > 0)
        progress->stands = false;
}
