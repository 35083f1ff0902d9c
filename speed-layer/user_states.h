/*
 * user_states: users' states that the batch layer has left in Postgres, for users of whom the speed view knows nothing.
 * The one file of this layer with libpq. Not for: the publication (handover/database.h).
 */
#ifndef TANDEM_SPEED_USER_STATES_H
#define TANDEM_SPEED_USER_STATES_H

#include "handover/database.h"
#include "speed-layer/micro_batch.h"

/*
 * Learns every user of the batch that is still unknown: the newest state at or below the batch's segment, or empty.
 * ERR_RETRY when the segment was retired meanwhile: claim again.
 */
int user_states_find(PGconn *db, struct micro_batch *batch, struct err *err);

#endif
