#include "views/cancel.h"

#include <stdlib.h>

enum { SLOTS = 2048, USED_MAX = SLOTS / 2 };

struct cancel_slot {
    uint32_t group, member;
    int64_t value;
};

struct cancel {
    bool taken[SLOTS];
    struct cancel_slot slot[SLOTS];
    uint16_t used[USED_MAX]; /* slots in order of first use: groups stay together */
    size_t n_used;
};

struct cancel *cancel_new(void)
{
    struct cancel *cancel = calloc(1, sizeof *cancel);
    if (!cancel)
        abort();
    return cancel;
}

void cancel_free(struct cancel *cancel)
{
    free(cancel);
}

void cancel_add(struct cancel *c, struct deltas *deltas, unsigned view, uint32_t group,
                uint32_t member, int64_t value)
{
    uint32_t s = (group * UINT32_C(0x9e3779b1) ^ member * UINT32_C(0x85ebca77)) >> 21;
    for (; c->taken[s]; s = (s + 1) % SLOTS) {
        struct cancel_slot *slot = &c->slot[s];
        if (slot->group == group && slot->member == member) {
            slot->value += value;
            return;
        }
    }
    if (c->n_used == USED_MAX) {
        cancel_flush(c, deltas, view);
        cancel_add(c, deltas, view, group, member, value);
        return;
    }
    c->taken[s] = true;
    c->slot[s] = (struct cancel_slot){group, member, value};
    c->used[c->n_used++] = (uint16_t)s;
}

void cancel_flush(struct cancel *c, struct deltas *deltas, unsigned view)
{
    for (size_t i = 0; i < c->n_used; i++) {
        const struct cancel_slot *slot = &c->slot[c->used[i]];
        c->taken[c->used[i]] = false;
        if (slot->value)
            deltas_add(deltas, view, slot->group, slot->member, slot->value);
    }
    c->n_used = 0;
}
