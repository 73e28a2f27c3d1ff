-- goes_feed follows a store: every event once, in the order of its position.
CREATE SCHEMA feed;
SET search_path = feed, public;
SELECT goes_create_store();
SELECT goes_feed();
\echo :SQLSTATE
SELECT goes_alter_store(feed => true);

CREATE FUNCTION uuid_of(n bigint) RETURNS uuid LANGUAGE sql
RETURN format('00000000-0000-7000-8000-%s', lpad(n::text, 12, '0'))::uuid;
CREATE FUNCTION add(first integer, last integer) RETURNS bigint LANGUAGE sql
RETURN goes_insert_batch(ARRAY(
    SELECT goes_new_event('e' || n % 3, to_jsonb(n), 'order', uuid_of(n % 2), n, uuid_of(n), n)
    FROM generate_series(first, last) AS n));

-- An empty store: only the cursor.
SELECT * FROM goes_feed();
SELECT add(1, 7);
SELECT * FROM goes_feed();
-- Page by page, from cursor to cursor.
SELECT position, id, name FROM goes_feed(max_events => 3);
SELECT position, id, name FROM goes_feed(3, max_events => 3, after_id => uuid_of(3));
SELECT position, id, name FROM goes_feed(6, max_events => 3, after_id => uuid_of(6));
SELECT position, id, name FROM goes_feed(7, after_id => uuid_of(7));
SELECT position, id, name FROM goes_feed(7);
-- A page ends with the event that reaches a number of bytes, so there is always one.
SELECT position, name, pg_column_size(data) AS size FROM goes_feed(max_bytes => 1);
SELECT position, name FROM goes_feed(max_bytes => 30);
SELECT position, name FROM goes_feed(4, max_bytes => 1000000);
SELECT position, name FROM goes_feed(3, max_events => 2, max_bytes => 1000000);
SELECT goes_feed_position(), goes_feed_position(5), goes_feed_position(7, wait_ms => 1);

-- Filters are those of goes_count. The cursor moves on even if they leave nothing.
SELECT position, id, name FROM goes_feed(names => '{e1}');
SELECT position, id, name FROM goes_feed(names => '{e1}', max_events => 2);
SELECT position, id, name FROM goes_feed(4, names => '{e1,e2}', aggregate_ids => ARRAY[uuid_of(1)]);
SELECT position, id, name FROM goes_feed(2, names => '{other}');
SELECT position, name FROM goes_feed(0, NULL, ARRAY[uuid_of(1), uuid_of(4)]);
SELECT position, name FROM goes_feed(times => '{2,3}');
SELECT position, name FROM goes_feed(time_min => 2, time_max => 3);
SELECT position, name FROM goes_feed(time_ranges => ARRAY[int8range(6, NULL)]);
SELECT position, name FROM goes_feed(aggregate_names => '{order}', aggregate_versions => '{5}');
SELECT position, name FROM goes_feed(version_min => 3, version_max => 4);
SELECT position, name FROM goes_feed(version_ranges => ARRAY[int4range(1, 3)]);
SELECT position, name FROM goes_feed(aggregates => ARRAY[('order', uuid_of(0))]::goes_aggregate_ref[]);

-- Whoever writes, a position is drawn; what is rolled back leaves a gap.
BEGIN;
SELECT add(8, 9);
ROLLBACK;
INSERT INTO events (id, name, time) VALUES (uuid_of(8), 'plain', 8);
COPY events (id, name, time) FROM stdin;
00000000-0000-7000-8000-000000000009	copied	9
\.
SELECT position, id, name FROM goes_feed(7, after_id => uuid_of(7));

-- Own events are settled when the transaction ends.
BEGIN;
SELECT add(10, 11);
SELECT position, id, name FROM goes_feed(11, wait_ms => 60000);
SELECT pid = pg_backend_pid() AS is_mine, gid, low, since = now() AS since, state FROM goes_feed_writers();
COMMIT;
SELECT position, id, name FROM goes_feed(11);
SELECT * FROM goes_feed_writers();

-- An event that was deleted does not break a cursor.
SELECT goes_delete(ARRAY[uuid_of(11)]);
SELECT position, id, name FROM goes_feed(13, after_id => uuid_of(11));
SELECT position, id, name FROM goes_feed(12, after_id => uuid_of(10));
-- One that the id does not belong to does.
SELECT position, id, name FROM goes_feed(12, after_id => uuid_of(9));
\echo :SQLSTATE
SELECT position, id, name FROM goes_feed(2, after_id => uuid_of(4));
\echo :SQLSTATE
SELECT position, id, name FROM goes_feed(2, after_id => uuid_of(4711));
\echo :SQLSTATE
SELECT position, id, name FROM goes_feed(12, after_id => uuid_of(4711));
\echo :SQLSTATE
-- Nor does a cursor from elsewhere.
SELECT * FROM goes_feed(14);
\echo :SQLSTATE
SELECT goes_feed_position(9223372036854775807);
\echo :SQLSTATE

-- In a query, in a loop, in a transaction that only reads.
SELECT n, f.position, f.name FROM generate_series(1, 3) AS n, goes_feed(n, max_events => 1) AS f;
SELECT (goes_feed(11)).name;
DO $$
DECLARE
    cursor_of_mine bigint = 0;
    event record;
    names text[];
BEGIN
    FOR page IN 1 .. 6 LOOP
        FOR event IN SELECT * FROM goes_feed(cursor_of_mine, max_events => 3) LOOP
            cursor_of_mine = event.position;
            names = names || event.name;
        END LOOP;
    END LOOP;
    RAISE NOTICE '% at %', array_to_string(names, ' ', '|'), cursor_of_mine;
