-- From the master dataset: what views.sql is made of. What depends on what was accepted or refunded before is a fold in log order,
-- so it is an aggregate; only users who have repeated an id, or returned something, need it.
CREATE FUNCTION whole(a int8, b int8) RETURNS int8 LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT a / b';

-- An event is a repeated one if its id is among the last 32 that were accepted since the last `forget`. State: those ids, then the
-- repeated offsets, as text.
CREATE TYPE ids AS (last text[], repeated int8[]);
CREATE FUNCTION ids_take(s ids, event_id text, type int, at int8) RETURNS ids LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    IF event_id = ANY (s.last) THEN
        s.repeated := s.repeated || at;
    ELSIF type = 7 THEN
        s.last := '{}';
    ELSE
        s.last := (event_id || s.last)[:32];
    END IF;
    RETURN s;
END $$;
CREATE AGGREGATE ids_fold(text, int, int8) (sfunc = ids_take, stype = ids, initcond = '({},{})');

-- The items of the last 20 purchases, newest first; a refund takes the newest of its item away.
CREATE FUNCTION bought_take(s text[], item text, type int) RETURNS text[] LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    i int;
BEGIN
    IF type = 3 THEN
        RETURN (item || s)[:20];
    END IF;
    i := array_position(s, item);
    RETURN CASE WHEN i IS NULL THEN s ELSE s[:i - 1] || s[i + 1:] END;
END $$;
CREATE AGGREGATE bought_fold(text, int) (sfunc = bought_take, stype = text[], initcond = '{}');

CREATE TABLE repeating AS
SELECT partition, "user" FROM (SELECT partition, "user" FROM events GROUP BY partition, "user", event_id HAVING count(*) > 1) r
GROUP BY partition, "user";
CREATE TABLE repeated AS
SELECT partition, unnest((f).repeated) AS "offset" FROM (
    SELECT partition, "user", ids_fold(event_id, type::int, "offset" ORDER BY "offset") AS f
    FROM events JOIN repeating USING (partition, "user") GROUP BY partition, "user") folded;
ANALYZE repeated;

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

CREATE TABLE bought AS
SELECT partition, "user", item FROM (
    SELECT partition, "user", item, row_number() OVER (PARTITION BY partition, "user" ORDER BY "offset" DESC) AS n
    FROM purchase WHERE NOT returns) newest WHERE n <= 20
UNION ALL
SELECT partition, "user", unnest(items) FROM (
    SELECT partition, "user", bought_fold(item, type::int ORDER BY "offset") AS items
    FROM purchase WHERE returns GROUP BY partition, "user") folded;
ANALYZE bought;
