#include "tools/generate.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/mem.h"
#include "tools/bad_record.h"
#include "tools/event_json.h"
#include "tools/shop.h"
#include "views/bytes.h"

enum {
    SESSIONS = 256, /* visitors at the same time */
    RECENT = 4,     /* records of a session that a client may send again */
    NONE = 0        /* no event type: nothing is planned */
};

#define NOBODY UINT32_MAX

struct session {
    uint32_t user, item; /* NOBODY: the session is over */
    int planned;         /* enum event_type that comes next, or NONE: choose */
    int impressions;     /* left of the list that is shown */
    uint32_t list;       /* number of the list that led here; 0: none */
    uint64_t order;      /* number of the order of the purchase that may be returned */
    struct bytes recent[RECENT];
    uint32_t n_recent; /* records so far, the last RECENT are kept */
};

struct generate {
    struct generate_settings settings;
    struct shop *shop;
    struct chance chance;
    int64_t n; /* records so far */
    struct session session[SESSIONS];
    struct bytes bad;
    char user[SHOP_NAME_BYTES];
};

static bool happens(struct generate *g, int64_t ppm)
{
    return (int64_t)chance_below(&g->chance, 1000000) < ppm;
}

static bool percent(struct generate *g, int64_t n)
{
    return happens(g, n * 10000);
}

/* ---- what visitors do ---- */

static void session_begin(struct generate *g, struct session *s)
{
    s->user = (uint32_t)chance_below(&g->chance, g->settings.users);
    s->item = shop_popular_item(g->shop, &g->chance);
    s->planned = EVENT_VIEW;
    s->impressions = 0;
    s->list = 0;
    s->order = 0;
    s->n_recent = 0;
}

static uint32_t other_item(struct generate *g, const struct session *s)
{
    return percent(g, 60) ? shop_related_item(g->shop, s->item, &g->chance)
                          : shop_popular_item(g->shop, &g->chance);
}

/* Nothing is planned: another list, another item, or the end of the visit. */
static enum event_type browse(struct generate *g, struct session *s)
{
    s->list = 0;
    s->item = other_item(g, s);
    if (percent(g, 35)) {
        s->list = 1 + (uint32_t)chance_below(&g->chance, 20);
        s->impressions = 3 + (int)chance_below(&g->chance, 4);
        return EVENT_IMPRESSION;
    }
    return EVENT_VIEW;
}

/* What follows an event of this type: the funnel. */
static int plan(struct generate *g, struct session *s, enum event_type type)
{
    switch (type) {
    case EVENT_IMPRESSION:
        if (--s->impressions > 0) {
            s->item = other_item(g, s);
            return EVENT_IMPRESSION;
        }
        return percent(g, 40) ? EVENT_CLICK : NONE;
    case EVENT_CLICK: return EVENT_VIEW;
    case EVENT_VIEW: return percent(g, 25) ? EVENT_CART : NONE;
    case EVENT_CART: return percent(g, 40) ? EVENT_PURCHASE : NONE;
    case EVENT_PURCHASE: return percent(g, 5) ? EVENT_REFUND : NONE;
    case EVENT_REFUND:
    case EVENT_FORGET: break;
    }
    return NONE;
}

/* Three visits in a thousand end with the wish to be forgotten. */
static void session_end(struct generate *g, struct session *s)
{
    if (happens(g, 3000))
        s->planned = EVENT_FORGET;
    else
        s->user = NOBODY;
}

/* ---- records ---- */

static void describe(const struct generate *g, const struct session *s, enum event_type type,
                     struct event *event)
{
    *event = (struct event){.type = type, .quantity = 1, .price = -1};
    event->ts = (g->settings.start_us + g->n * g->settings.step_us) / 1000;
    event->country = shop_country(s->user);
    event->device = shop_device(s->user);
    if (type == EVENT_CART || type == EVENT_PURCHASE || type == EVENT_REFUND) {
        event->price = shop_price(s->item);
        event->currency = shop_currency(s->user);
        event->quantity = 1 + s->item % 3;
    }
}

