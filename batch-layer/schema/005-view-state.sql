-- Version 7: which views are whole, so that a view can be added beside live traffic (handover/view_state.h). A view's rows are
-- right in batch view n exactly where its row here says n: a program that does not know the view publishes and leaves it behind.
CREATE TABLE view_state (
    view   text PRIMARY KEY,
    n      int8 NOT NULL,          -- batch view up to which its rows have all events
    served boolean NOT NULL        -- the speed layer counts it in every segment >= n, too
);

-- The views that a rebuild recomputes from the first event; null: a run, or a rebuild of all.
ALTER TABLE run ADD views text[];

-- Every release that had these tables counted these views, but for popular_country, which came later: where no rebuild has
-- given it rows it is not known to be whole.
INSERT INTO view_state (view, n, served)
    SELECT v, p.n, true FROM publication p, unnest('{users,item_users,together,bought_users,bought_together,next,popular,
        traffic_country,traffic_device,revenue_country,revenue_device}'::text[]) v
    UNION ALL
    SELECT 'popular_country', p.n, true FROM publication p
        WHERE EXISTS (SELECT FROM view_row WHERE view = 'popular_country') OR p.n = 0;
