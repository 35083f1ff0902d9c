#include "tests/laws/slow_views.h"

#include <inttypes.h>
#include <stdlib.h>

#include "views/catalogue.h"

/* What design.md says of a user's state, as three lists of events, oldest first; lists are cut when they are read. */
struct slow_user {
    struct sequence ids, seen, bought;
};

struct slow {
    struct names *names;
    struct deltas *deltas;
};

static void add(struct slow *s, const char *view, struct text group, struct text member,
                int64_t value)
{
    deltas_add(s->deltas, (unsigned)catalogue_find(text_of(view)), names_put(s->names, group),
               names_put(s->names, member), value);
}

/* The last `keep` of a list begin here. */
static size_t from_of(const struct sequence *list, size_t keep)
{
    return list->n > keep ? list->n - keep : 0;
}

static bool is_duplicate(const struct slow_user *user, struct text id)
{
    for (size_t i = from_of(&user->ids, 32); i < user->ids.n; i++)
        if (text_equal(user->ids.event[i].event_id, id))
            return true;
    return false;
}

/* The entries that have left the window are really gone: a refund does not bring them back. */
static void cut_to(struct sequence *list, size_t keep)
{
    size_t from = from_of(list, keep);
    for (size_t i = from; i < list->n; i++)
        list->event[i - from] = list->event[i];
    list->n -= from;
}

static void remove_newest(struct sequence *list, struct text item)
{
    for (size_t i = list->n; i-- > 0;)
        if (text_equal(list->event[i].item, item)) {
            for (size_t j = i + 1; j < list->n; j++)
                list->event[j - 1] = list->event[j];
            list->n--;
            return;
        }
}

static void remember(struct slow_user *user, const struct event *e)
{
    if (e->type == EVENT_FORGET) {
        user->ids.n = user->seen.n = user->bought.n = 0;
        return;
    }
    sequence_push(&user->ids, e);
    if (e->type == EVENT_VIEW || e->type == EVENT_CART || e->type == EVENT_PURCHASE)
        sequence_push(&user->seen, e);
    if (e->type == EVENT_PURCHASE)
        sequence_push(&user->bought, e);
    if (e->type == EVENT_REFUND)
        remove_newest(&user->bought, e->item);
    cut_to(&user->seen, 20);
    cut_to(&user->bought, 20);
}

static struct text number(char into[32], int64_t value)
{
    return (struct text){into, (size_t)snprintf(into, 32, "%" PRId64, value)};
}

static void per_event(struct slow *s, const struct event *e)
{
    char hour[32], minute[32], day[32];
    int weight = e->type == EVENT_VIEW       ? 1
                 : e->type == EVENT_CART     ? 3
                 : e->type == EVENT_PURCHASE ? 5
                 : e->type == EVENT_REFUND   ? -5
                                             : 0;
    if (weight)
        add(s, "popular", number(hour, e->ts / 3600000), e->item, weight);
    if (weight && !text_equal(e->country, text_of("-"))) {
        char both[80];
        snprintf(both, sizeof both, "%" PRId64 "/%.*s", e->ts / 3600000, (int)e->country.n,
                 e->country.at);
        add(s, "popular_country", text_of(both), e->item, weight);
    }
    if (e->type != EVENT_FORGET) {
        add(s, "traffic_country", number(minute, e->ts / 60000), e->country, 1);
        add(s, "traffic_device", number(minute, e->ts / 60000), e->device, 1);
    }
    if ((e->type == EVENT_PURCHASE || e->type == EVENT_REFUND) && e->price >= 0) {
        int64_t amount = e->price * e->quantity * (e->type == EVENT_PURCHASE ? 1 : -1);
        snprintf(day, sizeof day, "%" PRId64 "/%.3s", e->ts / 86400000, e->currency.at);
        add(s, "revenue_country", text_of(day), e->country, amount);
        add(s, "revenue_device", text_of(day), e->device, amount);
    }
}

static bool stands_before(const struct sequence *list, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (text_equal(list->event[j].item, list->event[i].item))
            return true;
    return false;
}

static void per_set(struct slow *s, const struct sequence *list, const char *single,
                    const char *pair)
{
    for (size_t i = 0; i < list->n; i++) {
        if (stands_before(list, i))
            continue;
        add(s, single, text_of("all"), list->event[i].item, 1);
        for (size_t j = 0; j < list->n; j++)
            if (!stands_before(list, j) && !text_equal(list->event[i].item, list->event[j].item))
                add(s, pair, list->event[i].item, list->event[j].item, 1);
    }
}

static void per_path(struct slow *s, const struct sequence *seen)
{
    for (size_t i = 0; i < seen->n; i++)
        for (size_t j = i + 1; j < seen->n && j - i <= 10; j++) {
            bool one_session = true;
            for (size_t k = i; k < j; k++)
                if (llabs((long long)(seen->event[k + 1].ts - seen->event[k].ts)) > 30 * 60 * 1000)
                    one_session = false;
            if (one_session && !text_equal(seen->event[i].item, seen->event[j].item))
                add(s, "next", seen->event[i].item, seen->event[j].item, 2520 / (int64_t)(j - i));
        }
}

void slow_views(const struct sequence *events, struct names *names, struct deltas *deltas)
{
    struct slow s = {names, deltas};
    struct names *users = names_new();
    struct slow_user user[256] = {{{0}, {0}, {0}}};
    for (size_t i = 0; i < events->n; i++) {
        struct slow_user *of = &user[names_put(users, events->event[i].user)];
        if (is_duplicate(of, events->event[i].event_id))
            continue;
        remember(of, &events->event[i]);
        per_event(&s, &events->event[i]);
    }
    for (uint32_t u = 0; u < names_count(users); u++) {
        if (user[u].seen.n > 0)
            add(&s, "users", text_of("all"), text_of("all"), 1);
        per_set(&s, &user[u].seen, "item_users", "together");
        per_set(&s, &user[u].bought, "bought_users", "bought_together");
        per_path(&s, &user[u].seen);
        sequence_free(&user[u].ids);
        sequence_free(&user[u].seen);
        sequence_free(&user[u].bought);
    }
    names_free(users);
}
