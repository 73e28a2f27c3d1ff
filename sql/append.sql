-- goes_append gives events the next versions of an aggregate.
CREATE SCHEMA append;
SET search_path = append, public;
\set SHOW_CONTEXT never
SELECT goes_create_store();
\set order '''019a0000-0000-7000-8000-00000000000a'''
\set other '''019a0000-0000-7000-8000-00000000000b'''
\set id1 '''019a0000-0000-7000-8000-000000000001'''
\set id2 '''019a0000-0000-7000-8000-000000000002'''
\set nil '''00000000-0000-0000-0000-000000000000'''
CREATE VIEW history AS
SELECT name, aggregate_name, right(aggregate_id::text, 1) AS aggregate, aggregate_version AS version, data
FROM events
ORDER BY aggregate_name, aggregate_id, aggregate_version;

-- Versions are assigned in the order of the array, from 1.
SELECT goes_append('order', :order, ARRAY[goes_new_event('placed', '{"total": 3}'), goes_new_event('paid')]);
SELECT goes_append('order', :order, ARRAY[goes_new_event('packed'), goes_new_event('sent'), goes_new_event('got')]);
-- Neither the id nor the name alone is the aggregate.
SELECT goes_append('cart', :order, ARRAY[goes_new_event('filled')]);
SELECT goes_append('order', :other, ARRAY[goes_new_event('placed')]);
TABLE history;

-- Id, time and data stay as they are; absent data is JSON null.
SELECT goes_append('order', :other, ARRAY[
    ROW(:id1, 'null data', -5, NULL, NULL, NULL, NULL)::goes_event,
    ROW(:id2, 'ä 😀 "', 9223372036854775807, NULL, NULL, NULL, '{"a": [1, null]}')::goes_event]);
SELECT id, name, "time", aggregate_version, data FROM events WHERE id IN (:id1, :id2) ORDER BY id;

-- An event may say what it is of, and its version, if that is what it gets anyway.
SELECT goes_append('order', :other, ARRAY[
    goes_new_event('named', NULL, 'order', :other, 4),
    goes_new_event('zeros', NULL, '', :nil, 0),
    goes_new_event('id', NULL, NULL, :other),
    goes_new_event('name', NULL, 'order'),
    goes_new_event('version', NULL, NULL, NULL, 8)]);
SELECT name, aggregate_name, aggregate_id = :other AS has_id, aggregate_version
FROM events
WHERE aggregate_id = :other AND aggregate_version > 3
ORDER BY aggregate_version;
SELECT goes_append('order', :other, ARRAY[goes_new_event('a'), goes_new_event('b', NULL, 'cart')]);
\echo :SQLSTATE
SELECT goes_append('order', :other, ARRAY[goes_new_event('a'), goes_new_event('b', NULL, 'Order')]);
\echo :SQLSTATE
SELECT goes_append('order', :other, ARRAY[goes_new_event('a'), goes_new_event('b', NULL, 'order', :order)]);
\echo :SQLSTATE
SELECT goes_append('order', :other, ARRAY[
    goes_new_event('a', aggregate_version => 9), goes_new_event('b', aggregate_version => 11)]);
\echo :SQLSTATE
SELECT goes_append('order', :other, ARRAY[
    goes_new_event('a', aggregate_version => 10), goes_new_event('b', aggregate_version => 9)]);
\echo :SQLSTATE
SELECT goes_append('order', :other, ARRAY[goes_new_event('a'), goes_new_event('b', aggregate_version => 11)], 8);
\echo :SQLSTATE
SELECT goes_append('order', :other, ARRAY[goes_new_event('a', aggregate_version => -2147483648)], 8);
\echo :SQLSTATE
-- Versions that agree with each other, and not with the aggregate, are a conflict.
SELECT goes_append('order', :other, ARRAY[goes_new_event('a'), goes_new_event('b', aggregate_version => 9)]);
\echo :SQLSTATE
SELECT goes_append('order', :other, ARRAY[goes_new_event('a', aggregate_version => 10)], -1);
\echo :SQLSTATE
SELECT count(*) FROM events WHERE aggregate_id = :other;
TRUNCATE events;

