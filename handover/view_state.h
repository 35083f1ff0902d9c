/*
 * view_state: which views of the catalogue are whole, so that programs whose catalogues differ can run side by side and a view
 * can be added beside live traffic (table view_state; docs/operations.md, "A new view").
 *
 *   complete   its rows in batch view n have every event below B_n: whoever published n knew it, and so did all before since
 *              its rebuild. Only then may a run add to them.
 *   served     and the speed layer counts it in each segment >= n: no answer is given from a view that is not.
 *
 * The speed layer: each claim says which views the worker counts; Redis keeps from which segment on a partition has counted
 * each of them without a gap, and refuses a worker that lacks one that is served (tandem.lua: claim, require).
 */
#ifndef TANDEM_HANDOVER_VIEW_STATE_H
#define TANDEM_HANDOVER_VIEW_STATE_H

#include <libpq-fe.h>
#include <stdint.h>

#include "common/err.h"
#include "views/catalogue.h"

enum { VIEW_NAMES_BYTES = CATALOGUE_VIEWS_MAX * 32 };

struct view_state {
    uint64_t complete, served; /* served: a part of complete */
    char foreign[64]; /* a view that is complete and not in this program's catalogue; "": none */
};

/* Of batch view n, which is published. */
int view_state_read(PGconn *db, int64_t n, struct view_state *state, struct err *err);

/* The names of these views, with `between` between them; returns into. */
const char *view_names(uint64_t views, const char *between, char into[VIEW_NAMES_BYTES]);

#endif
