-- A shard: an ordinary store, which shows and accepts only what belongs to it. Run it as the owner of the database,
-- once on each shard:
--
--     psql -d goes -v number=0 -v shards=2 -f shard.sql
--
-- The front database connects as the role goes_front, and is held to the policies below. Whoever writes to the wrong
-- shard gets an error (42501), also when shards are being added.

CREATE EXTENSION IF NOT EXISTS goes_store;
SELECT goes_create_store(), goes_create_snapshot_store(), goes_create_model_store();

-- Which shard this is, and of how many.
CREATE TABLE goes_shard (number integer NOT NULL, shards integer NOT NULL CHECK (shards > 0 AND shards & (shards - 1) = 0));
INSERT INTO goes_shard VALUES (:number, :shards);

-- The hash: all bytes of the id count, since ids of version 7 begin with the time, and sha256 stays what it is.
CREATE FUNCTION goes_shard_hash(key bytea) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ('x' || encode(substr(sha256(key), 1, 4), 'hex'))::bit(32)::integer;

CREATE FUNCTION goes_is_here(key bytea) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
RETURN (goes_shard_hash(key) & (SELECT shards - 1 FROM goes_shard)) = (SELECT number FROM goes_shard);

DO $$
BEGIN
    CREATE ROLE goes_front LOGIN;
EXCEPTION WHEN duplicate_object THEN
    NULL;
END
$$;
GRANT SELECT ON goes_shard TO goes_front;
GRANT SELECT, INSERT, DELETE ON events TO goes_front;
GRANT SELECT, INSERT, UPDATE, DELETE ON snapshots, models TO goes_front;
ALTER TABLE events ENABLE ROW LEVEL SECURITY;
ALTER TABLE snapshots ENABLE ROW LEVEL SECURITY;
ALTER TABLE models ENABLE ROW LEVEL SECURITY;
-- goes_is_here() as the planner likes it: the two numbers are read once for a statement, and not for each row
\set is_here '& (SELECT shards - 1 FROM goes_shard)) = (SELECT number FROM goes_shard)'
CREATE POLICY here ON events USING ((goes_shard_hash(uuid_send(coalesce(aggregate_id, id))) :is_here);
CREATE POLICY here ON snapshots USING ((goes_shard_hash(uuid_send(aggregate_id)) :is_here);
CREATE POLICY here ON models USING ((goes_shard_hash(convert_to(id, 'UTF8')) :is_here);

-- What goes_double_shards() and goes_clean_shards() of the front need. The first is repeatable; it runs on the old
-- shards before their standbys are promoted, and on the new ones after that.
CREATE FUNCTION goes_shard_become(new_number integer, new_shards integer) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_catalog, pg_temp AS $$
BEGIN
    -- a standby has learnt from its shard how many there will be
    UPDATE goes_shard SET number = new_number, shards = new_shards
    WHERE number IN (new_number, new_number & (new_shards / 2 - 1)) AND new_shards IN (shards, 2 * shards);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'this shard cannot become number % of %', new_number, new_shards USING ERRCODE = '22023',
            HINT = 'Look at the options of the servers goes_shards and goes_standbys on the front: standbys stand in the order of their shards.';
    END IF;
END
$$;

CREATE FUNCTION goes_shard_system() RETURNS text LANGUAGE sql
RETURN (SELECT system_identifier FROM pg_control_system());

CREATE FUNCTION goes_shard_wait(token text) RETURNS boolean LANGUAGE sql VOLATILE
RETURN NOT pg_is_in_recovery() OR coalesce(goes_wait_for(token, wait_ms => 60000), false);

CREATE FUNCTION goes_shard_promote() RETURNS boolean LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
RETURN NOT pg_is_in_recovery() OR pg_promote(wait => true, wait_seconds => 600);

-- Removes what moved away. The front says how many shards it knows: fewer than this one, and the others are not there yet.
CREATE FUNCTION goes_shard_clean(known_shards integer) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_catalog, pg_temp AS $$
DECLARE
    removed bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM goes_shard WHERE shards = known_shards) THEN
        RAISE EXCEPTION 'shards are being added' USING ERRCODE = '55000', HINT = 'Call goes_double_shards() again first.';
    END IF;
    DELETE FROM snapshots WHERE NOT goes_is_here(uuid_send(aggregate_id));
    DELETE FROM models WHERE NOT goes_is_here(convert_to(id, 'UTF8'));
    DELETE FROM events WHERE NOT goes_is_here(uuid_send(coalesce(aggregate_id, id)));
    GET DIAGNOSTICS removed = ROW_COUNT;
    RETURN removed;
END
$$;
