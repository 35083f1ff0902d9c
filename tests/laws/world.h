/* world: the counters that a fold of some sequence left, with their names; and how worlds are held together. */
#ifndef TANDEM_TESTS_WORLD_H
#define TANDEM_TESTS_WORLD_H

#include "tests/laws/sequence.h"
#include "views/fold.h"

struct world {
    struct names *names;
    struct deltas *deltas;
};

struct world world_new(void);
void world_free(struct world *world);

/* Takes one event in; a user that the fold does not know begins with an empty state. */
void world_fold(struct fold *fold, const struct event *event, struct deltas *deltas);

enum world_end { SETTLED_AT_THE_END, NOT_SETTLED_AT_THE_END /* a mutant */ };

/* One pass; settles after each event with the probability 1/settle (0: once, at the end). */
struct world world_of(const struct sequence *events, struct dice *dice, unsigned settle,
                      enum world_end end);

/* The contributions of the final states alone: every view of kind "state", asked once a user. */
struct world world_of_final_states(const struct sequence *events);

/* Compares and frees both. */
bool worlds_agree(struct world a, struct world b, bool state_views_only);

/* Adds all counters of one world to another. */
void world_add(struct world *into, const struct world *from);

/* The rows of `a` and `b`, packed as they are stored and merged row by row, are those of `whole`. */
bool world_rows_merge_to(const struct world *a, const struct world *b, const struct world *whole);

#endif
