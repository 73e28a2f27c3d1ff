-- goes_insert_batch stores a batch, all or nothing.
CREATE SCHEMA insert_batch;
SET search_path = insert_batch, public;
SELECT goes_create_store();
\set order '''019a0000-0000-7000-8000-00000000000a'''
\set id1 '''019a0000-0000-7000-8000-000000000001'''
\set id2 '''019a0000-0000-7000-8000-000000000002'''
\set nil '''00000000-0000-0000-0000-000000000000'''

SELECT goes_insert_batch(ARRAY[
    goes_new_event('order.placed', '{"total": 3}', 'order', :order, 1, :id1, 100),
    goes_new_event('order.paid', '{}', 'order', :order, 2, :id2, 200)]);
SELECT id, name, "time", aggregate_id, aggregate_name, aggregate_version, data FROM events;

-- No events is no work.
SELECT goes_insert_batch('{}');
SELECT goes_insert_batch(ARRAY[]::goes_event[]);

-- A taken id or version fails the whole batch, also when both are in the batch.
SELECT goes_insert_batch(ARRAY[
    goes_new_event('order.sent', NULL, 'order', :order, 3),
    goes_new_event('order.sent', NULL, 'order', :order, 4, :id1)]);
\echo :SQLSTATE
SELECT goes_insert_batch(ARRAY[
    goes_new_event('order.sent', NULL, 'order', :order, 3),
    goes_new_event('order.sent', NULL, 'order', :order, 2)]);
\echo :SQLSTATE
SELECT goes_insert_batch(ARRAY[
    goes_new_event('order.sent', NULL, 'order', :order, 3),
    goes_new_event('order.sent', NULL, 'order', :order, 3)]);
\echo :SQLSTATE
SELECT goes_insert_batch(ARRAY[goes_new_event('a', id => :order), goes_new_event('b', id => :order)]);
\echo :SQLSTATE
SELECT count(*) FROM events;
TRUNCATE events;

-- Zero values become null, the version only when all three are zero. Absent data is JSON null.
SELECT goes_insert_batch(ARRAY[
    goes_new_event('1 nothing'),
    goes_new_event('2 all zero', NULL, '', :nil, 0),
    goes_new_event('3 version only', NULL, '', :nil, 5),
    goes_new_event('4 version and nulls', NULL, NULL, NULL, 5),
    goes_new_event('5 zero and nulls', NULL, NULL, NULL, 0),
    goes_new_event('6 name only', NULL, 'order', :nil, 0),
    goes_new_event('7 id only', NULL, '', :order, 0),
    goes_new_event('8 id and null', NULL, NULL, :order, 0),
    goes_new_event('9 all', NULL, 'order', :order, 0),
    ROW(:id1, 'null data', 0, NULL, NULL, NULL, NULL)::goes_event,
    ROW(:id2, 'empty object', 0, NULL, NULL, NULL, '{}')::goes_event]);
SELECT name, aggregate_id, aggregate_name, aggregate_version, data FROM events ORDER BY name;
TRUNCATE events;

-- Any integer is a version, any bigint a time, and each event keeps its own.
SELECT goes_insert_batch(ARRAY[
    goes_new_event('a', NULL, 'order', :order, 2147483647, "time" => 9223372036854775807),
    goes_new_event('b', NULL, 'order', :order, -2147483648, "time" => -9223372036854775808),
    goes_new_event('c', NULL, 'order', :order, 0, "time" => 0)]);
SELECT name, "time", aggregate_version FROM events ORDER BY name;
TRUNCATE events;

-- What cannot be stored: the error names the argument and the element.
SELECT goes_insert_batch(NULL);
\echo :SQLSTATE
SELECT goes_insert_batch(ARRAY[goes_new_event('a'), NULL]);
\echo :SQLSTATE
SELECT goes_insert_batch(ARRAY[goes_new_event('a'), ROW(NULL, 'a', 1, NULL, NULL, NULL, NULL)::goes_event]);
\echo :SQLSTATE
SELECT goes_insert_batch(ARRAY[goes_new_event('a'), goes_new_event(NULL)]);
\echo :SQLSTATE
SELECT goes_insert_batch(ARRAY[goes_new_event('a'), ROW(:id1, 'a', NULL, NULL, NULL, NULL, NULL)::goes_event]);
\echo :SQLSTATE
SELECT goes_insert_batch(ARRAY[goes_new_event('a'), ROW(NULL, NULL, NULL, NULL, NULL, NULL, NULL)::goes_event]);
\echo :SQLSTATE
SELECT goes_insert_batch(ARRAY[goes_new_event('a'), goes_new_event('')]);
\echo :SQLSTATE
SELECT goes_insert_batch(ARRAY[goes_new_event('a'), goes_new_event('a', NULL, 'order', :order)]);
\echo :SQLSTATE
SELECT goes_insert_batch(ARRAY[goes_new_event('a'), goes_new_event('a', NULL, 'order')]);
\echo :SQLSTATE
SELECT goes_insert_batch(ARRAY[goes_new_event('a'), goes_new_event('a', NULL, NULL, :order)]);
\echo :SQLSTATE
SELECT goes_insert_batch(ARRAY[ARRAY[goes_new_event('a')], ARRAY[goes_new_event('b')]]);
\echo :SQLSTATE
SELECT goes_insert_batch(array_fill(goes_new_event(''), '{1}', '{5}'));
\echo :SQLSTATE

