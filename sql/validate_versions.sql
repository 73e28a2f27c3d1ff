-- The guard validate_versions holds every writer to the versions that come next.
CREATE SCHEMA validate_versions;
SET search_path = validate_versions, public;
\set SHOW_CONTEXT never
SELECT goes_create_store();
\set a '''019a0000-0000-7000-8000-00000000000a'''
\set b '''019a0000-0000-7000-8000-00000000000b'''
CREATE FUNCTION event(aggregate_name text, aggregate_id uuid, version integer) RETURNS goes_event LANGUAGE sql
RETURN goes_new_event('added', NULL, aggregate_name, aggregate_id, version);
-- The versions of each aggregate, to see what is stored.
CREATE VIEW stored AS
SELECT aggregate_name AS name, right(aggregate_id::text, 1) AS id, array_agg(aggregate_version ORDER BY aggregate_version) AS versions
FROM events
GROUP BY aggregate_name, aggregate_id
ORDER BY 1, 2;

SELECT goes_alter_store(validate_versions => 'sequential');

-- A plain INSERT, one row each, as goes sends it.
INSERT INTO events VALUES (gen_random_uuid(), 'first', 0, :a, 'order', 2);
\echo :SQLSTATE
INSERT INTO events VALUES (gen_random_uuid(), 'first', 0, :a, 'order', 0);
\echo :SQLSTATE
INSERT INTO events VALUES (gen_random_uuid(), 'first', 0, :a, 'order', 1);
INSERT INTO events VALUES (gen_random_uuid(), 'second', 0, :a, 'order', 2);
INSERT INTO events VALUES (gen_random_uuid(), 'fourth', 0, :a, 'order', 4);
\echo :SQLSTATE
INSERT INTO events VALUES (gen_random_uuid(), 'first', 0, :a, 'order', -1);
\echo :SQLSTATE
-- A version that is taken is PostgreSQL's error, as without the guard.
INSERT INTO events VALUES (gen_random_uuid(), 'second', 0, :a, 'order', 2);
\echo :SQLSTATE

-- Several rows of several aggregates, in any order.
INSERT INTO events VALUES
    (gen_random_uuid(), 'x', 0, :a, 'order', 5),
    (gen_random_uuid(), 'x', 0, :b, 'cart', 2),
    (gen_random_uuid(), 'x', 0, :a, 'order', 3),
    (gen_random_uuid(), 'x', 0, :b, 'order', 1),
    (gen_random_uuid(), 'x', 0, :b, 'cart', 1),
    (gen_random_uuid(), 'x', 0, :a, 'order', 4),
    (gen_random_uuid(), 'x', 0, :a, 'cart', 1);
TABLE stored;

-- The first offending row is reported, by its place in the statement, and nothing is stored.
INSERT INTO events VALUES
    (gen_random_uuid(), 'x', 0, :a, 'order', 6),
    (gen_random_uuid(), 'x', 0, :b, 'order', 4),
    (gen_random_uuid(), 'x', 0, :a, 'cart', 9);
\echo :SQLSTATE
INSERT INTO events VALUES
    (gen_random_uuid(), 'x', 0, :a, 'order', 6),
    (gen_random_uuid(), 'x', 0, :b, 'order', 2),
    (gen_random_uuid(), 'x', 0, :a, 'cart', 9),
    (gen_random_uuid(), 'x', 0, :b, 'order', 4);
\echo :SQLSTATE
INSERT INTO events VALUES
    (gen_random_uuid(), 'x', 0, :a, 'order', 9),
    (gen_random_uuid(), 'x', 0, :a, 'order', 7),
    (gen_random_uuid(), 'x', 0, :a, 'order', 6);
\echo :SQLSTATE
TABLE stored;