END
$$;
BEGIN READ ONLY;
SELECT position, name FROM goes_feed(11);
COMMIT;
SELECT goes_feed_settle();
SELECT last_value FROM events_feed_mark;
-- A snapshot that stays would not show all events.
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT * FROM goes_feed();
\echo :SQLSTATE
ROLLBACK;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT goes_feed_position();
\echo :SQLSTATE
ROLLBACK;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT goes_feed_settle();
\echo :SQLSTATE
ROLLBACK;

-- A call looks at 100000 positions.
SELECT setval('events_position_seq', 250000);
SELECT add(12, 12);
SELECT position, id, name FROM goes_feed(13);
SELECT position, id, name FROM goes_feed(100013);
SELECT position, id, name FROM goes_feed(200013, names => '{other}');
SELECT position, id, name FROM goes_feed(200013);

-- What it refuses.
SELECT * FROM goes_feed(-1);
\echo :SQLSTATE
SELECT * FROM goes_feed(NULL);
\echo :SQLSTATE
SELECT * FROM goes_feed(max_events => 0);
\echo :SQLSTATE
SELECT * FROM goes_feed(max_events => -1);
\echo :SQLSTATE
SELECT * FROM goes_feed(max_bytes => 0);
\echo :SQLSTATE
SELECT * FROM goes_feed(wait_ms => -1);
\echo :SQLSTATE
SELECT * FROM goes_feed(wait_ms => NULL);
\echo :SQLSTATE
SELECT * FROM goes_feed(names => '{NULL}');
\echo :SQLSTATE
SELECT goes_feed_position(-1);
\echo :SQLSTATE
SELECT goes_feed_position(NULL);
\echo :SQLSTATE
SELECT goes_feed_position(wait_ms => -1);
\echo :SQLSTATE
SELECT * FROM goes_feed(store => 'missing');
\echo :SQLSTATE
CREATE TABLE other (a integer);
SELECT * FROM goes_feed(store => 'other');
\echo :SQLSTATE
SELECT * FROM goes_feed_writers('other');
\echo :SQLSTATE
SELECT goes_feed_settle('pg_class');
\echo :SQLSTATE

-- Privileges: to follow the store takes SELECT on its table.
CREATE ROLE feed_reader;
GRANT USAGE ON SCHEMA feed TO feed_reader;
SET ROLE feed_reader;
SELECT * FROM goes_feed(250000);
\echo :SQLSTATE
SELECT goes_feed_position();
\echo :SQLSTATE
SELECT * FROM goes_feed_writers();
\echo :SQLSTATE
RESET ROLE;
GRANT SELECT (id, name, time, position) ON events TO feed_reader;
SET ROLE feed_reader;
SELECT goes_feed_position();
SELECT * FROM goes_feed(250001);
\echo :SQLSTATE
RESET ROLE;
GRANT SELECT ON events TO feed_reader;
SET ROLE feed_reader;
SELECT position, id, name FROM goes_feed(200013);
SELECT goes_feed_settle();
RESET ROLE;
-- Row security hides events, and their ids.
ALTER TABLE events ENABLE ROW LEVEL SECURITY;
CREATE POLICY few ON events TO feed_reader USING (name LIKE 'e%');
SET ROLE feed_reader;
SELECT position, id, name FROM goes_feed(6);
SELECT position, id, name FROM goes_feed(11);
SELECT position, id, name FROM goes_feed(11, after_id => uuid_of(9));
RESET ROLE;
ALTER TABLE events DISABLE ROW LEVEL SECURITY;

-- A feed that starts anew: every cursor is an error until its owner says so.
BEGIN;
TRUNCATE events;
ROLLBACK;
TRUNCATE events;
SELECT position, id, name FROM goes_feed(200013);
SELECT goes_feed_position();
SELECT setval('events_position_seq', 5);
SELECT * FROM goes_feed();
\echo :SQLSTATE
SELECT setval('events_position_seq', 300000);
SELECT goes_feed_position();
SELECT * FROM goes_feed_writers();
SELECT goes_feed_settle();
SELECT goes_alter_store(feed => true);
SELECT goes_feed_position();
SELECT setval('events_position_seq', 1, false);
SELECT goes_feed_position(0);
\echo :SQLSTATE
SELECT goes_alter_store(feed => true);
SELECT add(1, 2);
SELECT position, id, name FROM goes_feed();
TRUNCATE events RESTART IDENTITY;
SELECT add(1, 10);
SELECT goes_feed_position();
\echo :SQLSTATE
SELECT goes_alter_store(feed => true);
SELECT position, id, name FROM goes_feed(max_events => 2);

-- A sequence that does not serve.
ALTER SEQUENCE events_position_seq CACHE 10;
SELECT goes_feed_position();
\echo :SQLSTATE
ALTER SEQUENCE events_position_seq CACHE 1;
SELECT goes_feed_position();

-- Positions that the sequence has not given would never be settled. A session looks for them now and then.
INSERT INTO events (id, name, time, position) OVERRIDING SYSTEM VALUE VALUES (uuid_of(1000), 'foreign', 1, 1000);
\c -
SET search_path = feed, public;
SELECT goes_feed_position();
\echo :SQLSTATE
SELECT goes_alter_store(feed => true);
SELECT position, name FROM goes_feed(9);

-- A table that is not a heap.
CREATE ACCESS METHOD feed_heap TYPE TABLE HANDLER heap_tableam_handler;
SET client_min_messages = warning;
ALTER TABLE events SET ACCESS METHOD feed_heap;
SELECT goes_feed_position();
\echo :SQLSTATE
SELECT goes_alter_store(feed => true);
\echo :SQLSTATE
SELECT remedy FROM goes_check_store() \gexec
SELECT goes_feed_position();

DROP SCHEMA feed CASCADE;
DROP ACCESS METHOD feed_heap;
DROP ROLE feed_reader;
