-- Grants and row security are the gate; search_path has no say.
CREATE SCHEMA security;
SET search_path = security, public;
SELECT goes_create_store();
SELECT goes_insert_batch(ARRAY[
    goes_new_event('a', '1', 'left', '00000000-0000-7000-8000-000000000001', 1, '00000000-0000-7000-8000-000000000001', 1),
    goes_new_event('b', '2', 'right', '00000000-0000-7000-8000-000000000001', 1, '00000000-0000-7000-8000-000000000002', 2)]);
CREATE ROLE security_reader;
CREATE ROLE security_writer;
CREATE ROLE security_nobody;
GRANT USAGE ON SCHEMA security TO security_reader, security_writer, security_nobody;
GRANT SELECT ON events TO security_reader;
GRANT INSERT ON events TO security_writer;

-- Who may only read can open, query, find, count and check, and nothing else.
SET ROLE security_reader;
SELECT goes_create_store();
SELECT * FROM goes_check_store();
SELECT name FROM goes_query(sort => '{time}');
SELECT name FROM goes_find('00000000-0000-7000-8000-000000000002');
SELECT goes_count(), goes_aggregate_version('left', '00000000-0000-7000-8000-000000000001');
BEGIN;
SELECT goes_query_cursor(portal => 'mine', max_events => 1);
FETCH ALL FROM mine;
COMMIT;
SELECT goes_insert_batch(ARRAY[goes_new_event('c')]);
\echo :SQLSTATE
SELECT goes_delete('{00000000-0000-7000-8000-000000000002}');
\echo :SQLSTATE

-- Who may only insert needs no right to read.
SET ROLE security_writer;
SELECT goes_insert_batch(ARRAY[goes_new_event('c', '3', "time" => 3)]);
SELECT goes_wait_for(goes_write_token());
SELECT goes_count();
\echo :SQLSTATE

SET ROLE security_nobody;
SELECT goes_count();
\echo :SQLSTATE
RESET ROLE;

-- Row security, also with plans that were made for another role.
ALTER TABLE events ENABLE ROW LEVEL SECURITY;
CREATE POLICY left_only ON events FOR SELECT TO security_reader USING (aggregate_name = 'left');
CREATE POLICY write_left ON events FOR INSERT TO security_writer WITH CHECK (aggregate_name = 'left');
SELECT goes_count(), (SELECT string_agg(name, ' ') FROM goes_query(sort => '{time}'));
SET ROLE security_reader;
SELECT goes_count(), (SELECT string_agg(name, ' ') FROM goes_query(sort => '{time}'));
SELECT name FROM goes_find('00000000-0000-7000-8000-000000000002');
SELECT (goes_history(name, '00000000-0000-7000-8000-000000000001')).name FROM unnest('{left,right}'::text[]) AS name;
SELECT goes_aggregate_version('right', '00000000-0000-7000-8000-000000000001');
SET ROLE security_writer;
SELECT goes_insert_batch(ARRAY[
    goes_new_event('d', NULL, 'left', '00000000-0000-7000-8000-000000000001', 2),
    goes_new_event('d', NULL, 'right', '00000000-0000-7000-8000-000000000001', 2)]);
\echo :SQLSTATE
SELECT goes_insert_batch(ARRAY[goes_new_event('d', NULL, 'left', '00000000-0000-7000-8000-000000000001', 2)]);
RESET ROLE;
SELECT goes_count(), (SELECT string_agg(name, ' ') FROM goes_query(sort => '{time}', time_max => 3));
ALTER TABLE events DISABLE ROW LEVEL SECURITY;

