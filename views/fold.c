#include "views/fold.h"

#include <assert.h>
#include <stdlib.h>

static const uint32_t UNTOUCHED = UINT32_MAX;

struct user {
    uint32_t touched; /* place in the touched list, UNTOUCHED */
    struct user_state state;
};

struct touch {
    uint32_t user;
    bool unsettled;
    struct user_state before; /* as it was when last settled */
};

struct fold {
    struct names *names; /* items, groups, members: borrowed */
    struct names *users; /* symbol = index into user */
    struct user *user;
    size_t user_cap;
    struct touch *touched;
    size_t n_touched, touched_cap;
    struct cancel *cancel;
    uint32_t all; /* symbol of "all" */
    uint64_t views;
};

struct fold *fold_new(struct names *names)
{
    size_t cap = 0;
    struct fold *fold = grown(NULL, &cap, 1, sizeof *fold);
    *fold = (struct fold){.names = names,
                          .users = names_new(),
                          .cancel = cancel_new(),
                          .all = names_put(names, text_of("all")),
                          .views = catalogue_all()};
    return fold;
}

void fold_free(struct fold *fold)
{
    if (!fold)
        return;
    names_free(fold->users);
    free(fold->user);
    free(fold->touched);
    cancel_free(fold->cancel);
    free(fold);
}

bool fold_knows(const struct fold *fold, struct text user)
{
    return names_find(fold->users, user) != NAMES_ABSENT;
}

int fold_put_state(struct fold *fold, struct text user, struct text stored)
{
    struct user fresh = {.touched = UNTOUCHED};
    if (user_state_decode(stored, fold->names, &fresh.state))
        return -1;
    assert(!fold_knows(fold, user));
    uint32_t u = names_put(fold->users, user);
    fold->user = grown(fold->user, &fold->user_cap, (size_t)u + 1, sizeof *fold->user);
    fold->user[u] = fresh;
    return 0;
}

static void user_touch(struct fold *fold, uint32_t u)
{
    struct user *user = &fold->user[u];
    if (user->touched == UNTOUCHED) {
        fold->touched =
            grown(fold->touched, &fold->touched_cap, fold->n_touched + 1, sizeof *fold->touched);
        user->touched = (uint32_t)fold->n_touched++;
        fold->touched[user->touched].user = u;
        fold->touched[user->touched].unsettled = false;
    }
    struct touch *touch = &fold->touched[user->touched];
    if (!touch->unsettled) {
        touch->before = user->state;
        touch->unsettled = true;
    }
}

void fold_views(struct fold *fold, uint64_t views)
{
    fold->views = views;
}

static bool is_wanted(const struct fold *fold, unsigned view)
{
    return fold->views >> view & 1;
}

bool fold_event(struct fold *fold, const struct event *event, struct deltas *deltas)
{
    uint32_t u = names_find(fold->users, event->user);
    assert(u != NAMES_ABSENT);
    uint32_t item = event->type == EVENT_FORGET ? 0 : names_put(fold->names, event->item);
    user_touch(fold, u);
    if (!user_state_take(&fold->user[u].state, event, item))
        return false;
    for (unsigned v = 0; v < catalogue_views; v++)
        if (catalogue[v].of_event && is_wanted(fold, v))
            catalogue[v].of_event(event, item,
                                  &(struct emit){fold->names, deltas, NULL, fold->all, v, 1});
    return true;
}

static bool windows_equal(const struct interaction *a, uint32_t n_a, const struct interaction *b,
                          uint32_t n_b)
{
    return n_a == n_b && memcmp(a, b, n_a * sizeof *a) == 0;
}

static void move_contribution(struct fold *fold, const struct user_state *before,
                              const struct user_state *after, struct deltas *deltas)
{
    for (unsigned v = 0; v < catalogue_views; v++) {
        if (!catalogue[v].of_state || !is_wanted(fold, v))
            continue;
        catalogue[v].of_state(before,
                              &(struct emit){fold->names, deltas, fold->cancel, fold->all, v, -1});
        catalogue[v].of_state(after,
                              &(struct emit){fold->names, deltas, fold->cancel, fold->all, v, 1});
        cancel_flush(fold->cancel, deltas, v);
    }
}

void fold_settle(struct fold *fold, struct deltas *deltas)
{
    for (size_t i = 0; i < fold->n_touched; i++) {
        struct touch *touch = &fold->touched[i];
        const struct user_state *after = &fold->user[touch->user].state, *before = &touch->before;
        if (!touch->unsettled)
            continue;
        touch->unsettled = false;
        if (windows_equal(before->seen, before->n_seen, after->seen, after->n_seen) &&
            windows_equal(before->bought, before->n_bought, after->bought, after->n_bought))
            continue; /* contributions are functions of these windows */
        move_contribution(fold, before, after, deltas);
    }
}

bool fold_next_touched(const struct fold *fold, size_t *cursor, struct text *user,
                       struct bytes *state)
{
    if (*cursor >= fold->n_touched)
        return false;
    uint32_t u = fold->touched[(*cursor)++].user;
    *user = names_text(fold->users, u);
    bytes_clear(state);
    user_state_encode(&fold->user[u].state, fold->names, state);
    return true;
}

size_t fold_touched(const struct fold *fold)
{
    return fold->n_touched;
}

void fold_forget_touched(struct fold *fold)
{
    for (size_t i = 0; i < fold->n_touched; i++)
        fold->user[fold->touched[i].user].touched = UNTOUCHED;
    fold->n_touched = 0;
}

void fold_reset(struct fold *fold)
{
    names_free(fold->users);
    fold->users = names_new();
    fold->n_touched = 0;
}

size_t fold_users(const struct fold *fold)
{
    return names_count(fold->users);
}

size_t fold_bytes(const struct fold *fold)
{
    return sizeof *fold + names_bytes(fold->users) + fold->user_cap * sizeof *fold->user +
           fold->touched_cap * sizeof *fold->touched;
}

const struct user_state *fold_state(const struct fold *fold, struct text user)
{
    uint32_t u = names_find(fold->users, user);
    return u == NAMES_ABSENT ? NULL : &fold->user[u].state;
}
