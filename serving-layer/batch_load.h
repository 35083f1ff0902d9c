/*
 * batch_load: from the tables of Postgres to a batch view in memory, in one snapshot, row by row (a load holds one row of the
 * tables at a time besides what it builds). Not for: when, and who may still need the version before (batch_store.h).
 */
#ifndef TANDEM_SERVING_BATCH_LOAD_H
#define TANDEM_SERVING_BATCH_LOAD_H

#include <libpq-fe.h>

#include "common/err.h"
#include "serving-layer/batch_view.h"

struct batch_load {
    PGconn *db; /* outside a transaction */
    int partitions;
    const struct batch_view *before; /* NULL: none */
    uint64_t serial;                 /* of the version that is loaded */
    void (*meanwhile)(
        void *context); /* called every some hundred rows: a long load must not lose the lease */
    void *context;
};

/* 0: *loaded is the newest version, the caller's, or NULL when `before` is it; -1: err. */
int batch_load(const struct batch_load *load, struct batch_view **loaded, struct err *err);

#endif
