-- An append that is stored already may be repeated: it stores nothing and returns the same.
CREATE SCHEMA append_repeat;
SET search_path = append_repeat, public;
\set SHOW_CONTEXT never
SELECT goes_create_store();
\set order '''019a0000-0000-7000-8000-00000000000a'''
\set other '''019a0000-0000-7000-8000-00000000000b'''
-- The event of that number, always the same, unless something else is asked for.
CREATE FUNCTION event(n integer, name text = 'added', data jsonb = '{"a": 1.50, "b": [null]}', "time" bigint = 7,
                      version integer = NULL)
RETURNS goes_event LANGUAGE sql
RETURN goes_new_event(name, data, NULL, NULL, version, ('019a0000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, "time" + n);
CREATE VIEW stored AS
SELECT count(*) AS events, max(aggregate_version) AS newest, string_agg(name, ' ' ORDER BY aggregate_version) AS names
FROM events;

SELECT goes_append('order', :order, ARRAY[event(1), event(2), event(3)], 0);
SELECT goes_append('order', :order, ARRAY[event(1), event(2), event(3)], 0) AS expects_none,
       goes_append('order', :order, ARRAY[event(1), event(2), event(3)]) AS expects_any,
       goes_append('order', :order, ARRAY[event(1), event(2), event(3)], -1) AS expects_some,
       goes_append('order', :order, ARRAY[event(1), event(2), event(3)], 3) AS expects_what_came_of_it;
-- The events may carry their aggregate and versions now, or some of them.
SELECT goes_append('order', :order, ARRAY[event(1, version => 1), event(2), event(3, version => 3)], 0);
SELECT goes_append('order', :order, ARRAY[event(1, version => 1), event(2, version => 2), event(3, version => 3)]);
SELECT goes_append('order', :order, ARRAY[
    goes_new_event('added', '{"b": [null], "a": 1.5}', 'order', :order, 1, '019a0000-0000-7000-8000-000000000001', 8),
    event(2), event(3)]);
TABLE stored;

-- Others have come since.
SELECT goes_append('order', :order, ARRAY[event(4), event(5)], 3);
SELECT goes_append('order', :order, ARRAY[event(1), event(2), event(3)], 0) AS expects_none,
       goes_append('order', :order, ARRAY[event(1), event(2), event(3)]) AS expects_any,
       goes_append('order', :order, ARRAY[event(4), event(5)], 3) AS expects_exactly,
       goes_append('order', :order, ARRAY[event(4), event(5)], -1) AS expects_some;
-- A run of stored events is a repeat, even if it was appended in two.
SELECT goes_append('order', :order, ARRAY[event(3), event(4)]), goes_append('order', :order, ARRAY[event(2)], 1);
TABLE stored;

-- Nothing changes, so a repeat writes nothing.
BEGIN;
SELECT goes_append('order', :order, ARRAY[event(1), event(2), event(3)], 0);
SELECT pg_current_xact_id_if_assigned() IS NULL AS wrote_nothing;
COMMIT;

-- Only a part of it is stored: the front, the middle, the end.
SELECT goes_append('order', :order, ARRAY[event(4), event(5), event(6)]);
\echo :SQLSTATE
SELECT goes_append('order', :order, ARRAY[event(6), event(2), event(7)]);
\echo :SQLSTATE
SELECT goes_append('order', :order, ARRAY[event(6), event(7), event(5)]);
\echo :SQLSTATE
-- The same where the expectation fails, and where the conflict is the version.
SELECT goes_append('order', :order, ARRAY[event(4), event(5), event(6)], 3);
\echo :SQLSTATE
SELECT goes_append('order', :order, ARRAY[event(6), event(7), event(5)], 3);
\echo :SQLSTATE
SELECT goes_append('order', :order, ARRAY[event(6), event(7), event(5)], 5);
\echo :SQLSTATE
-- Another order, a gap, one of them twice.
SELECT goes_append('order', :order, ARRAY[event(2), event(1), event(3)], 0);
\echo :SQLSTATE
SELECT goes_append('order', :order, ARRAY[event(1), event(3)], 0);
\echo :SQLSTATE
SELECT goes_append('order', :order, ARRAY[event(1), event(1)], 0);
\echo :SQLSTATE
-- Another name, time, content, version, or aggregate.
SELECT goes_append('order', :order, ARRAY[event(1), event(2, name => 'Added'), event(3)], 0);
\echo :SQLSTATE
SELECT goes_append('order', :order, ARRAY[event(1), event(2, "time" => 8), event(3)], 0);
\echo :SQLSTATE
SELECT goes_append('order', :order, ARRAY[event(1), event(2, data => '{"a": 1.50, "b": []}'), event(3)], 0);
\echo :SQLSTATE
SELECT goes_append('order', :order, ARRAY[event(1), event(2, data => NULL), event(3)], 0);
\echo :SQLSTATE
SELECT goes_append('order', :order, ARRAY[event(1), event(2), event(3, version => 6)]);
\echo :SQLSTATE
SELECT goes_append('order', :other, ARRAY[event(1), event(2), event(3)], 0);
\echo :SQLSTATE
SELECT goes_append('Order', :order, ARRAY[event(1), event(2), event(3)], 0);
\echo :SQLSTATE
SELECT goes_append('order', :other, ARRAY[event(6), event(1)]);
\echo :SQLSTATE
TABLE stored;

-- An event of another kind that has the id.
INSERT INTO events VALUES ('019a0000-0000-7000-8000-000000000009', 'added', 16, NULL, NULL, NULL, '{"a": 1.50, "b": [null]}');
SELECT goes_append('order', :order, ARRAY[event(9)]);
\echo :SQLSTATE
SELECT goes_append('order', :order, ARRAY[event(8), event(9)]);
\echo :SQLSTATE
DELETE FROM events WHERE aggregate_id IS NULL;

-- SQL's null, which another writer may have stored, is JSON null as ever.
INSERT INTO events VALUES ('019a0000-0000-7000-8000-000000000006', 'added', 13, :order, 'order', 6, NULL);
SELECT goes_append('order', :order, ARRAY[event(6, data => NULL)], 5);
SELECT goes_append('order', :order, ARRAY[event(6, data => 'null')], 5);

-- New ids are new events, and a conflict where another version is expected.
SELECT goes_append('order', :order, ARRAY[event(11), event(12), event(13)], 0);
\echo :SQLSTATE

-- Within one transaction, and after a part of it was undone.
BEGIN;
SELECT goes_append('order', :other, ARRAY[event(21), event(22)], 0), goes_append('order', :other, ARRAY[event(21), event(22)], 0);
SAVEPOINT one;
SELECT goes_append('order', :other, ARRAY[event(23)], 2);
ROLLBACK TO one;
SELECT goes_append('order', :other, ARRAY[event(23)], 2), goes_append('order', :other, ARRAY[event(23)], 2);
COMMIT;
TABLE stored;

-- Names are compared as they are, whatever the columns' collation.
CREATE TABLE collated (
    id uuid PRIMARY KEY,
    name varchar(255) COLLATE "C" NOT NULL,
    "time" bigint NOT NULL,
    aggregate_id uuid,
    aggregate_name text COLLATE "POSIX",
    aggregate_version integer,
    data jsonb
);
SET client_min_messages = warning;
SELECT goes_create_store('collated');
RESET client_min_messages;
SELECT goes_append('order', :order, ARRAY[event(1), event(2), event(3)], 0, 'collated') AS first,
       goes_append('order', :order, ARRAY[event(1), event(2), event(3)], 0, 'collated') AS again;
SELECT goes_append('order', :order, ARRAY[event(4), event(1)], store => 'collated');
\echo :SQLSTATE

-- A large one.
SELECT goes_append('order', :other, ARRAY(SELECT event(n) FROM generate_series(1, 10000) AS n), 0, 'collated') AS taken;
\echo :SQLSTATE
SELECT goes_append('order', :other, ARRAY(SELECT event(n) FROM generate_series(101, 10000) AS n), 0, 'collated') AS first,
       goes_append('order', :other, ARRAY(SELECT event(n) FROM generate_series(101, 10000) AS n), 0, 'collated') AS again;

SET client_min_messages = warning;
DROP SCHEMA append_repeat CASCADE;
