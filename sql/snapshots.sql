-- Snapshots: save, latest, version, limit, delete, prune.
CREATE SCHEMA snapshots;
SET search_path = snapshots, public;
SELECT goes_create_snapshot_store();

CREATE FUNCTION uuid_of(text) RETURNS uuid LANGUAGE sql IMMUTABLE
RETURN lpad($1, 32, '0')::uuid;

-- A snapshot is stored with its time, or the current one.
SELECT goes_snapshot_save('order', uuid_of('a'), 10, '\x0a', 100);
SELECT goes_snapshot_save('order', uuid_of('a'), 20, '\x14', 200);
SELECT goes_snapshot_save('order', uuid_of('a'), 30, '\x1e', 300);
SELECT goes_snapshot_save('order', uuid_of('b'), 5, '\x05', 150);
SELECT goes_snapshot_save('cart', uuid_of('a'), 0, '\x00', 50);
SELECT goes_snapshot_save('cart', uuid_of('c'), -2147483648, '\x01', -9223372036854775808);
SELECT goes_snapshot_save('cart', uuid_of('c'), 2147483647, '\x02', 9223372036854775807);
SELECT goes_snapshot_save('now', uuid_of('a'), 1, '');
SELECT aggregate_version, state, abs(goes_now() - "time") < 60e9 AS is_now FROM goes_snapshot_latest('now', uuid_of('a'));

-- The same version again replaces state and time, and nothing else.
SELECT goes_snapshot_save('order', uuid_of('a'), 20, '\xff', 250);
SELECT * FROM snapshots WHERE aggregate_name <> 'now' ORDER BY aggregate_name, aggregate_id, aggregate_version;

-- The newest, exactly that version, the newest at or below a version; or no row.
SELECT * FROM goes_snapshot_latest('order', uuid_of('a'));
SELECT * FROM goes_snapshot_latest('order', uuid_of('b'));
SELECT * FROM goes_snapshot_latest('cart', uuid_of('b'));
SELECT * FROM goes_snapshot_latest('', uuid_of('0'));
SELECT * FROM goes_snapshot_version('order', uuid_of('a'), 20);
SELECT * FROM goes_snapshot_version('order', uuid_of('a'), 21);
SELECT * FROM goes_snapshot_version(aggregate_name => 'cart', aggregate_id => uuid_of('a'), version => 0);
SELECT wanted, aggregate_version
FROM unnest('{-2147483648,9,10,11,29,30,2147483647}'::integer[]) AS wanted
LEFT JOIN LATERAL goes_snapshot_limit('order', uuid_of('a'), wanted) ON true;
SELECT aggregate_version FROM goes_snapshot_limit('cart', uuid_of('c'), 2147483646);

-- A literal is read as bytea, for which a backslash is special; convert_to takes a text as it is.
SELECT goes_snapshot_save('text', uuid_of('a'), 1, '{"path": "C:\\temp"}'),
       goes_snapshot_save('text', uuid_of('a'), 2, convert_to('{"path": "C:\\temp"}', 'UTF8'));
SELECT aggregate_version, convert_from(state, 'UTF8') FROM snapshots WHERE aggregate_name = 'text' ORDER BY aggregate_version;
SELECT goes_snapshot_save('text', uuid_of('a'), 3, '{"lines": "a\nb"}');
\echo :SQLSTATE
DELETE FROM snapshots WHERE aggregate_name = 'text';

-- Any bytes, of any size.
CREATE TABLE states AS
SELECT row_number() OVER () AS n, state
FROM (VALUES (''::bytea),
             ('\x00'),
             (decode(repeat('00', 65536), 'hex')),
             ((SELECT string_agg(set_byte('\x00', 0, b), '' ORDER BY b) FROM generate_series(0, 255) AS b)),
             ((SELECT string_agg(sha512(b::text::bytea), '' ORDER BY b) FROM generate_series(1, 1024) AS b)),
             ((SELECT string_agg(sha512(b::text::bytea), '' ORDER BY b) FROM generate_series(1, 16384) AS b))
     ) AS states (state);
SELECT count(goes_snapshot_save('bytes', uuid_of('a'), n::integer, state)) FROM states;
SELECT n, length(states.state), s.state = states.state AS is_same, length(l.state) AS newest
FROM states
CROSS JOIN LATERAL goes_snapshot_version('bytes', uuid_of('a'), n::integer) AS s
CROSS JOIN LATERAL goes_snapshot_limit('bytes', uuid_of('a'), n::integer) AS l
ORDER BY n;

