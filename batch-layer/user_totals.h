/*
 * user_totals: how much each user has added to each view, all its counters together: what a sample of users is scaled up from.
 * Made by the views' own code (views/fold.h), a user at a time, so memory is that of one user's counters and of the totals.
 * Not for: the estimate itself (estimate_total.h), counters one by one.
 */
#ifndef TANDEM_BATCH_USER_TOTALS_H
#define TANDEM_BATCH_USER_TOTALS_H

#include <libpq-fe.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct user_totals {
    unsigned views;  /* of the catalogue */
    size_t n, room;  /* users */
    int64_t events;  /* read */
    double *of_view; /* user u's total of view v: [u * views + v] */
};

/*
 * Reads the events of the users that are in `share` (0 to 1) of all by their hash and `seed`, as of one snapshot: the transaction's
 * that `db` is in, or a new one. Goes on from `totals`, zero-initialised by the caller, who frees with user_totals_free.
 * `progress`, if not NULL, hears now and then how many events were read. -1: err; ERR_RETRY "stopped" when the program shall end.
 */
int user_totals_read(struct user_totals *totals, PGconn *db, double share, int64_t seed,
                     void (*progress)(int64_t events), struct err *err);
void user_totals_free(struct user_totals *totals);

#endif
