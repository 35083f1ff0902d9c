/*
 * slow_texts: the small text forms once more, from what their headers say, the obvious way: whole copies, wide numbers, no
 * cleverness. Not for: anything but being held against the real ones.
 */
#ifndef TANDEM_TESTS_SLOW_TEXTS_H
#define TANDEM_TESTS_SLOW_TEXTS_H

#include <stdint.h>

#include "handover/speed_view.h"
#include "serving-layer/request.h"
#include "views/text.h"

/* [-]digits, nothing else, from min to max. */
bool slow_number(struct text text, int64_t min, int64_t max, int64_t *value);

/* Cuts what stands before the next `separator` off the front; false: there is nothing any more. Start with *more = true. */
bool slow_part(struct text *rest, bool *more, char separator, struct text *part);

/* int8[] as Postgres writes it, "{1,-2}" or "{}"; -1: it is none, or has more than `max` numbers. */
int slow_vector(struct text text, int64_t *vector, int max);

/* host:port[,host:port...]: how many, -1: malformed. */
int slow_servers(struct text text, struct speed_servers *servers);

/* A path and query, decoded. Texts are the caller's to free (slow_request_free). */
struct slow_request {
    char *segment[REQUEST_SEGMENTS], *name[REQUEST_PARAMETERS], *value[REQUEST_PARAMETERS];
    int n_segments, n_parameters;
};

bool slow_request_parse(const char *uri, struct slow_request *request);
void slow_request_free(struct slow_request *request);

/* Every character in its shortest form, none beyond U+10FFFF, no surrogate (RFC 3629). */
bool slow_utf8(struct text text);

#endif