-- The same for snapshots and models.
SELECT goes_create_snapshot_store(), goes_create_model_store();
SELECT goes_snapshot_save(name, '00000000-0000-7000-8000-000000000001', version, '', 0)
FROM unnest('{left,right}'::text[]) AS name, generate_series(1, 3) AS version;
SELECT goes_model_save(id, '0') FROM unnest('{left,right}'::text[]) AS id;
GRANT SELECT, INSERT, UPDATE, DELETE ON snapshots, models TO security_reader;
ALTER TABLE snapshots ENABLE ROW LEVEL SECURITY;
ALTER TABLE models ENABLE ROW LEVEL SECURITY;
CREATE POLICY left_only ON snapshots TO security_reader USING (aggregate_name = 'left');
CREATE POLICY left_only ON models TO security_reader USING (id = 'left');
SELECT count(*) FROM goes_snapshot_query();
SET ROLE security_reader;
SELECT count(*) FROM goes_snapshot_query();
SELECT aggregate_version FROM goes_snapshot_latest('right', '00000000-0000-7000-8000-000000000001');
SELECT aggregate_version, name FROM goes_load('right', '00000000-0000-7000-8000-000000000001');
SELECT goes_snapshot_save('right', '00000000-0000-7000-8000-000000000001', 3, '\x01');
\echo :SQLSTATE
SELECT goes_snapshot_delete('right', '00000000-0000-7000-8000-000000000001', 3);
SELECT goes_snapshot_prune(1);
SELECT goes_model_fetch('left'), goes_model_fetch('right'), goes_model_lock('right'), goes_model_delete('right');
SELECT goes_model_save('right', '1');
\echo :SQLSTATE
SELECT goes_model_lock('right', '1');
\echo :SQLSTATE
SET ROLE security_nobody;
SELECT goes_snapshot_prune(1);
\echo :SQLSTATE

-- Whoever may do nothing learns which GRANT is missing.
SELECT * FROM goes_find('00000000-0000-7000-8000-000000000001');
SELECT * FROM goes_query(names => '{a}');
BEGIN;
SELECT goes_query_cursor();
ROLLBACK;
SELECT * FROM goes_history('left', '00000000-0000-7000-8000-000000000001');
SELECT goes_aggregate_version('left', '00000000-0000-7000-8000-000000000001');
SELECT * FROM goes_load('left', '00000000-0000-7000-8000-000000000001');
SELECT * FROM goes_snapshot_query();
SELECT goes_snapshot_save('left', '00000000-0000-7000-8000-000000000001', 3, '');
SELECT goes_snapshot_delete('left', '00000000-0000-7000-8000-000000000001', 3);
SELECT goes_model_fetch('left');
SELECT goes_model_save('left', '1');
SELECT goes_model_lock('left');
SELECT goes_model_delete('left');
RESET ROLE;
GRANT SELECT, UPDATE ON models TO security_nobody;
GRANT SELECT ON events TO security_nobody;
SET ROLE security_nobody;
SELECT goes_model_lock('new', '1');
SELECT goes_delete('{00000000-0000-7000-8000-000000000001}');
RESET ROLE;

-- Some columns are enough for what looks at no others.
REVOKE SELECT ON events FROM security_nobody;
GRANT SELECT (name) ON events TO security_nobody;
SET ROLE security_nobody;
SELECT goes_count(names => '{none}');
SELECT count(*) FROM goes_query();
RESET ROLE;
REVOKE SELECT (name) ON events FROM security_nobody;
SELECT aggregate_name, count(*) FROM snapshots GROUP BY aggregate_name ORDER BY aggregate_name;
DROP TABLE snapshots, models;

-- A hostile search_path: operators, functions, types and tables of our names, none of them used.
CREATE SCHEMA hostile;
CREATE FUNCTION hostile.catch(anyelement, anyelement) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'hijacked';
END
$$;
CREATE FUNCTION hostile.catch_array(anyarray) RETURNS SETOF anyelement LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'hijacked';
END
$$;
DO $$
DECLARE
    name text;
    type text;
BEGIN
    FOREACH type IN ARRAY '{uuid,text,bigint,integer,jsonb,tid}'::text[] LOOP
        EXECUTE format('CREATE FUNCTION hostile.catch(%1$s, %1$s) RETURNS boolean LANGUAGE plpgsql AS '
                       '''BEGIN RAISE EXCEPTION ''''hijacked''''; END''', type);
        FOREACH name IN ARRAY '{=,<>,>=,<=,<,>}'::text[] LOOP
            EXECUTE format('CREATE OPERATOR hostile.%1$s (LEFTARG = %2$s, RIGHTARG = %2$s, FUNCTION = hostile.catch)', name, type);
        END LOOP;
    END LOOP;
