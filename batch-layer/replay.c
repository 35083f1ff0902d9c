#include "batch-layer/replay.h"

#include <assert.h>
#include <stdlib.h>

#include "batch-layer/master_dataset.h"
#include "common/mem.h"
#include "common/stop.h"

enum { CHUNK = 200000 }; /* offsets between two settles */

struct replay {
    int partitions;
    int64_t *at;
    struct fold **fold; /* a partition: a user's state belongs to (partition, user) */
    struct names *names;
    struct deltas *counters;
    struct deltas
        *chunk; /* of a chunk, before what is not wanted is left out; NULL: all is wanted */
    bool (*wanted)(const void *context, unsigned view, struct text group);
    const void *context;
    int64_t done; /* offsets, all partitions */
};

struct replay *replay_new(int partitions)
{
    struct replay *replay = xcalloc(1, sizeof *replay);
    *replay = (struct replay){.partitions = partitions,
                              .at = xcalloc((size_t)partitions, sizeof *replay->at),
                              .fold = xcalloc((size_t)partitions, sizeof(struct fold *)),
                              .names = names_new(),
                              .counters = deltas_new()};
    for (int p = 0; p < partitions; p++)
        replay->fold[p] = fold_new(replay->names);
    return replay;
}

void replay_free(struct replay *replay)
{
    if (!replay)
        return;
    for (int p = 0; p < replay->partitions; p++)
        fold_free(replay->fold[p]);
    deltas_free(replay->counters);
    deltas_free(replay->chunk);
    names_free(replay->names);
    free(replay->fold);
    free(replay->at);
    free(replay);
}

void replay_keep(struct replay *replay,
                 bool (*wanted)(const void *context, unsigned view, struct text group),
                 const void *context)
{
    replay->wanted = wanted;
    replay->context = context;
    replay->chunk = deltas_new();
}

void replay_views(struct replay *replay, uint64_t views)
{
    for (int p = 0; p < replay->partitions; p++)
        fold_views(replay->fold[p], views);
}

/* Moves what is wanted from the chunk to the counters. */
static void chunk_keep(struct replay *replay)
{
    for (size_t row = 0; row < deltas_rows(replay->chunk); row++) {
        unsigned view;
        uint32_t group, member;
        size_t cursor = 0;
        int64_t value;
        deltas_row_key(replay->chunk, row, &view, &group);
        if (!replay->wanted(replay->context, view, names_text(replay->names, group)))
            continue;
        while (deltas_next(replay->chunk, row, &cursor, &member, &value))
            deltas_add(replay->counters, view, group, member, value);
    }
    deltas_clear(replay->chunk);
}

const int64_t *replay_at(const struct replay *replay)
{
    return replay->at;
}

struct deltas *replay_counters(struct replay *replay)
{
    return replay->counters;
}

struct names *replay_names(struct replay *replay)
{
    return replay->names;
}

static int chunk_fold(struct replay *replay, PGconn *db, int p, int64_t to, struct err *err)
{
    struct fold *fold = replay->fold[p];
    struct deltas *into = replay->chunk ? replay->chunk : replay->counters;
    struct master_rows *rows = master_rows_open(db, p, replay->at[p], to, err);
    struct event event;
    int64_t offset;
    int more = rows ? 1 : -1;
    while (more > 0 && (more = master_rows_next(rows, &offset, &event, err)) > 0) {
        if (!fold_knows(fold, event.user))
            fold_put_state(fold, event.user, (struct text){"", 0});
        fold_event(fold, &event, into);
    }
    master_rows_close(rows);
    fold_settle(fold, into);
    fold_forget_touched(fold);
    if (replay->chunk)
        chunk_keep(replay);
    replay->done += to - replay->at[p];
    replay->at[p] = to;
    return more;
}

int replay_to(struct replay *replay, PGconn *db, const int64_t *to,
              void (*progress)(void *context, int64_t offsets), void *context, struct err *err)
{
    for (int p = 0; p < replay->partitions; p++) {
        assert(to[p] >= replay->at[p]);
        while (replay->at[p] < to[p]) {
            int64_t left = to[p] - replay->at[p];
            if (stop_asked())
                return err_set(err, ERR_RETRY, "stopped");
            if (chunk_fold(replay, db, p, replay->at[p] + (left < CHUNK ? left : CHUNK), err))
                return -1;
            if (progress)
                progress(context, replay->done);
        }
    }
    return 0;
}
