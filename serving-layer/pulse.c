#include "serving-layer/pulse.h"

#include <event2/event.h>
#include <pthread.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/mem.h"
#include "serving-layer/batch_store.h"
#include "serving-layer/pulse_out.h"

enum { TICK_MS = 1000, TELL_US = 250000, READ_US = 5000, READ_MOST_US = 1000000, READ_PART = 20 };

/* Since when has a sum of offsets not moved? */
struct progress {
    int64_t sum, moved_us;
};

/* The end of the log that is to be reached, and when it was asked for. */
struct goal {
    bool open; /* not reached yet */
    int64_t end[PARTITIONS_MAX], asked_us;
};

struct pulse {
    struct event_base *base;
    struct reader *reader;
    struct watcher *watcher;
    struct batch_store *store;
    struct event *tick, *again;
    bool stopped, looking, reading, told; /* told: since the last look */
    bool first_read;                      /* of the last look */
    bool quiet;                           /* nothing has come into the log since the look before */
    struct pulse_state state;
    struct goal goal;
    int64_t freshness_ms; /* when the last goal was reached */
    int64_t log_sum, log_us;
    struct progress speed, archive;
    struct pulse_sample growing; /* the sample that is not full yet */
    int64_t growing_us;
    int growing_n;

    pthread_mutex_t lock; /* of what other threads read */
    uint64_t serial;
    struct bytes newest;
    struct pulse_sample sample[PULSE_SAMPLES];
    size_t n_samples, next;
};

static void timer_set(struct event *timer, int64_t us)
{
    event_add(timer, &(struct timeval){us / 1000000, us % 1000000});
}

/* ---- the last hour ---- */

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static void sample_push(struct pulse *pulse, int64_t now_us)
{
    pulse->growing.at_ms = pulse->state.at_ms;
    if (pulse->growing_n)
        pulse->growing.events_per_s /= pulse->growing_n;
    else
        pulse->growing.events_per_s = PULSE_UNKNOWN;
    pulse->sample[pulse->next] = pulse->growing;
    pulse->next = (pulse->next + 1) % PULSE_SAMPLES;
    pulse->n_samples += pulse->n_samples < PULSE_SAMPLES;
    pulse->growing = (struct pulse_sample){.freshness_ms = PULSE_UNKNOWN, .lag = PULSE_UNKNOWN};
    pulse->growing_n = 0;
    pulse->growing_us = now_us;
}

/* The rate is the mean, freshness and lag are the worst of the sample's seconds. */
static void sample_grow(struct pulse *pulse, int64_t now_us)
{
    const struct pulse_state *state = &pulse->state;
    if (state->events_per_s >= 0) {
        pulse->growing.events_per_s += state->events_per_s;
        pulse->growing_n++;
    }
    pulse->growing.freshness_ms = larger(pulse->growing.freshness_ms, state->freshness_ms);
    pulse->growing.lag = larger(pulse->growing.lag, pulse_state_lag(state));
    if (now_us - pulse->growing_us >= (int64_t)PULSE_SAMPLE_S * 1000000 - TELL_US)
        sample_push(pulse, now_us);
}

/* ---- a finding is told ---- */

static int64_t still_s(struct progress *progress, const int64_t *offsets, int n, bool waits,
                       int64_t now_us)
{
    int64_t sum = 0;
    for (int p = 0; p < n; p++)
        sum += offsets[p];
    if (sum != progress->sum || !waits)
        *progress = (struct progress){sum, now_us};
    return (now_us - progress->moved_us) / 1000000;
}

static void servers_take(struct pulse *pulse)
{
    struct reader_figures figures;
    struct batch_store_figures batch;
    reader_figures(pulse->reader, &figures);
    batch_store_figures(pulse->store, &batch);
    pulse->state.published_ms = batch.published_ms;
    pulse->state.n_servers = figures.servers;
    for (int s = 0; s < figures.servers; s++)
        reader_server(pulse->reader, s, &pulse->state.server[s]);
}