-- Rows with a null among the three are free.
INSERT INTO events VALUES
    (gen_random_uuid(), 'x', 0, NULL, NULL, NULL), (gen_random_uuid(), 'x', 0, NULL, NULL, 7),
    (gen_random_uuid(), 'x', 0, NULL, 'order', 7), (gen_random_uuid(), 'x', 0, :a, NULL, 7),
    (gen_random_uuid(), 'x', 0, :a, 'order', NULL), (gen_random_uuid(), 'x', 0, :a, 'order', NULL);
-- They count as rows, and are not the aggregate's newest.
INSERT INTO events VALUES
    (gen_random_uuid(), 'x', 0, NULL, NULL, NULL),
    (gen_random_uuid(), 'x', 0, :a, 'order', 9);
\echo :SQLSTATE
DELETE FROM events WHERE aggregate_id IS NULL OR aggregate_name IS NULL OR aggregate_version IS NULL;

-- COPY.
COPY events (id, name, "time", aggregate_id, aggregate_name, aggregate_version, data) FROM stdin;
019a0000-0000-7000-8000-000000000001	copied	0	019a0000-0000-7000-8000-00000000000a	order	7	{}
019a0000-0000-7000-8000-000000000002	copied	0	019a0000-0000-7000-8000-00000000000a	order	6	{}
019a0000-0000-7000-8000-000000000003	copied	0	\N	\N	\N	{}
\.
COPY events (id, name, "time", aggregate_id, aggregate_name, aggregate_version, data) FROM stdin;
019a0000-0000-7000-8000-000000000004	copied	0	019a0000-0000-7000-8000-00000000000a	order	8	{}
019a0000-0000-7000-8000-000000000005	copied	0	019a0000-0000-7000-8000-00000000000a	order	10	{}
\.
DELETE FROM events WHERE aggregate_id IS NULL;

-- The extension's own functions.
SELECT goes_insert_batch(ARRAY[event('order', :a, 9), goes_new_event('alone'), event('cart', :a, 2), event('order', :a, 8)]);
SELECT goes_insert_batch(ARRAY[event('order', :a, 10), event('cart', :a, 4)]);
\echo :SQLSTATE
SELECT goes_append('order', :a, ARRAY[goes_new_event('appended'), goes_new_event('appended')], 9);
SELECT goes_append('new', :a, ARRAY[goes_new_event('appended'), goes_new_event('appended')], 0);
DELETE FROM events WHERE aggregate_id IS NULL;
TABLE stored;

-- A statement that stores nothing, and one that skips what is taken.
INSERT INTO events SELECT * FROM events WHERE false;
INSERT INTO events VALUES (gen_random_uuid(), 'x', 0, :a, 'new', 2), (gen_random_uuid(), 'x', 0, :a, 'new', 3) ON CONFLICT DO NOTHING;
INSERT INTO events VALUES (gen_random_uuid(), 'x', 0, :a, 'new', 2), (gen_random_uuid(), 'x', 0, :a, 'new', 5) ON CONFLICT DO NOTHING;
\echo :SQLSTATE
MERGE INTO events USING (VALUES (3), (4)) AS source (version)
ON aggregate_id = :a AND aggregate_name = 'new' AND aggregate_version = source.version
WHEN MATCHED THEN DO NOTHING
WHEN NOT MATCHED THEN INSERT VALUES (gen_random_uuid(), 'merged', 0, :a, 'new', source.version);
MERGE INTO events USING (VALUES (4), (6)) AS source (version)
ON aggregate_id = :a AND aggregate_name = 'new' AND aggregate_version = source.version
WHEN MATCHED THEN UPDATE SET name = 'updated'
WHEN NOT MATCHED THEN INSERT VALUES (gen_random_uuid(), 'merged', 0, :a, 'new', source.version);
\echo :SQLSTATE
-- One statement may insert twice.
WITH one AS (INSERT INTO events VALUES (gen_random_uuid(), 'x', 0, :a, 'new', 6)),
     two AS (INSERT INTO events VALUES (gen_random_uuid(), 'x', 0, :a, 'new', 5))
