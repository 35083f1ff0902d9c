#include "batch-layer/audit_sample.h"

#include <stdlib.h>
#include <string.h>

#include "views/names.h"

enum { ALL_PPM = 1000000, PPM_OF_PERCENT = 10000 };

int audit_sample_parse(const char *text, struct audit_sample *sample, struct err *err)
{
    char *end;
    size_t digits = strspn(text, "0123456789.");
    double percent = strtod(text, &end);
    if (digits == 0 || end != text + digits || strcmp(end, "%") != 0 || percent <= 0 ||
        percent > 100 || percent * PPM_OF_PERCENT < 1)
        return err_set(err, ERR_FATAL,
                       "TANDEM_SAMPLE=%.40s: must be a share from 0.0001%% to 100%%, such as 1%%",
                       text);
    sample->ppm = (int64_t)(percent * PPM_OF_PERCENT + 0.5);
    return 0;
}

/* splitmix64's finaliser (Steele, Lea, Flood 2014) over the group's hash, the view and the seed. */
bool audit_sample_has(const struct audit_sample *sample, unsigned view, struct text group)
{
    uint64_t z = text_hash(group) + (view + 1) * UINT64_C(0x9e3779b97f4a7c15) +
                 (uint64_t)sample->seed * UINT64_C(0xd1342543de82ef95);
    if (sample->ppm >= ALL_PPM)
        return true;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (int64_t)((z ^ (z >> 31)) % ALL_PPM) < sample->ppm;
}
