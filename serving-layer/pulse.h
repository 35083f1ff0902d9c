/*
 * pulse: once a second, how the whole system is, and the last hour of it in memory. One a process, on one event loop; what it
 * has found may be read by any thread. Not for: answers from views.
 *
 * Freshness is measured on the log itself, whoever produces: the end of the log is asked for, and the clock stops at the first
 * read of the speed view whose as_of has reached that end in every partition. So an event that came in just before the
 * question was counted in answers after at most so long: an upper bound, with Kafka's answer and the reads' distance (5 ms, or a
 * twentieth of what it is) in it. It costs a question to Kafka and a few reads of no row a second. While nothing new comes in
 * there is nothing to measure; while the end is not reached, it is the time so far.
 */
#ifndef TANDEM_SERVING_PULSE_H
#define TANDEM_SERVING_PULSE_H

#include <stdint.h>

#include "views/bytes.h"

struct batch_store;
struct event_base;
struct pulse;
struct reader;
struct watcher;

enum { PULSE_SAMPLES = 720, PULSE_SAMPLE_S = 5 }; /* the last hour */

/* Begins at once. Everything is borrowed, and used until pulse_stop. */
struct pulse *pulse_new(struct event_base *base, struct reader *reader, struct watcher *watcher,
                        struct batch_store *store);
/* Before the base and the reader are freed; they may still call back, to no effect, until pulse_free. */
void pulse_stop(struct pulse *pulse);
void pulse_free(struct pulse *pulse);

/* The number of the newest finding; 0: there is none yet. */
uint64_t pulse_serial(struct pulse *pulse);
/* The newest finding, and the last hour oldest first, appended as JSON. */
void pulse_put(struct pulse *pulse, struct bytes *out);
void pulse_hour_put(struct pulse *pulse, struct bytes *out);

#endif
