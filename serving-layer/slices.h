/*
 * slices: work that would hold an event loop up for too long, cut into slices: one slice a turn of the loop, the works in
 * turns. However many there are, what else the loop does waits for one slice. Not for: work that waits (jobs.h).
 */
#ifndef TANDEM_SERVING_SLICES_H
#define TANDEM_SERVING_SLICES_H

#include <stdbool.h>

struct event_base;
struct slices;

struct slices *slices_new(struct event_base *base);
void slices_free(struct slices *slices); /* what is not done is not called again */

/* A slice: at most a millisecond. true: more is to be done; false: it was the last. */
typedef bool (*slice)(void *context);
/* Does the first slice at once; -1: too many works are under way, nothing was done. */
int slices_do(struct slices *slices, slice work, void *context);

#endif
