#include "batch-layer/forget.h"

#include <inttypes.h>

#include "batch-layer/statement.h"
#include "common/log.h"

int forget_index(struct run *run, struct err *err)
{
    for (int p = 0; p < run->partitions; p++)
        if (statement_run(run->db, err,
                          "INSERT INTO user_events (partition, bucket, n, offsets, tags)"
                          " SELECT partition, user_bucket(\"user\"), %" PRId64
                          ", array_agg(\"offset\"), array_agg(user_tag(\"user\")) FROM events"
                          " WHERE partition = %d AND \"offset\" >= %" PRId64
                          " AND \"offset\" < %" PRId64 " GROUP BY 1, 2",
                          run->n, p, run->before[p], run->boundary[p]) < 0)
            return -1;
    return 0;
}

/*
 * forgets: one row a `forget` of the run, with the token for what stands between it and the user's `forget` before.
 * forgotten_rows: what is replaced, by which token, and in which row of the index it stands.
 */
static int64_t forgets_collect(struct run *run, struct err *err)
{
    if (statement_run(run->db, err,
                      "CREATE TEMPORARY TABLE IF NOT EXISTS forgets (partition int2, bucket int2,"
                      " tag int2, \"user\" text, upto int8, token text,"
                      " PRIMARY KEY (partition, \"user\", upto)) ON COMMIT DELETE ROWS") < 0 ||
        statement_run(run->db, err,
                      "CREATE TEMPORARY TABLE IF NOT EXISTS forgotten_rows (partition int2,"
                      " bucket int2, n int8, \"offset\" int8, tag int2, token text,"
                      " PRIMARY KEY (partition, \"offset\"),"
                      " UNIQUE (partition, bucket, n, \"offset\")) ON COMMIT DELETE ROWS") < 0)
        return -1;
    return statement_run(run->db, err,
                         "INSERT INTO forgets SELECT partition, user_bucket(\"user\"),"
                         " user_tag(\"user\"), \"user\", \"offset\","
                         " 'forgotten-' || replace(gen_random_uuid()::text, '-', '')"
                         " FROM staged_forget WHERE n = %" PRId64,
                         run->n);
}

/*
 * Of these tables the planner knows nothing, of the large ones perhaps little: joins might be turned round, and each `forget`
 * or even each row would cost a pass over one of them. Subqueries that stand for a value, or have an order of their own, and
 * arrays are always looked up by key.
 */

/*
 * The touched buckets are gone through once, however many forgets meet in one: each of their events with the tag of a
 * forgotten user is looked up by its key, in log order, and then the first `forget` of its user from there on. Other users have
 * such a tag, too, and rows from before there were tags none: whoever is not forgotten keeps the user.
 */
static int rows_find(struct run *run, int p, struct err *err)
{
    return statement_run(
               run->db, err,
               "WITH candidate AS MATERIALIZED"
               " (SELECT f.bucket, b.n, o.\"offset\", o.tag FROM (SELECT bucket, max(upto) AS upto,"
               "   array_agg(DISTINCT tag) AS tags FROM forgets WHERE partition = %d GROUP BY bucket) f"
               "  CROSS JOIN LATERAL (SELECT u.n, u.offsets, u.tags FROM user_events u"
               "   WHERE u.partition = %d AND u.bucket = f.bucket ORDER BY u.n) b"
               "  CROSS JOIN LATERAL unnest(b.offsets, b.tags) o(\"offset\", tag)"
               "  WHERE o.\"offset\" <= f.upto AND (o.tag IS NULL OR o.tag = ANY (f.tags))"
               "  ORDER BY o.\"offset\"),"
               " named AS MATERIALIZED (SELECT c.*, coalesce((SELECT e.\"user\" FROM events e"
               "   WHERE e.partition = %d AND e.\"offset\" = c.\"offset\"),"
               "   (SELECT r.\"user\" FROM (SELECT b.rows FROM events_packed b WHERE b.partition = %d"
               "    AND b.first <= c.\"offset\" ORDER BY b.first DESC LIMIT 1) b"
               "    CROSS JOIN LATERAL unnest(b.rows) r WHERE r.\"offset\" = c.\"offset\")) AS \"user\""
               "   FROM candidate c),"
               " found AS MATERIALIZED (SELECT c.*, (SELECT f.token FROM forgets f"
               "   WHERE f.partition = %d AND f.\"user\" = c.\"user\" AND f.upto >= c.\"offset\""
               "   ORDER BY f.upto LIMIT 1) AS token FROM named c)"
               " INSERT INTO forgotten_rows SELECT %d, bucket, n, \"offset\", tag, token FROM found"
               " WHERE token IS NOT NULL",
               p, p, p, p, p, p) < 0
               ? -1
               : 0;
}

