#include "speed-layer/micro_batch.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "common/log.h"
#include "common/mem.h"
#include "handover/barrier.h"

struct micro_batch {
    int partition;
    struct names *names; /* borrowed */
    struct fold *fold;
    struct record *record; /* those that wait: [first, end) */
    size_t first, end, cap;
    size_t n_cut;          /* of them, in the cut */
    int64_t next, segment; /* behind the last cut that is done */
    int64_t *doubted;      /* an offset that was claimed and not met, -1: none */
    bool begun;            /* a record came since the claim */
    struct cut cut;
    struct names *unknown; /* users, NULL: none */
    bool *learnt;
    size_t learnt_cap;
};

struct micro_batch *micro_batch_new(int partition, struct names *names, int64_t *doubted)
{
    struct micro_batch *batch = xcalloc(1, sizeof *batch);
    batch->partition = partition;
    batch->doubted = doubted;
    batch->names = names;
    batch->fold = fold_new(names);
    return batch;
}

static void records_drop(struct micro_batch *batch, size_t n)
{
    for (size_t i = 0; i < n; i++)
        record_release(&batch->record[batch->first++]);
    if (batch->first == batch->end)
        batch->first = batch->end = 0;
    batch->n_cut = 0;
}

static void unknown_forget(struct micro_batch *batch)
{
    names_free(batch->unknown);
    batch->unknown = NULL;
}

void micro_batch_free(struct micro_batch *batch)
{
    if (!batch)
        return;
    records_drop(batch, batch->end - batch->first);
    unknown_forget(batch);
    fold_free(batch->fold);
    free(batch->record);
    free(batch->learnt);
    free(batch);
}

void micro_batch_begin(struct micro_batch *batch, int64_t offset, int64_t segment)
{
    records_drop(batch, batch->end - batch->first);
    unknown_forget(batch);
    fold_reset(batch->fold);
    batch->next = offset;
    batch->segment = segment;
    batch->cut = (struct cut){.from = offset, .to = offset, .segment = segment};
    batch->begun = false;
}

/* Is there a hole where the claim said to begin, seen for the first time? */
static bool hole_is_doubtful(struct micro_batch *batch, const struct record *record)
{
    if (batch->begun || record->offset == batch->next)
        return false;
    if (*batch->doubted == batch->next) {
        log_warn("micro_batch", "hole in the log partition=%d from=%" PRId64 " to=%" PRId64,
                 batch->partition, batch->next, record->offset);
        return false;
    }
    *batch->doubted = batch->next;
    return true;
}

int micro_batch_put(struct micro_batch *batch, struct record record, struct err *err)
{
    int64_t expected =
        batch->end > batch->first ? batch->record[batch->end - 1].offset + 1 : batch->next;
    if (record.offset < expected) { /* fetched before the claim, and counted already */
        record_release(&record);
        return 0;
    }
    if (hole_is_doubtful(batch, &record)) {
        int64_t came = record.offset;
        record_release(&record);
        return err_set(err, ERR_RETRY, "partition %d: asked for offset %" PRId64 ", got %" PRId64,
                       batch->partition, batch->next, came);
    }
    batch->begun = true;
    if (batch->end == batch->cap && batch->first > 0) {
        batch->end -= batch->first;
        memmove(batch->record, batch->record + batch->first, batch->end * sizeof *batch->record);
        batch->first = 0;
    }
    batch->record = grown(batch->record, &batch->cap, batch->end + 1, sizeof *batch->record);
    batch->record[batch->end++] = record;
    return 0;
}

size_t micro_batch_waiting(const struct micro_batch *batch)
{
    return batch->end - batch->first;
}

static bool record_decode(const struct record *record, struct event_decoder *decoder,
                          struct event *event)
{
    struct event_error why;
    return record->value.at &&
           event_decode(decoder, record->value, EVENT_NEEDS_ALL, event, &why) == 0;
}

static void user_want(struct micro_batch *batch, struct text user)
{
    if (fold_knows(batch->fold, user))
        return;
    if (!batch->unknown)
        batch->unknown = names_new();
    size_t n = names_count(batch->unknown), i = names_put(batch->unknown, user);
    if (i < n)
        return;
    batch->learnt = grown(batch->learnt, &batch->learnt_cap, n + 1, sizeof *batch->learnt);
    batch->learnt[n] = false;
}

