/*
 * fold: turns the events of ONE partition, in log order, into changes of counters: the framework of design.md, section 4.
 * A user's contribution to the state views is put in once a settle, not once an event: contribution(after) -
 * contribution(before). Whoever runs it (micro-batch, chunk of a run, audit) brings the stored states of the users it meets.
 * No I/O, no clock. One thread at a time.
 *
 *     for each event:  if (!fold_knows(f, user)) fold_put_state(f, user, stored bytes or none);
 *                      fold_event(f, &event, deltas);
 *     fold_settle(f, deltas);          then store the deltas' rows and the touched users' states, then
 *     fold_forget_touched(f);
 */
#ifndef TANDEM_VIEWS_FOLD_H
#define TANDEM_VIEWS_FOLD_H

#include "views/catalogue.h"

struct fold;

/* Borrows `names`, which must outlive it; several folds may share one. */
struct fold *fold_new(struct names *names);
void fold_free(struct fold *fold);

bool fold_knows(const struct fold *fold, struct text user);

/* Brings a user's stored state (n = 0: none is stored). -1: these bytes are no state. */
int fold_put_state(struct fold *fold, struct text user, struct text stored);

/* From now on only these views (bits by number) get what is emitted; all of them at first. Nothing may be unsettled. */
void fold_views(struct fold *fold, uint64_t views);

/* The user must be known. true: accepted; false: a duplicate, nothing changed. */
bool fold_event(struct fold *fold, const struct event *event, struct deltas *deltas);

/* Adds, for each user touched since the last settle, contribution(after) - contribution(before). */
void fold_settle(struct fold *fold, struct deltas *deltas);

/*
 * Walks the users touched since fold_forget_touched: start with *cursor = 0; false at the end. `state` is replaced by the
 * stored form (0 bytes: empty). `user` lives until the user is dropped.
 */
bool fold_next_touched(const struct fold *fold, size_t *cursor, struct text *user,
                       struct bytes *state);
size_t fold_touched(const struct fold *fold);
void fold_forget_touched(struct fold *fold); /* the states stay known */

/* Forgets every state: after a failure, or when memory is enough. Nothing may be unsettled that is still wanted. */
void fold_reset(struct fold *fold);

size_t fold_users(const struct fold *fold); /* states known */
size_t fold_bytes(const struct fold *fold); /* memory held */

/* For tests and ranking: the state itself, or NULL. */
const struct user_state *fold_state(const struct fold *fold, struct text user);

#endif
