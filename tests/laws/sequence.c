#include "tests/laws/sequence.h"

#include <inttypes.h>
#include <stdlib.h>

#include "views/bytes.h"
#include "views/user_state.h"

enum { USERS = 4, ITEMS = 26, EVENTS_MAX = 160, IDS = 100000 };

/* Steele, Lea, Flood: Fast splittable pseudorandom number generators (2014). */
unsigned dice_roll(struct dice *dice, unsigned sides)
{
    uint64_t z = dice->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    z ^= z >> 31;
    return sides ? (unsigned)(z % sides) : 0;
}

void sequence_push(struct sequence *sequence, const struct event *event)
{
    sequence->event =
        grown(sequence->event, &sequence->cap, sequence->n + 1, sizeof *sequence->event);
    sequence->event[sequence->n++] = *event;
}

void sequence_free(struct sequence *sequence)
{
    free(sequence->event);
    *sequence = (struct sequence){0};
}

void sequence_print(const struct sequence *sequence, FILE *to)
{
    for (size_t i = 0; i < sequence->n; i++) {
        const struct event *e = &sequence->event[i];
        fprintf(to,
                "  %-10s user %.*s item %.*s id %.*s ts %" PRId64 " quantity %" PRId64
                " price %" PRId64 "\n",
                event_type_name(e->type), (int)e->user.n, e->user.at, (int)e->item.n, e->item.at,
                (int)e->event_id.n, e->event_id.at, e->ts, e->quantity, e->price);
    }
}

/* Constant texts "a" .. "z", and ids that never repeat within a sequence. */
static const char letters[] = "abcdefghijklmnopqrstuvwxyz";

static struct text id_text(size_t number)
{
    static char ids[IDS][6];
    if (!ids[number][0])
        snprintf(ids[number], sizeof ids[number], "%05zu", number);
    return (struct text){ids[number], 5};
}

static enum event_type random_type(struct dice *dice)
{
    static const enum event_type often[] = {
        EVENT_VIEW,     EVENT_VIEW,     EVENT_VIEW,   EVENT_VIEW,       EVENT_CART, EVENT_PURCHASE,
        EVENT_PURCHASE, EVENT_PURCHASE, EVENT_REFUND, EVENT_IMPRESSION, EVENT_CLICK};
    return dice_roll(dice, 40) == 0 ? EVENT_FORGET
                                    : often[dice_roll(dice, sizeof often / sizeof *often)];
}

static int64_t random_pause_ms(struct dice *dice)
{
    static const int64_t pauses[] = {0,       1,        60000,    1799999, 1800000,
                                     1800001, -1800000, -1800001, -5,      90000000};
    return pauses[dice_roll(dice, sizeof pauses / sizeof *pauses)];
}

/* Now and then a retry: the id and user of an event shortly before, whatever else it says. */
static void repeat_an_id(struct dice *dice, const struct sequence *before, struct event *e)
{
    if (before->n == 0 || dice_roll(dice, 10))
        return;
    unsigned back = 1 + dice_roll(dice, (unsigned)(before->n < 40 ? before->n : 40));
    e->event_id = before->event[before->n - back].event_id;
    e->user = before->event[before->n - back].user;
}

void sequence_random(struct dice *dice, struct sequence *into)
{
    static const char *const countries[] = {"-", "GB", "DE"}, *const currencies[] = {"EUR", "GBP"};
    unsigned items = 2 + dice_roll(dice, ITEMS - 2), users = 1 + dice_roll(dice, USERS);
    int64_t ts = INT64_C(1700000000000);
    for (size_t n = dice_roll(dice, EVENTS_MAX); n > 0; n--) {
        struct event e = {.type = random_type(dice),
                          .event_id = id_text(into->n),
                          .quantity = 1 + dice_roll(dice, 3),
                          .price = -1};
        e.user = (struct text){letters + dice_roll(dice, users), 1};
        ts += random_pause_ms(dice);
        e.ts = ts;
        if (e.type != EVENT_FORGET)
            e.item = (struct text){letters + dice_roll(dice, items), 1};
        if (dice_roll(dice, 2)) {
            e.price = dice_roll(dice, 4) * 100;
            e.currency = text_of(currencies[dice_roll(dice, 2)]);
        }
        e.country = text_of(countries[dice_roll(dice, 3)]);
        e.device = text_of(countries[dice_roll(dice, 3)]);
        repeat_an_id(dice, into, &e);
        sequence_push(into, &e);
    }
}

static void swap_first_and_last_of_a_user(struct sequence *events)
{
    size_t last = 0;
    for (size_t i = 1; i < events->n; i++)
        if (text_equal(events->event[i].user, events->event[0].user))
            last = i;
    if (last) {
        struct event kept = events->event[0];
        events->event[0] = events->event[last];
        events->event[last] = kept;
    }
}

/* Draws a user at random and takes its next event, until all are taken. */
void sequence_interleave(const struct sequence *from, struct dice *dice, bool keep,
                         struct sequence *into)
{
    size_t next[USERS] = {0};
    for (size_t left = from->n; left > 0;) {
        unsigned u = dice_roll(dice, USERS);
        while (next[u] < from->n && from->event[next[u]].user.at != letters + u)
            next[u]++;
        if (next[u] == from->n)
            continue;
        sequence_push(into, &from->event[next[u]++]);
        left--;
    }
    if (!keep)
        swap_first_and_last_of_a_user(into);
}

/*
 * May event i come again behind event j? Counts the user's events between; a `forget` between forbids it. An event that is a
 * retry itself need not have put its id in at i, so nothing can be said of it.
 */
static bool may_repeat(const struct sequence *from, size_t i, size_t j, size_t at_least)
{
    size_t between = 0;
    for (size_t k = 0; k < i; k++)
        if (text_equal(from->event[k].event_id, from->event[i].event_id))
            return false;
    for (size_t k = i; k <= j; k++) {
        if (!text_equal(from->event[k].user, from->event[i].user))
            continue;
        if (from->event[k].type == EVENT_FORGET)
            return false;
        between++;
    }
    return at_least
               ? between >= at_least
               : between < STATE_IDS / 2; /* repeats do not count, but stay clear of the edge */
}

void sequence_repeat_some(const struct sequence *from, struct dice *dice, size_t at_least,
                          struct sequence *into)
{
    for (size_t j = 0; j < from->n; j++) {
        sequence_push(into, &from->event[j]);
        size_t i = at_least ? 0 : j - dice_roll(dice, (unsigned)(j < 20 ? j : 20) + 1);
        if (dice_roll(dice, 3) == 0 && may_repeat(from, i, j, at_least))
            sequence_push(into, &from->event[i]);
    }
}
