/*
 * item_search: does an item fit what a list was asked for? Words are found in any case of ASCII, Latin, Greek and Cyrillic
 * letters, anywhere in the title. Pure. Not for: walking the items (handle_items.c).
 */
#ifndef TANDEM_SERVING_ITEM_SEARCH_H
#define TANDEM_SERVING_ITEM_SEARCH_H

#include "serving-layer/item.h"

enum { ITEM_QUERY_BYTES = 256, ITEM_WORDS_MAX = 16, ITEM_EITHER = -1 };

struct item_search {
    char folded[ITEM_QUERY_BYTES];
    struct text word[ITEM_WORDS_MAX]; /* in `folded`, as `whole` */
    int n_words;
    struct text whole;     /* without the spaces around it; n == 0: no query */
    struct text category;  /* borrowed; n == 0: any */
    int available, hidden; /* 0, 1 or ITEM_EITHER */
};

/* Takes a query apart; the rest stays as it is. Words beyond the sixteenth are not looked for. `query`: at most ITEM_QUERY_BYTES. */
void item_search_query(struct item_search *search, struct text query);

/* All words are in the title, or the id begins with the query; and the category, and the rest. */
bool item_search_fits(const struct item_search *search, const struct item *item);

/* `from` in lower case, as many bytes. */
void item_fold(struct text from, char *into);

#endif
