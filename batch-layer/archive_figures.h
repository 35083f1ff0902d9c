/*
 * archive_figures: what the archiver did since it was started, for /metrics and its log line. Its thread writes, any may print.
 */
#ifndef TANDEM_BATCH_ARCHIVE_FIGURES_H
#define TANDEM_BATCH_ARCHIVE_FIGURES_H

#include "common/metrics.h"
#include "common/options.h"

#define ARCHIVE_NONE UINT64_MAX

struct archive_figures {
    _Atomic uint64_t events[PARTITIONS_MAX], bad[PARTITIONS_MAX]; /* committed */
    _Atomic uint64_t barriers;
    _Atomic uint64_t next[PARTITIONS_MAX]; /* offset behind what is archived; none: not read yet */
    _Atomic uint64_t lag[PARTITIONS_MAX];  /* records, as of a moment ago; none: not known */
    _Atomic uint64_t working;  /* 1: it holds the lock; 0: stands by, or has no server */
    _Atomic uint64_t failures; /* after which it connected again */
    struct histogram transaction_us, transaction_records;
};

/* Where it stands is not, or no longer, this archiver's to say. */
void archive_figures_forget(struct archive_figures *figures);
void archive_figures_transaction(struct archive_figures *figures, int64_t took_us, int records);

struct archive_counts {
    uint64_t events, bad, barriers, lag;
};
struct archive_counts archive_figures_sum(const struct archive_figures *figures);

void archive_figures_print(const struct archive_figures *figures, int partitions,
                           struct metrics *into);

#endif
