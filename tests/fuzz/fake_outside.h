/*
 * fake_outside: what stands around an event loop of tandem-serve, in place of the threads and connections of the real ones:
 * a batch view made by hand, Redis away, a Kafka that acknowledges or not, a Postgres that has nothing. Linked before the serving layer, so that loop,
 * routes, handlers, reader, merge and ranking are the real ones.
 */
#ifndef TANDEM_TESTS_FAKE_OUTSIDE_H
#define TANDEM_TESTS_FAKE_OUTSIDE_H

#include <stdbool.h>
#include <stddef.h>

struct fake_outside {
    bool no_view;      /* nothing was published yet */
    bool no_topic;     /* Kafka's topic has not been checked */
    bool no_room;      /* too many events wait for Kafka */
    bool no_items;     /* the catalogue has not been loaded */
    bool acknowledges; /* else every event fails */
    bool
        keys; /* there are API keys: w, r and a, by their role's first letter; else none was made */
    bool no_postgres; /* the keys are not read */
    size_t posted;    /* events that were sent, since this was set to 0 */
};

extern struct fake_outside fake_outside;

/* The view that there is: rows of the views that ranking needs; user u has seen a and b. */
void fake_outside_open(void);

/* A catalogue of a, which has everything, and b, which is hidden and has nothing. */
struct item_store *fake_items(void);

#endif
