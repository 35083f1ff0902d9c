/*
 * generate: a shop's traffic, record by record. Visitors come in sessions: they are shown lists (impressions), click, view,
 * put into the cart, purchase, sometimes return it, rarely ask to be forgotten. Some records come twice, as from a client
 * that retries; some are bad. Pure: the same settings make the same bytes. Memory does not grow.
 */
#ifndef TANDEM_TOOLS_GENERATE_H
#define TANDEM_TOOLS_GENERATE_H

#include "tools/record.h"
#include "tools/title_votes.h"

struct generate_settings {
    uint64_t seed;
    int64_t events; /* records, bad and repeated ones included; 0: without end */
    uint32_t users, items;
    int64_t start_us;               /* of the first event, us since 1970 UTC */
    int64_t step_us;                /* between events */
    int64_t bad_ppm, duplicate_ppm; /* parts in a million */
};

struct generate;

struct generate *generate_new(const struct generate_settings *settings);
void generate_free(struct generate *generate);
struct source generate_source(struct generate *generate);

/* What the shop's items are called. */
void generate_titles(const struct generate_settings *settings, struct title_votes *titles);

#endif
