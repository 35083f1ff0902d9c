/* event_json: writes an event in the JSON form of design.md, section 3. What it writes is checked by views/event.h. */
#ifndef TANDEM_TOOLS_EVENT_JSON_H
#define TANDEM_TOOLS_EVENT_JSON_H

#include "views/bytes.h"
#include "views/event.h"

/* Appends one object without a line end. Texts that are absent (n = 0), a price of -1 and "-" labels are left out. */
void event_json_write(const struct event *event, struct bytes *into);

#endif
