/*
 * world: what the actors of a simulated schedule share: the log, what the consumer group gives to whom, the clock, and the
 * answers that readers got. It lies in shared memory, because every actor is a process of its own: killing one is kill -9.
 *
 * An actor runs the real code of a layer and stops at its yield points (failpoints, sleeps, polls that find nothing) until the
 * scheduler lets it go on: one actor at a time, so a schedule is a sequence of atomic steps that a seed repeats.
 * Simulated are Kafka (world.c, actor_io.c) and time; Redis, Postgres and all code of the layers are real.
 */
#ifndef TANDEM_TESTS_SIMULATION_WORLD_H
#define TANDEM_TESTS_SIMULATION_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "views/bytes.h"

enum {
    PARTITIONS = 3,
    RECORDS_MAX = 400, /* a partition */
    TEXT_BYTES = 1 << 18,
    SPEEDS = 3, /* instances of the speed layer that may live at once, zombies included */
    ANSWERS_MAX = 400,
    ANSWER_ROWS = 4,
    ANSWER_BYTES = 1 << 20,
    NAME_BYTES = 64,
};

struct record_at {
    int64_t
        barrier; /* 0: an event or a bad record; HOLE: the mark of somebody's transaction, which nobody is given */
    uint32_t at, n; /* its value in text */
};

/* What the group has said to one speed instance. `deaf`: it has not heard of what was said since. */
struct given {
    uint64_t changes;
    int n, partition[PARTITIONS];
    bool deaf;
};

struct answer_row {
    int row;        /* world_row */
    uint32_t at, n; /* in answer_text: packed (views/row.h) */
};

struct answer {
    int64_t batch, as_of[PARTITIONS];
    bool degraded;
    int n_rows;
    struct answer_row rows[ANSWER_ROWS];
    char user[NAME_BYTES];    /* "": not asked for */
    uint32_t seen_at, seen_n; /* its items, each with a line end */
};

struct world {
    int64_t end[PARTITIONS]; /* of the log */
    struct record_at record[PARTITIONS][RECORDS_MAX];
    char text[TEXT_BYTES];
    uint32_t text_n;
    struct given given[SPEEDS];
    int64_t clock_us;
    bool lazy_readers;      /* they seldom look for a newer batch view */
    int n_answers, refused; /* refused: asks that were answered with nothing */
    struct answer answer[ANSWERS_MAX];
    char answer_text[ANSWER_BYTES];
    uint32_t answer_text_n;
};

extern struct world *world;
extern char world_deployment[33];

void world_map(void);   /* once, before any actor */
void world_begin(void); /* empty, for a schedule */

/* The log's end of production. */
void world_append_hole(void); /* and an event behind it */
void world_append_event(
    void); /* a random one, of a random user; now and then one that was there before, or no event */
void world_append_barrier(int partition, int64_t n);
struct text world_value(int partition, int64_t offset);

/* The rows (view, group) that readers ask for, numbered from 0: all that the shop's items, hours and so on can make. */
int world_rows(void);
void world_row(int row, unsigned *view, struct text *group);
struct text world_user(int user); /* 0 .. USERS - 1 */
enum { USERS = 6, ITEMS = 5, HOLE = -2 };

/* One pass over the log below `as_of`: a row's counters in canonical form; what a user has seen, each item with a line end. */
void world_truth(const int64_t *as_of, int row, struct bytes *counters);
void world_truth_seen(const int64_t *as_of, struct text user, struct bytes *items);

/* Random numbers of a schedule, or of an actor: seeded, never from elsewhere. */
void chance_seed(uint64_t seed);
unsigned chance(unsigned n); /* 0 .. n - 1 */

#endif
