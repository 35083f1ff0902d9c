#include "serving-layer/slices.h"

#include <event2/event.h>
#include <stdlib.h>

#include "common/mem.h"

enum { WORKS = 32 };

struct work {
    slice slice;
    void *context;
};

struct slices {
    struct event *turn;
    struct work work[WORKS];
    int n, next;
};

static void turn_ask(struct slices *slices)
{
    event_add(slices->turn, &(struct timeval){0, 0});
}

static void on_turn(evutil_socket_t fd, short what, void *context)
{
    struct slices *slices = context;
    (void)fd, (void)what;
    slices->next = slices->next < slices->n ? slices->next : 0;
    struct work work = slices->work[slices->next];
    if (work.slice(work.context))
        slices->next++;
    else
        slices->work[slices->next] = slices->work[--slices->n];
    if (slices->n > 0)
        turn_ask(slices);
}

struct slices *slices_new(struct event_base *base)
{
    struct slices *slices = xcalloc(1, sizeof *slices);
    slices->turn = event_new(base, -1, 0, on_turn, slices);
    return slices;
}

void slices_free(struct slices *slices)
{
    if (!slices)
        return;
    event_free(slices->turn);
    free(slices);
}

int slices_do(struct slices *slices, slice work, void *context)
{
    if (slices->n == WORKS)
        return -1;
    if (!work(context))
        return 0;
    slices->work[slices->n++] = (struct work){work, context};
    if (slices->n == 1)
        turn_ask(slices);
    return 0;
}
