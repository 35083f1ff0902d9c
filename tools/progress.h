/*
 * progress: how far a feed is, on stderr: one line that is rewritten on a terminal, else a line every five seconds.
 */
#ifndef TANDEM_TOOLS_PROGRESS_H
#define TANDEM_TOOLS_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    int64_t start_us, next_us, last_us, last_sent;
    bool terminal;
    int width; /* of the line on the terminal, to be overwritten */
};

struct progress progress_start(int64_t now_us);

/* Shows a line when one is due. `fraction`: 0 to 1, -1: unknown. */
void progress_show(struct progress *progress, int64_t now_us, int64_t sent, int64_t acknowledged,
                   double fraction);
void progress_end(struct progress *progress); /* leaves the terminal's line */

#endif
