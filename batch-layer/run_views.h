/*
 * run_views: which views a run adds to, recomputes, compares and serves (handover/view_state.h). A view that is not complete
 * is left out of runs until `rebuild --view` has recomputed it; it is served when the speed layer counts it, too.
 */
#ifndef TANDEM_BATCH_RUN_VIEWS_H
#define TANDEM_BATCH_RUN_VIEWS_H

#include "batch-layer/run_steps.h"
#include "views/catalogue.h"

/* "name,name" as bits; -1: err names the one that is not in the catalogue. Empty: none. */
int run_views_parse(const char *list, uint64_t *views, struct err *err);

/* What is complete and served in batch view run->n - 1, into the run; logs what is left out. */
int run_views_find(struct run *run, struct err *err);

/*
 * Before a rebuild of some views: does the speed layer count them in each partition? It waits some seconds for one that just
 * changes hands. If not, err says what to do. If it does, no program that does not can take a partition any more.
 */
int run_views_counted(const struct run *run, int64_t published, struct err *err);

/* Part of the publishing transaction: the run's views are complete in batch view n. */
int run_views_publish(const struct run *run, struct err *err);

/* Once n is published: serves each view that is complete and that the speed layer counts whole from segment n on. */
int run_views_serve(const struct run *run, int64_t until_us, struct err *err);

#endif
