-- Tandem's tables (design.md, section 5). Applied once, in one transaction, by `tandem-batch setup`, which also
-- makes one partition of `events` for each Kafka partition and writes the first rows.

CREATE TABLE deployment (
    "only"         boolean PRIMARY KEY DEFAULT true CHECK ("only"),
    id             text NOT NULL,      -- 32 hex digits; the same stands in Kafka and in every Redis
    schema_version int NOT NULL,
    topic          text NOT NULL,
    partitions     int NOT NULL
);

-- The master dataset: every event as it was decoded, in log order. Immutable but for `forget` (user becomes a token).
-- 'user', 'offset' and 'order' are reserved words: quoted, not renamed, so that the columns are the event's fields.
CREATE TABLE events (
    partition  int2 NOT NULL,
    "offset"   int8 NOT NULL,
    type       int2 NOT NULL,          -- enum event_type of views/event.h
    event_id   text NOT NULL,
    "user"     text NOT NULL,
    item       text,                   -- null: forget
    ts         int8 NOT NULL,          -- ms since 1970 UTC
    quantity   int4 NOT NULL,
    price      int8,                   -- minor units of one piece
    currency   text,
    country    text NOT NULL,
    device     text NOT NULL,
    "order"    text,
    list       text,
    PRIMARY KEY (partition, "offset")
) PARTITION BY LIST (partition);

-- Where the events of a user are, roughly: each run's offsets by a hash of the user, written when it publishes. So `forget`
-- finds its rows without reading the history, and the archive has no second index to keep. Forgotten rows leave it.
CREATE TABLE user_events (
    partition  int2 NOT NULL,
    bucket     int2 NOT NULL,          -- hashtextextended("user", 0) & 1023; version 9 adds user_bucket, which says so, and tags
    n          int8 NOT NULL,          -- the run
    offsets    int8[] NOT NULL,
    PRIMARY KEY (partition, bucket, n)
);

-- Records that are no event, as they came.
CREATE TABLE bad_events (
    partition  int2 NOT NULL,
    "offset"   int8 NOT NULL,
    field      text NOT NULL,          -- '' when the record as a whole is not JSON
    reason     text NOT NULL,
    key        bytea,
    value      bytea,
    PRIMARY KEY (partition, "offset")
);

-- How far the archive has come: the next offset, advanced in the transaction that copies the rows.
CREATE TABLE archive_offset (
    partition  int2 PRIMARY KEY,
    "offset"   int8 NOT NULL
);

-- The offset of the first barrier n, written in that same transaction.
CREATE TABLE barrier (
    n          int8 NOT NULL,
    partition  int2 NOT NULL,
    "offset"   int8 NOT NULL,
    PRIMARY KEY (n, partition)
);

CREATE TABLE run (
    n            int8 PRIMARY KEY,
    kind         text NOT NULL CHECK (kind IN ('run', 'rebuild')),
    state        text NOT NULL CHECK (state IN ('barrier', 'aggregate', 'check', 'publish', 'retire', 'done')), -- the step it is at
    boundary     int8[],               -- B_n once every partition's barrier is archived
    started_at   timestamptz NOT NULL DEFAULT now(),
    published_at timestamptz,
    finished_at  timestamptz,
    events       int8 NOT NULL DEFAULT 0,  -- folded by this run
    drift        int8                      -- counters in which batch and speed differed; null: not compared
);
-- At most one run is not published.
CREATE UNIQUE INDEX run_open ON run ((true)) WHERE published_at IS NULL;

CREATE TABLE run_step (
    n           int8 NOT NULL REFERENCES run,
    step        text NOT NULL,
    attempt     int NOT NULL DEFAULT 1,
    started_at  timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    rows        int8,
    detail      text,
    PRIMARY KEY (n, step, attempt)
);

-- Where the aggregation of an open run stands; moved by compare-and-set in the transaction that stages a chunk.
CREATE TABLE checkpoint (
    n          int8 NOT NULL,
    partition  int2 NOT NULL,
    "offset"   int8 NOT NULL,
    PRIMARY KEY (n, partition)
);

