/*
 * openapi: the OpenAPI 3.1 document of the API, made from the table of routes (routes.c): paths, methods, parameters with their
 * ranges, roles, bodies, answers and statuses are what the dispatcher checks, so that code and document cannot differ. Only the
 * schemas, and the texts that are of no one route, are written by hand: serving-layer/openapi/, built into the program. Pure: table in, text out.
 *
 * A call may be answered with the statuses of its row and, without being named there: 200 where the row has no other success;
 * 400 always (a parameter that no row has); 401, 403 and 429 where a role is needed; 411, 413 and 422 where there is a body;
 * 304 with `etag`; 503 unless `always`.
 */
#ifndef TANDEM_SERVING_OPENAPI_H
#define TANDEM_SERVING_OPENAPI_H

#include <stdbool.h>

#include "serving-layer/routes.h"

enum { OPENAPI_STATUSES = 24 };

/* Appends the document of the first n routes of the table. Those that are a page (route.is_page) are not part of it. */
void openapi_put(struct bytes *into, const struct route *table, int n);

/* The statuses that a call may be answered with, ascending; returns how many. */
int openapi_statuses(const struct route *route, int into[OPENAPI_STATUSES]);
bool openapi_has_status(const struct route *route, int status);

#endif