static int64_t rows_replace(struct run *run, int p, struct err *err)
{
    return statement_run(run->db, err,
                         "UPDATE events e SET \"user\" = (SELECT r.token FROM forgotten_rows r"
                         " WHERE r.partition = %d AND r.\"offset\" = e.\"offset\")"
                         " WHERE e.partition = %d AND e.\"offset\" = ANY (ARRAY(SELECT r.\"offset\""
                         " FROM forgotten_rows r WHERE r.partition = %d))",
                         p, p, p);
}

/* The chunks that hold such rows are written anew. */
static int64_t packed_replace(struct run *run, int p, struct err *err)
{
    return statement_run(
        run->db, err,
        "UPDATE events_packed c SET rows = ARRAY(SELECT ROW(r.\"offset\", r.type, r.event_id,"
        " coalesce((SELECT f.token FROM forgotten_rows f WHERE f.partition = %d"
        "  AND f.\"offset\" = r.\"offset\"), r.\"user\"), r.item, r.ts, r.quantity, r.price, r.currency,"
        " r.country, r.device, r.\"order\", r.list)::packed_event FROM unnest(c.rows) r"
        " ORDER BY r.\"offset\") WHERE c.partition = %d AND c.first = ANY (ARRAY(SELECT DISTINCT"
        " (SELECT b.first FROM events_packed b WHERE b.partition = %d AND b.first <= f.\"offset\""
        "  ORDER BY b.first DESC LIMIT 1) FROM forgotten_rows f WHERE f.partition = %d))"
        " AND c.upto > (SELECT min(f.\"offset\") FROM forgotten_rows f WHERE f.partition = %d)",
        p, p, p, p, p);
}

/* What is left of a hash must not say whose the rows were. */
static int index_clean(struct run *run, int p, struct err *err)
{
    return statement_run(
               run->db, err,
               "UPDATE user_events b SET (offsets, tags) = (SELECT coalesce(array_agg(o), '{}'),"
               " coalesce(array_agg(tag), '{}') FROM (SELECT * FROM unnest(b.offsets, b.tags)"
               "  EXCEPT SELECT r.\"offset\", r.tag FROM forgotten_rows r"
               "  WHERE r.partition = %d AND r.bucket = b.bucket AND r.n = b.n ORDER BY 1)"
               " kept (o, tag))"
               " WHERE b.partition = %d AND b.bucket = ANY (ARRAY(SELECT DISTINCT r.bucket"
               "  FROM forgotten_rows r WHERE r.partition = %d))"
               " AND (SELECT r.n FROM forgotten_rows r WHERE r.partition = %d"
               "  AND r.bucket = b.bucket AND r.n = b.n LIMIT 1) IS NOT NULL",
               p, p, p, p) < 0
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
        run_progress_show(&run->progress, p, run->partitions, "partitions without forgotten users");
        int64_t rows = rows_find(run, p, err) ? -1 : rows_replace(run, p, err);
        if (rows < 0 || packed_replace(run, p, err) < 0 || index_clean(run, p, err))
            return -1;
        changed += rows;
    }
    run_progress_clear(&run->progress);
    return changed;
}
