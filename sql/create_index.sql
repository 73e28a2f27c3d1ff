-- goes_create_index: indexes for what the three of every store cannot answer.
CREATE SCHEMA create_index;
SET search_path = create_index, public;
SELECT goes_create_store();
INSERT INTO events
SELECT lpad(to_hex(n), 32, '0')::uuid, CASE WHEN n % 10000 = 0 THEN 'rare' ELSE 'common ' || n % 100 END, n,
    ('1' || lpad(to_hex(n / 10), 31, '0'))::uuid, CASE WHEN n % 10000 < 10 THEN 'lonely' ELSE 'crowded' END,
    n % 10 + CASE WHEN n % 20000 < 10 THEN 1000 ELSE 1 END, '{}'
FROM generate_series(0, 39999) AS n;
VACUUM (ANALYZE) events;

-- How often a question reads the whole table, and how many rows it has.
CREATE FUNCTION ask(question text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    before bigint := pg_stat_get_xact_numscans('events'::regclass);
    found  bigint;
BEGIN
    EXECUTE 'SELECT count(*) FROM ' || question INTO found;
    RETURN format('%s rows, %s scans', found, pg_stat_get_xact_numscans('events'::regclass) - before);
END $$;

-- Every filter for itself: an index answers, but for aggregate names and versions.
CREATE TEMPORARY TABLE questions (number serial, question text);
INSERT INTO questions (question) VALUES
    ($$goes_query(names => '{rare}')$$),
    ($$goes_query(names => '{rare}', sort => '{time}')$$),
    ($$goes_query(ids => '{00000000-0000-0000-0000-000000000007}')$$),
    ($$goes_query(times => '{7}')$$),
    ($$goes_query(time_min => 39990)$$),
    ($$goes_query(time_max => 9)$$),
    ($$goes_query(time_ranges => '{"[7,9]"}')$$),
    ($$goes_query(aggregate_ids => '{10000000-0000-0000-0000-000000000007}')$$),
    ($$goes_query(aggregates => ARRAY[('crowded', '10000000-0000-0000-0000-000000000007')::goes_aggregate_ref])$$),
    ($$goes_query(aggregate_names => '{lonely}')$$),
    ($$goes_query(aggregate_names => '{lonely}', sort => '{time}')$$),
    ($$goes_query(aggregate_versions => '{1005}')$$),
    ($$goes_query(version_min => 1000)$$),
    ($$goes_query(version_ranges => '{"[1000,1002]"}')$$);
SELECT question, ask(question) FROM questions ORDER BY number;

-- In a transaction it is built there, and writers wait. Then an index answers everything.
BEGIN;
CALL goes_create_index('aggregate_version');
COMMIT;
DO $$ BEGIN CALL goes_create_index('aggregate_name_time'); END $$;
SELECT question, ask(question) FROM questions ORDER BY number;

-- Outside of one nobody waits.
CALL goes_create_index('name_time');
SELECT indexdef FROM pg_indexes WHERE schemaname = 'create_index' AND tablename = 'events' ORDER BY indexname;
SELECT bool_and(indisvalid AND indisready) FROM pg_index WHERE indrelid = 'events'::regclass;

-- A name's events by time come from it in that order.
EXPLAIN (COSTS off) SELECT * FROM events WHERE name = 'common 7' ORDER BY "time", id LIMIT 10;

-- Once more: nothing to do, here and in a transaction.
CALL goes_create_index('name_time');
BEGIN;
CALL goes_create_index('name_time');
COMMIT;

-- It serves as the index on the name, too.
DROP INDEX goes_name;
SELECT * FROM goes_check_store();

-- Another store gets names of its own, and a name is read as SQL has it.
SELECT goes_create_store('"Odd ""Name"""');
CALL goes_create_index('name_time', '"Odd ""Name"""');
CALL goes_create_index(store => '"Odd ""Name"""', kind => 'aggregate_version');
SELECT indexname FROM pg_indexes WHERE tablename = 'Odd "Name"' ORDER BY indexname;

-- It ends one transaction, and begins another one: what comes next is as usual.
CREATE PROCEDURE build() LANGUAGE plpgsql AS $$
BEGIN
    COMMIT;
    CALL goes_create_index('aggregate_version', 'fresh');
    COMMIT;
END $$;
SELECT goes_create_store('fresh');
CALL build();
SELECT goes_insert_batch(ARRAY[goes_new_event('rare')]);
CALL goes_create_index('name_time', 'fresh') \; SELECT 1 AS one;

-- An index whose building was ended is told from one that serves.
UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'goes_name_time'::regclass;
CALL goes_create_index('name_time');
\echo :SQLSTATE
DROP INDEX goes_name_time;
CALL goes_create_index('name_time');

-- What cannot be.
CALL goes_create_index('by colour');
\echo :SQLSTATE
CALL goes_create_index(NULL);
\echo :SQLSTATE
CALL goes_create_index('name_time', 'nowhere');
\echo :SQLSTATE
SELECT goes_create_index('name_time');
\echo :SQLSTATE
BEGIN READ ONLY;
CALL goes_create_index('aggregate_version', 'fresh');
\echo :SQLSTATE
ROLLBACK;
CREATE ROLE create_index_reader;
GRANT USAGE ON SCHEMA create_index TO create_index_reader;
GRANT SELECT ON events TO create_index_reader;
SET ROLE create_index_reader;
CALL goes_create_index('name_time');
RESET ROLE;
DROP INDEX goes_aggregate_version;
SET ROLE create_index_reader;
CALL goes_create_index('aggregate_version');
\echo :SQLSTATE
RESET ROLE;

SET client_min_messages = warning;
DROP SCHEMA create_index CASCADE;
DROP ROLE create_index_reader;
