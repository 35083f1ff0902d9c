/*
 * metrics_http: GET /metrics of a program that serves nothing else, on a thread of its own, so that neither a scrape nor
 * whoever else finds the port takes time from the work. The one file of common/ with libevent.
 * Not for: tandem-serve, which has /metrics among its routes.
 *
 * What a client can cost is bounded: 16 connections (a newcomer takes the oldest one's place), 10 s each, one request each, no
 * body, headers of 4 KiB. It knows no keys: give it an address that only the monitoring reaches.
 */
#ifndef TANDEM_COMMON_METRICS_HTTP_H
#define TANDEM_COMMON_METRICS_HTTP_H

#include "common/err.h"
#include "common/metrics.h"

struct metrics_http;

/* Called on the thread; what it reads must be safe to read there (metrics.h). */
typedef void (*metrics_print)(struct metrics *into, void *context);

/*
 * `address`: host:port; "": none, and *opened is NULL. -1: err, ERR_DATA when it is no address, ERR_FATAL when nobody can
 * listen there.
 */
int metrics_http_open(const char *address, metrics_print print, void *context,
                      struct metrics_http **opened, struct err *err);
/* `print` is not called any more once this returns. NULL is fine. */
void metrics_http_close(struct metrics_http *http);

#endif
