/*
 * catalogue: every view, defined once (design.md, section 4). Both layers, the tests and the routes walk this table; no
 * layer knows a view by name except where ranking needs one. To add a view: write its function in catalogue.c, add its row.
 */
#ifndef TANDEM_VIEWS_CATALOGUE_H
#define TANDEM_VIEWS_CATALOGUE_H

#include "views/cancel.h"
#include "views/deltas.h"
#include "views/event.h"
#include "views/user_state.h"

/* Where a view's function puts its counters. */
struct emit {
    struct names *names;
    struct deltas *deltas;
    struct cancel
        *cancel;  /* state views: where before and after meet; NULL: straight to the deltas */
    uint32_t all; /* the symbol of "all" */
    unsigned view;
    int sign; /* +1: the contribution counts, -1: it is retracted */
};

struct view {
    const char *name;
    const char *group, *member, *value; /* what each means, for people */
    const char *merge;                  /* how two parts are put together: exact and order-free */
    /* One of the two. Pure: what they emit depends on their arguments only. */
    void (*of_event)(const struct event *event, uint32_t item, struct emit *emit);
    void (*of_state)(const struct user_state *state, struct emit *emit);
};

extern const struct view catalogue[];
extern const unsigned catalogue_views; /* how many */

/* Sets of views are bits by their number. */
enum { CATALOGUE_VIEWS_MAX = 64 };
uint64_t catalogue_all(void);

/* The view's number, or -1. */
int catalogue_find(struct text name);
const char *view_kind(const struct view *view); /* "state" or "event" */

#endif
