#include "tests/fuzz/fake_outside.h"

#include <event2/event.h>
#include <stdio.h>

#include "common/mem.h"
#include "serving-layer/batch_store.h"
#include "serving-layer/item_store.h"
#include "serving-layer/item_table.h"
#include "serving-layer/jobs.h"
#include "serving-layer/keys.h"
#include "serving-layer/partition_of.h"
#include "serving-layer/producer.h"
#include "serving-layer/speed_reader.h"
#include "serving-layer/watcher.h"
#include "tests/fuzz/harness.h"
#include "views/row.h"

struct fake_outside fake_outside;

static struct batch_view *view;

/* ---- later, from the event loop ---- */

struct later {
    producer_done posted;
    watcher_done looked;
    void *context;
    size_t failed;
};

static void on_later(evutil_socket_t fd, short what, void *context)
{
    static const struct look look = {.last_run = {.n = 0}};
    struct later *later = context;
    (void)fd, (void)what;
    if (later->posted)
        later->posted(later->failed, later->context);
    else
        later->looked(&look, later->context);
    free(later);
}

static void later_do(struct event_base *base, struct later what)
{
    struct later *later = xmalloc(sizeof *later);
    *later = what;
    event_base_once(base, -1, EV_TIMEOUT, on_later, later, &(struct timeval){0, 0});
}

/* ---- batch_store ---- */

static void put_row(const char *name, const char *group, const char *members)
{
    struct bytes row = {0};
    for (const char *m = members; *m; m++)
        row_put(&row, (struct text){m, 1}, 3 + (m - members));
    batch_view_put_row(view, (unsigned)catalogue_find(text_of(name)), text_of(group),
                       bytes_text(&row));
    bytes_free(&row);
}

void fake_outside_open(void)
{
    static const char stored[] = "\1\0\2\1a\1\0\1b\1\2\0";
    static const int64_t boundary[2] = {5, 7};
    struct batch_edition edition = {1, 2, boundary, 1700000000000, "d", 1, 0};
    view = batch_view_new(&edition, NULL, false);
    put_row("users", "all", "a");
    put_row("item_users", "all", "abc");
    put_row("together", "a", "bc");
    put_row("together", "b", "ac");
    put_row("next", "a", "bc");
    put_row("bought_users", "all", "ac");
    put_row("bought_together", "a", "c");
    put_row("popular", "472222", "abc");
    put_row("popular", "472221", "ac");
    put_row("popular_country", "472222/DE", "bc");
    if (batch_view_put_user(view, partition_of(text_of("u"), 2), text_of("u"),
                            (struct text){stored, sizeof stored - 1}))
        fuzz_found("the user's state is none");
    batch_view_seal(view);
}

const struct batch_view *batch_store_acquire(struct batch_store *store)
{
    (void)store;
    return fake_outside.no_view ? NULL : view;
}

void batch_store_release(struct batch_store *store, const struct batch_view *batch)
{
    (void)store, (void)batch;
}

void batch_store_refresh(struct batch_store *store)
{
    (void)store;
}

void batch_store_figures(struct batch_store *store, struct batch_store_figures *figures)
{
    (void)store;
    *figures = (struct batch_store_figures){.n = 1};
}

bool batch_store_deployment(struct batch_store *store, char *id, size_t bytes)
{
    (void)store;
    snprintf(id, bytes, "d");
    return true;
}

/* ---- speed_reader: Redis is away ---- */

struct speed_reader {
    int unused;
};

struct speed_reader *speed_reader_new(const struct speed_reader_settings *settings)
{
    (void)settings;
    return xcalloc(1, sizeof(struct speed_reader));
}

void speed_reader_free(struct speed_reader *reader)
{
    free(reader);
}

bool speed_reader_up(const struct speed_reader *reader)
{
    (void)reader;
    return false;
}

int speed_reader_read(struct speed_reader *reader, const struct speed_read *read)
{
    (void)reader, (void)read;
    return -1;
}

void speed_reader_abort(struct speed_reader *reader)
{
    (void)reader;
}

uint64_t speed_reader_repeats(const struct speed_reader *reader)
{
    (void)reader;
    return 0;
}

int64_t speed_reader_top(const struct speed_reader *reader)
{
    (void)reader;
    return 1;
}

/* ---- producer ---- */

struct producer {
    struct event_base *base;
    struct event_decoder *decoder;
};

struct producer *producer_new(struct event_base *base, const struct producer_settings *settings,
                              struct err *err)
{
    struct producer *producer = xmalloc(sizeof *producer);
    (void)settings, (void)err;
    *producer = (struct producer){base, event_decoder_new()};
    return producer;
}

void producer_free(struct producer *producer)
{
    event_decoder_free(producer->decoder);
    free(producer);
}

bool producer_has_room(const struct producer *producer, size_t events)
{
    (void)producer, (void)events;
    return !fake_outside.no_room;
}

