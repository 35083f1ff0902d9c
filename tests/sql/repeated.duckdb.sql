-- The same as repeated.postgres.sql in DuckDB, from a table `events` that was read from a file; a fold is a list_reduce.
CREATE MACRO whole(a, b) AS a // b;

CREATE TABLE repeating AS
SELECT partition, "user" FROM (SELECT partition, "user" FROM events GROUP BY partition, "user", event_id HAVING count(*) > 1) r
GROUP BY partition, "user";
CREATE TABLE repeated AS
SELECT partition, unnest(f.repeated) AS "offset" FROM (
    SELECT partition, "user",
           list_reduce(list({'last': [event_id], 'repeated': ["offset"], 'forget': type = 7} ORDER BY "offset"),
                       lambda s, e: CASE
                           WHEN list_contains(s.last, e.last[1]) THEN {'last': s.last, 'repeated': list_concat(s.repeated, e.repeated), 'forget': false}
                           WHEN e.forget THEN {'last': []::varchar[], 'repeated': s.repeated, 'forget': false}
                           ELSE {'last': list_concat(e.last, s.last)[1:32], 'repeated': s.repeated, 'forget': false} END,
                       {'last': []::varchar[], 'repeated': []::bigint[], 'forget': false}) AS f
    FROM events JOIN repeating USING (partition, "user") GROUP BY partition, "user") folded;