-- What may be expected: anything (null), no events yet (0), some (-1), exactly N.
SELECT goes_append('order', :order, ARRAY[goes_new_event('a')], -1);
\echo :SQLSTATE
SELECT goes_append('order', :order, ARRAY[goes_new_event('a')], 1);
\echo :SQLSTATE
SELECT goes_append('order', :order, ARRAY[goes_new_event('1')], 0);
SELECT goes_append('order', :order, ARRAY[goes_new_event('2')], -1);
SELECT goes_append('order', :order, ARRAY[goes_new_event('3'), goes_new_event('4')], 2);
SELECT goes_append('order', :order, ARRAY[goes_new_event('5')], NULL);
SELECT goes_append('order', :order, ARRAY[goes_new_event('a')], expected_version => 0);
\echo :SQLSTATE
SELECT goes_append('order', :order, ARRAY[goes_new_event('a'), goes_new_event('b')], expected_version => 4);
\echo :SQLSTATE
SELECT goes_append('order', :order, ARRAY[goes_new_event('a')], expected_version => 6);
\echo :SQLSTATE
SELECT goes_append('order', :order, ARRAY[goes_new_event('a')], expected_version => 2147483647);
\echo :SQLSTATE
SELECT goes_append('order', :order, ARRAY[goes_new_event('a')], expected_version => -2);
\echo :SQLSTATE
SELECT string_agg(name, ' ' ORDER BY aggregate_version) FROM events;

