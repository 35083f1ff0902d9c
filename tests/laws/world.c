#include "tests/laws/world.h"

#include "views/row.h"

struct world world_new(void)
{
    return (struct world){names_new(), deltas_new()};
}

void world_free(struct world *world)
{
    deltas_free(world->deltas);
    names_free(world->names);
}

void world_fold(struct fold *fold, const struct event *event, struct deltas *deltas)
{
    if (!fold_knows(fold, event->user))
        fold_put_state(fold, event->user, (struct text){"", 0}); /* nothing is always a state */
    fold_event(fold, event, deltas);
}

struct world world_of(const struct sequence *events, struct dice *dice, unsigned settle,
                      enum world_end end)
{
    struct world world = world_new();
    struct fold *fold = fold_new(world.names);
    for (size_t i = 0; i < events->n; i++) {
        world_fold(fold, &events->event[i], world.deltas);
        if (settle && dice_roll(dice, settle) == 0) {
            fold_settle(fold, world.deltas);
            fold_forget_touched(fold);
        }
    }
    if (end == SETTLED_AT_THE_END)
        fold_settle(fold, world.deltas);
    fold_free(fold);
    return world;
}

void world_add(struct world *into, const struct world *from)
{
    for (size_t row = 0; row < deltas_rows(from->deltas); row++) {
        unsigned view;
        uint32_t group, member;
        int64_t value;
        deltas_row_key(from->deltas, row, &view, &group);
        uint32_t into_group = names_put(into->names, names_text(from->names, group));
        for (size_t cursor = 0; deltas_next(from->deltas, row, &cursor, &member, &value);)
            deltas_add(into->deltas, view, into_group,
                       names_put(into->names, names_text(from->names, member)), value);
    }
}

/* Every counter of a is in b with the same value. */
static bool world_within(const struct world *a, const struct world *b, bool state_views_only)
{
    for (size_t row = 0; row < deltas_rows(a->deltas); row++) {
        unsigned view;
        uint32_t group, member;
        int64_t value;
        deltas_row_key(a->deltas, row, &view, &group);
        if (state_views_only && !catalogue[view].of_state)
            continue;
        uint32_t b_group = names_find(b->names, names_text(a->names, group));
        for (size_t cursor = 0; deltas_next(a->deltas, row, &cursor, &member, &value);) {
            uint32_t b_member = names_find(b->names, names_text(a->names, member));
            if (b_group == NAMES_ABSENT || b_member == NAMES_ABSENT ||
                deltas_get(b->deltas, view, b_group, b_member) != value)
                return false;
        }
    }
    return true;
}

bool worlds_agree(struct world a, struct world b, bool state_views_only)
{
    bool agree = world_within(&a, &b, state_views_only) && world_within(&b, &a, state_views_only);
    world_free(&a);
    world_free(&b);
    return agree;
}

struct world world_of_final_states(const struct sequence *events)
{
    struct world all = world_new(), unused = world_new();
    struct fold *fold = fold_new(all.names);
    for (size_t i = 0; i < events->n; i++)
        world_fold(fold, &events->event[i], unused.deltas);
    uint32_t name_of_all = names_put(all.names, text_of("all"));
    struct text user;
    struct bytes stored = {0};
    for (size_t cursor = 0; fold_next_touched(fold, &cursor, &user, &stored);)
        for (unsigned v = 0; v < catalogue_views; v++)
            if (catalogue[v].of_state)
                catalogue[v].of_state(fold_state(fold, user), &(struct emit){.names = all.names,
                                                                             .deltas = all.deltas,
                                                                             .all = name_of_all,
                                                                             .view = v,
                                                                             .sign = 1});
    bytes_free(&stored);
    fold_free(fold);
    world_free(&unused);
    return all;
}

/* ---- rows as they are stored ---- */

/* The canonical row of (view, group); 0 bytes where the world has none. */
static void world_row(const struct world *world, unsigned view, struct text group,
                      struct bytes *into)
{
    uint32_t symbol = names_find(world->names, group);
    size_t row = symbol == NAMES_ABSENT ? SIZE_MAX : deltas_row_find(world->deltas, view, symbol);
    struct bytes log = {0};
    if (row != SIZE_MAX)
        deltas_row_pack(world->deltas, row, world->names, &log);
    row_canonical(bytes_text(&log), into);
    bytes_free(&log);
}

static bool row_merges_to(const struct world *a, const struct world *b, const struct world *whole,
                          unsigned view, struct text group)
{
    struct bytes of_a = {0}, of_b = {0}, of_whole = {0}, sum = {0};
    world_row(a, view, group, &of_a);
    world_row(b, view, group, &of_b);
    world_row(whole, view, group, &of_whole);
    bool merges = row_merge(bytes_text(&of_a), bytes_text(&of_b), 1, &sum) >= 0 &&
                  text_equal(bytes_text(&sum), bytes_text(&of_whole));
    struct bytes *all[] = {&of_a, &of_b, &of_whole, &sum};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        bytes_free(all[i]);
    return merges;
}

bool world_rows_merge_to(const struct world *a, const struct world *b, const struct world *whole)
{
    const struct world *worlds[] = {a, b, whole};
    for (size_t w = 0; w < 3; w++)
        for (size_t row = 0; row < deltas_rows(worlds[w]->deltas); row++) {
            unsigned view;
            uint32_t group;
            deltas_row_key(worlds[w]->deltas, row, &view, &group);
            if (!row_merges_to(a, b, whole, view, names_text(worlds[w]->names, group)))
                return false;
        }
    return true;
}
