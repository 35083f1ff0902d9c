#include "views/user_state.h"

#include "views/row.h" /* varints */

enum { STORED_VERSION = 1 };

static bool state_holds_id(const struct user_state *state, uint64_t id)
{
    for (uint32_t i = 0; i < state->n_ids; i++)
        if (state->ids[i] == id)
            return true;
    return false;
}

static void state_push_id(struct user_state *state, uint64_t id)
{
    if (state->n_ids == STATE_IDS)
        memmove(state->ids, state->ids + 1, --state->n_ids * sizeof *state->ids);
    state->ids[state->n_ids++] = id;
}

static void window_push(struct interaction *window, uint32_t *n, struct interaction newest)
{
    if (*n == STATE_WINDOW)
        memmove(window, window + 1, --*n * sizeof *window);
    window[(*n)++] = newest;
}

static void window_remove_newest_of(struct interaction *window, uint32_t *n, uint32_t item)
{
    for (uint32_t i = *n; i-- > 0;) {
        if (window[i].item != item)
            continue;
        memmove(window + i, window + i + 1, (--*n - i) * sizeof *window);
        return;
    }
}

bool user_state_take(struct user_state *state, const struct event *event, uint32_t item)
{
    uint64_t id = text_hash(event->event_id);
    if (state_holds_id(state, id))
        return false;
    if (event->type == EVENT_FORGET) {
        state->n_ids = state->n_seen = state->n_bought = 0;
        return true;
    }
    state_push_id(state, id);
    struct interaction now = {event->ts, item, event->type};
    if (event->type == EVENT_VIEW || event->type == EVENT_CART || event->type == EVENT_PURCHASE)
        window_push(state->seen, &state->n_seen, now);
    if (event->type == EVENT_PURCHASE)
        window_push(state->bought, &state->n_bought, now);
    if (event->type == EVENT_REFUND)
        window_remove_newest_of(state->bought, &state->n_bought, item);
    return true;
}

bool user_state_is_empty(const struct user_state *state)
{
    return !state->n_ids && !state->n_seen && !state->n_bought;
}

static void window_encode(const struct interaction *window, uint32_t n, const struct names *names,
                          struct bytes *into)
{
    bytes_put(into, &(char){(char)n}, 1);
    int64_t before = 0;
    for (uint32_t i = 0; i < n; i++) {
        struct text item = names_text(names, window[i].item);
        bytes_put(into, &(char){(char)item.n}, 1);
        bytes_put_text(into, item);
        bytes_put(into, &(char){(char)window[i].type}, 1);
        varint_put(into, zigzag(window[i].ts - before));
        before = window[i].ts;
    }
}

void user_state_encode(const struct user_state *state, const struct names *names,
                       struct bytes *into)
{
    if (user_state_is_empty(state))
        return;
    const char head[2] = {STORED_VERSION, (char)state->n_ids};
    bytes_put(into, head, sizeof head);
    for (uint32_t i = 0; i < state->n_ids; i++) {
        unsigned char id[8];
        for (int b = 0; b < 8; b++)
            id[b] = (unsigned char)(state->ids[i] >> (8 * b));
        bytes_put(into, id, sizeof id);
    }
    window_encode(state->seen, state->n_seen, names, into);
    window_encode(state->bought, state->n_bought, names, into);
}

/* Cuts n bytes off the front; NULL when there are fewer. */
static const unsigned char *cut(struct text *rest, size_t n)
{
    if (rest->n < n)
        return NULL;
    const char *at = rest->at;
    rest->at += n;
    rest->n -= n;
    return (const unsigned char *)at;
}

static int interaction_decode(struct text *rest, struct names *names, int64_t *before,
                              struct interaction *into)
{
    const unsigned char *n = cut(rest, 1);
    if (!n || *n < 1 || *n > EVENT_ID_BYTES)
        return -1;
    const unsigned char *item = cut(rest, *n);
    const unsigned char *type = item ? cut(rest, 1) : NULL;
    uint64_t step;
    if (!type || *type < EVENT_VIEW || *type > EVENT_PURCHASE || varint_next(rest, &step) < 0)
        return -1;
    int64_t ts = (int64_t)((uint64_t)*before + (uint64_t)unzigzag(step));
    if (ts < 0 || ts >= EVENT_TS_END)
        return -1;
    *before = ts;
    *into =
        (struct interaction){ts, names_put(names, (struct text){(const char *)item, *n}), *type};
    return 0;
}

static int window_decode(struct text *rest, struct names *names, struct interaction *window,
                         uint32_t *n)
{
    const unsigned char *count = cut(rest, 1);
    if (!count || *count > STATE_WINDOW)
        return -1;
    int64_t before = 0;
    for (*n = 0; *n < *count; ++*n)
        if (interaction_decode(rest, names, &before, &window[*n]))
            return -1;
    return 0;
}

int user_state_decode(struct text stored, struct names *names, struct user_state *state)
{
    state->n_ids = state->n_seen = state->n_bought = 0;
    if (stored.n == 0)
        return 0;
    const unsigned char *head = cut(&stored, 2);
    if (!head || head[0] != STORED_VERSION || head[1] > STATE_IDS)
        return -1;
    const unsigned char *ids = cut(&stored, (size_t)head[1] * 8);
    if (!ids)
        return -1;
    for (uint32_t i = 0; i < head[1]; i++) {
        uint64_t id = 0;
        for (int b = 0; b < 8; b++)
            id |= (uint64_t)ids[8 * i + (uint32_t)b] << (8 * b);
        state->ids[state->n_ids++] = id;
    }
    if (window_decode(&stored, names, state->seen, &state->n_seen) ||
        window_decode(&stored, names, state->bought, &state->n_bought))
        return -1;
    return stored.n == 0 ? 0 : -1;
}
