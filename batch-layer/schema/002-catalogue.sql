-- Version 4: the catalogue of items. Version 3 knew what an item is called, nothing more; its rows stay.
-- Written over the API by tandem-serve (or by hand: the constraints are the API's bounds), read by every tandem-serve, which
-- keeps it in memory. Never counted: it is joined when an answer is made.

CREATE FUNCTION item_labels_good(labels text[]) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT cardinality(labels) <= 32 AND NOT EXISTS (
        SELECT FROM unnest(labels) l
        WHERE l IS NULL OR octet_length(l) NOT BETWEEN 1 AND 64 OR l ~ '[|\u0001-\u001f\u007f-\u009f]')
$$;

-- Texts are as an event's: no control characters.
ALTER TABLE item
    ALTER title DROP NOT NULL,
    ADD category   text,                    -- a path: home/lights
    ADD price      int8,                    -- minor units of one piece
    ADD currency   text,
    ADD image      text,
    ADD url        text,
    ADD available  boolean NOT NULL DEFAULT true,
    ADD hidden     boolean NOT NULL DEFAULT false,
    ADD labels     text[] NOT NULL DEFAULT '{}',
    ADD created_at int8 NOT NULL DEFAULT (extract(epoch FROM now()) * 1000)::int8, -- ms since 1970 UTC
    ADD updated_at int8 NOT NULL DEFAULT 0, -- ms since 1970 UTC; set by the trigger, as
    ADD version    int8 NOT NULL DEFAULT 0, -- rises with every write of any item
    ADD CONSTRAINT item_item CHECK (octet_length(item) BETWEEN 1 AND 64 AND item !~ '[\u0001-\u001f\u007f-\u009f]'),
    ADD CONSTRAINT item_title CHECK (octet_length(title) BETWEEN 1 AND 256 AND title !~ '[\u0001-\u001f\u007f-\u009f]'),
    ADD CONSTRAINT item_category CHECK (octet_length(category) BETWEEN 1 AND 128 AND category !~ '[\u0001-\u001f\u007f-\u009f]' AND category !~ '^/|//|/$'),
    ADD CONSTRAINT item_price CHECK (price BETWEEN 0 AND 1000000000 AND (price IS NULL OR currency IS NOT NULL)),
    ADD CONSTRAINT item_currency CHECK (currency ~ '^[A-Z]{3}$'),
    ADD CONSTRAINT item_image CHECK (octet_length(image) BETWEEN 1 AND 1024 AND image !~ '[\u0001-\u001f\u007f-\u009f]' AND image ~ '^(https?://|/)'),
    ADD CONSTRAINT item_url CHECK (octet_length(url) BETWEEN 1 AND 1024 AND url !~ '[\u0001-\u001f\u007f-\u009f]' AND url ~ '^(https?://|/)'),
    ADD CONSTRAINT item_labels CHECK (labels = '{}' OR item_labels_good(labels)),
    ADD CONSTRAINT item_created_at CHECK (created_at >= 0 AND created_at < 4102444800000);

-- What was deleted, so that servers hear of it by its version as of any other write. Rows older than a day go with a later
-- delete: a server that was away for longer compares the whole catalogue.
CREATE TABLE item_deleted (
    item       text PRIMARY KEY,
    version    int8 NOT NULL,
    deleted_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX item_deleted_at ON item_deleted (deleted_at);

CREATE SEQUENCE item_version;
UPDATE item SET version = nextval('item_version'), updated_at = created_at;
CREATE UNIQUE INDEX item_version_key ON item (version);
CREATE UNIQUE INDEX item_deleted_version ON item_deleted (version);

-- Versions are in the order of commits: who has seen version v and asks for what is newer misses nothing. A sequence alone does
-- not give that (the later commit may have the smaller number), so writers of the catalogue come one after another: each holds
-- this lock until it has committed.
CREATE FUNCTION item_lock() RETURNS void LANGUAGE sql AS $$
    SELECT pg_advisory_xact_lock(8386105358618001413)
$$;

CREATE FUNCTION item_write_begins() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(8386105358618001413);
    RETURN NULL;
END $$;

CREATE FUNCTION item_stamp() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.item <> OLD.item THEN
        RAISE EXCEPTION 'an item keeps its id: delete it and insert another';
    END IF;
    NEW.version := nextval('item_version');
    NEW.updated_at := (extract(epoch FROM clock_timestamp()) * 1000)::int8;
    RETURN NEW;
END $$;

CREATE FUNCTION item_bury() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO item_deleted (item, version) VALUES (OLD.item, nextval('item_version'))
        ON CONFLICT (item) DO UPDATE SET version = excluded.version, deleted_at = excluded.deleted_at;
    RETURN NULL;
END $$;

CREATE FUNCTION item_write_ends() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        DELETE FROM item_deleted WHERE deleted_at < now() - interval '1 day';
    END IF;
    NOTIFY tandem_items;
    RETURN NULL;
END $$;

CREATE FUNCTION item_truncate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'servers would not hear of it: DELETE FROM item';
END $$;

CREATE TRIGGER item_1 BEFORE INSERT OR UPDATE OR DELETE ON item EXECUTE FUNCTION item_write_begins();
CREATE TRIGGER item_2 BEFORE INSERT OR UPDATE ON item FOR EACH ROW EXECUTE FUNCTION item_stamp();
CREATE TRIGGER item_3 AFTER DELETE ON item FOR EACH ROW EXECUTE FUNCTION item_bury();
CREATE TRIGGER item_4 AFTER INSERT OR UPDATE OR DELETE ON item EXECUTE FUNCTION item_write_ends();
CREATE TRIGGER item_5 BEFORE TRUNCATE ON item EXECUTE FUNCTION item_truncate();
