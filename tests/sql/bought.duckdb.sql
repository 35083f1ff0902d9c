-- The same as bought.postgres.sql in DuckDB.
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
