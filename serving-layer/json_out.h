/* json_out: appends JSON to a buffer. The caller writes the braces; texts are escaped as RFC 8259 asks. */
#ifndef TANDEM_SERVING_JSON_OUT_H
#define TANDEM_SERVING_JSON_OUT_H

#include <stdint.h>

#include "views/bytes.h"

void json_put(struct bytes *into, const char *json); /* as it stands */
void json_put_text(struct bytes *into, struct text text);
void json_put_int(struct bytes *into, int64_t value);
/* With six digits behind the point: enough for a score, and the same on every machine. */
void json_put_score(struct bytes *into, double value);
void json_put_ints(struct bytes *into, const int64_t *values, int n); /* [1,2,3] */

#endif