void producer_post_at(struct producer *producer, const struct ingest_body *body,
                      struct producer_place *place, producer_done done, void *context)
{
    if (place)
        *place = (struct producer_place){1, fake_outside.no_view ? -1 : 7};
    for (size_t i = 0; i < body->n; i++) {
        struct event event;
        struct event_error why;
        fuzz_holds(event_decode(producer->decoder, ingest_text(body, body->record[i].json),
                                EVENT_NEEDS_ALL, &event, &why) == 0,
                   "what goes to Kafka is an event");
    }
    fake_outside.posted += body->n;
    later_do(producer->base, (struct later){.posted = done,
                                            .context = context,
                                            .failed = fake_outside.acknowledges ? 0 : body->n});
}

void producer_post(struct producer *producer, const struct ingest_body *body, producer_done done,
                   void *context)
{
    producer_post_at(producer, body, NULL, done, context);
}

/* ---- jobs: every one fails, later ---- */

struct fake_job {
    jobs_done done;
    void *context;
};

static void on_job(evutil_socket_t fd, short what, void *context)
{
    static const struct err away = {ERR_RETRY, "postgres: away"};
    struct fake_job *job = context;
    (void)fd, (void)what;
    job->done(&away, job->context);
    free(job);
}

int jobs_ask(struct jobs *jobs, struct event_base *base, jobs_work work, jobs_done done,
             void *context)
{
    (void)jobs, (void)work;
    if (fake_outside.no_room)
        return -1;
    struct fake_job *job = xmalloc(sizeof *job);
    *job = (struct fake_job){done, context};
    event_base_once(base, -1, EV_TIMEOUT, on_job, job, &(struct timeval){0, 0});
    return 0;
}

/* ---- keys ---- */

bool keys_are_read(struct keys *keys)
{
    (void)keys;
    return !fake_outside.no_postgres;
}

enum keys_verdict keys_ask(struct keys *keys, struct text presented, int64_t now_us,
                           struct keys_answer *answer)
{
    char id[KEY_ID_BYTES + 1];
    (void)keys, (void)now_us;
    key_parse(presented, id); /* for what it may read outside */
    if (!fake_outside.keys)
        return KEYS_OPEN;
    for (int role = ROLE_WRITE; role <= ROLE_ADMIN; role++)
        if (text_equal(presented, (struct text){role_name((enum role)role), 1})) {
            *answer = (struct keys_answer){(enum role)role, "id", {5, 9}, {3, 2, 1}};
            return fake_outside.no_view ? KEYS_TOO_FAST : KEYS_TAKEN;
        }
    return fake_outside.no_topic ? KEYS_UNREAD : KEYS_REFUSED;
}

/* ---- watcher ---- */

bool watcher_log_is_ours(struct watcher *watcher)
{
    (void)watcher;
    return !fake_outside.no_topic;
}

struct last_audit watcher_audit(struct watcher *watcher)
{
    (void)watcher;
    return (struct last_audit){1, 2, 3, 4};
}

bool watcher_last(struct watcher *watcher, struct look *look)
{
    (void)watcher;
    *look = (struct look){.kafka = true, .postgres = true, .at_ms = 1};
    look->last_run = (struct last_run){1, "run", "check", 1700000000000, -1, 5, -1, 0};
    return !fake_outside.no_topic;
}

void watcher_ask(struct watcher *watcher, struct event_base *base, watcher_done done, void *context)
{
    (void)watcher;
    later_do(base, (struct later){.looked = done, .context = context});
}

/* ---- item_store: two items ---- */

struct item_store {
    struct item_table *table;
};

struct item_store *fake_items(void)
{
    static struct item_store store;
    const struct item items[] = {
        {.item = text_of("a"),
         .title = text_of("\"caf\xc3\xa9\" cup"),
         .category = text_of("home/kitchen"),
         .price = 250,
         .currency = text_of("EUR"),
         .labels = text_of("new|blue"),
         .created_ms = 1700000000000,
         .updated_ms = 1700000000001,
         .version = 7,
         .available = true},
        {.item = text_of("b"),
         .price = -1,
         .created_ms = 1700000000000,
         .version = 8,
         .hidden = true},
    };
    if (store.table)
        return &store;
    store.table = item_table_new();
    for (size_t i = 0; i < sizeof items / sizeof *items; i++)
        item_table_put(store.table, &items[i]);
    return &store;
}

bool item_store_ready(const struct item_store *store)
{
    (void)store;
    return !fake_outside.no_items;
}

void item_store_lock(struct item_store *store)
{
    (void)store;
}

void item_store_unlock(struct item_store *store)
{
    (void)store;
}

const struct item *item_store_find(const struct item_store *store, struct text item)
{
    return fake_outside.no_items ? NULL : item_table_find(store->table, item);
}

struct item_place item_store_place(const struct item_store *store, int64_t created_ms,
                                   struct text item)
{
    return item_list_place(item_table_list(store->table), created_ms, item);
}

const struct item *item_store_next(const struct item_store *store, struct item_place *place)
{
    return item_list_next(item_table_list(store->table), place);
}

int item_store_catch_up(struct item_store *store, PGconn *db, struct err *err)
{
    (void)store, (void)db;
    return err_set(err, ERR_RETRY, "there is no Postgres");
}

void item_store_figures(struct item_store *store, struct item_store_figures *figures)
{
    (void)store;
    *figures = (struct item_store_figures){.items = 2};
}
