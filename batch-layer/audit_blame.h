/*
 * audit_blame: which partitions' events a differing counter is made of: the master dataset once more, partition by
 * partition. A counter that one partition alone feeds is wrong there; of several, the report says what each should have given.
 */
#ifndef TANDEM_BATCH_AUDIT_BLAME_H
#define TANDEM_BATCH_AUDIT_BLAME_H

#include <libpq-fe.h>

#include "batch-layer/audit_report.h"
#include "common/err.h"

/* Explains the report's differences from the events below `as_of`. Takes as long as the recomputation. */
int audit_blame(struct audit_report *report, PGconn *db, int partitions, const int64_t *as_of,
                struct err *err);

#endif