-- What cannot be stored.
SELECT goes_snapshot_save(NULL, uuid_of('a'), 1, '');
\echo :SQLSTATE
SELECT goes_snapshot_save('order', NULL, 1, '');
\echo :SQLSTATE
SELECT goes_snapshot_save('order', uuid_of('a'), NULL, '');
\echo :SQLSTATE
SELECT goes_snapshot_save('order', uuid_of('a'), 1, NULL);
\echo :SQLSTATE
SELECT goes_snapshot_save('', uuid_of('a'), 1, '');
\echo :SQLSTATE
SELECT goes_snapshot_save('order', uuid_of('0'), 1, '');
\echo :SQLSTATE
SELECT goes_snapshot_save(repeat('ä', 256), uuid_of('a'), 1, '');
\echo :SQLSTATE
SELECT goes_snapshot_save(repeat('ä', 255), uuid_of('a'), 1, '');
SELECT length(aggregate_name) FROM goes_snapshot_latest(repeat('ä', 255), uuid_of('a'));

-- What is asked for has to be said.
SELECT * FROM goes_snapshot_latest(NULL, uuid_of('a'));
\echo :SQLSTATE
SELECT * FROM goes_snapshot_latest('order', NULL);
\echo :SQLSTATE
SELECT * FROM goes_snapshot_version('order', uuid_of('a'), NULL);
\echo :SQLSTATE
SELECT * FROM goes_snapshot_limit('order', uuid_of('a'), NULL);
\echo :SQLSTATE
SELECT goes_snapshot_delete('order', uuid_of('a'), NULL);
\echo :SQLSTATE

-- Stores by name; one that is missing, and one that does not fit.
SELECT goes_create_snapshot_store('others');
SELECT goes_snapshot_save('order', uuid_of('a'), 7, '\x07', 1, store => 'others');
SELECT aggregate_version FROM goes_snapshot_latest('order', uuid_of('a'), 'snapshots.others');
SELECT goes_snapshot_save('order', uuid_of('a'), 7, '\x07', store => 'missing');
\echo :SQLSTATE
SELECT * FROM goes_snapshot_latest('order', uuid_of('a'), 'missing');
SELECT * FROM goes_snapshot_version('order', uuid_of('a'), 1, 'missing');
SELECT * FROM goes_snapshot_limit('order', uuid_of('a'), 1, 'missing');
SELECT * FROM goes_snapshot_query(store => 'missing');
SELECT goes_snapshot_delete('order', uuid_of('a'), 1, 'missing');
SELECT goes_snapshot_prune(1, 'missing');
SET search_path = snapshots;
SELECT * FROM public.goes_snapshot_latest('order', uuid_of('a'), 'missing');
SET search_path = snapshots, public;
SELECT * FROM goes_snapshot_latest('order', uuid_of('a'), 'states');
\echo :SQLSTATE

-- Without its key a table could hold two snapshots of one version.
ALTER TABLE others DROP CONSTRAINT others_pkey;
SELECT goes_snapshot_save('order', uuid_of('a'), 7, '\x07', 1, store => 'others');
\echo :SQLSTATE
DROP TABLE others;

-- A trigger must not keep a snapshot out in silence.
CREATE FUNCTION ignore() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NULL; END$$;
CREATE TRIGGER ignore BEFORE INSERT ON snapshots FOR EACH ROW EXECUTE FUNCTION ignore();
SELECT goes_snapshot_save('order', uuid_of('a'), 31, '');
\echo :SQLSTATE
DROP TRIGGER ignore ON snapshots;

-- Delete tells whether there was one.
SELECT goes_snapshot_delete('order', uuid_of('a'), 20), goes_snapshot_delete('order', uuid_of('a'), 21);
SELECT goes_snapshot_delete('order', uuid_of('a'), 20);
SELECT array_agg(aggregate_version ORDER BY aggregate_version) FROM snapshots WHERE aggregate_name = 'order' AND aggregate_id = uuid_of('a');

-- Prune keeps the newest of every aggregate.
TRUNCATE snapshots;
CREATE FUNCTION fill() RETURNS bigint LANGUAGE sql AS $$
    SELECT count(goes_snapshot_save(name, uuid_of(id), version, ''))
    FROM (VALUES ('one', 'a', 1), ('two', 'a', 2), ('two', 'b', 3), ('many', 'c', 4)) AS aggregates (name, id, snapshots),
         generate_series(-1, snapshots - 2) AS version;