/*
 * The segment of the cut is that of its first record; if that is a barrier it may open a segment. A later record that opens
 * one ends the cut before it, and is the first of the next. So whatever was cut before, each event is counted in the
 * segment that the log gives it.
 */
static void cut_choose(struct micro_batch *batch, size_t max)
{
    const struct record *record = batch->record + batch->first;
    size_t waiting = micro_batch_waiting(batch), n = 1;
    int64_t segment = segment_after(batch->segment, record[0].barrier);
    while (n < waiting && n < max && segment_after(segment, record[n].barrier) == segment)
        n++;
    batch->n_cut = n;
    batch->cut =
        (struct cut){.from = batch->next, .to = record[n - 1].offset + 1, .segment = segment};
}

size_t micro_batch_cut(struct micro_batch *batch, struct event_decoder *decoder, size_t max)
{
    assert(!batch->n_cut && micro_batch_waiting(batch) && max);
    cut_choose(batch, max);
    for (size_t i = 0; i < batch->n_cut; i++) {
        const struct record *record = &batch->record[batch->first + i];
        struct event event;
        if (record->barrier == 0 && record_decode(record, decoder, &event))
            user_want(batch, event.user);
    }
    return micro_batch_unknown(batch);
}

const struct cut *micro_batch_is(const struct micro_batch *batch)
{
    return &batch->cut;
}

int micro_batch_partition(const struct micro_batch *batch)
{
    return batch->partition;
}

void micro_batch_arrivals(const struct micro_batch *batch, struct arrivals *into)
{
    for (size_t i = 0; i < batch->n_cut; i++) {
        const struct record *record = &batch->record[batch->first + i];
        if (record->barrier <= 0)
            arrivals_put(into, record->at_ms);
    }
}

size_t micro_batch_unknown(const struct micro_batch *batch)
{
    return batch->unknown ? names_count(batch->unknown) : 0;
}

struct text micro_batch_user(const struct micro_batch *batch, size_t unknown)
{
    return names_text(batch->unknown, (uint32_t)unknown);
}

bool micro_batch_learnt(const struct micro_batch *batch, size_t unknown)
{
    return batch->learnt[unknown];
}

int micro_batch_learn(struct micro_batch *batch, size_t unknown, struct text stored,
                      struct err *err)
{
    if (fold_put_state(batch->fold, micro_batch_user(batch, unknown), stored))
        return err_set(
            err, ERR_FATAL,
            "partition %d: the stored state of a user is damaged. Flush Redis; if it comes "
            "again: `tandem-batch rebuild`",
            batch->partition);
    batch->learnt[unknown] = true;
    return 0;
}

/* A malformed barrier is a bad record whatever its value is: the archive decides alike. */
static void record_fold(struct micro_batch *batch, const struct record *record,
                        struct event_decoder *decoder, struct deltas *deltas)
{
    struct event event;
    if (record->barrier > 0)
        return;
    if (record->barrier < 0 || !record_decode(record, decoder, &event)) {
        batch->cut.bad++;
        return;
    }
    batch->cut.type[event.type]++;
    if (!fold_event(batch->fold, &event, deltas))
        batch->cut.duplicates++;
}

void micro_batch_fold(struct micro_batch *batch, struct event_decoder *decoder,
                      struct deltas *deltas)
{
    for (size_t i = 0; i < batch->n_cut; i++)
        record_fold(batch, &batch->record[batch->first + i], decoder, deltas);
    fold_settle(batch->fold, deltas);
}

const struct fold *micro_batch_states(const struct micro_batch *batch)
{
    return batch->fold;
}

void micro_batch_done(struct micro_batch *batch)
{
    batch->next = batch->cut.to;
    batch->segment = batch->cut.segment;
    records_drop(batch, batch->n_cut);
    unknown_forget(batch);
    fold_forget_touched(batch->fold);
}

/* States hold the names' symbols. */
void micro_batch_forget_states(struct micro_batch *batch, struct names *names)
{
    assert(!batch->n_cut);
    fold_free(batch->fold);
    batch->names = names;
    batch->fold = fold_new(names);
}

size_t micro_batch_bytes(const struct micro_batch *batch)
{
    return fold_bytes(batch->fold);
}

size_t micro_batch_users(const struct micro_batch *batch)
{
    return fold_users(batch->fold);
}
