-- Who may talk to tandem-serve (serving-layer/keys.h). The key itself is stored nowhere: its hash is. Rows are never removed: a
-- table with none means that no key was ever made, and only then is a request without one answered.
CREATE TABLE api_key (
    id         text PRIMARY KEY CHECK (id ~ '^[0-9a-f]{12}$'),
    hash       bytea NOT NULL CHECK (length(hash) = 32),    -- SHA-256 of the whole key
    role       text NOT NULL CHECK (role IN ('write', 'read', 'admin')),
    label      text NOT NULL DEFAULT '',
    rate       int4 NOT NULL CHECK (rate >= 0),             -- requests a second of one server; 0: no limit
    burst      int4 NOT NULL CHECK (burst >= 1),            -- at once
    created_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz,
    used_at    timestamptz                                  -- some seconds behind
);