static int64_t freshness_now(const struct pulse *pulse, int64_t now_us)
{
    int64_t so_far_us = now_us - pulse->goal.asked_us;
    if (!pulse->state.look.kafka || !pulse->state.partitions)
        return PULSE_UNKNOWN;
    return pulse->goal.open && so_far_us > TELL_US ? so_far_us / 1000 : pulse->freshness_ms;
}

static void tell(struct pulse *pulse)
{
    struct pulse_state *state = &pulse->state;
    int64_t now_us = clock_monotonic_us();
    pulse->told = true;
    state->at_ms = clock_unix_ms();
    servers_take(pulse);
    state->freshness_ms = freshness_now(pulse, now_us);
    state->speed_still_s =
        still_s(&pulse->speed, state->as_of, state->partitions, pulse_state_lag(state) > 0, now_us);
    state->archive_still_s = still_s(&pulse->archive, state->look.archived, PARTITIONS_MAX,
                                     pulse_state_unarchived(state) > 0, now_us);
    pthread_mutex_lock(&pulse->lock);
    sample_grow(pulse, now_us);
    bytes_clear(&pulse->newest);
    pulse_state_put(state, &pulse->newest);
    pulse->serial++;
    pthread_mutex_unlock(&pulse->lock);
}

/* ---- the speed view is read, until the goal is reached ---- */

static void on_read(const struct snapshot *snapshot, void *context);

static void read_begin(struct pulse *pulse)
{
    if (pulse->reading)
        return;
    pulse->reading = true;
    reader_ask(pulse->reader, NULL, 0, (struct text){"", 0}, on_read, pulse);
}

static void on_again(evutil_socket_t fd, short what, void *context)
{
    (void)fd, (void)what;
    read_begin(context);
}

static void snapshot_take(struct pulse *pulse, const struct snapshot *snapshot)
{
    struct pulse_state *state = &pulse->state;
    state->partitions = snapshot ? snapshot_partitions(snapshot) : 0;
    for (int p = 0; p < state->partitions; p++) {
        state->boundary[p] = snapshot_boundary(snapshot)[p];
        state->as_of[p] = snapshot_as_of(snapshot)[p];
        int64_t behind = state->look.log_end[p] - state->as_of[p];
        if (pulse->first_read) /* what was missing when the log's end was asked for */
            state->lag[p] = behind > 0 ? behind : 0;
    }
    if (snapshot) {
        state->batch = snapshot_batch(snapshot);
        state->degraded = snapshot_degraded(snapshot);
    }
}

static bool is_reached(const struct pulse *pulse)
{
    for (int p = 0; p < pulse->state.partitions; p++)
        if (pulse->state.as_of[p] < pulse->goal.end[p])
            return false;
    return pulse->state.partitions > 0;
}

static void on_read(const struct snapshot *snapshot, void *context)
{
    struct pulse *pulse = context;
    pulse->reading = false;
    if (pulse->stopped)
        return;
    int64_t now_us = clock_monotonic_us(), so_far_us = now_us - pulse->goal.asked_us;
    snapshot_take(pulse, snapshot);
    if (pulse->goal.open && is_reached(pulse)) {
        pulse->goal.open = false;
        pulse->freshness_ms =
            pulse->first_read && pulse->quiet ? PULSE_UNKNOWN : (so_far_us + 999) / 1000;
    }
    pulse->first_read = false;
    if (!pulse->told && (!pulse->goal.open || so_far_us > TELL_US))
        tell(pulse);
    if (!pulse->goal.open)
        return;
    int64_t wait_us = larger(READ_US, so_far_us / READ_PART);
    timer_set(pulse->again, wait_us > READ_MOST_US ? READ_MOST_US : wait_us);
}

/* ---- Kafka and Postgres have been looked at ---- */

