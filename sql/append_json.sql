-- goes_append_json and goes_insert_json: goes_append and goes_insert_batch for whoever has JSON.
CREATE SCHEMA append_json;
SET search_path = append_json, public;
\set SHOW_CONTEXT never
SELECT goes_create_store();
\set order '''019a0000-0000-7000-8000-00000000000a'''
\set other '''019a0000-0000-7000-8000-00000000000b'''
\set id1 '''019a0000-0000-7000-8000-000000000001'''
CREATE VIEW history AS
SELECT name, aggregate_name, right(aggregate_id::text, 1) AS aggregate, aggregate_version AS version, data
FROM events
ORDER BY aggregate_name, aggregate_id, aggregate_version, name;

-- An array of events, or the object of one.
SELECT goes_append_json('order', :order, '[{"name": "placed", "data": {"total": 3}}, {"name": "paid"}]');
SELECT goes_append_json('order', :order, '{"name": "sent", "data": ["DHL", null, 1.50]}');
SELECT goes_append_json('order', :other, '{"name": "placed"}', expected_version => 0);
TABLE history;
SELECT count(*) FROM events WHERE id IS NULL OR abs("time" - goes_now()) > 60e9;

-- Id and time as they are sent; the aggregate and the version, too, if that is what the event gets anyway.
SELECT goes_append_json('order', :other, '[
    {"id": "019a0000-0000-7000-8000-000000000001", "name": "dated", "time": "2026-11-28T20:00:00.123456789Z"},
    {"name": "named", "time": 7, "aggregate_name": "order", "aggregate_id": "019a0000-0000-7000-8000-00000000000b", "aggregate_version": 3}]');
SELECT name, "time", goes_timestamp("time") AT TIME ZONE 'UTC' AS "when" FROM events WHERE id = :id1 OR name = 'named' ORDER BY name;
SELECT goes_append_json('order', :other, '[{"name": "a"}, {"name": "b", "aggregate_name": "cart"}]');
\echo :SQLSTATE
SELECT goes_append_json('order', :other, '{"name": "a", "aggregate_version": 9}', 3);
\echo :SQLSTATE

-- What is expected. DETAIL is one JSON object.
SELECT goes_append_json('order', :order, '{"name": "got"}', 2);
\echo :SQLSTATE
SELECT goes_append_json('order', :order, '{"name": "got"}', 0);
\echo :SQLSTATE
SELECT goes_append_json('order', '019a0000-0000-7000-8000-00000000000c', '{"name": "got"}', -1);
\echo :SQLSTATE
SELECT goes_append_json('order', :order, '{"name": "got"}', -2);
\echo :SQLSTATE
SELECT goes_append_json('order', :order, '{"name": "got"}', 3);
-- An empty array only asks.
SELECT goes_append_json('order', :order, '[]', 4), goes_append_json('order', gen_random_uuid(), '[]');
SELECT goes_append_json('order', :order, '[]', 3);
\echo :SQLSTATE

-- Repeated with the same id and time it is stored once, whichever function stored it.
SELECT goes_append_json('order', :other, '{"id": "019a0000-0000-7000-8000-000000000002", "name": "repeated", "time": 5, "data": {"a": 1}}', 3) AS first,
       goes_append_json('order', :other, '{"data": {"a": 1.0}, "time": "5", "name": "repeated", "id": "019a0000-0000-7000-8000-000000000002"}', 3) AS again,
       goes_append('order', :other, ARRAY[goes_new_event('repeated', '{"a": 1}', id => '019a0000-0000-7000-8000-000000000002', "time" => 5)], 3) AS both;
SELECT goes_append_json('order', :other, '{"id": "019a0000-0000-7000-8000-000000000002", "name": "other", "time": 5}', 3);
\echo :SQLSTATE

-- Inserts: the events have their aggregates and versions, or none.
SELECT goes_insert_json('[{"name": "filled", "aggregate_name": "cart", "aggregate_id": "019a0000-0000-7000-8000-00000000000a", "aggregate_version": 1},
    {"name": "filled", "aggregate_name": "cart", "aggregate_id": "019a0000-0000-7000-8000-00000000000a", "aggregate_version": 2}, {"name": "opened"}]');
SELECT goes_insert_json('{"name": "closed", "data": "at night"}'), goes_insert_json('[]');
TABLE history;
SELECT goes_insert_json('[{"name": "a"}, {"name": "filled", "aggregate_name": "cart", "aggregate_id": "019a0000-0000-7000-8000-00000000000a", "aggregate_version": 2}]');
\echo :SQLSTATE
SELECT goes_insert_json('{"name": "a", "aggregate_name": "cart"}');
\echo :SQLSTATE

-- 5,000 events are one statement.
SELECT goes_append_json('large', :order, (SELECT jsonb_agg(jsonb_build_object('name', 'n', 'data', n) ORDER BY n) FROM generate_series(1, 5000) AS n));
SELECT count(*), bool_and(data = to_jsonb(aggregate_version)) FROM events WHERE aggregate_name = 'large';
SELECT goes_insert_json((SELECT jsonb_agg(jsonb_build_object('name', 'n')) FROM generate_series(1, 5000)));

-- Stores by their names, and the types that drivers send for a name: varchar, and a text that is cast.
SELECT goes_create_store('elsewhere');
SELECT goes_append_json('order', :order, '{"name": "a"}', store => 'elsewhere'), goes_insert_json('{"name": "b"}', 'elsewhere'),
       goes_append_json('order'::varchar, :order::text::uuid, '{"name": "a"}'::text::jsonb, 1::bigint::integer, 'elsewhere'::varchar);
