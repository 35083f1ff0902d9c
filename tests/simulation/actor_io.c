/*
 * What stands in for Kafka, sleep and time in an actor: the functions of consumer.h, archive_log.h, barrier_log.h,
 * event_log.h (its check), failpoint.h, stop.h and clock.h, over the world's log and clock.
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "batch-layer/archive_log.h"
#include "batch-layer/barrier_log.h"
#include "common/clock.h"
#include "common/failpoint.h"
#include "common/mem.h"
#include "common/stop.h"
#include "handover/event_log.h"
#include "speed-layer/consumer.h"
#include "tests/simulation/actor.h"
#include "tests/simulation/world.h"

/* ---- time ---- */

int64_t clock_monotonic_us(void)
{
    return world->clock_us;
}

int64_t clock_unix_ms(void)
{
    return INT64_C(1700000000000) + world->clock_us / 1000;
}

void failpoint(const char *name)
{
    actor_yield(name, 0);
}

void stop_install(void)
{
}

bool stop_asked(void)
{
    return false;
}

void stop_after_s(int64_t seconds)
{
    (void)seconds; /* a schedule has no deadline */
}

bool stop_deadline_over(void)
{
    return false;
}

int stop_fd(void)
{
    return -1;
}

bool stop_sleep_ms(long ms)
{
    actor_yield("sleep", ms);
    return true;
}

/* What the linker gives to the layers' code for poll() (libraries have their own): a wait is a step. */
int __real_poll(struct pollfd *fds, nfds_t n, int timeout_ms);
int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout_ms);
int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout_ms)
{
    if (!actor_is_one() || timeout_ms <= 0)
        return __real_poll(fds, n, timeout_ms);
    actor_yield("poll", timeout_ms);
    return __real_poll(fds, n, 0);
}

/* ---- the consumer group ---- */

/* Where the next record is: holes are passed. */
static int64_t record_from(int p, int64_t offset)
{
    while (offset < world->end[p] && world->record[p][offset].barrier == HOLE)
        offset++;
    return offset;
}

int simulated_instance; /* which speed instance this process is */

struct consumer {
    struct assignment assigned;
    int64_t next[PARTITIONS];
    bool fetching;
    int turn;
};

struct consumer *consumer_open(const struct consumer_settings *settings, struct err *err)
{
    (void)settings, (void)err;
    return xcalloc(1, sizeof(struct consumer));
}

void consumer_close(struct consumer *consumer)
{
    free(consumer);
}

const struct assignment *consumer_assignment(const struct consumer *consumer)
{
    return &consumer->assigned;
}

int consumer_start(struct consumer *consumer, const int64_t *offset, struct err *err)
{
    (void)err;
    memcpy(consumer->next, offset, sizeof consumer->next);
    consumer->fetching = true;
    return 0;
}

int consumer_stop(struct consumer *consumer, struct err *err)
{
    (void)err;
    consumer->fetching = false;
    return 0;
}

static void hear(struct consumer *consumer)
{
    const struct given *given = &world->given[simulated_instance];
    struct assignment *assigned = &consumer->assigned;
    if (given->deaf || given->changes == assigned->changes)
        return;
    consumer->fetching = false;
    assigned->changes = given->changes;
    assigned->n = given->n;
    for (int i = 0; i < given->n; i++)
        assigned->partition[i] = given->partition[i];
}

static bool fetch(struct consumer *consumer, struct record *record)
{
    for (int i = 0; consumer->fetching && i < consumer->assigned.n; i++) {
        int p = consumer->assigned.partition[(i + consumer->turn) % consumer->assigned.n];
        int64_t offset = record_from(p, consumer->next[p]);
        if (offset >= world->end[p])
            continue;
        consumer->turn++;
        consumer->next[p] = offset + 1;
        *record = (struct record){.partition = p,
                                  .offset = offset,
                                  .barrier = world->record[p][offset].barrier,
                                  .value = world_value(p, offset)};
        return true;
    }
    return false;
}

/* Now and then what is there has not come yet: so micro-batches of all sizes are cut. */
int consumer_poll(struct consumer *consumer, int timeout_ms, struct record *record, struct err *err)
{
    (void)err;
    hear(consumer);
    if (chance(8) && fetch(consumer, record))
        return 1;
    if (timeout_ms > 0)
        actor_yield("poll", timeout_ms);
    return 0;
}

void record_release(struct record *record)
{
    (void)record; /* the world's */
}

void consumer_hint(struct consumer *consumer, const int64_t *offset)
{
    (void)consumer, (void)offset;
}

int64_t consumer_log_end(const struct consumer *consumer, int partition)
{
    (void)consumer;
    return world->end[partition];
}

/* ---- the archiver's end of the log ---- */

struct archive_log {
    int64_t next[PARTITIONS];
    bool fetching;
};

struct archive_log *archive_log_open(const char *kafka, const char *topic, int partitions,
                                     struct err *err)
{
    (void)kafka, (void)topic, (void)partitions, (void)err;
    return xcalloc(1, sizeof(struct archive_log));
}

void archive_log_close(struct archive_log *log)
{
    free(log);
}

int archive_log_start(struct archive_log *log, const int64_t *offset, struct err *err)
{
    (void)err;
    memcpy(log->next, offset, sizeof log->next);
    log->fetching = true;
    return 0;
}

int archive_log_stop(struct archive_log *log, struct err *err)
{
    (void)err;
    log->fetching = false;
    return 0;
}

int archive_log_poll(struct archive_log *log, int timeout_ms, struct log_record *record,
                     struct err *err)
{
    (void)err;
    for (int p = 0; log->fetching && chance(12) && p < PARTITIONS; p++) {
        int64_t offset = record_from(p, log->next[p]);
        if (offset >= world->end[p])
            continue;
        log->next[p] = offset + 1;
        *record = (struct log_record){.partition = p,
                                      .offset = offset,
                                      .barrier = world->record[p][offset].barrier,
                                      .value = world_value(p, offset)};
        return 1;
    }
    actor_yield("archive poll", timeout_ms);
    return 0;
}

void log_record_release(struct log_record *record)
{
    (void)record;
}

void archive_log_hurry(struct archive_log *log, int partition)
{
    (void)log, (void)partition;
}

int64_t archive_log_lag(struct archive_log *log, int partition, int64_t offset)
{
    (void)log;
    return world->end[partition] - offset;
}

/* ---- barriers, checks ---- */

int barrier_log_produce(const char *bootstrap, const char *topic, int partitions, int64_t n,
                        int timeout_ms, struct err *err)
{
    (void)bootstrap, (void)topic, (void)timeout_ms, (void)err;
    for (int p = 0; p < partitions; p++) {
        world_append_barrier(p, n);
        actor_yield("barrier produced", 0);
    }
    return 0;
}

int event_log_check_deployment(const char *bootstrap, const char *topic, int partitions,
                               const char *deployment, struct err *err)
{
    (void)bootstrap, (void)topic, (void)partitions, (void)deployment, (void)err;
    return 0;
}
