/*
 * barrier_log: puts barrier n into every partition of the log (handover/barrier.h). The batch layer's one producer.
 * A repeated barrier changes nothing, so this may be called again after any failure.
 */
#ifndef TANDEM_BATCH_BARRIER_LOG_H
#define TANDEM_BATCH_BARRIER_LOG_H

#include <stdint.h>

#include "common/err.h"

/* Returns when every partition has acknowledged (acks=all, idempotent), or -1: then some may have it and others not. */
int barrier_log_produce(const char *bootstrap, const char *topic, int partitions, int64_t n,
                        int timeout_ms, struct err *err);

#endif
