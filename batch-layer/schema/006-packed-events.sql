-- Version 8: old events of the master dataset, packed (`tandem-batch prune`): a few hundred rows in one compressed value, in log
-- order. They are the events below an offset of each partition; `events` has all above. Whoever reads the master dataset
-- asks event_rows or event_rows_at, which know both; one statement sees a row in one place.
CREATE TYPE packed_event AS (
    "offset"   int8,
    type       int2,
    event_id   text,
    "user"     text,
    item       text,
    ts         int8,
    quantity   int4,
    price      int8,
    currency   text,
    country    text,
    device     text,
    "order"    text,
    list       text
);

CREATE TABLE events_packed (
    partition  int2 NOT NULL,
    first      int8 NOT NULL,          -- first <= offset < upto
    upto       int8 NOT NULL,
    n          int4 NOT NULL,          -- rows
    rows       packed_event[] NOT NULL,
    PRIMARY KEY (partition, first)
);
DO $$ BEGIN
    ALTER TABLE events_packed ALTER rows SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported THEN
    NULL; -- a Postgres that was built without it compresses in its own way
END $$;

-- Plain SQL, so that the planner takes them apart: below the packed rows stands an index look-up, above the table's own.
CREATE FUNCTION event_rows(p int2, low int8, high int8) RETURNS SETOF events LANGUAGE sql STABLE AS $$
    SELECT * FROM events e WHERE e.partition = p AND e."offset" >= low AND e."offset" < high
    UNION ALL
    SELECT c.partition, r."offset", r.type, r.event_id, r."user", r.item, r.ts, r.quantity, r.price, r.currency,
           r.country, r.device, r."order", r.list
        FROM events_packed c CROSS JOIN LATERAL unnest(c.rows) r
        WHERE c.partition = p AND c.upto > low AND c.first < high AND r."offset" >= low AND r."offset" < high
$$;

CREATE FUNCTION event_rows_at(p int2, offsets int8[]) RETURNS SETOF events LANGUAGE sql STABLE AS $$
    SELECT * FROM events e WHERE e.partition = p AND e."offset" = ANY (offsets)
    UNION ALL
    SELECT c.partition, r."offset", r.type, r.event_id, r."user", r.item, r.ts, r.quantity, r.price, r.currency,
           r.country, r.device, r."order", r.list
        FROM events_packed c CROSS JOIN LATERAL unnest(c.rows) r
        WHERE c.partition = p AND r."offset" = ANY (offsets)
          AND c.first IN (SELECT (SELECT max(b.first) FROM events_packed b WHERE b.partition = p AND b.first <= o)
                          FROM unnest(offsets) o)
$$;
