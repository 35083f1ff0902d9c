-- The same as prepare.postgres.sql in DuckDB, from a table `events` that was read from a file; a fold is a list_reduce.
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

CREATE TABLE accepted AS
SELECT e.partition, e."offset", e.type, e."user", e.item, e.ts, e.quantity, e.price, e.currency, e.country, e.device
FROM events e LEFT JOIN repeated r ON r.partition = e.partition AND r."offset" = e."offset" WHERE r."offset" IS NULL;

CREATE TABLE forgotten AS
SELECT partition, "user", max("offset") AS last FROM accepted WHERE type = 7 GROUP BY partition, "user";

CREATE TABLE seen AS
SELECT partition, "user", -n AS i, item, ts FROM (
    SELECT a.partition, a."user", a.item, a.ts, row_number() OVER (PARTITION BY a.partition, a."user" ORDER BY a."offset" DESC) AS n
    FROM accepted a LEFT JOIN forgotten f ON f.partition = a.partition AND f."user" = a."user"
    WHERE a.type IN (1, 2, 3) AND (f.last IS NULL OR a."offset" > f.last)) newest
WHERE n <= 20;

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
    SELECT partition, "user",
           list_reduce(list([CASE type WHEN 3 THEN '+' ELSE '-' END || item] ORDER BY "offset"),
                       lambda s, e: CASE
                           WHEN e[1][1] = '+' THEN list_concat([e[1][2:]], s)[1:20]
                           WHEN list_contains(s, e[1][2:])
                           THEN list_concat(s[:list_position(s, e[1][2:]) - 1], s[list_position(s, e[1][2:]) + 1:])
                           ELSE s END,
                       []::varchar[]) AS items
    FROM purchase WHERE returns GROUP BY partition, "user") folded;
