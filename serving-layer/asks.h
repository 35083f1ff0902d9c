/*
 * asks: requests to a reader, copied, in order of arrival, with memory that is used again. One thread at a time.
 */
#ifndef TANDEM_SERVING_ASKS_H
#define TANDEM_SERVING_ASKS_H

#include "serving-layer/kept_rows.h"
#include "serving-layer/reader.h"

struct asked_row {
    unsigned view;
    size_t group_at, group_bytes; /* in texts */
    struct kept_row *kept;        /* once its batch has begun */
};

enum { NO_USER = -1 };

struct ask {
    struct ask *next;
    reader_done done;
    void *context;
    struct asked_row *rows;
    size_t n_rows, rows_cap;
    struct bytes texts; /* groups, then the user */
    size_t user_at, user_bytes;
    int user; /* its place among the batch's users, or NO_USER */
};

/* A queue. Zero-initialised is empty. */
struct asks {
    struct ask *first, **behind;
    size_t n, n_rows;
};

void asks_put(struct asks *asks, struct ask *ask); /* takes it */
struct ask *asks_take(struct asks *asks);          /* the first, now the caller's, or NULL */

/* Copies a request into `used` (an ask of an earlier one) or, when it is NULL, into a new ask. */
struct ask *ask_make(struct ask *used, const struct row_ref *rows, size_t n, struct text user);
void ask_free(struct ask *ask);

static inline struct text ask_group(const struct ask *ask, size_t row)
{
    return (struct text){ask->texts.at + ask->rows[row].group_at, ask->rows[row].group_bytes};
}

static inline struct text ask_user(const struct ask *ask)
{
    return (struct text){ask->texts.at + ask->user_at, ask->user_bytes};
}

#endif
