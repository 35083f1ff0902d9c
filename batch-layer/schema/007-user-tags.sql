-- Version 9: beside each offset of user_events 15 more bits of the user's hash, so that only the user's own events are looked up
-- and not all of its bucket, a 1024th of the history.
ALTER TABLE user_events ADD tags int2[]; -- user_tag of each offset; none in older rows: those may be anybody's

-- Plain SQL, so that the planner puts the expression in their place.
CREATE FUNCTION user_bucket("user" text) RETURNS int2 LANGUAGE sql IMMUTABLE AS $$
    SELECT (hashtextextended("user", 0) & 1023)::int2
$$;

CREATE FUNCTION user_tag("user" text) RETURNS int2 LANGUAGE sql IMMUTABLE AS $$
    SELECT (hashtextextended("user", 0) >> 10 & 32767)::int2
$$;
