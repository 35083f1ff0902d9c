/*
 * slow_decoder: the decoder of views/event.h once more, from the rules of design.md, section 3, alone: recursive, building a
 * tree of code points, allocating freely, comparing each with each. Shares nothing with views/ but its types.
 * Not for: anything but being held against the fast one; deep nesting overflows the stack.
 */
#ifndef TANDEM_TESTS_SLOW_DECODER_H
#define TANDEM_TESTS_SLOW_DECODER_H

#include "views/event.h"

struct slow_block;

struct slow_decoded {
    bool is_json;      /* a JSON value stands there (and for slow_decode nothing behind it) */
    bool is_object;    /* and it is an object */
    const char *wrong; /* NULL: an event; else the field that is told, "" where it is no object */
    struct event event;
    size_t used; /* bytes of the value and of the white space before it */
    struct slow_block *memory;
};

/* The whole text is one event (as event_decode), or one begins there (as event_decode_prefix). */
void slow_decode(struct text json, enum event_needs needs, struct slow_decoded *decoded);
void slow_decode_prefix(struct text json, enum event_needs needs, struct slow_decoded *decoded);
void slow_decoded_free(struct slow_decoded *decoded);

#endif