SELECT 'both' AS inserted;
WITH one AS (INSERT INTO events VALUES (gen_random_uuid(), 'x', 0, :a, 'new', 7)),
     two AS (INSERT INTO events VALUES (gen_random_uuid(), 'x', 0, :a, 'new', 9))
SELECT 'both' AS inserted;
\echo :SQLSTATE
PREPARE add(integer) AS INSERT INTO events VALUES (gen_random_uuid(), 'x', 0, :a, 'new', $1);
EXECUTE add(7);
EXECUTE add(9);
\echo :SQLSTATE
TABLE stored;

-- In a transaction each statement is checked, and a savepoint takes its versions back.
BEGIN;
EXECUTE add(8);
SAVEPOINT one;
EXECUTE add(9);
ROLLBACK TO one;
EXECUTE add(10);
\echo :SQLSTATE
ROLLBACK TO one;
EXECUTE add(9);
COMMIT;
BEGIN ISOLATION LEVEL REPEATABLE READ;
EXECUTE add(10);
EXECUTE add(12);
\echo :SQLSTATE
ROLLBACK;
BEGIN ISOLATION LEVEL SERIALIZABLE;
EXECUTE add(10);
COMMIT;
DO $$
BEGIN
    INSERT INTO events VALUES (gen_random_uuid(), 'x', 0, '019a0000-0000-7000-8000-00000000000a', 'new', 12);
EXCEPTION WHEN SQLSTATE 'VE001' THEN
    INSERT INTO events VALUES (gen_random_uuid(), 'x', 0, '019a0000-0000-7000-8000-00000000000a', 'new', 11);
END
$$;

-- To delete the newest event frees its number; a gap that is there is not looked at.
DELETE FROM events WHERE aggregate_name = 'new' AND aggregate_version IN (11, 3);
EXECUTE add(12);
\echo :SQLSTATE
EXECUTE add(3);
\echo :SQLSTATE
EXECUTE add(11);
-- UPDATE is not validated.
UPDATE events SET aggregate_version = 20 WHERE aggregate_name = 'new' AND aggregate_version = 11;
EXECUTE add(21);
SELECT versions FROM stored WHERE name = 'new';

-- Without the guard anything goes, and what is there then is where it goes on.
SELECT goes_alter_store(validate_versions => 'off');
EXECUTE add(30);
EXECUTE add(25);
SELECT goes_alter_store(validate_versions => 'sequential');
EXECUTE add(26);
\echo :SQLSTATE
EXECUTE add(31);
TRUNCATE events;
EXECUTE add(1);
TRUNCATE events;

-- "increasing": gaps are fine, and any first version.
SELECT goes_alter_store(validate_versions => 'increasing');
EXECUTE add(-5);
EXECUTE add(0);
EXECUTE add(7);
EXECUTE add(6);
\echo :SQLSTATE
EXECUTE add(-2147483648);
\echo :SQLSTATE
EXECUTE add(7);
\echo :SQLSTATE
INSERT INTO events VALUES
    (gen_random_uuid(), 'x', 0, :a, 'new', 2147483647),
    (gen_random_uuid(), 'x', 0, :b, 'new', -2147483648),
    (gen_random_uuid(), 'x', 0, :a, 'new', 10);
INSERT INTO events VALUES
    (gen_random_uuid(), 'x', 0, :b, 'new', 5),
    (gen_random_uuid(), 'x', 0, :a, 'new', 9),
    (gen_random_uuid(), 'x', 0, :b, 'new', 4);
\echo :SQLSTATE
SELECT goes_append('new', :b, ARRAY[goes_new_event('x')], -1);
TABLE stored;
TRUNCATE events;

