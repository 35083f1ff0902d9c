/*
 * barrier: where the layers' agreement stands in the log (design.md, section 5). A barrier is a Kafka record with the
 * header `tandem-barrier: n` (decimal text) and no value. Pure: Kafka's own types do not appear.
 */
#ifndef TANDEM_HANDOVER_BARRIER_H
#define TANDEM_HANDOVER_BARRIER_H

#include <stdint.h>

#include "views/text.h"

#define BARRIER_HEADER "tandem-barrier"

/* The number in a barrier header's value: 1 to 18 digits, no sign, no leading 0. -1: malformed (a bad record). */
int64_t barrier_number(struct text header_value);

/*
 * The segment rule: the segment of what follows a record. Only the barrier whose turn it is opens a segment: repeated and older
 * ones change nothing, and neither does one that is ahead of its turn (a foreign producer's, or copied from another topic with
 * its headers): it would cut where run and readers do not. Runs make them one by one: n + 1 only once n is archived everywhere.
 */
static inline int64_t segment_after(int64_t segment, int64_t barrier)
{
    return barrier == segment + 1 ? barrier : segment;
}

#endif
