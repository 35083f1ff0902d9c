/*
 * http: a sink that posts events to tandem-serve as NDJSON, up to 1,000 events and 1 MiB a request, over several lanes. The
 * one file of tandem-feed that speaks HTTP. A user's records always take the same lane, and a lane has one request under
 * way: so their order is kept. What was answered with 503, or with nothing, is posted again with the same event ids: the
 * system counts them once. Bad records are posted alone, because one of them refuses its whole request.
 */
#ifndef TANDEM_TOOLS_HTTP_H
#define TANDEM_TOOLS_HTTP_H

#include "tools/record.h"

/* `url`: where the API is, "http://127.0.0.1:8080". `lanes`: connections. -1: err. */
int http_sink_open(const char *url, int lanes, struct sink *sink, struct err *err);

#endif
