#define _POSIX_C_SOURCE 200809L
#include "tools/progress.h"

#include <stdio.h>
#include <unistd.h>

enum { TERMINAL_US = 200000, LOG_US = 5000000 };

struct progress progress_start(int64_t now_us)
{
    struct progress p = {.start_us = now_us, .last_us = now_us, .terminal = isatty(STDERR_FILENO)};
    p.next_us = now_us + (p.terminal ? TERMINAL_US : LOG_US);
    return p;
}

/* "1:02:03 left", or nothing where nobody can know. */
static void print_eta(char *into, size_t n, int64_t elapsed_us, double fraction)
{
    into[0] = 0;
    if (fraction <= 0 || fraction > 1)
        return;
    long long s = (long long)((double)elapsed_us / 1e6 * (1 - fraction) / fraction + 0.5);
    snprintf(into, n, ", %.0f %%, %lld:%02lld:%02lld left", fraction * 100, s / 3600, s / 60 % 60,
             s % 60);
}

void progress_show(struct progress *p, int64_t now_us, int64_t sent, int64_t acknowledged,
                   double fraction)
{
    if (now_us < p->next_us)
        return;
    char eta[64];
    print_eta(eta, sizeof eta, now_us - p->start_us, fraction);
    double rate = (double)(sent - p->last_sent) * 1e6 / (double)(now_us - p->last_us);
    int n = fprintf(stderr, "%s%lld sent, %lld acknowledged, %.0f events/s%s",
                    p->terminal ? "\r" : "", (long long)sent, (long long)acknowledged, rate, eta);
    if (p->terminal)
        fprintf(stderr, "%*s", p->width > n ? p->width - n : 0, "");
    else
        fputc('\n', stderr);
    p->width = n;
    p->last_us = now_us;
    p->last_sent = sent;
    p->next_us = now_us + (p->terminal ? TERMINAL_US : LOG_US);
}

void progress_end(struct progress *p)
{
    if (p->terminal && p->width)
        fputc('\n', stderr);
}
