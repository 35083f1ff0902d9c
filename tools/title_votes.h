/*
 * title_votes: what items are called, for showing: of all descriptions of an item the most frequent one that is not empty (then
 * the longest, then the first in byte order). Not for: storing them (title_store.h).
 */
#ifndef TANDEM_TOOLS_TITLE_VOTES_H
#define TANDEM_TOOLS_TITLE_VOTES_H

#include "common/err.h"
#include "views/bytes.h"

struct title_votes;

struct title_votes *title_votes_new(void);
void title_votes_free(struct title_votes *titles);

/* Descriptions that are empty, too long (200 bytes), no UTF-8 or that hold control characters are not kept. */
void title_votes_add(struct title_votes *titles, struct text item, struct text description);

/* Walks the items, each with its title: start with *cursor = 0; false at the end. After the last title_votes_add. */
bool title_votes_next(struct title_votes *titles, size_t *cursor, struct text *item,
                      struct text *title);

/* Writes item TAB title, a line an item. */
int title_votes_write(struct title_votes *titles, const char *path, struct err *err);

#endif
