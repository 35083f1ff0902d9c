#include "batch-layer/forget.h"

#include <inttypes.h>

#include "batch-layer/statement.h"
#include "common/log.h"

#define BUCKET "(hashtextextended(\"user\", 0) & 1023)::int2"

int forget_index(struct run *run, struct err *err)
{
    for (int p = 0; p < run->partitions; p++)
        if (statement_run(run->db, err,
                          "INSERT INTO user_events (partition, bucket, n, offsets)"
                          " SELECT partition, " BUCKET ", %" PRId64
                          ", array_agg(\"offset\") FROM events"
                          " WHERE partition = %d AND \"offset\" >= %" PRId64
                          " AND \"offset\" < %" PRId64 " GROUP BY 1, 2",
                          run->n, p, run->before[p], run->boundary[p]) < 0)
            return -1;
    return 0;
}

/*
 * forgets: one row a `forget` of the run, with the token for what stands between it and the user's `forget` before.
 * forgotten_rows: what is replaced.
 */
static int64_t forgets_collect(struct run *run, struct err *err)
{
    if (statement_run(run->db, err,
                      "CREATE TEMPORARY TABLE IF NOT EXISTS forgets (partition int2, bucket int2,"
                      " \"user\" text, above int8, upto int8, token text) ON COMMIT DELETE ROWS") <
            0 ||
        statement_run(
            run->db, err,
            "CREATE TEMPORARY TABLE IF NOT EXISTS forgotten_rows (partition int2,"
            " bucket int2, \"offset\" int8, PRIMARY KEY (partition, bucket, \"offset\")) ON COMMIT DELETE ROWS") <
            0)
        return -1;
    return statement_run(
        run->db, err,
        "INSERT INTO forgets SELECT partition, " BUCKET ", \"user\","
        " lag(\"offset\", 1, -1::int8) OVER (PARTITION BY partition, \"user\" ORDER BY \"offset\"),"
        " \"offset\", 'forgotten-' || replace(gen_random_uuid()::text, '-', '')"
        " FROM staged_forget WHERE n = %" PRId64,
        run->n);
}

/* A bucket holds other users' events, too: those keep their user. */
static int64_t rows_replace(struct run *run, int p, struct err *err)
{
    return statement_run(
        run->db, err,
        "WITH candidate AS MATERIALIZED"
        " (SELECT o AS \"offset\", f.bucket, f.\"user\", f.token FROM forgets f"
        "  JOIN user_events b ON b.partition = %d AND b.bucket = f.bucket"
        "  CROSS JOIN LATERAL unnest(b.offsets) o"
        "  WHERE f.partition = %d AND o > f.above AND o <= f.upto),"
        " replaced AS (UPDATE events e SET \"user\" = c.token FROM candidate c"
        "  WHERE e.partition = %d AND e.\"offset\" = c.\"offset\" AND e.\"user\" = c.\"user\""
        "  RETURNING e.partition, c.bucket, e.\"offset\")"
        " INSERT INTO forgotten_rows SELECT partition, bucket, \"offset\" FROM replaced",
        p, p, p);
}

/* What is left of a hash must not say whose the rows were. */
static int index_clean(struct run *run, struct err *err)
{
    return statement_run(run->db, err,
                         "UPDATE user_events b SET offsets = ARRAY(SELECT unnest(b.offsets)"
                         " EXCEPT SELECT r.\"offset\" FROM forgotten_rows r"
                         " WHERE r.partition = b.partition AND r.bucket = b.bucket ORDER BY 1)"
                         " FROM (SELECT DISTINCT partition, bucket FROM forgets) f"
                         " WHERE b.partition = f.partition AND b.bucket = f.bucket") < 0
               ? -1
               : 0;
}

int64_t forget_replace(struct run *run, struct err *err)
{
    int64_t changed = 0, n = forgets_collect(run, err);
    if (n <= 0)
        return n;
    log_info(RUN_LOG, "forgetting forgets=%" PRId64 " (waits for audits under way)", n);
    if (statement_run(run->db, err, "SELECT pg_advisory_xact_lock(%" PRId64 ")", FORGET_LOCK) < 0 ||
        statement_plan_by_keys(run->db, err))
        return -1;
    for (int p = 0; p < run->partitions; p++) {
        int64_t rows = rows_replace(run, p, err);
        if (rows < 0)
            return -1;
        changed += rows;
    }
    return index_clean(run, err) ? -1 : changed;
}
