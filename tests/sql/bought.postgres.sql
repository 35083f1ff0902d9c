-- What is in users' windows of purchases. A refund takes away what is still there then: a fold, for users who have returned something.
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

CREATE TABLE bought AS
SELECT partition, "user", item FROM (
    SELECT partition, "user", item, row_number() OVER (PARTITION BY partition, "user" ORDER BY "offset" DESC) AS n
    FROM purchase WHERE NOT returns) newest WHERE n <= 20
UNION ALL
SELECT partition, "user", unnest(items) FROM (
    SELECT partition, "user", bought_fold(item, type::int ORDER BY "offset") AS items
    FROM purchase WHERE returns GROUP BY partition, "user") folded;
ANALYZE bought;
