-- What a run has found about the data, and why attempts of its steps failed.
ALTER TABLE run_step ADD failure text;     -- null: done, under way, or killed

-- What the checks before publishing measured: a row a check and run; the newest start's stay.
CREATE TABLE run_check (
    n          int8 NOT NULL REFERENCES run,
    name       text NOT NULL,
    result     text NOT NULL CHECK (result IN ('passed', 'failed', 'accepted', 'warned', 'not judged')),
    measured   float8,                 -- null: there was nothing to measure
    "limit"    float8 NOT NULL,        -- at most so much passes
    unit       text NOT NULL,          -- of both
    says       text NOT NULL,
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (n, name)
);

-- What checks are made from, counted while events are folded, in the transaction of each chunk. Later runs compare with it.
CREATE TABLE run_figure (
    n          int8 NOT NULL REFERENCES run,
    name       text NOT NULL,          -- batch-layer/run_figures.h
    of         text NOT NULL,          -- a partition's number, a currency, or ''
    value      int8 NOT NULL,
    PRIMARY KEY (n, name, of)
);