$$;
CREATE VIEW kept AS
SELECT aggregate_name, aggregate_id, array_agg(aggregate_version ORDER BY aggregate_version) AS versions
FROM snapshots
GROUP BY aggregate_name, aggregate_id
ORDER BY aggregate_name, aggregate_id;
SELECT fill();
SELECT goes_snapshot_prune(NULL);
\echo :SQLSTATE
SELECT goes_snapshot_prune(-1);
\echo :SQLSTATE
SELECT goes_snapshot_prune(2147483647);
SELECT goes_snapshot_prune(4);
SELECT goes_snapshot_prune(2);
TABLE kept;
SELECT goes_snapshot_prune(2), goes_snapshot_prune(keep => 1);
TABLE kept;
SELECT goes_snapshot_prune(0);
TABLE kept;
SELECT goes_snapshot_prune(0);

-- In more batches than one, inside a statement that sees what it did, and undone with its transaction.
SELECT count(goes_snapshot_save('batch', uuid_of((n % 7)::text || 'f'), n, '')) FROM generate_series(1, 25000) AS n;
BEGIN;
SELECT goes_snapshot_prune(3);
SELECT count(*), min(aggregate_version) FROM snapshots;
SELECT name FROM pg_cursors;
ROLLBACK;
SELECT count(*) FROM snapshots;
SELECT goes_snapshot_prune(1), goes_snapshot_prune(0);

-- Only the table itself: the rows of one that inherits lie at places of the same numbers.
CREATE TABLE child () INHERITS (snapshots);
INSERT INTO child VALUES (uuid_of('a'), 'child', 1, 0, ''), (uuid_of('a'), 'child', 2, 0, '');
SELECT count(goes_snapshot_save('parent', uuid_of('a'), n, '')) FROM generate_series(1, 3) AS n;
SELECT goes_snapshot_prune(1);
SELECT tableoid::regclass, aggregate_name, aggregate_version FROM snapshots ORDER BY 2, 3;
DROP TABLE child;

-- The newest, and the newest up to a version, are the first entry of one walk along the key: a scan of the index and
-- a row for each call, also by a plan that was kept from when the table was a block.
SELECT goes_create_snapshot_store('large');
INSERT INTO large VALUES (uuid_of('1'), 'large', 1, 1, '');
VACUUM ANALYZE large;
SELECT * FROM goes_snapshot_latest('large', uuid_of('1'), 'large');
SELECT * FROM goes_snapshot_limit('large', uuid_of('1'), 50, 'large');
SELECT goes_snapshot_prune(0, 'large');
INSERT INTO large
SELECT uuid_of(a::text), 'large', v, v, '\x00' FROM generate_series(0, 999) AS a, generate_series(1, 100) AS v;
CREATE FUNCTION reads(OUT index_scans bigint, OUT index_entries bigint, OUT rows_fetched bigint, OUT table_scans bigint)
LANGUAGE sql AS $$
    SELECT pg_stat_get_xact_numscans(i.oid), pg_stat_get_xact_tuples_returned(i.oid),
           pg_stat_get_xact_tuples_fetched(i.oid), pg_stat_get_xact_numscans(t.oid)
    FROM pg_class AS t, pg_class AS i
    WHERE t.oid = 'large'::regclass AND i.oid = 'large_pkey'::regclass
$$;
BEGIN;
SELECT * FROM reads() \gset before_
SELECT aggregate_version FROM goes_snapshot_latest('large', uuid_of('77'), 'large');
SELECT aggregate_version FROM goes_snapshot_limit('large', uuid_of('78'), 50, 'large');
SELECT index_scans - :before_index_scans AS index_scans, index_entries - :before_index_entries AS index_entries,
       rows_fetched - :before_rows_fetched AS rows_fetched, table_scans - :before_table_scans AS table_scans
FROM reads();
COMMIT;

-- So is what prune removes: by its place, whatever plan was kept.
BEGIN;
SELECT * FROM reads() \gset before_
SELECT goes_snapshot_prune(60, 'large');
SELECT table_scans - :before_table_scans AS table_scans FROM reads();
COMMIT;

SET client_min_messages = warning;
DROP SCHEMA snapshots CASCADE;
