#include "batch-layer/forget.h"

#include <inttypes.h>

#include "batch-layer/statement.h"
#include "common/log.h"

/* One row a `forget` of the run, with the token for what stands between it and the user's `forget` before. */
static int64_t forgets_collect(struct run *run, struct err *err)
{
    if (statement_run(run->db, err,
                      "CREATE TEMPORARY TABLE IF NOT EXISTS forgets (partition int2, \"user\" text,"
                      " above int8, upto int8, token text) ON COMMIT DELETE ROWS") < 0)
        return -1;
    return statement_run(
        run->db, err,
        "INSERT INTO forgets SELECT partition, \"user\","
        " lag(\"offset\", 1, -1::int8) OVER (PARTITION BY partition, \"user\" ORDER BY \"offset\"),"
        " \"offset\", 'forgotten-' || replace(gen_random_uuid()::text, '-', '')"
        " FROM staged_forget WHERE n = %" PRId64,
        run->n);
}

int64_t forget_replace(struct run *run, struct err *err)
{
    int64_t changed = 0, n = forgets_collect(run, err);
    if (n <= 0)
        return n;
    log_info(RUN_LOG, "forgetting forgets=%" PRId64 " (waits for audits under way)", n);
    if (statement_run(run->db, err, "SELECT pg_advisory_xact_lock(%" PRId64 ")", FORGET_LOCK) < 0)
        return -1;
    for (int p = 0; p < run->partitions; p++) {
        int64_t rows = statement_run(
            run->db, err,
            "UPDATE events e SET \"user\" = f.token FROM forgets f WHERE e.partition = %d AND f.partition = %d"
            " AND e.\"user\" = f.\"user\" AND e.\"offset\" > f.above AND e.\"offset\" <= f.upto",
            p, p);
        if (rows < 0)
            return -1;
        changed += rows;
    }
    return changed;
}
