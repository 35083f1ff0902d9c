/* event_id: ids for events that come without one. */
#ifndef TANDEM_SERVING_EVENT_ID_H
#define TANDEM_SERVING_EVENT_ID_H

#include <stdint.h>

/* INGEST_ID_BYTES characters and no 0: a ULID (github.com/ulid/spec), which sorts by time. */
void event_id_make(char *into, int64_t now_ms);

#endif
