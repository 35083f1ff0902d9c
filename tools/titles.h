/*
 * titles: what items are called, for showing: of all descriptions of an item the most frequent one that is not empty (then
 * the longest, then the first in byte order). Not for: storing them (title_store.h).
 */
#ifndef TANDEM_TOOLS_TITLES_H
#define TANDEM_TOOLS_TITLES_H

#include "common/err.h"
#include "views/bytes.h"

struct titles;

struct titles *titles_new(void);
void titles_free(struct titles *titles);

/* Descriptions that are empty, too long (200 bytes), no UTF-8 or that hold control characters are not kept. */
void titles_add(struct titles *titles, struct text item, struct text description);

/* Walks the items, each with its title: start with *cursor = 0; false at the end. After the last titles_add. */
bool titles_next(struct titles *titles, size_t *cursor, struct text *item, struct text *title);

/* Writes item TAB title, a line an item. */
int titles_write(struct titles *titles, const char *path, struct err *err);

#endif
