/*
 * failpoint: named places at which a test lets a program die as by kill -9 (TANDEM_CRASH_AT=name), or stand still until it gets
 * SIGCONT (TANDEM_HALT_AT=name), so that each window can be visited on purpose: for crashes of its own, and for what
 * happens to others meanwhile. Costs two looks at the environment.
 */
#ifndef TANDEM_COMMON_FAILPOINT_H
#define TANDEM_COMMON_FAILPOINT_H

void failpoint(const char *name);

#endif
