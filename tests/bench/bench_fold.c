/*
 * bench_fold: decode + fold of a file of events (NDJSON), in micro-batches, without any server.
 * usage: bench_fold FILE [events a micro-batch]
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "views/fold.h"

static struct bytes file_read(const char *path)
{
    struct bytes text = {0};
    FILE *file = fopen(path, "r");
    if (!file) {
        perror(path);
        exit(2);
    }
    size_t got;
    do {
        got = fread(bytes_room(&text, 1 << 20), 1, 1 << 20, file);
        text.n += got;
    } while (got);
    fclose(file);
    return text;
}

struct tally {
    long events, counters, rows;
};

static void micro_batch_end(struct fold *fold, struct deltas *deltas, struct tally *tally)
{
    fold_settle(fold, deltas);
    tally->counters += (long)deltas_counters(deltas);
    tally->rows += (long)deltas_rows(deltas);
    deltas_clear(deltas);
    fold_forget_touched(fold);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: bench_fold FILE [events a micro-batch]\n");
        return 2;
    }
    struct bytes text = file_read(argv[1]);
    long batch = argc > 2 ? atol(argv[2]) : 1000;
    struct names *names = names_new();
    struct fold *fold = fold_new(names);
    struct deltas *deltas = deltas_new();
    struct event_decoder *decoder = event_decoder_new();
    struct tally tally = {0};
    int64_t start = clock_monotonic_us();
    for (char *at = text.at, *end; at < text.at + text.n; at = end + 1) {
        end = memchr(at, '\n', (size_t)(text.at + text.n - at));
        if (!end)
            break;
        struct event event;
        struct event_error why;
        if (event_decode(decoder, (struct text){at, (size_t)(end - at)}, EVENT_NEEDS_ALL, &event,
                         &why))
            continue;
        if (!fold_knows(fold, event.user))
            fold_put_state(fold, event.user, (struct text){"", 0});
        fold_event(fold, &event, deltas);
        if (++tally.events % batch == 0)
            micro_batch_end(fold, deltas, &tally);
    }
    micro_batch_end(fold, deltas, &tally);
    double seconds = (double)(clock_monotonic_us() - start) / 1e6;
    printf("%.0f events/s, %.1f counters and %.2f rows an event, %.0f MB\n",
           (double)tally.events / seconds, (double)tally.counters / (double)tally.events,
           (double)tally.rows / (double)tally.events,
           (double)(fold_bytes(fold) + names_bytes(names) + deltas_bytes(deltas)) / 1e6);
    event_decoder_free(decoder);
    deltas_free(deltas);
    fold_free(fold);
    names_free(names);
    bytes_free(&text);
    return 0;
}
