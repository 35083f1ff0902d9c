/* bad_record: records that are almost events: one kind for each way in which clients get it wrong. */
#ifndef TANDEM_TOOLS_BAD_RECORD_H
#define TANDEM_TOOLS_BAD_RECORD_H

#include "views/bytes.h"
#include "views/event.h"

enum { BAD_RECORD_KINDS = 12 };

/* Appends `event`, spoilt in the way of `kind` (0 .. BAD_RECORD_KINDS - 1). Never an event, never empty. */
void bad_record_write(int kind, const struct event *event, struct bytes *into);

#endif