-- DETAIL is one JSON object, whatever the name.
CREATE FUNCTION conflict(command text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    detail text;
BEGIN
    EXECUTE command;
    RETURN NULL;
EXCEPTION WHEN SQLSTATE 'VE001' THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
    RETURN detail;
END
$$;
SELECT conflict(format($$
    SELECT goes_append(E'a "b"\\ \n ä', %L, ARRAY[goes_new_event('a')], 7)$$, :order)) AS detail \gset
SELECT :'detail'::jsonb ->> 'aggregate_name' = E'a "b"\\ \n ä' AS same_name, :'detail'::jsonb - 'aggregate_name' AS detail;

-- No events: the expectation is checked, and the version returned.
SELECT goes_append('order', :order, '{}'), goes_append('order', :order, ARRAY[]::goes_event[], 5);
SELECT goes_append('order', :other, '{}', 0);
SELECT goes_append('order', :order, '{}', 4);
\echo :SQLSTATE
SELECT goes_append('order', :other, '{}', -1);
\echo :SQLSTATE
SELECT goes_append('order', :order, '{}', 0);
\echo :SQLSTATE

-- A history that ends at 0 is as good as none; one below 0 goes on.
SELECT goes_insert_batch(ARRAY[goes_new_event('zero', NULL, 'odd', :order, 0), goes_new_event('minus', NULL, 'odd', :other, -3)]);
SELECT goes_append('odd', :order, ARRAY[goes_new_event('one')], 0);
SELECT goes_append('odd', :other, ARRAY[goes_new_event('minus two'), goes_new_event('minus one'), goes_new_event('zero'), goes_new_event('one')], -1);
SELECT name, aggregate_version FROM events WHERE aggregate_name = 'odd' ORDER BY aggregate_id, aggregate_version;
-- It goes on after a gap.
SELECT goes_insert_batch(ARRAY[goes_new_event('later', NULL, 'order', :order, 20)]);
SELECT goes_append('order', :order, ARRAY[goes_new_event('after')], 20);
-- Rows with a null among name, id and version are no events of an aggregate.
INSERT INTO events VALUES (gen_random_uuid(), 'half', 0, :other, 'half', NULL), (gen_random_uuid(), 'half', 0, NULL, 'half', 9);
SELECT goes_append('half', :other, ARRAY[goes_new_event('whole')], 0);
TRUNCATE events;

-- The largest version is the last.
SELECT goes_insert_batch(ARRAY[goes_new_event('near', NULL, 'order', :order, 2147483645)]);
SELECT goes_append('order', :order, ARRAY[goes_new_event('a'), goes_new_event('b'), goes_new_event('c')]);
\echo :SQLSTATE
SELECT goes_append('order', :order, ARRAY[goes_new_event('a'), goes_new_event('b')], 2147483645);
SELECT goes_append('order', :order, ARRAY[goes_new_event('c')], 2147483647);
\echo :SQLSTATE
SELECT goes_append('order', :order, '{}', 2147483647);
TRUNCATE events;

-- What cannot be appended.
SELECT goes_append(NULL, :order, ARRAY[goes_new_event('a')]);
\echo :SQLSTATE
SELECT goes_append('order', NULL, ARRAY[goes_new_event('a')]);
\echo :SQLSTATE
SELECT goes_append('order', :order, NULL);
\echo :SQLSTATE
SELECT goes_append('', :order, ARRAY[goes_new_event('a')]);
\echo :SQLSTATE
SELECT goes_append('order', :nil, ARRAY[goes_new_event('a')]);
\echo :SQLSTATE
SELECT goes_append(repeat('ä', 256), :order, ARRAY[goes_new_event('a')]);
\echo :SQLSTATE
SELECT goes_append(repeat('ä', 255), :order, ARRAY[goes_new_event('a')]);
SELECT goes_append('order', :order, ARRAY[goes_new_event('a'), NULL]);
\echo :SQLSTATE
SELECT goes_append('order', :order, ARRAY[goes_new_event('a'), goes_new_event('')]);
\echo :SQLSTATE
SELECT goes_append('order', :order, ARRAY[goes_new_event('a'), goes_new_event(repeat('a', 256))]);
\echo :SQLSTATE
SELECT goes_append('order', :order, ARRAY[goes_new_event('a'), ROW(NULL, 'b', 1, NULL, NULL, NULL, NULL)::goes_event]);
\echo :SQLSTATE
SELECT goes_append('order', :order, ARRAY[goes_new_event('a'), ROW(:id1, 'b', NULL, NULL, NULL, NULL, NULL)::goes_event]);
\echo :SQLSTATE
SELECT goes_append('order', :order, ARRAY[ARRAY[goes_new_event('a')], ARRAY[goes_new_event('b')]]);
\echo :SQLSTATE
SELECT goes_append('order', :order, ARRAY[goes_new_event('a')], store => 'nowhere');
\echo :SQLSTATE
BEGIN READ ONLY;
SELECT goes_append('order', :order, ARRAY[goes_new_event('a')]);
\echo :SQLSTATE
ROLLBACK;
SELECT count(*) FROM events WHERE aggregate_name = 'order';
TRUNCATE events;

-- An id that is there twice: nothing is stored.
SELECT goes_append('order', :order, ARRAY[goes_new_event('a', id => :id1), goes_new_event('b', id => :id1)]);
\echo :SQLSTATE
SELECT goes_append('order', :order, ARRAY[
    goes_new_event('a', id => :id1), goes_new_event('b', id => :id2), goes_new_event('c', id => :id2)]);
\echo :SQLSTATE
SELECT count(*) FROM events;

-- Another store.
SELECT goes_create_store('"Odd Store"');
SELECT goes_append('order', :order, ARRAY[goes_new_event('a')], 0, '"Odd Store"');
SELECT goes_append('order', :order, ARRAY[goes_new_event('b')], 1, store => 'append."Odd Store"');
SELECT goes_append('order', :order, ARRAY[goes_new_event('b')], 1, store => 'append."Odd Store"');
\echo :SQLSTATE
SELECT goes_count(), goes_count(store => '"Odd Store"');

-- Several appends are one write, all or nothing.
BEGIN;
SELECT goes_append('order', :order, ARRAY[goes_new_event('a'), goes_new_event('b')], 0);
SELECT goes_append('cart', :order, ARRAY[goes_new_event('c')], 0);
SELECT goes_append('order', :order, ARRAY[goes_new_event('d')], 2);
SELECT goes_append('cart', :order, ARRAY[goes_new_event('e')], 0);
\echo :SQLSTATE
COMMIT;
SELECT count(*) FROM events;
BEGIN;
SELECT goes_append('order', :order, ARRAY[goes_new_event('a')], 0);
SAVEPOINT one;
SELECT goes_append('order', :order, ARRAY[goes_new_event('undone')], 1);
SELECT goes_append('cart', :order, ARRAY[goes_new_event('undone')], 0);
ROLLBACK TO one;
SELECT goes_append('order', :order, ARRAY[goes_new_event('wrong')], 2);
\echo :SQLSTATE
ROLLBACK TO one;
SELECT goes_append('cart', :order, ARRAY[goes_new_event('b')], 0);
SELECT goes_append('order', :order, ARRAY[goes_new_event('c')], 1);
COMMIT;
TABLE history;
TRUNCATE events;

-- One statement may append many times, and sees what it appended.
SELECT array_agg(goes_append('order', :order, ARRAY[goes_new_event(n::text)], n - 1)) FROM generate_series(1, 5) AS n;
SELECT string_agg(name, ' ' ORDER BY aggregate_version) FROM events;

-- In PL/pgSQL, with an array that grows there.
DO $$
DECLARE
    events goes_event[] = '{}';
BEGIN
    FOR n IN 1..3 LOOP
        events[n] = goes_new_event('element ' || n);
    END LOOP;
    ASSERT goes_append('grown', gen_random_uuid(), events) = 3;
END
$$;
SELECT name, aggregate_version FROM events WHERE aggregate_name = 'grown' ORDER BY aggregate_version;
TRUNCATE events;

-- As many aggregates as a transaction likes: their locks do not fill the server's table of locks.
SELECT count(goes_append('order', lpad(n::text, 32, '0')::uuid, ARRAY[goes_new_event('a')], 0))
FROM generate_series(1, 20000) AS n;
TRUNCATE events;

-- A large append.
SELECT goes_append('order', :order, ARRAY(SELECT goes_new_event(n::text, NULL, 'order', :order, n) FROM generate_series(1, 10000) AS n), 0);
SELECT bool_and(name = aggregate_version::text), count(*) FROM events;
TRUNCATE events;

SET client_min_messages = warning;
DROP SCHEMA append CASCADE;
