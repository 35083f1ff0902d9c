/*
 * run_figures: what a run sees of its events while it folds them, kept in Postgres (table run_figure) by the transaction of
 * each chunk: what the checks are made from (quality.h), also those of later runs. Not for: judging.
 * Names, and `of` where there are several:
 *   events             of a partition: events folded, duplicates included
 *   duplicates         events that were counted before
 *   future             events dated more than FIGURES_AHEAD_MS ahead of the clock
 *   purchases          and of them without a price: missing_price
 *   missing_country, missing_device
 *   sales, revenue     of a currency: purchases with a price; their minor units, less those of refunds
 *   bad, span_ms       written by the check: records that are no events; time since the run before began
 */
#ifndef TANDEM_BATCH_RUN_FIGURES_H
#define TANDEM_BATCH_RUN_FIGURES_H

#include <libpq-fe.h>
#include <stdbool.h>

#include "common/err.h"
#include "views/event.h"

#define FIGURES_AHEAD_MS (INT64_C(5) * 60 * 1000)

struct run_figures;

struct run_figures *run_figures_new(void);
void run_figures_free(struct run_figures *figures); /* NULL is fine */

/* Counts one event of a partition; `duplicate`: it changed nothing. */
void run_figures_take(struct run_figures *figures, int partition, const struct event *event,
                      bool duplicate, int64_t now_ms);
/* Adds what was counted to run n's rows, in the transaction that is open, and counts from 0 again. */
int run_figures_store(struct run_figures *figures, PGconn *db, int64_t n, struct err *err);

#endif
