/* pace: so many events a second, evenly. Pure: the clock is a parameter. */
#ifndef TANDEM_TOOLS_PACE_H
#define TANDEM_TOOLS_PACE_H

#include <stdint.h>

struct pace {
    int64_t rate; /* events/s; 0: as fast as it goes */
    int64_t start_us, n;
};

static inline struct pace pace_start(int64_t rate, int64_t now_us)
{
    return (struct pace){rate, now_us, 0};
}

/*
 * us until the next event is due, 0 or less: now. What could not be sent in time is caught up with, but not more than a
 * second of it: after a long stall the rate is the rate again.
 */
static inline int64_t pace_wait_us(struct pace *pace, int64_t now_us)
{
    if (pace->rate == 0)
        return 0;
    int64_t due = pace->start_us + pace->n / pace->rate * 1000000 +
                  pace->n % pace->rate * 1000000 / pace->rate;
    if (now_us - due > 1000000) {
        pace->start_us += now_us - due - 1000000;
        due = now_us - 1000000;
    }
    return due - now_us;
}

static inline void pace_count(struct pace *pace)
{
    pace->n++;
}

#endif
