/*
 * seen: the distinct items that recommendations are made from, newest first: what a user has in the window, or a session.
 * Not for: which are recommended.
 */
#ifndef TANDEM_SERVING_SEEN_H
#define TANDEM_SERVING_SEEN_H

#include "serving-layer/reader.h"

struct batch_store;

struct seen { /* zero-initialise; seen_free */
    struct bytes text;
    struct text item[STATE_WINDOW]; /* in `text` */
    size_t n;
};

void seen_free(struct seen *seen);

/* `item`: n of them, oldest first, with repeats; n is at most STATE_WINDOW. */
void seen_take(struct seen *seen, const struct text *item, size_t n);
/* What the snapshot's user has seen. */
void seen_read(struct seen *seen, const struct snapshot *snapshot, enum layer layer);
/* What the newest batch view knows that the user has seen. */
void seen_guess(struct seen *seen, struct batch_store *store, struct text user);
bool seen_equal(const struct seen *a, const struct seen *b);
bool seen_has(const struct seen *seen, struct text item);

#endif
