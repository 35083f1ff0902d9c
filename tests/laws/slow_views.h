/*
 * slow_views: all twelve views once more, from design.md's table alone: slow, obvious, sharing nothing with views/ but its
 * types. Not for: anything but being held against the catalogue.
 */
#ifndef TANDEM_TESTS_SLOW_VIEWS_H
#define TANDEM_TESTS_SLOW_VIEWS_H

#include "tests/laws/sequence.h"
#include "views/deltas.h"

/* Adds every counter of the whole sequence; views are numbered as in the catalogue, by name. */
void slow_views(const struct sequence *events, struct names *names, struct deltas *deltas);

#endif
