/*
 * run_progress: one line on a terminal that says how far a run, a replay or a prune is, rewritten in place; nothing where stderr is no terminal.
 * Not for: the log. Who logs while a line stands calls run_progress_clear before.
 */
#ifndef TANDEM_BATCH_RUN_PROGRESS_H
#define TANDEM_BATCH_RUN_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct run_progress {
    bool terminal, stands;
    char what[64];
    int64_t began_us, shown_us;
};

/* A new part of the work, such as "run 7, aggregate". */
void run_progress_begin(struct run_progress *progress, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Cheap: writes a few times a second at most. total = 0: not known. */
void run_progress_show(struct run_progress *progress, int64_t done, int64_t total,
                       const char *unit);
void run_progress_clear(struct run_progress *progress);

/* The line's text: how much, and, once it can be said, how long it takes yet. Pure. */
void run_progress_text(char *into, size_t bytes, const char *what, int64_t done, int64_t total,
                       const char *unit, int64_t took_us);

#endif
