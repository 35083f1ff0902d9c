/*
 * event_file: the events of a file: UCI Online Retail CSV (its header tells) or NDJSON of our events. Every row of the file is
 * either a record or counted in the refusals: rows = records + refused.
 */
#ifndef TANDEM_TOOLS_EVENT_FILE_H
#define TANDEM_TOOLS_EVENT_FILE_H

#include "tools/input.h"
#include "tools/record.h"
#include "tools/refusals.h"
#include "tools/title_votes.h"

struct event_file;

/* Borrows `in`; `titles` may be NULL. keep_bad: lines that are no events become records as they are. */
struct event_file *event_file_new(struct input *in, struct title_votes *titles, bool keep_bad);
void event_file_free(struct event_file *file);

struct source event_file_source(struct event_file *file);
int64_t event_file_rows(const struct event_file *file); /* read so far, without the header */
const struct refusals *event_file_refusals(const struct event_file *file);

#endif
