/*
 * refusals: rows that cannot be events, counted by reason, so that every row is either sent or in this report.
 */
#ifndef TANDEM_TOOLS_REFUSALS_H
#define TANDEM_TOOLS_REFUSALS_H

#include <stdint.h>
#include <stdio.h>

#include "views/event.h"

enum { REFUSALS_REASONS = 128 }; /* what comes on top is counted in the last one */

struct refusals { /* zero-initialised is empty */
    unsigned n;
    int64_t total;
    struct refusal {
        struct event_error why;
        int64_t count, first_line;
    } reason[REFUSALS_REASONS];
};

void refusals_add(struct refusals *refusals, struct event_error why, int64_t line);

/* One line a reason: count, field and reason, line of the first. */
void refusals_print(const struct refusals *refusals, FILE *to);

#endif
