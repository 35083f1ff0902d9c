-- Which events of the master dataset are repeated ones. It depends on which were accepted before: a fold in log order, so it is an
-- aggregate. Only users who have repeated an id need it.
CREATE FUNCTION whole(a int8, b int8) RETURNS int8 LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT a / b';

-- An event is a repeated one if its id is among the last 32 that were accepted since the last `forget`. State: those ids, then the
-- repeated offsets.
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

CREATE TABLE repeating AS
SELECT partition, "user" FROM (SELECT partition, "user" FROM events GROUP BY partition, "user", event_id HAVING count(*) > 1) r
GROUP BY partition, "user";
CREATE TABLE repeated AS
SELECT partition, unnest((f).repeated) AS "offset" FROM (
    SELECT partition, "user", ids_fold(event_id, type::int, "offset" ORDER BY "offset") AS f
    FROM events JOIN repeating USING (partition, "user") GROUP BY partition, "user") folded;
ANALYZE repeated;
