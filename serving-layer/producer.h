/*
 * producer: puts accepted events on the log: the one file of this layer's event loops with librdkafka. One a loop; every call
 * and callback on that loop's thread. A post is done when Kafka has acknowledged (acks=all, idempotent) or given up all of
 * its records.
 */
#ifndef TANDEM_SERVING_PRODUCER_H
#define TANDEM_SERVING_PRODUCER_H

#include "common/err.h"
#include "serving-layer/ingest_body.h"

struct event_base;
struct producer;

struct producer_settings {
    const char *kafka, *topic;
    int partitions; /* of the deployment: a topic that was given more still gets its users where they have always been */
    int acknowledge_ms; /* how long Kafka may take */
    int outstanding;    /* events that may wait for it */
};

struct producer *producer_new(struct event_base *base, const struct producer_settings *settings,
                              struct err *err);
/* Waits for what is outstanding, at most as long as Kafka may take. */
void producer_free(struct producer *producer);

/* Is there room for so many more? */
bool producer_has_room(const struct producer *producer, size_t events);

/* Sends all records (copied). `done` is called once with how many were not acknowledged: later, or at once if nothing could be
 * sent. */
typedef void (*producer_done)(size_t failed, void *context);
void producer_post(struct producer *producer, const struct ingest_body *body, producer_done done,
                   void *context);

/* The same, and `place` (the caller's until `done`) is where the last record that was acknowledged lies; offset -1: Kafka has not
 * said. */
struct producer_place {
    int partition;
    int64_t offset;
};
void producer_post_at(struct producer *producer, const struct ingest_body *body,
                      struct producer_place *place, producer_done done, void *context);

#endif
