/*
 * names: a dictionary text <-> small dense number (a symbol), so that counters can be keyed by integers.
 * Not for: untrusted growth without a bound; whoever holds one watches names_bytes() and starts a new one.
 * Symbols are given in order of arrival, from 0. One thread at a time.
 */
#ifndef TANDEM_VIEWS_NAMES_H
#define TANDEM_VIEWS_NAMES_H

#include <stdint.h>

#include "views/text.h"

#define NAMES_ABSENT UINT32_MAX

struct names;

struct names *names_new(void);
struct names *names_copy(const struct names *from); /* the same symbols */
void names_free(struct names *names);

uint32_t names_put(struct names *names, struct text text); /* the text is copied */
uint32_t names_find(const struct names *names,
                    struct text text); /* NAMES_ABSENT if it is not there */
struct text names_text(const struct names *names,
                       uint32_t symbol); /* lives until the next names_put */
uint32_t names_count(const struct names *names);
size_t names_bytes(const struct names *names); /* memory held */

/* The 64-bit hash used for names, users and event ids. Stable: stored user states hold it. */
uint64_t text_hash(struct text text);

#endif