SELECT goes_append_json('order', :order, '{"name": "a"}', store => 'missing');
\echo :SQLSTATE
-- Parameters without a type get one.
PREPARE append AS SELECT goes_append_json($1, $2, $3, $4, $5);
PREPARE append_named AS SELECT goes_append_json($1, $2, $3, store => $4, expected_version => $5);
PREPARE insert AS SELECT goes_insert_json($1, $2);
PREPARE history AS SELECT * FROM goes_history($1, $2, $3, $4, $5, $6);
PREPARE append_typed AS SELECT goes_append($1, $2, goes_events_from_json($3), $4);
SELECT name, parameter_types FROM pg_prepared_statements ORDER BY name;
DEALLOCATE ALL;

-- Bad input: the same errors as goes_events_from_json and goes_append have, naming the element.
CREATE FUNCTION refused(events jsonb) RETURNS TABLE (function text, state text, message text, hint text, context text) LANGUAGE plpgsql AS $$
DECLARE
    call text;
BEGIN
    FOREACH call IN ARRAY '{"goes_events_from_json($1)","goes_insert_json($1)","goes_append_json(''order'', gen_random_uuid(), $1)"}'::text[] LOOP
        BEGIN
            EXECUTE 'SELECT ' || call USING events;
            RETURN QUERY SELECT call, 'none', '', '', '';
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT, context = PG_EXCEPTION_CONTEXT;
            RETURN QUERY SELECT call, state, message, hint, substring(context FROM '^element[^\n]*');
        END;
    END LOOP;
END
$$;
\pset format unaligned
\pset tuples_only
SELECT events, count(*) AS functions, refusal.state, refusal.message, refusal.hint, refusal.context
FROM unnest(ARRAY[NULL, 'null', '5', '"a"', 'true', '{}', '[{}]', '[5]', '[[]]', '[[{"name": "a"}]]', '[{"name": "a"}, null]',
    '{"events": [{"name": "a"}]}', '{"name": "a", "kind": "b"}', '[{"name": "a"}, {"name": "a", "id": 5}]', '{"name": "a", "id": "5"}',
    '{"name": 5}', '{"name": "a", "aggregate_id": 17}', '{"name": "a", "aggregate_version": 1.5}', '{"name": "a", "time": "soon"}',
    '{"name": "a", "time": {}}', '{"name": null}']::jsonb[]) WITH ORDINALITY AS bad (events, n),
    refused(events) AS refusal
GROUP BY n, events, refusal.state, refusal.message, refusal.hint, refusal.context
ORDER BY n;
SELECT events, function, state, message, hint
FROM unnest(ARRAY['{"name": ""}', jsonb_build_object('name', repeat('a', 256)), '[{"name": "a"}, {"name": "", "data": 1}]']) AS bad (events),
    refused(events);
-- Of a key that comes twice jsonb keeps the last.
SELECT goes_append_json('twice', :order, '{"name": "first", "name": "last", "data": 1, "data": 2}');
SELECT name, data FROM goes_history('twice', :order);
-- Deep data is stored; what is too deep for PostgreSQL's own parser is its own error.
SELECT goes_append_json('deep', :order, format('{"name": "a", "data": %s%s}', repeat('[', 1000), repeat(']', 1000))::jsonb);
SELECT length(data::text) FROM goes_history('deep', :order);
DO $$
BEGIN
    PERFORM goes_append_json('deep', '019a0000-0000-7000-8000-00000000000a', format('{"name": "a", "data": %s%s}', repeat('[', 10000), repeat(']', 10000))::jsonb);
EXCEPTION WHEN statement_too_complex THEN
    NULL;
END
$$;
SELECT goes_append_json('deep', :order, '{"name": "still here"}', NULL) > 1 AS lives;
\pset tuples_only off
\pset format aligned

-- Null arguments, and those that name no aggregate.
SELECT goes_append_json(NULL, :order, '{"name": "a"}');
SELECT goes_append_json('order', NULL, '{"name": "a"}');
SELECT goes_append_json('', :order, '{"name": "a"}');
SELECT goes_append_json('order', '00000000-0000-0000-0000-000000000000', '{"name": "a"}');
SELECT goes_append_json('order', :order, NULL);
\echo :SQLSTATE
SELECT goes_insert_json(NULL);

-- A transaction that is read-only, and roles without privileges.
BEGIN READ ONLY;
SELECT goes_append_json('order', :order, '{"name": "a"}');
\echo :SQLSTATE
ROLLBACK;
CREATE ROLE append_json_writer;
GRANT USAGE ON SCHEMA append_json TO append_json_writer;
GRANT INSERT ON events TO append_json_writer;
SET ROLE append_json_writer;
SELECT goes_insert_json('{"name": "written"}');
SELECT goes_append_json('order', :order, '{"name": "a"}');
\echo :SQLSTATE
RESET ROLE;

-- It needs the type beside it: a function that was moved says so.
BEGIN;
CREATE SCHEMA moved;
ALTER FUNCTION goes_append_json SET SCHEMA moved;
SELECT moved.goes_append_json('order', :order, '{"name": "a"}');
\echo :SQLSTATE
ROLLBACK;
BEGIN;
ALTER TYPE goes_event RENAME TO goes_renamed;
SELECT goes_insert_json('{"name": "a"}');
\echo :SQLSTATE
ROLLBACK;

SET client_min_messages = warning;
DROP SCHEMA append_json CASCADE;
DROP ROLE append_json_writer;
