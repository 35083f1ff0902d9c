/*
 * faults: what tests of faults need beside the deployment: events and readers that go on in the background while something
 * breaks, and small file systems that can be filled.
 * Not for: deciding what is broken when. One background feed and one reader at a time.
 */
#ifndef TANDEM_TESTS_FAULTS_H
#define TANDEM_TESTS_FAULTS_H

#include <stdbool.h>

/* Feeds events to Kafka at a rate a second; feed_has_ended waits until all are acknowledged. */
void feed_in_background(int events, int rate, int seed);
void feed_has_ended(void);

/*
 * A reader that asks for some groups all the time and keeps what it is answered; answers_were_right ends it and holds each
 * answer against a recomputation of the log below the answer's own as_of. An answer of an older state is right.
 */
void reader_begins(void);
void answers_were_right(void);

/* Waits until a program has logged a line that matches (grep -E) since the last log_mark. */
void log_mark(const char *program);
void log_says(const char *program, int seconds, const char *regex);

/* The newest answer is not degraded: the layer is live again. Waits for it. */
void must_be_live(void);

/* Kafka forgets all records there are, as its retention does. */
void kafka_forgets_everything(void);

/*
 * Moves data/NAME of a stopped server onto a file system of its own that holds so many MiB; false, with the reason printed,
 * where that is not allowed. disk_fill leaves a few KiB; disk_clear gives the room back. disk_end moves the data back, or,
 * after a failed test, only lets go of the file system.
 */
bool disk_begin(const char *name, int mib);
void disk_fill(void);
void disk_clear(void);
void disk_end(void);

#endif
