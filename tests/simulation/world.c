#define _GNU_SOURCE
#include "tests/simulation/world.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "common/random.h"
#include "serving-layer/partition_of.h"
#include "views/event.h"
#include "views/fold.h"
#include "views/row.h"

enum { EVENT_IDS = 1000, BAD_OF = 40, REPEATED_OF = 12, FORGET_OF = 40 };

struct world *world;
char world_deployment[33];

static uint64_t chance_state;
static uint32_t event_ids;

void chance_seed(uint64_t seed)
{
    chance_state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
}

/* The 64-bit linear congruential generator of Knuth's MMIX. */
unsigned chance(unsigned n)
{
    chance_state = chance_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(chance_state >> 33) % n;
}

void world_map(void)
{
    world = mmap(NULL, sizeof *world, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (world == MAP_FAILED) {
        perror("mmap");
        exit(1);
    }
}

void world_begin(void)
{
    memset(world, 0, offsetof(struct world, answer));
    world->answer_text_n = 0;
    world->clock_us = 1000000;
    event_ids = 0;
    random_hex(world_deployment, 16);
}

/* ---- the log ---- */

static void append(int partition, int64_t barrier, const char *value)
{
    struct world *w = world;
    size_t n = strlen(value);
    if (w->end[partition] == RECORDS_MAX || w->text_n + n > TEXT_BYTES) {
        fprintf(stderr, "the simulated log is full\n");
        abort();
    }
    memcpy(w->text + w->text_n, value, n);
    w->record[partition][w->end[partition]] = (struct record_at){barrier, w->text_n, (uint32_t)n};
    w->text_n += (uint32_t)n;
    w->end[partition]++;
}

void world_append_barrier(int partition, int64_t n)
{
    append(partition, n, "");
}

void world_append_hole(void)
{
    int partition = (int)chance(PARTITIONS);
    append(partition, HOLE, "");
    append(partition, 0, "not JSON");
}

static void event_print(char *value, size_t bytes, uint32_t id)
{
    static const char *const browsing[] = {"view", "cart", "click", "view"};
    char user[NAME_BYTES];
    int64_t ts = INT64_C(1700000000000) + (int64_t)id * 60000; /* hours go by */
    snprintf(user, sizeof user, "%s", world_user((int)chance(USERS)).at);
    if (chance(FORGET_OF) == 0)
        snprintf(value, bytes,
                 "{\"event_id\":\"e%u\",\"type\":\"forget\",\"user\":\"%s\",\"ts\":%" PRId64 "}",
                 id, user, ts);
    else if (chance(3) == 0)
        snprintf(
            value, bytes,
            "{\"event_id\":\"e%u\",\"type\":\"%s\",\"user\":\"%s\",\"item\":\"i%u\",\"ts\":%" PRId64
            ",\"quantity\":%u,\"price\":%u,\"currency\":\"EUR\",\"order\":\"o%u\",\"country\":\"DE\"}",
            id, chance(4) ? "purchase" : "refund", user, chance(ITEMS), ts, 1 + chance(3),
            100 + chance(900), id / 4);
    else
        snprintf(
            value, bytes,
            "{\"event_id\":\"e%u\",\"type\":\"%s\",\"user\":\"%s\",\"item\":\"i%u\",\"ts\":%" PRId64
            "}",
            id, browsing[chance(4)], user, chance(ITEMS), ts);
}

/* The partition of a value that is no event is any. */
static int partition_of_value(const char *value)
{
    const char *user = strstr(value, "\"user\":\"");
    if (!user)
        return (int)chance(PARTITIONS);
    user += strlen("\"user\":\"");
    return partition_of((struct text){user, strcspn(user, "\"")}, PARTITIONS);
}

void world_append_event(void)
{
    static char recent[16][512];
    char value[512];
    if (event_ids > 16 && chance(REPEATED_OF) == 0)
        snprintf(value, sizeof value, "%s", recent[chance(16)]);
    else if (chance(BAD_OF) == 0)
        snprintf(value, sizeof value, "{\"type\":\"view\"");
    else
        event_print(value, sizeof value, event_ids++);
    snprintf(recent[chance(16)], sizeof recent[0], "%s", value);
    append(partition_of_value(value), 0, value);
}

struct text world_value(int partition, int64_t offset)
{
    const struct record_at *record = &world->record[partition][offset];
    return (struct text){world->text + record->at, record->n};
}

/* ---- rows, users ---- */

struct text world_user(int user)
{
    static const char *const users[USERS] = {"ann", "bob", "cyd", "dan", "eve", "fay"};
    return text_of(users[user]);
}

static const char *const fixed[][2] = {
    {"users", "all"},
    {"item_users", "all"},
    {"bought_users", "all"},
    {"popular", "472222"},
    {"popular", "472223"},
    {"popular_country", "472222/DE"},
    {"traffic_country", "28333334"},
    {"traffic_device", "28333340"},
    {"revenue_country", "19675/EUR"},
    {"revenue_device", "19675/EUR"},
};
static const char *const of_items[] = {"together", "bought_together", "next"};
enum { FIXED = sizeof fixed / sizeof *fixed, OF_ITEMS = sizeof of_items / sizeof *of_items };

int world_rows(void)
{
    return FIXED + OF_ITEMS * ITEMS;
}

void world_row(int row, unsigned *view, struct text *group)
{
    static const char *const items[ITEMS] = {"i0", "i1", "i2", "i3", "i4"};
    const char *name = row < FIXED ? fixed[row][0] : of_items[(row - FIXED) / ITEMS];
    int found = catalogue_find(text_of(name));
    assert(found >= 0);
    *view = (unsigned)found;
    *group = text_of(row < FIXED ? fixed[row][1] : items[(row - FIXED) % ITEMS]);
}

/* ---- one pass over the log ---- */

/* What it says below `as_of` of one partition, into deltas. */
static struct fold *pass(int partition, int64_t below, struct names *names, struct deltas *deltas)
{
    struct event_decoder *decoder = event_decoder_new();
    struct fold *fold = fold_new(names);
    for (int64_t i = 0; i < below; i++) {
        struct event event;
        struct event_error why;
        if (world->record[partition][i].barrier ||
            event_decode(decoder, world_value(partition, i), EVENT_NEEDS_ALL, &event, &why))
            continue;
        if (!fold_knows(fold, event.user))
            fold_put_state(fold, event.user, (struct text){"", 0});
        fold_event(fold, &event, deltas);
        fold_settle(fold, deltas);
    }
    event_decoder_free(decoder);
    return fold;
}

void world_truth(const int64_t *as_of, int row, struct bytes *counters)
{
    struct names *names = names_new();
    struct deltas *deltas = deltas_new();
    struct bytes packed = {0};
    unsigned view;
    struct text group;
    for (int p = 0; p < PARTITIONS; p++)
        fold_free(pass(p, as_of[p], names, deltas));
    world_row(row, &view, &group);
    uint32_t symbol = names_find(names, group);
    size_t found = symbol == NAMES_ABSENT ? SIZE_MAX : deltas_row_find(deltas, view, symbol);
    if (found != SIZE_MAX)
        deltas_row_pack(deltas, found, names, &packed);
    row_canonical(bytes_text(&packed), counters);
    bytes_free(&packed);
    deltas_free(deltas);
    names_free(names);
}

void world_truth_seen(const int64_t *as_of, struct text user, struct bytes *items)
{
    int p = partition_of(user, PARTITIONS);
    struct names *names = names_new();
    struct deltas *deltas = deltas_new();
    struct fold *fold = pass(p, as_of[p], names, deltas);
    const struct user_state *state = fold_state(fold, user);
    for (uint32_t i = 0; state && i < state->n_seen; i++) {
        bytes_put_text(items, names_text(names, state->seen[i].item));
        bytes_put(items, "\n", 1);
    }
    bytes_put(items, "bought\n", 7);
    for (uint32_t i = 0; state && i < state->n_bought; i++) {
        bytes_put_text(items, names_text(names, state->bought[i].item));
        bytes_put(items, "\n", 1);
    }
    fold_free(fold);
    deltas_free(deltas);
    names_free(names);
}
