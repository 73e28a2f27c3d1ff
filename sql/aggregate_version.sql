-- The newest version of an aggregate is what a query finds, whether one is run or not.
CREATE SCHEMA aggregate_version;
SET search_path = aggregate_version, public;
\set SHOW_CONTEXT never
\set order '''019a0000-0000-7000-8000-00000000000a'''
SELECT goes_create_store();

-- What the function finds, and what a query does.
CREATE FUNCTION newest(of_name text = 'order') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    found integer = (SELECT coalesce(max(aggregate_version), 0)
                     FROM events
                     WHERE aggregate_id = '019a0000-0000-7000-8000-00000000000a' AND aggregate_name = of_name);
BEGIN
    RETURN concat_ws(', ', goes_aggregate_version(of_name, '019a0000-0000-7000-8000-00000000000a'), found);
END
$$;
SELECT newest();
INSERT INTO events
SELECT gen_random_uuid(), 'x', 0, :order, 'order', version
FROM unnest('{1,2,3,4,5,NULL,NULL}'::integer[]) AS version;
SELECT newest(), newest('orde'), newest('orders');
DELETE FROM events WHERE aggregate_version = 5;
UPDATE events SET "time" = 1 WHERE aggregate_version = 4;
BEGIN;
INSERT INTO events SELECT gen_random_uuid(), 'x', 0, :order, 'order', version FROM generate_series(5, 9) AS version;
SELECT newest();
ROLLBACK;
SELECT newest();

-- What the same statement has stored is there for the append, and not for its own query.
WITH stored AS (INSERT INTO events VALUES (gen_random_uuid(), 'x', 0, :order, 'order', 5) RETURNING aggregate_version)
SELECT aggregate_version, goes_append('order', :order, ARRAY[goes_new_event('x')], 5) FROM stored;
WITH stored AS (INSERT INTO events VALUES (gen_random_uuid(), 'x', 0, :order, 'order', 7) RETURNING aggregate_version)
SELECT aggregate_version, goes_aggregate_version('order', :order) FROM stored;

-- A name that comes compressed out of another table.
CREATE TEMPORARY TABLE names (name text, fill text);
ALTER TABLE names ALTER fill SET STORAGE PLAIN;
INSERT INTO names VALUES (repeat('名', 255), repeat('x', 1500)), (repeat('名', 254) || '前', repeat('x', 1500));
SELECT max(pg_column_size(name)) < 100 AS is_compressed FROM names;
SELECT goes_append(name, :order, ARRAY[goes_new_event('x'), goes_new_event('y')]) FROM names LIMIT 1;
SELECT newest(name) FROM names;

-- Who may read some columns only.
CREATE ROLE aggregate_version_reader;
GRANT USAGE ON SCHEMA aggregate_version TO aggregate_version_reader;
GRANT INSERT, SELECT (id, name, "time", data, aggregate_id, aggregate_name) ON events TO aggregate_version_reader;
SET ROLE aggregate_version_reader;
SELECT goes_aggregate_version('order', :order);
\echo :SQLSTATE
SELECT goes_append('order', :order, ARRAY[goes_new_event('x')]);
\echo :SQLSTATE
RESET ROLE;
GRANT SELECT (aggregate_version) ON events TO aggregate_version_reader;
SET ROLE aggregate_version_reader;
SELECT newest(), goes_append('order', :order, ARRAY[goes_new_event('x')], 7);
-- Who may read some rows only.
RESET ROLE;
ALTER TABLE events ENABLE ROW LEVEL SECURITY;
CREATE POLICY early ON events USING (aggregate_version < 3);
GRANT SELECT ON events TO aggregate_version_reader;
SELECT newest();
SET ROLE aggregate_version_reader;
SELECT newest();
SET row_security = off;
SELECT goes_aggregate_version('order', :order);
\echo :SQLSTATE
RESET row_security;
RESET ROLE;
DROP POLICY early ON events;
ALTER TABLE events DISABLE ROW LEVEL SECURITY;

-- Without the index, and with the newest first in it. Rows that changed keep queries with an older snapshot from an index that is made now.
DROP INDEX goes_aggregate;
SELECT newest(), goes_append('order', :order, ARRAY[goes_new_event('x')], 8);
UPDATE events SET data = '1';
CREATE UNIQUE INDEX goes_aggregate ON events (aggregate_name, aggregate_id, aggregate_version DESC);
SELECT newest(), goes_append('order', :order, ARRAY[goes_new_event('x')], 9);
VACUUM events;
REINDEX INDEX goes_aggregate;
SELECT newest(), goes_append('order', :order, ARRAY[goes_new_event('x')], 10);

-- A table that inherits from the store's has some of its events.
CREATE TABLE child () INHERITS (events);
INSERT INTO child VALUES (gen_random_uuid(), 'x', 0, :order, 'order', 12);
SELECT newest(), goes_append('order', :order, ARRAY[goes_new_event('x')], 12);
DROP TABLE child;
SELECT newest();

-- What is gone is asked about once, and then the index skips it. Nobody else may see rows of a temporary table.
CREATE TEMPORARY TABLE gone (LIKE events INCLUDING ALL);
INSERT INTO gone
SELECT gen_random_uuid(), 'x', 0, :order, 'order', version, to_jsonb(repeat('x', 1000))
FROM generate_series(1, 1000) AS version;
DELETE FROM gone WHERE aggregate_version > 1;
CREATE FUNCTION pages_read(query text) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    plan json;
BEGIN
    EXECUTE 'EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ' || query INTO plan;
    RETURN plan -> 0 -> 'Plan' -> 'Local Hit Blocks';
END $$;
SELECT goes_aggregate_version('order', :order, 'gone');
SELECT pages_read($$SELECT goes_aggregate_version('order', '019a0000-0000-7000-8000-00000000000a', 'gone')$$) < 50 AS is_skipped;

-- While a table is rewritten, its index is about the old rows: a function that is a key of another index does not get them.
CREATE TABLE moved (LIKE events);
INSERT INTO moved SELECT gen_random_uuid(), 'x', 0, :order, 'order', version FROM generate_series(1, 1000) AS version;
CREATE FUNCTION newest_of_moved(uuid) RETURNS integer IMMUTABLE LANGUAGE sql
RETURN goes_aggregate_version('order', '019a0000-0000-7000-8000-00000000000a', 'aggregate_version.moved');
CREATE INDEX ON moved (newest_of_moved(id)) WHERE aggregate_version = 1000;
CREATE UNIQUE INDEX ON moved (aggregate_id, aggregate_name, aggregate_version);
DELETE FROM moved WHERE aggregate_version BETWEEN 2 AND 999;
VACUUM FULL moved;
\echo :SQLSTATE

SET client_min_messages = warning;
DROP SCHEMA aggregate_version CASCADE;
DROP ROLE aggregate_version_reader;
