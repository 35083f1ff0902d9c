#include "serving-layer/merge.h"

static const struct sums no_speed;

static void put_count(struct member_count *counts, size_t *n, uint32_t member, uint64_t value)
{
    if (value)
        counts[(*n)++] = (struct member_count){member, (int64_t)value};
}

/* The speed parts as one. */
static const struct sums *speed_sum(const struct parts *parts, struct sums *scratch)
{
    if (parts->n_speed == 0)
        return &no_speed;
    if (parts->n_speed == 1)
        return parts->speed[0];
    sums_clear(scratch);
    for (size_t i = 0; i < parts->n_speed; i++)
        sums_add_all(scratch, parts->speed[i]);
    return scratch;
}

size_t merge_row(const struct parts *parts, enum layer layer, struct sums *scratch,
                 struct bytes *into)
{
    const struct batch_row *batch = layer == LAYER_SPEED ? NULL : parts->batch;
    const struct sums *speed = layer == LAYER_BATCH ? &no_speed : speed_sum(parts, scratch);
    size_t most = batch_row_counters(batch) + speed->n;
    if (most == 0)
        return 0;
    struct member_count *counts = (void *)bytes_room(into, most * sizeof *counts);
    size_t n_batch = batch_row_take(batch, counts), n = speed->n ? 0 : n_batch;
    for (size_t i = 0; speed->n && i < n_batch; i++)
        put_count(counts, &n, counts[i].member,
                  (uint64_t)counts[i].value + (uint64_t)sums_get(speed, counts[i].member));
    for (uint32_t i = 0; i < speed->n_slots; i++)
        if (speed->slot[i].member != SUMS_FREE &&
            batch_row_count(batch, speed->slot[i].member) == 0)
            put_count(counts, &n, speed->slot[i].member, (uint64_t)speed->slot[i].value);
    into->n += n * sizeof *counts;
    return n;
}

size_t merge_pieces(const struct parts *parts, enum layer layer, struct bytes *into)
{
    const struct batch_row *batch = layer == LAYER_SPEED ? NULL : parts->batch;
    size_t n_speed = layer == LAYER_BATCH ? 0 : parts->n_speed, most = batch_row_counters(batch);
    for (size_t i = 0; i < n_speed; i++)
        most += parts->speed[i]->n;
    if (most == 0)
        return 0;
    struct member_count *counts = (void *)bytes_room(into, most * sizeof *counts);
    size_t n = batch_row_take(batch, counts);
    for (size_t i = 0; i < n_speed; i++)
        for (uint32_t slot = 0; slot < parts->speed[i]->n_slots; slot++) {
            const struct sum *sum = &parts->speed[i]->slot[slot];
            if (sum->member != SUMS_FREE)
                counts[n++] = (struct member_count){sum->member, sum->value};
        }
    into->n += n * sizeof *counts;
    return n;
}

void merge_add_parts(const struct parts *parts, enum layer layer, double each, struct tally *tally)
{
    if (parts->batch && layer != LAYER_SPEED)
        batch_row_add_parts(parts->batch, each, tally);
    for (size_t i = 0; layer != LAYER_BATCH && i < parts->n_speed; i++)
        for (uint32_t slot = 0; slot < parts->speed[i]->n_slots; slot++) {
            const struct sum *sum = &parts->speed[i]->slot[slot];
            if (sum->member != SUMS_FREE)
                tally_of(tally, sum->member)->part += each * (double)sum->value;
        }
}