-- Names have 255 characters at the most, not bytes.
SELECT goes_insert_batch(ARRAY[
    goes_new_event(repeat('ä', 255)),
    goes_new_event('a', NULL, repeat('😀', 255), :order, 1)]);
SELECT length(name), octet_length(name), length(aggregate_name), octet_length(aggregate_name) FROM events;
SELECT goes_insert_batch(ARRAY[goes_new_event(repeat('ä', 256))]);
\echo :SQLSTATE
SELECT goes_insert_batch(ARRAY[goes_new_event('a'), goes_new_event('a', NULL, repeat('a', 256), :order, 2)]);
\echo :SQLSTATE
SELECT goes_insert_batch(ARRAY[goes_new_event(repeat('a', 255) || ' ')]);
\echo :SQLSTATE
SELECT count(*) FROM events;
TRUNCATE events;

-- A large batch, and large events.
SELECT goes_insert_batch(ARRAY(
    SELECT goes_new_event('bulk', to_jsonb(n), 'order', :order, n) FROM generate_series(1, 20000) AS n));
SELECT goes_insert_batch(ARRAY[goes_new_event('large', to_jsonb(repeat('0123456789', 300000)))]);
SELECT count(*), max(aggregate_version), max(length(data::text)) FROM events;
TRUNCATE events;

-- Events are stored in the order of the array.
SELECT goes_insert_batch(ARRAY(SELECT goes_new_event(n::text) FROM generate_series(1, 1000) AS n));
SELECT bool_and(name::integer = n) AS in_order
FROM (SELECT name, row_number() OVER (ORDER BY ctid) AS n FROM events) AS stored;
TRUNCATE events;

-- A trigger or a rule that loses an event makes an error, since 2 would be a lie.
CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF new.name = 'lost' THEN
        RETURN NULL;
    END IF;
    RETURN new;
END
$$;
CREATE TRIGGER lose BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION lose();
SELECT goes_insert_batch(ARRAY[goes_new_event('kept'), goes_new_event('lost')]);
\echo :SQLSTATE
DROP TRIGGER lose ON events;
CREATE RULE nothing AS ON INSERT TO events DO INSTEAD NOTHING;
SELECT goes_insert_batch(ARRAY[goes_new_event('kept')]);
\echo :SQLSTATE
DROP RULE nothing ON events;
CREATE TABLE elsewhere (LIKE events);
CREATE RULE elsewhere AS ON INSERT TO events DO INSTEAD INSERT INTO elsewhere VALUES (new.*);
SELECT goes_insert_batch(ARRAY[goes_new_event('kept')]);
\echo :SQLSTATE
SELECT count(*) FROM elsewhere;
DROP RULE elsewhere ON events;
CREATE RULE too AS ON INSERT TO events DO ALSO INSERT INTO elsewhere VALUES (new.*);
SELECT goes_insert_batch(ARRAY[goes_new_event('copied')]);
SELECT (SELECT count(*) FROM events) AS events, (SELECT count(*) FROM elsewhere) AS elsewhere;
DROP RULE too ON events;
TRUNCATE events;
SELECT count(*) FROM events;

-- A trigger may insert on its own, with the same function and the same plan.
SELECT goes_create_store('log');
CREATE FUNCTION chain() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF new.aggregate_version < 5 THEN
        PERFORM goes_insert_batch(ARRAY[
            goes_new_event(new.name, NULL, new.aggregate_name, new.aggregate_id, new.aggregate_version + 1)]);
        PERFORM goes_insert_batch(ARRAY[goes_new_event('log')], 'log');
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER chain AFTER INSERT ON events FOR EACH ROW EXECUTE FUNCTION chain();
SELECT goes_insert_batch(ARRAY[goes_new_event('chain', NULL, 'order', :order, 1)]);
SELECT goes_count(), goes_count(store => 'log');

SET client_min_messages = warning;
DROP SCHEMA insert_batch CASCADE;
