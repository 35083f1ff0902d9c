/* slow_json: JSON text to a tree, by RFC 8259, recursive and obvious. For slow_decoder.c only. */
#ifndef TANDEM_TESTS_SLOW_JSON_H
#define TANDEM_TESTS_SLOW_JSON_H

#include <stdint.h>

#include "views/text.h"

struct slow_block { /* all memory of a tree, freed at once */
    struct slow_block *next;
};

void *slow_memory(struct slow_block **memory, size_t n);

struct slow_string { /* code points; a lone surrogate is one of its own */
    uint32_t *c;
    size_t n;
};

enum slow_kind { SLOW_OBJECT, SLOW_ARRAY, SLOW_STRING, SLOW_NUMBER, SLOW_WORD };

struct slow_value {
    enum slow_kind kind;
    struct slow_string string;   /* SLOW_STRING */
    struct text number;          /* SLOW_NUMBER, as it stands there */
    struct slow_member *members; /* SLOW_OBJECT, in order */
};

struct slow_member {
    struct slow_string key;
    struct slow_value value;
    struct slow_member *next;
};

struct slow_parser {
    const unsigned char *at, *end;
    struct slow_block **memory;
};

bool slow_string_equal(struct slow_string a, struct slow_string b);
void slow_space(struct slow_parser *p);
/* One value, at its first byte. false: no JSON. */
bool slow_value(struct slow_parser *p, struct slow_value *value);

#endif