static void rate_take(struct pulse *pulse, const struct look *look)
{
    int64_t sum = 0;
    for (int p = 0; p < PARTITIONS_MAX; p++)
        sum += look->log_end[p] > 0 ? look->log_end[p] : 0;
    pulse->state.events_per_s = PULSE_UNKNOWN;
    if (look->kafka && pulse->log_us && look->asked_us > pulse->log_us)
        pulse->state.events_per_s =
            (double)(sum - pulse->log_sum) * 1e6 / (double)(look->asked_us - pulse->log_us);
    pulse->quiet = sum == pulse->log_sum;
    pulse->log_sum = sum;
    pulse->log_us = look->kafka ? look->asked_us : 0;
}

static void on_look(const struct look *look, void *context)
{
    struct pulse *pulse = context;
    pulse->looking = false;
    if (pulse->stopped)
        return;
    pulse->state.look = *look;
    rate_take(pulse, look);
    pulse->told = false;
    pulse->first_read = true;
    if (look->kafka && !pulse->goal.open) {
        pulse->goal.open = true;
        pulse->goal.asked_us = look->asked_us;
        for (int p = 0; p < PARTITIONS_MAX; p++)
            pulse->goal.end[p] = look->log_end[p];
    }
    if (!look->kafka)
        pulse->goal.open = false;
    read_begin(pulse);
}

/* A look that takes longer than a second (Kafka or Postgres away) is waited for; what is known is told meanwhile. */
static void on_tick(evutil_socket_t fd, short what, void *context)
{
    struct pulse *pulse = context;
    (void)fd, (void)what;
    if (pulse->looking) {
        if (pulse->serial)
            tell(pulse);
        return;
    }
    pulse->looking = true;
    watcher_ask(pulse->watcher, pulse->base, on_look, pulse);
}

/* ---- the interface ---- */

struct pulse *pulse_new(struct event_base *base, struct reader *reader, struct watcher *watcher,
                        struct batch_store *store)
{
    struct pulse *pulse = xcalloc(1, sizeof *pulse);
    pulse->base = base;
    pulse->reader = reader;
    pulse->watcher = watcher;
    pulse->store = store;
    pulse->freshness_ms = PULSE_UNKNOWN;
    pulse->growing = (struct pulse_sample){.freshness_ms = PULSE_UNKNOWN, .lag = PULSE_UNKNOWN};
    pulse->growing_us = pulse->speed.moved_us = pulse->archive.moved_us = clock_monotonic_us();
    pthread_mutex_init(&pulse->lock, NULL);
    pulse->again = event_new(base, -1, 0, on_again, pulse);
    pulse->tick = event_new(base, -1, EV_PERSIST, on_tick, pulse);
    timer_set(pulse->tick, (int64_t)TICK_MS * 1000);
    event_active(pulse->tick, 0, 0);
    return pulse;
}

void pulse_stop(struct pulse *pulse)
{
    if (!pulse || pulse->stopped)
        return;
    pulse->stopped = true;
    event_free(pulse->tick);
    event_free(pulse->again);
}

void pulse_free(struct pulse *pulse)
{
    if (!pulse)
        return;
    pulse_stop(pulse);
    pthread_mutex_destroy(&pulse->lock);
    bytes_free(&pulse->newest);
    free(pulse);
}

uint64_t pulse_serial(struct pulse *pulse)
{
    pthread_mutex_lock(&pulse->lock);
    uint64_t serial = pulse->serial;
    pthread_mutex_unlock(&pulse->lock);
    return serial;
}

void pulse_put(struct pulse *pulse, struct bytes *out)
{
    pthread_mutex_lock(&pulse->lock);
    bytes_put_text(out, bytes_text(&pulse->newest));
    pthread_mutex_unlock(&pulse->lock);
}

void pulse_hour_put(struct pulse *pulse, struct bytes *out)
{
    struct pulse_sample samples[PULSE_SAMPLES];
    pthread_mutex_lock(&pulse->lock);
    size_t n = pulse->n_samples, first = n < PULSE_SAMPLES ? 0 : pulse->next;
    for (size_t i = 0; i < n; i++)
        samples[i] = pulse->sample[(first + i) % PULSE_SAMPLES];
    pthread_mutex_unlock(&pulse->lock);
    pulse_samples_put(samples, n, out);
}