END
$$;
CREATE FUNCTION hostile.unnest(anyarray) RETURNS SETOF anyelement LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'hijacked'; END$$;
CREATE FUNCTION hostile.count() RETURNS bigint LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'hijacked'; END$$;
CREATE FUNCTION hostile.row_number() RETURNS bigint LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'hijacked'; END$$;
CREATE FUNCTION hostile.max(integer) RETURNS integer LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'hijacked'; END$$;
CREATE DOMAIN hostile.uuid AS pg_catalog.int4;
CREATE DOMAIN hostile.jsonb AS pg_catalog.int4;
CREATE DOMAIN hostile.text AS pg_catalog.int4;
CREATE DOMAIN hostile.bytea AS pg_catalog.int4;
SET search_path = hostile, pg_catalog, security, public;
SELECT 1 = 1;
SELECT goes_create_store('security.second');
SELECT goes_insert_batch(goes_events_from_json('[{"name": "a", "aggregate_name": "x", "aggregate_version": 1,
    "aggregate_id": "00000000-0000-7000-8000-000000000001"}]'), 'security.second');
SELECT name FROM goes_query(names => '{a}', ids => '{}', time_min => 0, time_ranges => '{"[0,)"}', aggregate_names => '{x,y}',
    version_max => 5, version_ranges => '{"[0,5)","[7,8)"}', aggregates => '{"(x,00000000-0000-7000-8000-000000000001)"}',
    sort => '{time,aggregate_id}', store => 'security.second');
SELECT goes_count(names => '{a,b}', store => 'security.second'),
       goes_aggregate_version('x', '00000000-0000-7000-8000-000000000001', 'security.second');
SELECT count(name) FROM goes_find('00000000-0000-7000-8000-000000000001', 'security.second');
SELECT goes_delete('{00000000-0000-7000-8000-000000000001}', 'security.second');
SELECT * FROM goes_check_store('security.second');
SELECT goes_create_snapshot_store('security.snapshots'), goes_create_model_store('security.models');
SELECT goes_snapshot_save('x', '00000000-0000-7000-8000-000000000001', version, '', 0, 'security.snapshots')
FROM pg_catalog.generate_series(1, 3) AS version;
SELECT aggregate_version FROM goes_snapshot_latest('x', '00000000-0000-7000-8000-000000000001', 'security.snapshots');
SELECT aggregate_version FROM goes_snapshot_version('x', '00000000-0000-7000-8000-000000000001', 2, 'security.snapshots');
SELECT aggregate_version FROM goes_snapshot_limit('x', '00000000-0000-7000-8000-000000000001', 2, 'security.snapshots');
SELECT aggregate_version FROM goes_snapshot_query(aggregate_names => '{x,y}', version_ranges => '{"[0,2)","[2,3)"}', time_max => 5,
    aggregates => '{"(x,00000000-0000-7000-8000-000000000001)"}', sort => '{time,aggregate_id}', store => 'security.snapshots');
SELECT aggregate_version FROM goes_load('x', '00000000-0000-7000-8000-000000000001', 'security.snapshots', 'security.events');
SELECT goes_snapshot_delete('x', '00000000-0000-7000-8000-000000000001', 3, 'security.snapshots'),
       goes_snapshot_prune(1, 'security.snapshots');
SELECT goes_model_save('a', '1', 'security.models');
SELECT goes_model_fetch('a', 'security.models'), goes_model_lock('a', '0', 'security.models'),
       goes_model_lock('b', '0', 'security.models'), goes_model_delete('a', 'security.models');
SET search_path = security, public;
\d second
\d snapshots
\d models

-- Nor do the remedies of goes_check_store run what others have put into public.
CREATE FUNCTION hostile.times(numeric, integer) RETURNS numeric LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'hijacked'; END$$;
CREATE OPERATOR hostile.* (LEFTARG = numeric, RIGHTARG = integer, FUNCTION = hostile.times);
CREATE TABLE stamped (LIKE events INCLUDING INDEXES);
ALTER TABLE stamped ALTER COLUMN time TYPE timestamptz USING '2026-01-01 00:00:00+00';
INSERT INTO stamped (id, name, time) VALUES ('00000000-0000-7000-8000-000000000001', 'a', '2026-01-01 00:00:00+00');
SET search_path = security, public, hostile;
SELECT 5::numeric * 5;
SELECT remedy FROM goes_check_store('stamped') \gexec
SELECT time FROM stamped;

SET client_min_messages = warning;
DROP SCHEMA security, hostile CASCADE;
DROP ROLE security_reader, security_writer, security_nobody;
