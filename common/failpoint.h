/*
 * failpoint: named places at which a test lets a program die as by kill -9 (TANDEM_CRASH_AT=name), so that each crash window
 * can be visited on purpose. Costs one comparison with an empty string where no test asks.
 */
#ifndef TANDEM_COMMON_FAILPOINT_H
#define TANDEM_COMMON_FAILPOINT_H

void failpoint(const char *name);

#endif