-- What the chunks of an open run found: rows to be summed (views/row.h, canonical) and the users' newest states.
CREATE TABLE staged_row (
    n          int8 NOT NULL,
    view       text NOT NULL,
    "group"    text NOT NULL,
    counters   bytea NOT NULL
);
CREATE TABLE staged_state (
    n          int8 NOT NULL,
    partition  int2 NOT NULL,
    "user"     text NOT NULL,
    state      bytea NOT NULL,         -- views/user_state.h; empty: forgotten
    PRIMARY KEY (n, partition, "user")
);
-- `forget` events that the run accepted (a duplicate changes nothing), for the replacement of ids when it publishes.
CREATE TABLE staged_forget (
    n          int8 NOT NULL,
    partition  int2 NOT NULL,
    "offset"   int8 NOT NULL,
    "user"     text NOT NULL
);

-- The batch view. A group's row is a whole piece and the increments of later runs: their sum. So a run writes what it changed,
-- not what there is, and a reader that holds view m needs only the pieces above m: whole ones replace, increments add.
-- A run writes a whole piece, and removes those it sums, when increments have become much beside it. A group that has become
-- empty keeps its pieces, so that readers learn of it.
CREATE TABLE view_row (
    view       text NOT NULL,
    "group"    text NOT NULL,
    n          int8 NOT NULL,          -- the run that wrote this piece
    whole      boolean NOT NULL,       -- true: all up to n; false: what run n changed
    counters   bytea NOT NULL,         -- views/row.h, canonical
    -- Of the row up to and with this piece, so that a run looks at the newest alone:
    pieces          int4 NOT NULL DEFAULT 1,
    whole_bytes     int8 NOT NULL DEFAULT 0,
    increment_bytes int8 NOT NULL DEFAULT 0,
    PRIMARY KEY (view, "group", n)
);
CREATE INDEX view_row_n ON view_row (n);
ALTER TABLE view_row ALTER counters SET STORAGE EXTERNAL;
ALTER TABLE staged_row ALTER counters SET STORAGE EXTERNAL;

-- The state of each user after the runs that changed it. A segment s reads the newest n <= s.
CREATE TABLE user_state (
    partition  int2 NOT NULL,
    "user"     text NOT NULL,
    n          int8 NOT NULL,
    state      bytea NOT NULL,
    PRIMARY KEY (partition, "user", n)
);

CREATE TABLE publication (
    "only"       boolean PRIMARY KEY DEFAULT true CHECK ("only"),
    n            int8 NOT NULL,
    boundary     int8[] NOT NULL,      -- index 1 is partition 0
    states_from  int8 NOT NULL,        -- user_state stands for segments >= this; older versions may be pruned
    published_at timestamptz NOT NULL DEFAULT now()
);

-- Which batch view each serving instance answers from; old segments are retired when all have moved or their lease is over.
CREATE TABLE serving_lease (
    instance   text PRIMARY KEY,
    n          int8 NOT NULL,
    expires_at timestamptz NOT NULL
);

-- What audits have found: the newest is a metric of the serving layer.
CREATE TABLE audit_result (
    at         timestamptz PRIMARY KEY DEFAULT clock_timestamp(),
    sample_ppm int8 NOT NULL,          -- millionths of the groups that it looked at
    groups     int8 NOT NULL,
    counters   int8 NOT NULL,
    differing  int8 NOT NULL,
    took_ms    int8 NOT NULL
);

-- What an item is called: for showing, never counted.
CREATE TABLE item (
    item   text PRIMARY KEY,
    title  text NOT NULL
);

-- The counters in SQL: SELECT * FROM view_counter WHERE view = 'together' AND "group" = '85123A' ORDER BY value DESC;
CREATE FUNCTION row_counters(packed bytea) RETURNS TABLE (member text, value int8)
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    at int := 0;
    size int := length(packed);
    n int;
    byte int;
    shift int;
    folded numeric;
BEGIN
    WHILE at < size LOOP
        n := get_byte(packed, at);
        member := convert_from(substr(packed, at + 2, n), 'UTF8');
        at := at + 1 + n;
        folded := 0;
        shift := 0;
        LOOP
            byte := get_byte(packed, at);
            at := at + 1;
            folded := folded + (byte & 127) * (2::numeric ^ shift);
            EXIT WHEN byte < 128;
            shift := shift + 7;
        END LOOP;
        value := CASE WHEN folded % 2 = 0 THEN div(folded, 2) ELSE -div(folded, 2) - 1 END;
        RETURN NEXT;
    END LOOP;
END $$;

CREATE VIEW view_counter AS
    SELECT r.view, r."group", c.member, sum(c.value)::int8 AS value
    FROM view_row r CROSS JOIN LATERAL row_counters(r.counters) c
    GROUP BY r.view, r."group", c.member
    HAVING sum(c.value) <> 0;
