/*
 * forget: takes the ids of forgotten users out of the master dataset (design.md, section 4). Every row of the user's
 * partition up to and with the `forget` gets one random token in place of the user, stored nowhere else: who recomputes folds
 * those rows as before and ends at the same empty state, and nobody can say whose they were.
 */
#ifndef TANDEM_BATCH_FORGET_H
#define TANDEM_BATCH_FORGET_H

#include "batch-layer/run_steps.h"

/*
 * Whoever folds the master dataset in more than one snapshot holds this advisory lock shared, or it would know a user by
 * the id in one and by the token in the next. A run with a `forget` waits for it before it publishes.
 */
#define FORGET_LOCK INT64_C(0x74616e64656d0002)

/* Notes where the events of [B_{n-1}, B_n) are (table user_events), inside the publishing transaction. */
int forget_index(struct run *run, struct err *err);

/* For the `forget` events of [B_{n-1}, B_n), inside the publishing transaction. Returns the rows changed, -1: err. */
int64_t forget_replace(struct run *run, struct err *err);

#endif
