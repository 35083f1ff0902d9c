/*
 * backfill: the events of an NDJSON file that were never in the log, once each, also when it is killed and started again.
 *
 * Each record carries the header tandem-backfill: `<file>-<line>-<chain>` (16 hex digits, decimal, 16 hex digits): the hash of the
 * file's first line, the record's line, the hash of all lines up to it. A partition's records are in the log in the order of
 * lines and without a gap (an idempotent, gapless producer), so the last one that stands there says which lines of that
 * partition are in. Nothing is remembered elsewhere. The chain tells a file that was changed above that line.
 * Not for: what events may hold (views/event.h), speaking to Kafka (kafka.h).
 */
#ifndef TANDEM_TOOLS_BACKFILL_H
#define TANDEM_TOOLS_BACKFILL_H

#include <stdio.h>

#include "tools/kafka.h"
#include "tools/record.h"

struct backfill;

/*
 * Opens the file, locks it against another backfill, and looks through the log for what is in it already (is_new: does not
 * look: the file was never begun). Refused lines are named on standard error, the first hundred of them. NULL: err.
 */
struct backfill *backfill_open(const char *path, const struct kafka_settings *kafka, bool is_new,
                               struct err *err);
void backfill_close(struct backfill *backfill);

/* Those that are not in the log yet. */
struct source backfill_source(struct backfill *backfill);

/* Lines = sent + there already + refused. -1: no line was an event. */
int backfill_report(const struct backfill *backfill, int64_t sent, FILE *to);

/* The mark of a record: its parts, and back. false: it is none. Pure. */
struct backfill_mark {
    uint64_t file, chain;
    int64_t line;
};
size_t backfill_mark_print(const struct backfill_mark *mark, char into[64]);
bool backfill_mark_parse(struct text text, struct backfill_mark *mark);

#endif
