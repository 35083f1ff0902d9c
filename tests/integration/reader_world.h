/*
 * reader_world: the world in which the reader is tested (test_reader.c): a log of random events with barriers, plain sums of
 * it, and those who write to Redis through the real functions of tandem.lua: workers, compaction, retiring, flushes, crashes.
 * One world at a time; steps are picked by `seed`. Not for: batch views' versions, the reader.
 */
#ifndef TANDEM_TESTS_READER_WORLD_H
#define TANDEM_TESTS_READER_WORLD_H

#include "handover/speed_view.h"
#include "serving-layer/reader.h"
#include "tests/integration/redis_server.h"

enum {
    PARTITIONS = 4,
    EVENTS = 160,
    BARRIERS = 5,
    GROUPS = 3,
    MEMBERS = 6,
    ROWS = GROUPS + 1,
    SERVERS_MAX = 2,
};

extern uint64_t seed;
unsigned pick(unsigned n); /* 0 .. n - 1 */

/* An event: a counter of one row moves, and its user has seen one item. Barriers: none. */
struct fact {
    int row, member;
    int64_t delta;
    int item;
};

extern struct world {
    int n_servers;
    struct redis_server server[SERVERS_MAX];
    redisContext *redis[SERVERS_MAX];
    struct speed_servers servers;
    char list[128], deployment[33];
    struct fact fact[PARTITIONS][EVENTS];
    int64_t barrier[BARRIERS][PARTITIONS]; /* barrier[0] is 0 */
    char user[PARTITIONS][16];

    int64_t published, retired; /* N */
    struct {                    /* workers */
        bool claimed;
        char token[17];
        int64_t offset, segment;
    } worker[PARTITIONS];
    struct batch_view *view[64]; /* all versions that ever were seen; freed at the end */
    int n_views;
    int64_t seen; /* newest N that the store has */
    bool store_stuck;

    struct event_base *base;
    struct reader *reader;
    int asked, answered, degraded;
} world;

const char *member_name(int member);
struct row_ref row_of(int row);

void world_invent(void); /* the log and its users */

/* The plain sum of all events below `until`. */
int64_t truth(int row, int member, const int64_t *until);
/* What the partition's user has seen below `until`: the last three, and nothing after every item "f" (as if forgotten). */
int truth_seen(int p, int64_t until, int items[3]);
void state_put(int p, int64_t until,
               struct bytes *into); /* the same as stored; the older half was bought */

/* Each does one thing to a random partition, row or server. */
void worker_step(void);  /* claims, or applies up to four events of one segment */
void compact_step(void); /* reads, sums, swaps; now and then somebody appends in between */
void retire_step(void);  /* segments below what is published */
void flush_step(void);
void save_step(void);  /* remembers a server's state */
void crash_step(void); /* breaks the readers' connections and puts that state back, all at once */
void saved_free(int server);

#endif
