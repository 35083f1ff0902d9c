/*
 * run: one run of the batch layer (design.md, section 5): the six steps from barrier n to retired segments, and `rebuild`,
 * which is the same from offset 0. What is done stands in Postgres (run, run_step, checkpoint), moved by the transaction that
 * does it: killed anywhere, the next start goes on at that step. One run at a time: an advisory lock.
 * Not for: copying events into the master dataset (archive), proving (audit).
 */
#ifndef TANDEM_BATCH_RUN_H
#define TANDEM_BATCH_RUN_H

#include <stdint.h>

/* Held by whoever changes the batch view or the master dataset below it: an advisory lock of the session. */
#define RUN_LOCK INT64_C(0x74616e64656d0001)

/*
 * Names at which TANDEM_CRASH_AT lets a run die (common/failpoint.h), in the order in which a run comes by; NULL at the end.
 * A run over at least one event passes all of them.
 */
extern const char *const run_failpoints[];

struct run_settings; /* run_options.h */

/*
 * All of it, signals and deadline included: an exit code. stop_install comes before. `views`: those that are recomputed from the
 * first event, as bits; 0: a run, catalogue_all(): a rebuild.
 */
int run_work(const struct run_settings *settings, uint64_t views);

#endif
