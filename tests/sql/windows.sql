-- What the users did since they were last forgotten, for Postgres and DuckDB alike. `repeated` is there already.
CREATE TABLE accepted AS
SELECT e.partition, e."offset", e.type, e."user", e.item, e.ts, e.quantity, e.price, e.currency, e.country, e.device
FROM events e LEFT JOIN repeated r ON r.partition = e.partition AND r."offset" = e."offset" WHERE r."offset" IS NULL;
ANALYZE accepted;

CREATE TABLE forgotten AS
SELECT partition, "user", max("offset") AS last FROM accepted WHERE type = 7 GROUP BY partition, "user";
ANALYZE forgotten;

CREATE TABLE seen AS
SELECT partition, "user", -n AS i, item, ts FROM (
    SELECT a.partition, a."user", a.item, a.ts, row_number() OVER (PARTITION BY a.partition, a."user" ORDER BY a."offset" DESC) AS n
    FROM accepted a LEFT JOIN forgotten f ON f.partition = a.partition AND f."user" = a."user"
    WHERE a.type IN (1, 2, 3) AND (f.last IS NULL OR a."offset" > f.last)) newest
WHERE n <= 20;
ANALYZE seen;

CREATE TABLE purchase AS
SELECT a.partition, a."user", a."offset", a.item, a.type, bool_or(a.type = 4) OVER (PARTITION BY a.partition, a."user") AS returns
FROM accepted a LEFT JOIN forgotten f ON f.partition = a.partition AND f."user" = a."user"
WHERE a.type IN (3, 4) AND (f.last IS NULL OR a."offset" > f.last);