-- Many aggregates in one statement, shuffled: each by its own lock up to 64, then by the table's.
INSERT INTO events
SELECT gen_random_uuid(), 'x', 0, lpad((n % 64)::text, 32, '0')::uuid, 'many', n
FROM generate_series(1, 640) AS n
ORDER BY md5(n::text);
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid();
BEGIN;
INSERT INTO events SELECT gen_random_uuid(), 'x', 0, lpad(n::text, 32, '0')::uuid, 'many', 641 FROM generate_series(1, 64) AS n;
SELECT mode, count(*) > 1 AS is_many FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() GROUP BY 1 ORDER BY 1;
ROLLBACK;
BEGIN;
INSERT INTO events SELECT gen_random_uuid(), 'x', 0, lpad(n::text, 32, '0')::uuid, 'many', 641 FROM generate_series(1, 65) AS n;
SELECT mode, count(*) > 1 AS is_many FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() GROUP BY 1 ORDER BY 1;
ROLLBACK;
INSERT INTO events
SELECT gen_random_uuid(), 'x', 0, lpad(n::text, 32, '0')::uuid, 'many', CASE n WHEN 77 THEN 5 ELSE 641 END
FROM generate_series(1, 100) AS n;
INSERT INTO events
SELECT gen_random_uuid(), 'x', 0, lpad(n::text, 32, '0')::uuid, 'many', CASE n WHEN 77 THEN 4 ELSE 642 END
FROM generate_series(1, 100) AS n;
\echo :SQLSTATE

-- As many aggregates as a transaction likes, under every lock at once.
SELECT count(goes_append('order', lpad(n::text, 32, '0')::uuid, ARRAY[goes_new_event('a')], 0)) FROM generate_series(1, 20000) AS n;
TRUNCATE events;

-- Large statements of mixed aggregates, and large events.
SELECT goes_alter_store(validate_versions => 'sequential');
INSERT INTO events
SELECT gen_random_uuid(), 'x', 0, lpad((n % 1000)::text, 32, '0')::uuid, 'many', n / 1000 + 1
FROM generate_series(0, 99999) AS n
ORDER BY md5(n::text);
INSERT INTO events
SELECT gen_random_uuid(), 'x', 0, lpad((n % 1000)::text, 32, '0')::uuid, 'many', n / 1000 + 101 + (n = 9321)::integer
FROM generate_series(0, 9999) AS n;
\echo :SQLSTATE
SELECT count(*) FROM events;
-- Where the newest row is gone, its entry is in the index still. The first of two conflicts is the first of the statement.
DELETE FROM events WHERE aggregate_version = 100 AND right(aggregate_id::text, 3)::integer % 7 = 0;
INSERT INTO events
SELECT gen_random_uuid(), 'x', 0, lpad(n::text, 32, '0')::uuid, 'many', CASE n % 7 WHEN 0 THEN 100 ELSE 101 END
FROM generate_series(0, 999) AS n;
INSERT INTO events
SELECT gen_random_uuid(), 'x', 0, lpad(n::text, 32, '0')::uuid, 'many',
       CASE n % 7 WHEN 0 THEN 101 ELSE 102 END + (n IN (3, 900))::integer
FROM generate_series(999, 0, -1) AS n;
\echo :SQLSTATE
SELECT count(*) FROM events;
SET work_mem = '64kB';
INSERT INTO events
SELECT gen_random_uuid(), 'x', 0, :a, rpad('large', 255, md5(n::text)), version, to_jsonb(repeat(md5(n::text), 40000))
FROM generate_series(1, 3) AS n, generate_series(2, 1, -1) AS version;
INSERT INTO events
SELECT id, name, "time", aggregate_id, aggregate_name || '!', aggregate_version, data
FROM (SELECT gen_random_uuid() AS id, name, "time", aggregate_id, left(aggregate_name, 100) AS aggregate_name, aggregate_version, data
      FROM events
      WHERE aggregate_id = :a) AS large;
RESET work_mem;
SELECT count(*), count(DISTINCT aggregate_name), min(length(data::text)) FROM events WHERE aggregate_id = :a;

SET client_min_messages = warning;
DROP SCHEMA validate_versions CASCADE;
