/*
 * A serving instance in an actor: the real reader (serving-layer/reader.h) and the real loading of batch views. The store of
 * versions is this file's: a version is seen when chance says so, and no lease is kept, so segments are retired under it.
 */
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"
#include "handover/database.h"
#include "serving-layer/batch_load.h"
#include "serving-layer/batch_store.h"
#include "serving-layer/reader.h"
#include "tests/simulation/actor.h"
#include "tests/simulation/world.h"
#include "views/row.h"

enum { TIMEOUT_MS = 5000, GUARD_US = 5000 };

static struct batch_view *newest;
static uint64_t loads;
static bool look_wanted = true;
static int waiting;

const struct batch_view *batch_store_acquire(struct batch_store *store)
{
    (void)store;
    return newest;
}

/* Every version lives as long as the process. */
void batch_store_release(struct batch_store *store, const struct batch_view *batch)
{
    (void)store, (void)batch;
}

void batch_store_refresh(struct batch_store *store)
{
    (void)store;
    look_wanted = true;
}

static void meanwhile(void *context)
{
    (void)context;
}

static void look(PGconn *db)
{
    struct err err;
    struct batch_view *loaded;
    const struct batch_load load = {db, PARTITIONS, newest, ++loads, meanwhile, NULL};
    if (batch_load(&load, &loaded, &err)) {
        log_error("simulation", "a batch view is not loaded: %s", err.message);
        _exit(1);
    }
    if (loaded)
        newest = loaded;
    look_wanted = false;
}

/* ---- answers ---- */

static uint32_t text_put(struct text text)
{
    uint32_t at = world->answer_text_n;
    if (at + text.n > ANSWER_BYTES) {
        log_error("simulation", "too many answers");
        _exit(1);
    }
    memcpy(world->answer_text + at, text.at, text.n);
    world->answer_text_n += (uint32_t)text.n;
    return at;
}

static void row_note(const struct snapshot *snapshot, size_t i, struct answer_row *row)
{
    struct bytes counts = {0}, packed = {0};
    size_t n = snapshot_row(snapshot, i, LAYER_MERGED, &counts);
    for (size_t c = 0; c < n; c++) {
        const struct member_count *count = (const struct member_count *)(const void *)counts.at + c;
        row_put(&packed, snapshot_name(snapshot, count->member), count->value);
    }
    row->n = (uint32_t)packed.n;
    row->at = packed.n ? text_put(bytes_text(&packed)) : 0;
    bytes_free(&counts);
    bytes_free(&packed);
}

static void window_note(const struct snapshot *snapshot, enum window window, struct bytes *items)
{
    const uint32_t *found;
    size_t n = snapshot_window(snapshot, window, LAYER_MERGED, &found);
    for (size_t i = 0; i < n; i++) {
        bytes_put_text(items, snapshot_name(snapshot, found[i]));
        bytes_put(items, "\n", 1);
    }
}

/* What was seen, an item a line, then what was bought. */
static void seen_note(const struct snapshot *snapshot, struct answer *answer)
{
    struct bytes items = {0};
    window_note(snapshot, WINDOW_SEEN, &items);
    bytes_put(&items, "bought\n", 7);
    window_note(snapshot, WINDOW_BOUGHT, &items);
    answer->seen_n = (uint32_t)items.n;
    answer->seen_at = items.n ? text_put(bytes_text(&items)) : 0;
    bytes_free(&items);
}

static void on_answer(const struct snapshot *snapshot, void *context)
{
    struct answer *asked = context;
    waiting--;
    if (!snapshot || world->n_answers == ANSWERS_MAX) {
        world->refused++;
        free(asked);
        return;
    }
    asked->batch = snapshot_batch(snapshot);
    asked->degraded = snapshot_degraded(snapshot);
    memcpy(asked->as_of, snapshot_as_of(snapshot), sizeof asked->as_of);
    for (int i = 0; i < asked->n_rows; i++)
        row_note(snapshot, (size_t)i, &asked->rows[i]);
    if (asked->user[0])
        seen_note(snapshot, asked);
    world->answer[world->n_answers++] = *asked;
    free(asked);
}

static void ask(struct reader *reader, int first_row, int n_rows, int user)
{
    struct answer *asked = xcalloc(1, sizeof *asked);
    struct row_ref rows[ANSWER_ROWS];
    asked->n_rows = n_rows;
    for (int i = 0; i < n_rows; i++) {
        asked->rows[i].row = first_row >= 0 ? first_row + i : (int)chance((unsigned)world_rows());
        world_row(asked->rows[i].row, &rows[i].view, &rows[i].group);
    }
    if (user >= 0)
        snprintf(asked->user, sizeof asked->user, "%s", world_user(user).at);
    waiting++;
    reader_ask(reader, rows, (size_t)n_rows, text_of(asked->user), on_answer, asked);
}

static void ask_all(struct reader *reader)
{
    for (int row = 0; row < world_rows(); row += ANSWER_ROWS) {
        int left = world_rows() - row;
        ask(reader, row, left < ANSWER_ROWS ? left : ANSWER_ROWS, -1);
    }
    for (int user = 0; user < USERS; user++)
        ask(reader, -1, 0, user);
}

/* One turn of the event loop, which waits a moment for Redis. */
static void turn(struct event_base *base)
{
    const struct timeval guard = {0, GUARD_US};
    event_base_loopexit(base, &guard);
    event_base_loop(base, EVLOOP_ONCE);
}

void actor_reader(int ask_everything)
{
    struct err err;
    struct event_base *base = event_base_new();
    const struct reader_settings settings = {getenv("TANDEM_REDIS"), PARTITIONS, NULL, TIMEOUT_MS};
    PGconn *db = database_open(getenv("TANDEM_POSTGRES"), "simulation", &err);
    if (!db) {
        log_error("simulation", "%s", err.message);
        _exit(1);
    }
    struct reader *reader = reader_new(base, NULL, &settings);
    look(db);
    if (ask_everything) {
        struct reader_figures figures;
        do
            turn(base), reader_figures(reader, &figures);
        while (figures.servers_up < figures.servers);
        ask_all(reader);
        for (; waiting; actor_yield("all", 1)) {
            if (look_wanted)
                look(db);
            turn(base);
        }
        _exit(0);
    }
    for (;; actor_yield("reader", 1)) {
        if (chance(world->lazy_readers ? 100 : 10) == 0 || (look_wanted && chance(2)))
            look(db);
        if (waiting < 4 && chance(2))
            ask(reader, -1, 1 + (int)chance(ANSWER_ROWS), (int)chance(2 * USERS) - USERS);
        turn(base);
    }
}
