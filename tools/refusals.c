#include "tools/refusals.h"

static struct refusal *find(struct refusals *refusals, struct event_error why)
{
    for (unsigned i = 0; i < refusals->n; i++)
        if (strcmp(refusals->reason[i].why.field, why.field) == 0 &&
            strcmp(refusals->reason[i].why.reason, why.reason) == 0)
            return &refusals->reason[i];
    return NULL;
}

void refusals_add(struct refusals *refusals, struct event_error why, int64_t line)
{
    struct refusal *r = find(refusals, why);
    if (!r) {
        if (refusals->n == REFUSALS_REASONS) {
            r = &refusals->reason[REFUSALS_REASONS - 1];
            r->why = (struct event_error){"", "other reasons"};
        } else {
            r = &refusals->reason[refusals->n++];
            *r = (struct refusal){why, 0, line};
        }
    }
    r->count++;
    refusals->total++;
}

void refusals_print(const struct refusals *refusals, FILE *to)
{
    for (unsigned i = 0; i < refusals->n; i++) {
        const struct refusal *r = &refusals->reason[i];
        fprintf(to, "refused  %lld: %s%s%s (first: line %lld)\n", (long long)r->count, r->why.field,
                *r->why.field ? " " : "", r->why.reason, (long long)r->first_line);
    }
}
