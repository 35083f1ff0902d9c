/* compare_decoders: the strict decoder held against the slow one, for one text. */
#ifndef TANDEM_TESTS_COMPARE_DECODERS_H
#define TANDEM_TESTS_COMPARE_DECODERS_H

#include "views/event.h"

/*
 * Verdict, field that is told, every field of the event and, for the prefix form, `used`, with both kinds of needs.
 * NULL: they agree; else what they disagree in. `is_event`, where not NULL: whether it is one.
 */
const char *compare_decoders(struct event_decoder *decoder, struct text json, bool *is_event);

#endif
