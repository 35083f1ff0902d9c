/*
 * cancel: a small table in which the contributions of one user to one view, before and after, meet and mostly cancel out,
 * before what is left goes to the deltas: 2 * 380 pairs go in, some 20 an event come out, and the table stays in the
 * processor's first cache, where the deltas of a micro-batch do not.
 */
#ifndef TANDEM_VIEWS_CANCEL_H
#define TANDEM_VIEWS_CANCEL_H

#include "views/deltas.h"

struct cancel;

struct cancel *cancel_new(void);
void cancel_free(struct cancel *cancel);

/* Adds to a counter of the view that is being contributed to; `deltas` takes what is left when the table is full. */
void cancel_add(struct cancel *cancel, struct deltas *deltas, unsigned view, uint32_t group,
                uint32_t member, int64_t value);

/* Moves all that is not 0 to `deltas` and empties the table: after each (user, view). */
void cancel_flush(struct cancel *cancel, struct deltas *deltas, unsigned view);

#endif
