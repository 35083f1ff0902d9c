/* sequence: random sequences of events of one partition, from a seed, and what the laws do to them. Texts are constants. */
#ifndef TANDEM_TESTS_SEQUENCE_H
#define TANDEM_TESTS_SEQUENCE_H

#include <stdio.h>

#include "views/event.h"

struct dice { /* splitmix64 */
    uint64_t state;
};
unsigned dice_roll(struct dice *dice, unsigned sides); /* 0 .. sides - 1; 0 for 0 sides */

struct sequence {
    struct event *event;
    size_t n, cap;
};

void sequence_push(struct sequence *sequence, const struct event *event);
void sequence_free(struct sequence *sequence);
void sequence_print(const struct sequence *sequence, FILE *to);

/* Few users and items, so that windows overflow and pairs meet; pauses around half an hour; all types; retries; forgets. */
void sequence_random(struct dice *dice, struct sequence *into);

/* The same events in another order; each user's own is kept, or (keep = false) one user's first and last are swapped. */
void sequence_interleave(const struct sequence *from, struct dice *dice, bool keep,
                         struct sequence *into);

/*
 * Repeats some events a few places later; never over a `forget` of its user. at_least: only after so many further events of
 * the user (to show that older repeats do count).
 */
void sequence_repeat_some(const struct sequence *from, struct dice *dice, size_t at_least,
                          struct sequence *into);

#endif
