-- A version conflict in a program: the SQLSTATE is VE001, and DETAIL is one JSON object with the same keys,
-- whoever finds the conflict, and whatever the aggregate is called.
CREATE SCHEMA conflict_detail;
SET search_path = conflict_detail, public;
SELECT goes_create_store(), goes_create_store('grown');
SELECT goes_append_json('order "1\', '019a0000-0000-7000-8000-00000000000a', '[{"name": "a"}, {"name": "b"}]');
SELECT goes_insert_batch(ARRAY[goes_new_event('a', NULL, 'order "1\', '019a0000-0000-7000-8000-00000000000a', 7)], 'grown');
SELECT goes_alter_store(validate_versions => 'sequential'), goes_alter_store('grown', validate_versions => 'increasing');

CREATE FUNCTION detail_of(statement text) RETURNS TABLE (state text, keys text, current jsonb, event jsonb, index jsonb, name text)
LANGUAGE plpgsql AS $$
DECLARE
    detail text;
BEGIN
    EXECUTE replace(statement, 'ORDER', $r$'order "1\', '019a0000-0000-7000-8000-00000000000a'$r$);
    state := 'none';
    RETURN NEXT;
EXCEPTION WHEN SQLSTATE 'VE001' THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, detail = PG_EXCEPTION_DETAIL;
    RETURN QUERY SELECT state, (SELECT string_agg(key, ' ' ORDER BY n) FROM json_object_keys(detail::json) WITH ORDINALITY AS k (key, n)),
                        detail::jsonb -> 'current_version', detail::jsonb -> 'event_version', detail::jsonb -> 'event_index',
                        detail::jsonb ->> 'aggregate_name';
END
$$;
CREATE VIEW conflicts AS
SELECT statement, state, keys, current, event, index, name
FROM unnest(ARRAY[
    $$SELECT goes_append_json(ORDER, '{"name": "c"}', 1)$$,
    $$SELECT goes_append_json(ORDER, '{"name": "c"}', 0)$$,
    $$SELECT goes_append_json(ORDER, '[]', 7)$$,
    $$SELECT goes_append_json('none', gen_random_uuid(), '{"name": "c"}', -1)$$,
    $$SELECT goes_append(ORDER, ARRAY[goes_new_event('c'), goes_new_event('d')], 5)$$,
    $$SELECT goes_append(ORDER, ARRAY[goes_new_event('c', aggregate_version => 9)])$$,
    $$SELECT goes_insert_batch(ARRAY[goes_new_event('c', NULL, ORDER, 3), goes_new_event('d', NULL, ORDER, 5)])$$,
    $$SELECT goes_insert_json('{"name": "c", "aggregate_name": "new", "aggregate_id": "019a0000-0000-7000-8000-00000000000b", "aggregate_version": 2}')$$,
    $$SELECT goes_insert_batch(ARRAY[goes_new_event('c', NULL, ORDER, 8), goes_new_event('d', NULL, ORDER, 6)], 'grown')$$,
    $$INSERT INTO events (id, name, "time", aggregate_name, aggregate_id, aggregate_version, data) VALUES (goes_uuid_v7(), 'c', 1, ORDER, 4, 'null')$$
]) WITH ORDINALITY AS statements (statement, n), detail_of(statement)
ORDER BY n;
\pset format unaligned
TABLE conflicts;

-- The version that it names is the one to expect.
SELECT goes_append_json('order "1\', '019a0000-0000-7000-8000-00000000000a', '{"name": "c"}',
                        (SELECT current::integer FROM detail_of($$SELECT goes_append_json(ORDER, '{"name": "c"}', 1)$$)));
\pset format aligned

SET client_min_messages = warning;
DROP SCHEMA conflict_detail CASCADE;
