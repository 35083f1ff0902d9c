/* openapi_parts: pieces of the OpenAPI document (openapi.h): JSON with the commas that it needs, and the parameters of a route. */
#ifndef TANDEM_SERVING_OPENAPI_PARTS_H
#define TANDEM_SERVING_OPENAPI_PARTS_H

#include "serving-layer/routes.h"

void part_comma(struct bytes *out); /* unless an object, array or member has just begun */
void part_key(struct bytes *out, struct text name);
void part_open(struct bytes *out, const char *name, const char *bracket); /* "name":bracket */
void part_text(struct bytes *out, const char *name, const char *value);
void part_int(struct bytes *out, const char *name, int64_t value);
/* {"$ref":"#/components/KIND/NAME"} */
void part_reference(struct bytes *out, const char *kind, struct text name);
/* Takes the first of "a|b|c" off the list; false when none is left. */
bool part_next(const char **list, struct text *one);

/* "parameters":[...]: what stands in the path, the query's by their rows, and the headers that the route takes. */
void part_parameters(struct bytes *out, const struct route *route);

#endif
