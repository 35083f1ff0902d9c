/*
 * feed: the loop of tandem-feed: takes records from a source at the wanted rate, hands them to a sink, shows progress, and
 * accounts for each at the end. One thread.
 */
#ifndef TANDEM_TOOLS_FEED_H
#define TANDEM_TOOLS_FEED_H

#include <stdio.h>

#include "tools/record.h"

struct feed_settings {
    int64_t rate;  /* events/s, 0: as fast as it goes */
    int64_t limit; /* records, 0: all */
};

/*
 * Until the source ends, the limit is reached or a stop is asked; then everything sent is waited for. `elapsed_us` is set.
 * -1: err says what could not be read or sent; what was sent before is waited for and counted all the same.
 */
int feed_run(const struct source *source, struct sink *sink, const struct feed_settings *settings,
             int64_t *elapsed_us, struct err *err);

/* sent, acknowledged, refused, failed, rate. */
void feed_report(const struct sink_figures *figures, int64_t elapsed_us, FILE *to);

#endif
