/*
 * quality_measures: one function a check of a run's data (quality.c has the table of checks). Each fills in what it measured
 * and says, in words; or leaves `judged` false and says what stands in the way of a judgement.
 */
#ifndef TANDEM_BATCH_QUALITY_MEASURES_H
#define TANDEM_BATCH_QUALITY_MEASURES_H

#include "batch-layer/quality_facts.h"

#define QUALITY_SAY(finding, ...) snprintf((finding)->says, sizeof(finding)->says, __VA_ARGS__)

typedef void quality_measure_fn(const struct quality_facts *facts, struct quality_finding *out);

quality_measure_fn measure_totals, measure_offsets, measure_events, measure_revenue, measure_bad,
    measure_duplicates, measure_future, measure_price, measure_country, measure_device;

#endif
