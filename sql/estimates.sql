-- The planner knows how many rows the functions return, from constants and the table's statistics.
CREATE SCHEMA estimates;
SET search_path = estimates, public;
SELECT goes_create_store(), goes_create_store('fresh'), goes_create_snapshot_store();
ALTER TABLE events SET (autovacuum_enabled = off);
ALTER TABLE fresh SET (autovacuum_enabled = off);
ALTER TABLE snapshots SET (autovacuum_enabled = off);

-- 100 aggregates with 100 events each, of 10 names; and a snapshot of every tenth event.
CREATE FUNCTION uuid_of(integer) RETURNS uuid LANGUAGE sql IMMUTABLE
RETURN lpad($1::text, 32, '0')::uuid;
INSERT INTO events
SELECT uuid_of(n), 'name ' || n % 10, n, uuid_of(n % 100), 'order', n / 100, '1' FROM generate_series(0, 9999) AS n;
INSERT INTO snapshots
SELECT aggregate_id, aggregate_name, aggregate_version, "time", '' FROM events WHERE aggregate_version % 10 = 0;
ANALYZE events, snapshots;

CREATE FUNCTION expected(VARIADIC calls text[]) RETURNS TABLE (call text, "rows" text) LANGUAGE plpgsql AS $$
DECLARE
    plan json;
BEGIN
    FOREACH call IN ARRAY calls LOOP
        EXECUTE 'EXPLAIN (FORMAT json) ' || CASE WHEN call LIKE 'EXECUTE%' THEN '' ELSE 'SELECT * FROM ' END || call INTO plan;
        "rows" = plan -> 0 -> 'Plan' ->> 'Plan Rows';
        RETURN NEXT;
    END LOOP;
END
$$;
SELECT * FROM expected(
    'goes_query()',
    $$goes_query(names => '{}', ids => NULL)$$,
    $$goes_query(max_events => 7)$$,
    $$goes_query(max_events => 20000)$$,
    $$goes_query(max_events => 0)$$,
    $$goes_query(names => '{name 1,name 2}')$$,
    $$goes_query(ids => ARRAY[uuid_of(1), uuid_of(2), uuid_of(3)])$$,
    $$goes_query(aggregate_names => '{order}')$$,
    $$goes_query(aggregate_ids => ARRAY[uuid_of(1)])$$,
    $$goes_query(aggregate_ids => ARRAY[uuid_of(1)], names => '{name 1}')$$,
    $$goes_query(aggregates => ARRAY[('order', uuid_of(1)), ('order', uuid_of(2))]::goes_aggregate_ref[])$$,
    $$goes_query(aggregate_versions => '{1}')$$,
    $$goes_query(time_min => 5000)$$,
    $$goes_query(time_min => 5000, time_max => 6000)$$,
    $$goes_query(time_ranges => '{"[1,5]","[7,8]"}')$$,
    $$goes_find(uuid_of(1))$$,
    $$goes_load('order', uuid_of(1))$$,
    $$goes_history('order', uuid_of(1))$$,
    $$goes_history('order', uuid_of(1), 10)$$,
    $$goes_history('order', uuid_of(1), 10, 20)$$,
    $$goes_history('order', uuid_of(1), max_events => 7)$$,
    $$goes_history('order', uuid_of(1), max_events => NULL)$$,
    $$goes_snapshot_query()$$,
    $$goes_snapshot_query(aggregate_ids => ARRAY[uuid_of(1)])$$,
    $$goes_snapshot_query(max_snapshots => 7)$$,
    $$goes_snapshot_latest('order', uuid_of(1))$$);

-- Values that are not known before it runs, and a parameter's, which are.
SELECT * FROM expected(
    $$goes_query(aggregate_ids => ARRAY(SELECT id FROM events))$$,
    $$goes_query(time_min => goes_now())$$,
    $$goes_query(max_events => (SELECT 5))$$,
    $$goes_query(aggregate_ids => ARRAY[uuid_of(1)], max_events => 1 / (random() * 0)::integer)$$);
PREPARE limited(bigint, text) AS SELECT * FROM goes_query(max_events => $1, store => $2);
SET plan_cache_mode = force_custom_plan;
SELECT * FROM expected($$EXECUTE limited(7, 'events')$$);
SET plan_cache_mode = force_generic_plan;
SELECT * FROM expected($$EXECUTE limited(7, 'events')$$);
RESET plan_cache_mode;

-- Names that mean nothing are no errors of the planner's. Nor is a schema that is closed to the role.
CREATE ROLE estimates_user;
GRANT USAGE ON SCHEMA estimates TO estimates_user;
CREATE SCHEMA closed;
SELECT goes_create_store('closed.events');
SET ROLE estimates_user;
SELECT * FROM expected(
    $$goes_query(store => 'fresh')$$,
    $$goes_query(store => 'missing')$$,
    $$goes_query(store => 'missing', ids => ARRAY[uuid_of(1), uuid_of(2)])$$,
    $$goes_query(store => 'two words')$$,
    $$goes_query(store => repeat('a', 64))$$,
    $$goes_query(store => 'no_such_schema.events')$$,
    $$goes_query(store => 'elsewhere.estimates.events')$$,
    $$goes_query(store => 'pg_temp.events')$$,
    $$goes_query(store => 'closed.events')$$,
    $$goes_query(store => 'estimates.events')$$,
    $$goes_load('order', uuid_of(1), store => 'missing')$$,
    $$goes_history('order', uuid_of(1), store => 'missing')$$,
    $$goes_query(store => (SELECT 'events'))$$);
RESET ROLE;
SET goes_store.default_store = 'fresh';
SELECT * FROM expected('goes_query()');
RESET goes_store.default_store;

-- Planning locks no table.
BEGIN;
SELECT * FROM expected('goes_query()', $$goes_load('order', uuid_of(1))$$);
SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND relation = 'events'::regclass;
ROLLBACK;

-- It serves: of a few events the rest is looked up one by one.
EXPLAIN (COSTS off)
SELECT * FROM goes_query(max_events => 3) AS found JOIN events USING (id);

SET client_min_messages = warning;
DROP SCHEMA estimates, closed CASCADE;
DROP ROLE estimates_user;
