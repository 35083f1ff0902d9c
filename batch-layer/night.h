/*
 * night: when a nightly time of day is due, by the C library's tz database: pure but for the zone, which is the process's own
 * and is set once, before any thread is there (night_zone_set).
 *
 * A day's time is due at the first moment whose local clock shows that day's HH:MM or later. So what a change of the clocks
 * skips is due when it ends (02:30 at 03:00 where 02:00 becomes 03:00), and what it repeats is due the first time, once.
 */
#ifndef TANDEM_BATCH_NIGHT_H
#define TANDEM_BATCH_NIGHT_H

#include <stdint.h>
#include <time.h>

#include "common/err.h"

struct night {
    int hour, minute;
};

/* "02:30". -1: no time of day. */
int night_parse(const char *text, struct night *night);

/* The process's zone from then on: a name of the tz database. ERR_FATAL where there is none of that name. Once, before threads. */
int night_zone_set(const char *zone, struct err *err);

/* The newest due time <= now; the first one > now. */
time_t night_last(struct night night, time_t now);
time_t night_next(struct night night, time_t now);

#endif
