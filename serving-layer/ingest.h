/* ingest: what other handlers that put events on the log share with POST /v1/events. */
#ifndef TANDEM_SERVING_INGEST_H
#define TANDEM_SERVING_INGEST_H

#include <stdbool.h>
#include <stddef.h>

struct call;

/* false: the log cannot take so many events now, and the call has been answered with 503. */
bool ingest_may_post(struct call *call, size_t n_events);

#endif