/* The session's next event as JSON; `why_bad`: a kind of bad_record.h, -1: a good one. */
static void write_event(struct generate *g, struct session *s, enum event_type type, int why_bad,
                        struct bytes *into)
{
    char id[SHOP_NAME_BYTES], item[SHOP_NAME_BYTES], order[SHOP_NAME_BYTES], list[SHOP_NAME_BYTES];
    struct event event;
    describe(g, s, type, &event);
    int n = snprintf(id, sizeof id, "g%llu-%lld", (unsigned long long)g->settings.seed,
                     (long long)g->n);
    event.event_id = (struct text){id, (size_t)n};
    event.user = shop_user_name(s->user, g->user);
    if (type != EVENT_FORGET)
        event.item = shop_item_name(s->item, item);
    if (type == EVENT_PURCHASE)
        s->order = (uint64_t)g->n + 1;
    if (type == EVENT_PURCHASE || type == EVENT_REFUND) {
        n = snprintf(order, sizeof order, "o%llu-%llu", (unsigned long long)g->settings.seed,
                     (unsigned long long)s->order);
        event.order = (struct text){order, (size_t)n};
    }
    if (s->list && type != EVENT_FORGET) {
        n = snprintf(list, sizeof list, "list-%u", s->list);
        event.list = (struct text){list, (size_t)n};
    }
    bytes_clear(into);
    if (why_bad < 0)
        event_json_write(&event, into);
    else
        bad_record_write(why_bad, &event, into);
}

static struct text repeat(struct generate *g, struct session *s)
{
    uint32_t kept = s->n_recent < RECENT ? s->n_recent : RECENT;
    uint32_t back = 1 + (uint32_t)chance_below(&g->chance, kept);
    shop_user_name(s->user, g->user);
    return bytes_text(&s->recent[(s->n_recent - back) % RECENT]);
}

static struct text go_on(struct generate *g, struct session *s, int why_bad)
{
    enum event_type type = s->planned != NONE ? (enum event_type)s->planned : browse(g, s);
    struct bytes *into = why_bad < 0 ? &s->recent[s->n_recent % RECENT] : &g->bad;
    write_event(g, s, type, why_bad, into);
    if (why_bad >= 0)
        return bytes_text(into);
    s->n_recent++;
    s->planned = plan(g, s, type);
    if (type == EVENT_FORGET)
        s->user = NOBODY;
    else if (s->planned == NONE && percent(g, 15))
        session_end(g, s);
    return bytes_text(into);
}

static int generate_next(void *self, struct record *record, struct err *err)
{
    (void)err;
    struct generate *g = self;
    if (g->settings.events && g->n >= g->settings.events)
        return 0;
    struct session *s = &g->session[chance_below(&g->chance, SESSIONS)];
    if (s->user == NOBODY)
        session_begin(g, s);
    bool again = s->n_recent && happens(g, g->settings.duplicate_ppm);
    int why_bad = !again && happens(g, g->settings.bad_ppm)
                      ? (int)chance_below(&g->chance, BAD_RECORD_KINDS)
                      : -1;
    *record = (struct record){.bad = why_bad >= 0};
    record->value = again ? repeat(g, s) : go_on(g, s, why_bad);
    record->key = text_of(g->user);
    g->n++;
    return 1;
}

static double generate_fraction(void *self)
{
    const struct generate *g = self;
    return g->settings.events ? (double)g->n / (double)g->settings.events : -1;
}

struct generate *generate_new(const struct generate_settings *settings)
{
    struct generate *g = xcalloc(1, sizeof *g);
    g->settings = *settings;
    g->shop = shop_new(settings->items);
    g->chance.state = settings->seed;
    for (size_t i = 0; i < SESSIONS; i++)
        g->session[i].user = NOBODY;
    return g;
}

void generate_free(struct generate *g)
{
    if (!g)
        return;
    for (size_t i = 0; i < SESSIONS; i++)
        for (size_t k = 0; k < RECENT; k++)
            bytes_free(&g->session[i].recent[k]);
    bytes_free(&g->bad);
    shop_free(g->shop);
    free(g);
}

struct source generate_source(struct generate *g)
{
    return (struct source){g, generate_next, generate_fraction};
}

void generate_titles(const struct generate_settings *settings, struct title_votes *titles)
{
    char name[SHOP_NAME_BYTES], title[SHOP_NAME_BYTES];
    for (uint32_t i = 0; i < settings->items; i++)
        title_votes_add(titles, shop_item_name(i, name), shop_item_title(i, title));
}
