/*
 * audit_sample: which groups an audit looks at: a share of them, chosen by a hash of view, group and a seed, so that the same seed
 * chooses the same ones and other seeds come by all of them in time.
 */
#ifndef TANDEM_BATCH_AUDIT_SAMPLE_H
#define TANDEM_BATCH_AUDIT_SAMPLE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "views/text.h"

struct audit_sample {
    int64_t ppm; /* millionths of all groups; 1,000,000: all */
    int64_t seed;
};

/* "1%", "0.5%", "100%". */
int audit_sample_parse(const char *text, struct audit_sample *sample, struct err *err);
bool audit_sample_has(const struct audit_sample *sample, unsigned view, struct text group);

#endif
