/* clock: the two clocks a program needs. Nothing in views/ may ask them. */
#ifndef TANDEM_COMMON_CLOCK_H
#define TANDEM_COMMON_CLOCK_H

#include <stdint.h>

int64_t clock_unix_ms(void);      /* ms since 1970 UTC */
int64_t clock_monotonic_us(void); /* for durations */

#endif
