/*
 * replay: the events of a file: UCI Online Retail CSV (its header tells) or NDJSON of our events. Every row of the file is
 * either a record or counted in the refusals: rows = records + refused.
 */
#ifndef TANDEM_TOOLS_REPLAY_H
#define TANDEM_TOOLS_REPLAY_H

#include "tools/input.h"
#include "tools/record.h"
#include "tools/refusals.h"
#include "tools/titles.h"

struct replay;

/* Borrows `in`; `titles` may be NULL. keep_bad: lines that are no events become records as they are. */
struct replay *replay_new(struct input *in, struct titles *titles, bool keep_bad);
void replay_free(struct replay *replay);

struct source replay_source(struct replay *replay);
int64_t replay_rows(const struct replay *replay); /* read so far, without the header */
const struct refusals *replay_refusals(const struct replay *replay);

#endif
