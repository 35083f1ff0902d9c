/*
 * reader: the one way to an answer. Takes the rows that a request needs, reads what the speed layer has of them (one MULTI a
 * server, shared by all requests that wait at the same time), and hands over a snapshot in which batch view N and the
 * segments >= N are added, exact at its `as_of`. One reader an event loop; every call and callback on that loop's thread.
 * Not for: HTTP, JSON.
 */
#ifndef TANDEM_SERVING_READER_H
#define TANDEM_SERVING_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "serving-layer/batch_view.h"
#include "views/bytes.h"
#include "views/catalogue.h"

struct event_base;
struct batch_store; /* the batch views of the process: batch_store.h */
struct reader;
struct snapshot;

enum layer { LAYER_MERGED, LAYER_BATCH, LAYER_SPEED };

struct row_ref {
    unsigned view;
    struct text group;
};

struct reader_settings {
    const char *redis; /* host:port[,host:port...] */
    int partitions;
    const char *
        deployment; /* checked in every read: another one's data is never answered from; NULL: the batch view's */
    int timeout_ms; /* a server that does not answer within it is away: degraded */
};

struct reader *reader_new(struct event_base *base, struct batch_store *store,
                          const struct reader_settings *settings);
void reader_free(
    struct reader *reader); /* waiting requests are answered from the batch view first */

/*
 * Asks for `n` rows and, where `user` is not empty, what the user has seen and bought. `done` is called once, later, from the
 * event loop, never from inside this call; texts are copied. `snapshot` lives for the duration of `done`; it is NULL when
 * there is no batch view to answer from yet.
 */
typedef void (*reader_done)(const struct snapshot *snapshot, void *context);
void reader_ask(struct reader *reader, const struct row_ref *rows, size_t n, struct text user,
                reader_done done, void *context);

/* Segments and connections, for /metrics and /v1/status. */
struct reader_figures {
    int servers, servers_up;
    uint64_t reads, reads_repeated, rows_kept, bytes_kept;
};
void reader_figures(const struct reader *reader, struct reader_figures *figures);
uint64_t reader_reads(const struct reader *reader); /* of its figures, for any thread */

/* One Redis server of the list: does it answer? `host` is borrowed as long as the reader lives. */
struct reader_server {
    const char *host;
    int port;
    bool up;
};
void reader_server(const struct reader *reader, int server, struct reader_server *into);

/* ---- what stands in a snapshot ---- */

int64_t snapshot_batch(const struct snapshot *snapshot); /* N */
int snapshot_partitions(const struct snapshot *snapshot);
const int64_t *snapshot_boundary(const struct snapshot *snapshot); /* B_N, an offset a partition */
const int64_t *snapshot_as_of(
    const struct snapshot *snapshot); /* every event below is counted, none other */
bool snapshot_degraded(
    const struct snapshot *snapshot); /* a Redis server was away: its partitions stand at B_N */

/* A view among the rows asked for that is not whole yet: nothing may be answered from its rows. NULL: none. */
const char *snapshot_unserved(const struct snapshot *snapshot);

/* Row `row` (its place in the `rows` asked for), in no order, appended to `into` as struct member_count (never 0); how many. */
size_t snapshot_row(const struct snapshot *snapshot, size_t row, enum layer layer,
                    struct bytes *into);
/* The same in pieces that are to be added up: a member may come several times. */
size_t snapshot_pieces(const struct snapshot *snapshot, size_t row, enum layer layer,
                       struct bytes *into);
/* Adds `each` times a piece to its member's part, for all pieces. */
void snapshot_add_parts(const struct snapshot *snapshot, size_t row, enum layer layer, double each,
                        struct tally *tally);
/* One counter of it; 0 if it is not there. */
int64_t snapshot_count(const struct snapshot *snapshot, size_t row, enum layer layer,
                       struct text member);
/* The same by symbol, in O(1) for long rows. */
int64_t snapshot_count_of(const struct snapshot *snapshot, size_t row, enum layer layer,
                          uint32_t member);
/* The symbol of a name; UINT32_MAX: no row of the snapshot has it. */
uint32_t snapshot_find(const struct snapshot *snapshot, struct text name);
struct text snapshot_name(const struct snapshot *snapshot, uint32_t member);

/* Symbols are below it. */
uint32_t snapshot_symbols(const struct snapshot *snapshot);

/*
 * What the user has in `seen` or `bought`, oldest first, repeats kept: symbols; returns how many (0: unknown or forgotten). Of
 * LAYER_BATCH: as of the boundary; else as of `as_of` (a state is a whole: the speed layer's is the merged one).
 */
size_t snapshot_window(const struct snapshot *snapshot, enum window window, enum layer layer,
                       const uint32_t **items);

/* The user's whole state as stored (views/user_state.h). false: no segment >= N has it, and it is Postgres' newest version <= N. */
bool snapshot_state(const struct snapshot *snapshot, struct text *stored);

#endif
