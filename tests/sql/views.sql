-- Every view of views/catalogue.c in SQL, for Postgres and DuckDB alike, as design.md, section 4, has them: a table a view, of what
-- repeated.*.sql, windows.sql and bought.*.sql have made:
--   accepted  the events without repeated ones
--   seen      the last 20 interactions of each user since the last `forget`; i: their order
--   bought    the items of the last 20 purchases of each user, less those that were refunded
-- whole(a, b) is integer division.

CREATE TABLE seen_item AS SELECT DISTINCT partition, "user", item FROM seen;
CREATE TABLE bought_item AS SELECT DISTINCT partition, "user", item FROM bought;

CREATE TABLE view_users AS
SELECT 'all' AS "group", 'all' AS member, count(*) AS value FROM (SELECT DISTINCT partition, "user" FROM seen) u HAVING count(*) > 0;

CREATE TABLE view_item_users AS
SELECT 'all' AS "group", item AS member, count(*) AS value FROM seen_item GROUP BY item;

CREATE TABLE view_together AS
SELECT a.item AS "group", b.item AS member, count(*) AS value
FROM seen_item a JOIN seen_item b ON a.partition = b.partition AND a."user" = b."user" AND a.item <> b.item GROUP BY a.item, b.item;

CREATE TABLE view_bought_users AS
SELECT 'all' AS "group", item AS member, count(*) AS value FROM bought_item GROUP BY item;

CREATE TABLE view_bought_together AS
SELECT a.item AS "group", b.item AS member, count(*) AS value
FROM bought_item a JOIN bought_item b ON a.partition = b.partition AND a."user" = b."user" AND a.item <> b.item GROUP BY a.item, b.item;

-- Between two items of one session no step is longer than half an hour; a session is numbered by the longer steps before it.
CREATE TABLE view_next AS
WITH step AS (
    SELECT partition, "user", i, item,
           CASE WHEN abs(ts - lag(ts) OVER (PARTITION BY partition, "user" ORDER BY i)) > 30 * 60 * 1000 THEN 1 ELSE 0 END AS is_long
    FROM seen),
session AS (
    SELECT partition, "user", i, item, sum(is_long) OVER (PARTITION BY partition, "user" ORDER BY i) AS session FROM step)
SELECT a.item AS "group", b.item AS member, sum(whole(2520, b.i - a.i)) AS value
FROM session a JOIN session b ON a.partition = b.partition AND a."user" = b."user" AND a.session = b.session
     AND b.i > a.i AND b.i <= a.i + 10 AND a.item <> b.item
GROUP BY a.item, b.item;

CREATE TABLE weight AS SELECT * FROM (VALUES (1, 1), (2, 3), (3, 5), (4, -5)) w (type, weight);

CREATE TABLE view_popular AS
SELECT CAST(whole(ts, 3600000) AS text) AS "group", item AS member, sum(weight) AS value
FROM accepted JOIN weight USING (type) GROUP BY whole(ts, 3600000), item HAVING sum(weight) <> 0;

CREATE TABLE view_popular_country AS
SELECT CAST(whole(ts, 3600000) AS text) || '/' || country AS "group", item AS member, sum(weight) AS value
FROM accepted JOIN weight USING (type) WHERE country <> '-' GROUP BY whole(ts, 3600000), country, item HAVING sum(weight) <> 0;

CREATE TABLE view_traffic_country AS
SELECT CAST(whole(ts, 60000) AS text) AS "group", country AS member, count(*) AS value
FROM accepted WHERE type <> 7 GROUP BY whole(ts, 60000), country;

CREATE TABLE view_traffic_device AS
SELECT CAST(whole(ts, 60000) AS text) AS "group", device AS member, count(*) AS value
FROM accepted WHERE type <> 7 GROUP BY whole(ts, 60000), device;

-- 3 is a purchase, 4 a refund.
CREATE TABLE sold AS
SELECT CAST(whole(ts, 86400000) AS text) || '/' || currency AS "group", country, device,
       price * quantity * CASE type WHEN 3 THEN 1 ELSE -1 END AS amount
FROM accepted WHERE type IN (3, 4) AND price IS NOT NULL;

CREATE TABLE view_revenue_country AS
SELECT "group", country AS member, sum(amount) AS value FROM sold GROUP BY "group", country HAVING sum(amount) <> 0;

CREATE TABLE view_revenue_device AS
SELECT "group", device AS member, sum(amount) AS value FROM sold GROUP BY "group", device HAVING sum(amount) <> 0;
