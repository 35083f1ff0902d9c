/*
 * item_store: the catalogue of items in the process's memory, for filters, titles and search. Postgres is the truth: a thread of
 * its own loads what is new when Postgres notifies (channel tandem_items), and looks once a second without that, so that a lost
 * notification heals. Joined when an answer is made, never inside a view (design.md, section 4).
 * Not for: writing items (handle_items.c asks Postgres by jobs.h, then item_store_catch_up).
 *
 * Memory: its texts and, beside them, some 220 bytes an item.
 */
#ifndef TANDEM_SERVING_ITEM_STORE_H
#define TANDEM_SERVING_ITEM_STORE_H

#include <libpq-fe.h>

#include "common/err.h"
#include "serving-layer/item.h"
#include "serving-layer/item_list.h"

struct item_store;

/* Starts the thread and returns at once. `postgres` is borrowed. */
struct item_store *item_store_new(const char *postgres);
void item_store_free(struct item_store *store);

/* Has it been loaded once? Before that nothing is found. From then on it stays, however long Postgres is away. */
bool item_store_ready(const struct item_store *store);

/* What is found between lock and unlock lives until unlock. Short: the loader waits. Any thread, not twice by one. */
void item_store_lock(struct item_store *store);
void item_store_unlock(struct item_store *store);
/* NULL: the catalogue does not have it. */
const struct item *item_store_find(const struct item_store *store, struct text item);

/*
 * All items, newest first (created_ms, then id in byte order), hidden ones too: from the first that does not stand before
 * (created_ms, item); INT64_MAX: from the newest. A place is good until unlock; to go on after that, ask for the place of the
 * last item again and pass over it. To be found for the newest ones: walk, filter, stop.
 */
struct item_place item_store_place(const struct item_store *store, int64_t created_ms,
                                   struct text item);
/* The next item; NULL: that was all. */
const struct item *item_store_next(const struct item_store *store, struct item_place *place);

/*
 * Loads, on a connection of the caller's that is in no transaction, all that is committed and not here yet: after it, whoever
 * asks this process sees it. Waits while another thread loads; -1: err, ERR_RETRY.
 */
int item_store_catch_up(struct item_store *store, PGconn *db, struct err *err);

struct item_store_figures {
    uint64_t items, text_bytes, other_bytes;
    int64_t version; /* the newest write that is here */
    uint64_t loads;  /* of the whole catalogue, ever */
};
void item_store_figures(struct item_store *store, struct item_store_figures *figures);

#endif
