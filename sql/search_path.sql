-- Nothing that stands before pg_catalog in search_path is run by any function, in any of its branches: neither
-- operators nor functions, types, relations or collations. In a database of its own, since there are thousands of them.
\set contrib_database :DBNAME
CREATE DATABASE goes_store_search_path;
\c goes_store_search_path
SET client_min_messages = warning;
CREATE EXTENSION goes_store;
CREATE SCHEMA hostile;
CREATE SCHEMA shop;
\set SHOW_CONTEXT never
\set order '''019a0000-0000-7000-8000-00000000000a'''

-- What is caught leaves its trace, even if the error were caught, too.
CREATE SEQUENCE hostile.evidence;
CREATE FUNCTION hostile.caught(what text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_catalog.nextval('hostile.evidence'::pg_catalog.regclass);
    RAISE EXCEPTION 'hijacked: %', what;
END
$$;
CREATE FUNCTION attempt(command text) RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE command;
    RETURN 1;
EXCEPTION WHEN OTHERS THEN
    RETURN 0;
END
$$;
CREATE FUNCTION trap(name text, arguments text, result text) RETURNS text LANGUAGE sql
RETURN format('CREATE FUNCTION hostile.%I(%s) RETURNS %s LANGUAGE plpgsql AS %L', name, arguments, result,
              format('BEGIN PERFORM hostile.caught(%L); END', name || '(' || arguments || ')'));
CREATE FUNCTION trap_operator(name text, number text, left_type text, right_type text, result text) RETURNS integer LANGUAGE sql
RETURN attempt(trap('operator_' || number, concat_ws(', ', left_type, right_type), result)) *
       attempt(format('CREATE OPERATOR hostile.%s (%s RIGHTARG = %s, FUNCTION = hostile.%I)', name,
                      'LEFTARG = ' || left_type || ',', right_type, 'operator_' || number));

-- Operators: all that PostgreSQL has, and all comparisons that would fit our columns better than its own.
SELECT sum(trap_operator(oprname, oid::text, CASE WHEN oprleft <> 0 THEN oprleft::regtype::text END, oprright::regtype::text, oprresult::regtype::text)) > 700 AS operators
FROM pg_operator
WHERE oprnamespace = 'pg_catalog'::regnamespace;
SELECT count(trap_operator(operator, concat_ws('_', ordinality, l, r), l, r,
                         CASE WHEN operator IN ('+', '-', '*') THEN 'bigint' ELSE 'boolean' END)) > 1000 AS more
FROM (VALUES ('{text,varchar,bpchar,name,"\"char\""}'::text[]), ('{smallint,integer,bigint,numeric,oid,xid,tid}'), ('{uuid,bytea}'),
             ('{json,jsonb,text}'), ('{goes_event,goes_snapshot,goes_aggregate_ref,record}'), ('{text[],varchar[],name[]}'),
             ('{uuid[],tid[],integer[],bigint[]}'), ('{int8range,int4range,int8multirange,int4multirange,bigint,integer}')) AS of (types),
     unnest(types) AS l, unnest(types) AS r, unnest('{=,<>,<,<=,>,>=,+,-,*,~~,*=,*<>}'::text[]) WITH ORDINALITY AS o (operator);
-- Functions and aggregates, of the extension too.
SELECT sum(attempt(trap(proname, oidvectortypes(proargtypes), CASE WHEN proretset THEN 'SETOF ' ELSE '' END || prorettype::regtype))) > 2000 AS functions
FROM pg_proc
WHERE pronamespace IN ('pg_catalog'::regnamespace, 'public'::regnamespace);
SELECT count(*) > 0 AS missing_overloads, bool_and(proname LIKE ANY ('{attempt,trap%}')) AS of_the_test_only
FROM pg_proc AS p
WHERE pronamespace = 'public'::regnamespace AND 'internal'::regtype <> ALL (proargtypes) AND NOT EXISTS
      (SELECT FROM pg_proc WHERE pronamespace = 'hostile'::regnamespace AND proname = p.proname AND proargtypes = p.proargtypes);
-- Relations, types and collations.
SELECT sum(attempt(format('CREATE VIEW hostile.%I AS SELECT hostile.caught(%L)', relname, relname))) > 100 AS relations
FROM pg_class
WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind IN ('r', 'v');
CREATE COLLATION hostile."default" (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE COLLATION hostile."C" (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
SELECT sum(attempt(format('CREATE DOMAIN hostile.%I AS pg_catalog.%I CHECK (hostile.caught(%L))', typname, typname, typname))) > 50 AS types
FROM pg_type
WHERE typnamespace = 'pg_catalog'::regnamespace AND typtype IN ('b', 'r', 'm') AND typelem = 0;

-- They are in the way of whatever is not qualified.
SET search_path = hostile, pg_catalog, shop, public;
\set VERBOSITY terse
SELECT 1 = 1;
SELECT NULLIF(1, 0);
SELECT '1'::text;
SELECT upper('a');
SELECT count(*) FROM pg_class;
SELECT FROM pg_class;
SELECT 'a'::pg_catalog.varchar = 'b'::pg_catalog.text;
SELECT public.goes_new_event('a') = public.goes_new_event('a');
SELECT goes_now();
SELECT pg_catalog.setval('hostile.evidence', 1, false);
SET track_functions = 'all';

-- Creating, checking, switching guards. An index is missing, and then a guard is disabled.
SELECT public.goes_create_store('shop.events'), public.goes_create_snapshot_store('shop.snapshots'), public.goes_create_model_store('shop.models');
DROP INDEX shop.goes_name;
SELECT * FROM public.goes_check_store('shop.events');
SELECT public.goes_create_store('shop.events');
SELECT public.goes_alter_store('events', 'increasing', true);
ALTER TABLE shop.events DISABLE TRIGGER goes_append_only;
SELECT * FROM public.goes_check_store();
SELECT remedy FROM public.goes_check_store() \gexec
SELECT * FROM public.goes_check_store('missing');
SELECT public.goes_count(store => 'shop.missing');
DELETE FROM events;
SELECT public.goes_alter_store('events', 'off', false);

-- Making and storing events.
SELECT public.goes_now() IS NULL, public.goes_uuid_v7() IS NULL, public.goes_library_version() IS NULL, public.goes_timestamp(public.goes_time('2026-01-01 00:00:00+00'));
SELECT (public.goes_new_event('a', '{"a": 1}', 'order', :order, 1, id => :order, "time" => 1)).name;
SELECT public.goes_insert_batch(public.goes_events_from_json('[{"name": "a", "time": "1", "data": [1.0], "aggregate_name": "cart", "aggregate_version": 1.0,
    "aggregate_id": "019a0000-0000-7000-8000-00000000000b"}, {"name": "b", "time": 2}]'));
SELECT public.goes_insert_batch(ARRAY[public.goes_new_event('c', id => '019a0000-0000-7000-8000-0000000000c1'),
                                      public.goes_new_event('c', id => '019a0000-0000-7000-8000-0000000000c1')]);
SELECT public.goes_insert_batch(NULL);
SELECT public.goes_insert_batch('{}');

-- Appending: an event, several, none; new, existing, at a version, any; with versions of their own.
\set one 'ARRAY[public.goes_new_event(''a'', ''{}'', id => ''019a0000-0000-7000-8000-000000000001'', "time" => 1)]'
\set two 'ARRAY[public.goes_new_event(''a'', NULL, id => ''019a0000-0000-7000-8000-000000000002'', "time" => 1), public.goes_new_event(''b'', ''[]'', id => ''019a0000-0000-7000-8000-000000000003'', "time" => 1)]'
\set new 'ARRAY[public.goes_new_event(''a'')]'
\set three 'ARRAY[public.goes_new_event(''a''), public.goes_new_event(''b''), public.goes_new_event(''c'')]'
SELECT public.goes_append('order', :order, :one, 0);
SELECT public.goes_append('order', :order, :two);
SELECT public.goes_append('order', :order, :new, 3), public.goes_append('order', :order, :three, -1);
SELECT public.goes_append('order', :order, ARRAY[public.goes_new_event('a', NULL, 'order', :order, 8), public.goes_new_event('a', NULL, NULL, NULL, 9)]);
SELECT public.goes_append('order', :order, '{}'), public.goes_append('order', :order, '{}', 9);
-- The same again: one, several, with versions.
SELECT public.goes_append('order', :order, :one, 0), public.goes_append('order', :order, :one), public.goes_append('order', :order, :one, 5);
SELECT public.goes_append('order', :order, :two, 1), public.goes_append('order', :order, :two);
SELECT public.goes_append('order', :order, ARRAY[public.goes_new_event('a', NULL, 'order', :order, 2, '019a0000-0000-7000-8000-000000000002', 1),
                                                 public.goes_new_event('b', '[]', 'order', :order, 3, '019a0000-0000-7000-8000-000000000003', 1)]);
-- VE001.
SELECT public.goes_append('order', :order, :new, 0);
SELECT public.goes_append('order', :order, :three, 3);
SELECT public.goes_append('other', :order, :new, -1);
SELECT public.goes_append('order', :order, ARRAY[public.goes_new_event('a', NULL, NULL, NULL, 3)]);
SELECT public.goes_append('order', :order, '{}', 3);
-- VE003: another event, another order, some of them, an id of another aggregate in front and behind.
SELECT public.goes_append('order', :order, ARRAY[public.goes_new_event('z', id => '019a0000-0000-7000-8000-000000000001')]);
SELECT public.goes_append('order', :order, ARRAY[public.goes_new_event('b', '[]', id => '019a0000-0000-7000-8000-000000000003', "time" => 1),
                                                 public.goes_new_event('a', id => '019a0000-0000-7000-8000-000000000002', "time" => 1)]);
SELECT public.goes_append('order', :order, ARRAY[public.goes_new_event('a', id => '019a0000-0000-7000-8000-000000000002', "time" => 1), public.goes_new_event('b')]);
SELECT public.goes_append('order', :order, ARRAY[public.goes_new_event('z'), public.goes_new_event('a', id => '019a0000-0000-7000-8000-000000000002')]);
SELECT public.goes_append('new', :order, :one);
-- Many appends at once: stored together, at the wrong version, a repeat, taken, malformed, none.
SELECT item, aggregate_version, sqlstate FROM public.goes_append_each(ARRAY[
    ('each', :order, :new, 0), ('each', :order, ARRAY[public.goes_new_event('a')], NULL), ('each', :order, :new, 0),
    ('other each', :order, ARRAY[public.goes_new_event('z', id => '019a0000-0000-7000-8000-000000000001')], NULL),
    ('other each', :order, ARRAY[public.goes_new_event('a', NULL, 'order')], NULL), ('order', :order, :one, 0),
    ('order', :order, '{}', NULL)]::public.goes_append_item[]) AS outcome ORDER BY item;
-- Versions that end.
INSERT INTO events VALUES ('019a0000-0000-7000-8000-0000000000d1', 'x', 0, :order, 'last', 2147483647);
SELECT public.goes_append('last', :order, :new);
-- Something invisible is in the way, at once and after the first event; somebody keeps events out.
ALTER TABLE events ENABLE ROW LEVEL SECURITY;
CREATE ROLE goes_store_search_path;
GRANT USAGE ON SCHEMA shop, hostile TO goes_store_search_path;
GRANT ALL ON events, models TO goes_store_search_path;
GRANT ALL ON SEQUENCE hostile.evidence TO goes_store_search_path;
CREATE POLICY early ON events FOR SELECT USING (aggregate_version OPERATOR(pg_catalog.<) 7);
CREATE POLICY anything ON events FOR INSERT WITH CHECK (true);
SET ROLE goes_store_search_path;
SELECT public.goes_append('order', :order, :new), public.goes_aggregate_version('order', :order);
SELECT public.goes_append('order', :order, :three);
RESET ROLE;
DROP POLICY early ON events;
CREATE POLICY early ON events FOR SELECT USING (aggregate_version OPERATOR(pg_catalog.<>) 7 AND aggregate_version OPERATOR(pg_catalog.<) 9);
DELETE FROM events WHERE aggregate_version OPERATOR(pg_catalog.=) 8;
SET ROLE goes_store_search_path;
SELECT public.goes_append('order', :order, :three, 6);
RESET ROLE;
DELETE FROM events WHERE aggregate_version OPERATOR(pg_catalog.=) 7;
DROP POLICY early ON events;
CREATE POLICY early ON events FOR SELECT USING (aggregate_version OPERATOR(pg_catalog.<) 9);
SET ROLE goes_store_search_path;
SELECT public.goes_append('order', :order, :three, 6);
RESET ROLE;
ALTER TABLE events DISABLE ROW LEVEL SECURITY;
CREATE FUNCTION shop.keep_out() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER keep_out BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION shop.keep_out();
SELECT public.goes_append('order', :order, :new);
SELECT public.goes_append('order', :order, :three);
DROP TRIGGER keep_out ON events;
-- Without the index, with another one, and with guards.
DROP INDEX shop.goes_aggregate;
SELECT public.goes_append('order', :order, :new), public.goes_append('order', :order, :three, -1), public.goes_append('order', :order, :two, 1);
SELECT public.goes_append('order', :order, :new, 3);
CREATE UNIQUE INDEX goes_aggregate ON events (aggregate_name, aggregate_id, aggregate_version DESC);
SELECT public.goes_alter_store('shop.events', 'increasing', true);
SELECT public.goes_append('order', :order, :new), public.goes_append('order', :order, :three), public.goes_append('order', :order, :two, 1);
SELECT public.goes_alter_store('shop.events', 'sequential');
SELECT public.goes_append('order', :order, :new), public.goes_append('order', :order, :three), public.goes_append('order', :order, :two, 1);
SELECT public.goes_insert_batch(ARRAY[public.goes_new_event('a', NULL, 'order', :order, 3)]);
SELECT public.goes_insert_batch(ARRAY[public.goes_new_event('a', NULL, 'order', :order, 100)]);
UPDATE events SET name = 'x';
SELECT public.goes_delete(ARRAY[:order]::pg_catalog.uuid[]);
SET goes_store.allow_changes = on;
UPDATE events SET data = '1';
SELECT public.goes_delete(ARRAY[:order]::pg_catalog.uuid[]);
RESET goes_store.allow_changes;
SELECT public.goes_alter_store('shop.events', 'off', false);

-- Queries: one value, several, ranges, references of all forms, orders.
SELECT pg_catalog.array_agg(pg_catalog.int8range(n, n OPERATOR(pg_catalog.+) 1)) AS ranges FROM pg_catalog.generate_series(0, 200, 2) AS n \gset
SELECT pg_catalog.count(*) FROM public.goes_query();
SELECT pg_catalog.count(*) FROM public.goes_query(names => '{a}', ids => '{019a0000-0000-7000-8000-000000000001}', times => '{1}', time_min => 0, time_max => 1,
    time_ranges => '{"[0,5)"}', aggregate_names => '{order}', aggregate_ids => '{019a0000-0000-7000-8000-00000000000a}', aggregate_versions => '{1}',
    version_min => 1, version_max => 1, version_ranges => '{"(,)"}', aggregates => '{"(order,019a0000-0000-7000-8000-00000000000a)"}',
    sort => '{time,aggregate_name,aggregate_id,aggregate_version desc}', max_events => 5);
SELECT pg_catalog.count(*) FROM public.goes_query(names => '{a,b}', ids => '{019a0000-0000-7000-8000-000000000001,019a0000-0000-7000-8000-000000000002}',
    times => '{1,2}', time_ranges => :'ranges', aggregate_names => '{order,cart}',
    aggregate_ids => '{019a0000-0000-7000-8000-00000000000a,019a0000-0000-7000-8000-00000000000b}', aggregate_versions => '{1,2}',
    version_ranges => '{"[0,3)","[5,7)",empty}', aggregates => '{"(order,019a0000-0000-7000-8000-00000000000a)","(cart,019a0000-0000-7000-8000-00000000000b)"}');
SELECT pg_catalog.count(*) FROM public.goes_query(aggregates => '{"(order,)"}', time_ranges => '{"(0,5)","[7,)"}');
SELECT pg_catalog.count(*) FROM public.goes_query(aggregates => '{"(order,)","(cart,)"}');
SELECT pg_catalog.count(*) FROM public.goes_query(aggregates => '{"(order,019a0000-0000-7000-8000-00000000000a)","(order,019a0000-0000-7000-8000-00000000000b)"}');
SELECT pg_catalog.count(*) FROM public.goes_query(aggregates => '{"(order,019a0000-0000-7000-8000-00000000000a)","(cart,)"}');
SELECT public.goes_count(), public.goes_count(names => '{a,b}', aggregates => '{"(order,019a0000-0000-7000-8000-00000000000a)","(cart,019a0000-0000-7000-8000-00000000000b)"}',
    version_ranges => '{"[0,3)"}', time_ranges => :'ranges');
SELECT (public.goes_find('019a0000-0000-7000-8000-000000000001')).name, public.goes_aggregate_version('order', :order), public.goes_aggregate_version('none', :order);
SELECT pg_catalog.count(*) FROM public.goes_find(NULL);
SELECT aggregate_version, name FROM public.goes_history('order', :order);
SELECT aggregate_version, name FROM public.goes_history('order', :order, 1, 9, 1);
BEGIN;
SELECT public.goes_query_cursor(names => '{a,b}', sort => '{aggregate_version}', portal => 'c');
FETCH 1 FROM c;
COMMIT;
SELECT public.goes_delete('{019a0000-0000-7000-8000-000000000003}'), public.goes_delete('{019a0000-0000-7000-8000-000000000001,019a0000-0000-7000-8000-000000000002}');

-- JSON.
SELECT public.goes_insert_json('[{"name": "a", "id": "019a0000-0000-7000-8000-0000000000e1", "time": 7}, {"name": "b", "time": "2026-11-28T20:00:00.123456789Z"}]');
SELECT public.goes_append_json('cart', :order, '[{"name": "a", "data": {"n": 1}}, {"name": "b", "aggregate_name": "cart", "aggregate_version": 2}]', 0),
       public.goes_append_json('cart', :order, '{"name": "c"}', 2);

-- A table from which others inherit.
CREATE TABLE shop.heir () INHERITS (shop.events);
SELECT public.goes_append('order', :order, :new), public.goes_append('order', :order, :three), public.goes_append('order', :order, :one);
DROP TABLE shop.heir;

-- Snapshots.
SELECT public.goes_snapshot_save('order', :order, 1, '\x01'), public.goes_snapshot_save('order', :order, 1, '\x02'), public.goes_snapshot_save('order', :order, 2, '\x03', 5);
SELECT (public.goes_snapshot_latest('order', :order)).state, (public.goes_snapshot_version('order', :order, 1)).state, (public.goes_snapshot_limit('order', :order, 1)).state;
SELECT aggregate_version FROM public.goes_snapshot_query(times => '{5}', time_min => 0, time_max => 9, time_ranges => :'ranges', aggregate_names => '{order,cart}',
    aggregate_ids => '{019a0000-0000-7000-8000-00000000000a}', aggregate_versions => '{1,2}', version_min => 0, version_max => 5, version_ranges => '{"[0,2)","[2,3)"}',
    aggregates => '{"(order,019a0000-0000-7000-8000-00000000000a)","(cart,)"}', sort => '{time desc}', max_snapshots => 3);
SELECT aggregate_version, name FROM public.goes_load('order', :order) LIMIT 3;
SELECT pg_catalog.count(*) FROM public.goes_load('order', :order, 'none');
SELECT public.goes_snapshot_delete('order', :order, 1), public.goes_snapshot_prune(1), public.goes_snapshot_prune(0);
SELECT public.goes_snapshot_save('order', NULL, 1, '\x01');

-- Models: there, missing, hidden.
SELECT public.goes_model_save('a', '1'), public.goes_model_save('a', '2');
SELECT public.goes_model_fetch('a'), public.goes_model_fetch('b'), public.goes_model_lock('a'), public.goes_model_lock('b'), public.goes_model_lock('b', '3');
SELECT public.goes_model_delete('b'), public.goes_model_delete('b');
ALTER TABLE models ENABLE ROW LEVEL SECURITY;
CREATE POLICY nothing ON models FOR INSERT WITH CHECK (true);
SET ROLE goes_store_search_path;
SELECT public.goes_model_lock('a', '3');
RESET ROLE;

-- The feed: on, followed, held back, rewound, and off.
SELECT public.goes_alter_store('shop.events', feed => true);
SELECT public.goes_insert_batch('{"(019a0000-0000-7000-8000-0000000000f1,a,1,,,,)","(019a0000-0000-7000-8000-0000000000f2,b,2,,,,)"}');
SELECT pg_catalog.max(position) AS last FROM shop.events \gset
SELECT name FROM public.goes_feed(:last OPERATOR(pg_catalog.-) 2, after_id => (SELECT id FROM shop.events WHERE position OPERATOR(pg_catalog.=) (:last OPERATOR(pg_catalog.-) 2)));
SELECT name FROM public.goes_feed(:last OPERATOR(pg_catalog.-) 1, after_id => '019a0000-0000-7000-8000-0000000000f2');
SELECT name FROM public.goes_feed(:last OPERATOR(pg_catalog.-) 2, names => '{a,c}', time_ranges => '{"[0,5)"}', version_ranges => '{"[0,3)"}', aggregates => '{"(order,)","(cart,)"}', max_events => 1);
SELECT pg_catalog.count(*) FROM public.goes_feed_page(:last OPERATOR(pg_catalog.-) 2, names => '{a,c}', time_ranges => '{"[0,5)"}', aggregates => '{"(order,)","(cart,)"}', max_events => 1);
SELECT pg_catalog.length(page) FROM public.goes_feed_page(:last OPERATOR(pg_catalog.-) 2, after_id => (SELECT id FROM shop.events WHERE position OPERATOR(pg_catalog.=) (:last OPERATOR(pg_catalog.-) 2))) AS page;
BEGIN;
INSERT INTO shop.events (id, name, "time") VALUES ('019a0000-0000-7000-8000-0000000000f3', 'c', 3);
SELECT gid, low OPERATOR(pg_catalog.=) :last AS low, state FROM public.goes_feed_writers();
ROLLBACK;
SELECT public.goes_feed_position(wait_ms => 1) OPERATOR(pg_catalog.-) :last AS settled;
SELECT public.goes_feed_settle() OPERATOR(pg_catalog.-) :last AS settled;
SELECT public.goes_feed_position(:last OPERATOR(pg_catalog.+) 1, wait_ms => 1) OPERATOR(pg_catalog.-) :last AS settled;
TRUNCATE shop.events RESTART IDENTITY;
SELECT public.goes_feed_position();
SELECT public.goes_alter_store('shop.events', feed => true);
SELECT public.goes_alter_store('shop.events', feed => false);
-- Switched on where versions do not lie in order, checked and mended.
INSERT INTO shop.events (id, name, "time", aggregate_id, aggregate_name, aggregate_version)
VALUES ('019a0000-0000-7000-8000-0000000000f1', 'a', 1, '019a0000-0000-7000-8000-0000000000aa', 'order', 2),
       ('019a0000-0000-7000-8000-0000000000f2', 'b', 2, '019a0000-0000-7000-8000-0000000000aa', 'order', 1);
SELECT public.goes_alter_store('shop.events', feed => true);
SELECT position, name FROM public.goes_feed();
GRANT INSERT ON shop.events TO goes_store_search_path;
ALTER SEQUENCE shop.events_position_seq CACHE 2;
SELECT problem FROM public.goes_check_store('shop.events');
SELECT remedy FROM public.goes_check_store('shop.events') \gexec
SELECT problem FROM public.goes_check_store('shop.events');
SELECT remedy FROM public.goes_check_store('shop.events') \gexec
SELECT problem FROM public.goes_check_store('shop.events');
SELECT public.goes_alter_store('shop.events', feed => false);

-- Subscriptions: made, claimed, done and failed, tried again, dead workers, parked, unparked, skipped, moved, removed.
SELECT public.goes_create_subscription_store('shop.readers');
SELECT public.goes_alter_store('shop.events', feed => true);
SELECT public.goes_subscribe('all', partitions => 2, max_attempts => 1, backoff_ms => 0, store => 'shop.readers'),
       public.goes_subscribe('all', partitions => 2, max_attempts => 1, backoff_ms => 0, store => 'shop.readers'),
       public.goes_subscribe('some', partitions => 1, start => -1, names => '{a,c}', ids => '{019a0000-0000-7000-8000-0000000000f1}', times => '{1,2}', time_ranges => '{"[0,5)"}',
                             version_ranges => '{"[0,3)"}', aggregates => '{"(order,)","(cart,)"}', store => 'shop.readers');
SELECT public.goes_subscribe('all', partitions => 3, store => 'shop.readers');
SELECT "position", "name" FROM public.goes_claim('all', 'w', 1, store => 'shop.readers');
SELECT "position", "name" FROM public.goes_claim('some', 'w', 1, wait_ms => 1, store => 'shop.readers');
SELECT public.goes_renew('all', "partition", epoch, store => 'shop.readers'), public.goes_release('all', "partition", epoch, store => 'shop.readers')
FROM shop.readers_partitions WHERE worker IS NOT NULL;
SELECT "position", "name" FROM public.goes_claim('all', 'w', 9, store => 'shop.readers');
SELECT public.goes_done('all', "partition", epoch, failed => batch[1:1], errors => '{why}', store => 'shop.readers') FROM shop.readers_partitions WHERE worker IS NOT NULL;
SELECT retrying, parked, waiting FROM public.goes_subscription_lag('shop.readers') WHERE parked OPERATOR(pg_catalog.>) 0;
SELECT "position", error, waiting, name FROM public.goes_parked('all', 'shop.readers');
SELECT public.goes_unpark('all', store => 'shop.readers');
SELECT "position", "name" FROM public.goes_claim('all', 'w', 9, store => 'shop.readers');
-- Its worker dies, three times.
UPDATE shop.readers_partitions SET lease_until = '-infinity' WHERE worker IS NOT NULL;
SELECT "position", attempts FROM public.goes_claim('all', 'w', 9, store => 'shop.readers');
UPDATE shop.readers_partitions SET lease_until = '-infinity' WHERE worker IS NOT NULL;
SELECT "position", attempts FROM public.goes_claim('all', 'w', 9, store => 'shop.readers');
UPDATE shop.readers_partitions SET lease_until = '-infinity' WHERE worker IS NOT NULL;
SELECT "position", attempts FROM public.goes_claim('all', 'w', 9, store => 'shop.readers');
SELECT "position", error, waiting, name FROM public.goes_parked('all', 'shop.readers');
-- What comes behind a held event, and what was deleted.
INSERT INTO shop.events (id, name, "time", aggregate_id, aggregate_name, aggregate_version)
VALUES ('019a0000-0000-7000-8000-0000000000f3', 'c', 3, '019a0000-0000-7000-8000-0000000000aa', 'order', 3);
SELECT "position", "name" FROM public.goes_claim('all', 'w', 9, store => 'shop.readers');
SELECT public.goes_skip('all', pg_catalog.array_agg("position"), 'shop.readers') FROM public.goes_parked('all', 'shop.readers');
SELECT "position", "name" FROM public.goes_claim('all', 'w', 9, store => 'shop.readers');
SELECT public.goes_rewind('all', 1, 'shop.readers');
DROP TABLE shop.readers_retries;
SELECT problem, remedy FROM public.goes_check_store('shop.events');
SELECT public.goes_create_subscription_store('shop.readers');
SELECT public.goes_alter_store('shop.events', feed => false);
SELECT public.goes_unsubscribe('all', 'shop.readers'), public.goes_unsubscribe('some', 'shop.readers');
SELECT public.goes_alter_store('shop.events', feed => false);

-- What a standby is asked.
SELECT public.goes_wait_for(public.goes_write_token('shop.events')), public.goes_in_transaction_block();

-- What mends tables of others, with the rows that they have.
CREATE TABLE shop.first (id pg_catalog.text, name pg_catalog.bytea, "time" pg_catalog.timestamptz, aggregate_id pg_catalog.bytea,
    aggregate_name pg_catalog.int4, aggregate_version pg_catalog.numeric, data pg_catalog.bytea);
INSERT INTO shop.first VALUES ('019a0000-0000-7000-8000-000000000001', '\x61', '2026-01-01 00:00:00+00', '\x019a00000000700080000000000000aa', 7, 3.0, '\x5b5d');
CREATE TABLE shop.second (name pg_catalog.bpchar(5), "time" pg_catalog.float8, aggregate_id pg_catalog.varchar, aggregate_name pg_catalog.varchar(20),
    aggregate_version pg_catalog.int8, data pg_catalog.int4);
INSERT INTO shop.second VALUES ('a', 3, '019a0000-0000-7000-8000-000000000001', 'order', 3, 4);
SELECT remedy FROM public.goes_check_store('shop.first') WHERE remedy IS NOT NULL \gexec
SELECT remedy FROM public.goes_check_store('shop.second') WHERE remedy IS NOT NULL \gexec
SELECT remedy FROM public.goes_check_store('shop.first') WHERE remedy IS NOT NULL \gexec
SELECT remedy FROM public.goes_check_store('shop.second') WHERE remedy IS NOT NULL \gexec
SELECT * FROM public.goes_check_store('shop.first');
SELECT * FROM public.goes_check_store('shop.second');
TABLE shop.first;

-- More indexes: at the top level, and inside of a transaction block.
CALL public.goes_create_index('name_time', 'shop.first');
BEGIN;
CALL public.goes_create_index('aggregate_name_time', 'shop.first');
CALL public.goes_create_index('aggregate_version', 'shop.first');
COMMIT;
CALL public.goes_create_index('name_time', 'shop.first');

-- Nothing was caught, and no function of the extension was left out.
SET search_path = pg_catalog;
RESET track_functions;
SELECT is_called FROM hostile.evidence;
SELECT pg_stat_force_next_flush();
SELECT p.oid::regprocedure AS not_called
FROM pg_depend AS d
JOIN pg_proc AS p ON p.oid = d.objid
LEFT JOIN pg_stat_user_functions AS called ON called.funcid = p.oid
WHERE d.classid = 'pg_proc'::regclass AND d.deptype = 'e' AND d.refclassid = 'pg_extension'::regclass
  AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'goes_store')
  AND 'internal'::regtype <> ALL (p.proargtypes) -- the planner calls those, by their address
  AND coalesce(called.calls, 0) = 0;

-- Nor is anything caught when the extension is made, with all of that before pg_catalog.
SET client_min_messages = warning;
DROP EXTENSION goes_store CASCADE;
SET search_path = hostile, pg_catalog, public;
CREATE EXTENSION goes_store SCHEMA public;
SET search_path = pg_catalog;
SELECT is_called FROM hostile.evidence;
SELECT (public.goes_new_event('a')).name, public.goes_create_store('shop.last');

DROP OWNED BY goes_store_search_path;
\c :contrib_database
DROP DATABASE goes_store_search_path;
DROP ROLE goes_store_search_path;
