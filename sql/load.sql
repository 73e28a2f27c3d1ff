-- goes_load: the newest snapshot of an aggregate, and the events since.
CREATE SCHEMA load;
SET search_path = load, public;
SELECT goes_create_store();

CREATE FUNCTION uuid_of(text) RETURNS uuid LANGUAGE sql IMMUTABLE
RETURN lpad($1, 32, '0')::uuid;
SELECT goes_insert_batch(ARRAY(
    SELECT goes_new_event(name || '.changed', to_jsonb(version), name, uuid_of(id), version, uuid_of(id || number || version), version * 10)
    FROM (VALUES ('order', 'a', '1'), ('order', 'b', '2'), ('cart', 'a', '3')) AS aggregates (name, id, number),
         unnest('{3,1,2,5,4}'::integer[]) AS version));
INSERT INTO events VALUES (uuid_of('99'), 'no version', 0, uuid_of('a'), 'order', NULL, NULL),
                          (uuid_of('98'), 'not of it', 0, uuid_of('a'), NULL, 3, '{}');

-- Without a table of snapshots, and without a snapshot, it is all of its events.
SELECT * FROM goes_load('order', uuid_of('a'));
SELECT count(*) FROM goes_load('order', uuid_of('a'), snapshots => 'missing');
SELECT count(*) FROM goes_load('order', uuid_of('c'));
SELECT goes_create_snapshot_store();
SELECT * FROM goes_load('order', uuid_of('a'));

-- With snapshots: the newest one, and every later event.
SELECT goes_snapshot_save('order', uuid_of('a'), 1, '\x01', 11), goes_snapshot_save('order', uuid_of('a'), 3, '\x03', 31);
SELECT goes_snapshot_save('order', uuid_of('b'), 5, '\x05', 51), goes_snapshot_save('cart', uuid_of('a'), 0, '\x00', 1);
SELECT * FROM goes_load('order', uuid_of('a'));
SELECT * FROM goes_load(aggregate_name => 'order', aggregate_id => uuid_of('b'));
SELECT aggregate_version, state, name FROM goes_load('cart', uuid_of('a'));

-- A snapshot without events, one that is ahead of them, and versions at the ends.
SELECT goes_snapshot_save('order', uuid_of('c'), 7, '\x07', 71), goes_snapshot_save('order', uuid_of('b'), 2147483647, '', 0);
SELECT * FROM goes_load('order', uuid_of('c'));
SELECT * FROM goes_load('order', uuid_of('b'));
SELECT goes_insert_batch(ARRAY[
    goes_new_event('first', NULL, 'ends', uuid_of('a'), -2147483648, uuid_of('e1'), 1),
    goes_new_event('last', NULL, 'ends', uuid_of('a'), 2147483647, uuid_of('e2'), 2)]);
SELECT * FROM goes_load('ends', uuid_of('a'));
SELECT goes_snapshot_save('ends', uuid_of('a'), -2147483648, '\x80', 1);
SELECT * FROM goes_load('ends', uuid_of('a'));

-- Both tables by name.
SELECT goes_create_store('shop_events'), goes_create_snapshot_store('shop_snapshots');
SELECT goes_insert_batch(ARRAY[goes_new_event('other', '1', 'order', uuid_of('a'), 9, uuid_of('e9'), 9)], 'shop_events');
SELECT goes_snapshot_save('order', uuid_of('a'), 8, '\x08', 8, 'shop_snapshots');
SELECT * FROM goes_load('order', uuid_of('a'), 'shop_snapshots', 'shop_events');
SET goes_store.default_store = 'shop_events';
SELECT aggregate_version, state, name FROM goes_load('order', uuid_of('a'), snapshots => 'load.shop_snapshots');
RESET goes_store.default_store;

-- It sees what its statement sees, in both tables.
CREATE FUNCTION grow() RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
    PERFORM goes_snapshot_save('order', uuid_of('a'), 5, '\x05', 51);
    PERFORM goes_insert_batch(ARRAY[goes_new_event('grown', '6', 'order', uuid_of('a'), 6, uuid_of('e6'), 60)]);
    RETURN 1;
END
$$;
BEGIN;
SELECT grow(), (SELECT string_agg(aggregate_version::text, ' ' ORDER BY aggregate_version) FROM goes_load('order', uuid_of('a')));
SELECT aggregate_version, state, name FROM goes_load('order', uuid_of('a'));
ROLLBACK;

-- Many aggregates in one statement, each with its own.
SELECT letter, string_agg(concat_ws(' ', aggregate_version, state), ', ' ORDER BY aggregate_version)
FROM unnest('{a,b,c}'::text[]) AS letter, goes_load('order', uuid_of(letter))
GROUP BY letter
ORDER BY letter;

-- Large states, as they were.
SELECT goes_snapshot_save('large', uuid_of('a'), n, (SELECT string_agg(sha512((i * n)::text::bytea), '') FROM generate_series(1, bytes / 64) AS i))
FROM (VALUES (1, 65536), (2, 1048576)) AS sizes (n, bytes);
SELECT aggregate_version, length(state), state = (SELECT s.state FROM goes_snapshot_latest('large', uuid_of('a')) AS s) AS is_same
FROM goes_load('large', uuid_of('a'));

-- What has to be said, what is missing, and what does not fit.
SELECT * FROM goes_load(NULL, uuid_of('a'));
\echo :SQLSTATE
SELECT * FROM goes_load('order', NULL);
\echo :SQLSTATE
SELECT * FROM goes_load('order', uuid_of('a'), store => 'missing');
\echo :SQLSTATE
SELECT * FROM goes_load('order', uuid_of('a'), snapshots => 'events');
\echo :SQLSTATE
SELECT * FROM goes_load('order', uuid_of('a'), snapshots => 'two words');
\echo :SQLSTATE
SELECT * FROM goes_load('order', uuid_of('a'), store => 'two words');
\echo :SQLSTATE

SET client_min_messages = warning;
DROP SCHEMA load CASCADE;
