-- The owner of the extension can alter its types. Then there is a clear error, and never a value
-- that is taken for another; and what the error says to do puts it right, in every session.
CREATE SCHEMA altered_types;
SET search_path = altered_types, public;
\set a '''019a0000-0000-7000-8000-00000000000a'''
SELECT goes_create_store(), goes_create_snapshot_store();
SELECT goes_append('order', :a, ARRAY[goes_new_event('placed', '{"total": 3}')]);
SELECT goes_snapshot_save('order', :a, 1, '\x01', 1);

-- Every call that takes values of a type or returns them. The values are made in a way that works
-- whatever the type is.
CREATE TEMPORARY TABLE calls (number serial, type text, call text);
INSERT INTO calls (type, call) VALUES
('goes_event', $$ goes_new_event('a') $$),
('goes_event', $$ goes_events_from_json('[{"name": "a"}]') $$),
('goes_event', $$ goes_insert_batch(ARRAY[value_of('goes_event', '{"id": "019a0000-0000-7000-8000-000000000001", "name": "a", "time": 1}')::goes_event]) $$),
('goes_event', $$ goes_insert_batch('{}') $$),
('goes_event', $$ goes_append('order', gen_random_uuid(), ARRAY[value_of('goes_event', '{"id": "019a0000-0000-7000-8000-000000000002", "name": "a", "time": 1}')::goes_event]) $$),
('goes_event', $$ goes_append('order', gen_random_uuid(), ARRAY(SELECT value_of('goes_event'::regtype, format('{"id": "019a0000-0000-7000-8000-00000000001%s", "name": "a", "time": 1}', n)::jsonb)::goes_event FROM generate_series(1, 3) AS n)) $$),
('goes_event', $$ goes_insert_json('{"name": "a"}') $$),
('goes_event', $$ goes_append_json('order', gen_random_uuid(), '[{"name": "a"}, {"name": "b"}]') $$),
('goes_event', $$ goes_find(goes_uuid_v7()) $$),
('goes_event', $$ goes_history('order', '019a0000-0000-7000-8000-00000000000a') $$),
('goes_event', $$ goes_query() $$),
('goes_event', $$ goes_query(names => '{placed}', sort => '{time}') $$),
('goes_event', $$ goes_append_each(ARRAY[('order', gen_random_uuid(), goes_events_from_json('{"name": "a"}'), 0)]::goes_append_item[]) $$),
('goes_append_item', $$ goes_append_each(ARRAY[value_of('goes_append_item', '{"aggregate_name": "order", "aggregate_id": "019a0000-0000-7000-8000-00000000000c", "events": "{}"}')]::goes_append_item[]) $$),
('goes_aggregate_ref', $$ goes_count(aggregates => ARRAY[value_of('goes_aggregate_ref', '{"name": "order", "id": "019a0000-0000-7000-8000-00000000000a"}')::goes_aggregate_ref]) $$),
('goes_aggregate_ref', $$ goes_query(aggregates => ARRAY[value_of('goes_aggregate_ref', '{"name": "order"}'), value_of('goes_aggregate_ref', '{"name": "a"}')]::goes_aggregate_ref[]) $$),
('goes_aggregate_ref', $$ goes_snapshot_query(aggregates => ARRAY(SELECT value_of('goes_aggregate_ref'::regtype, format('{"name": "order%s", "id": "%s"}', n, gen_random_uuid())::jsonb)::goes_aggregate_ref FROM generate_series(1, 3) AS n)) $$),
('goes_aggregate_ref', $$ goes_query_cursor(aggregates => ARRAY[value_of('goes_aggregate_ref', '{"name": "order"}')::goes_aggregate_ref]) $$),
('goes_snapshot', $$ goes_snapshot_latest('order', '019a0000-0000-7000-8000-00000000000a') $$),
('goes_snapshot', $$ goes_snapshot_version('order', '019a0000-0000-7000-8000-00000000000a', 1) $$),
('goes_snapshot', $$ goes_snapshot_limit('order', '019a0000-0000-7000-8000-00000000000a', 1) $$),
('goes_snapshot', $$ goes_snapshot_query() $$);

-- A value as text, of those of the attributes that the type has.
CREATE FUNCTION value_of(type regtype, attributes jsonb) RETURNS text LANGUAGE sql STABLE AS $$
SELECT '(' || string_agg(CASE WHEN typname IN ('uuid', 'text', 'varchar', 'int4', 'int8', '_goes_event') THEN coalesce(attributes ->> attname, '') ELSE '' END, ',' ORDER BY attnum) || ')'
FROM pg_attribute
JOIN pg_type ON pg_type.oid = atttypid
WHERE attrelid = (SELECT typrelid FROM pg_type WHERE oid = type) AND attnum > 0
$$;

-- What comes of a call, and of one in the list of SELECT; nothing of it stays.
CREATE FUNCTION outcome(call text, OUT answer text, OUT remedy text) LANGUAGE plpgsql AS $$
DECLARE
    form text;
    detail text;
    hint text;
BEGIN
    FOREACH form IN ARRAY '{SELECT f::text FROM %s AS f,SELECT f::text FROM (SELECT %s AS f) AS called}'::text[] LOOP
        BEGIN
            EXECUTE format(form, call);
            RAISE SQLSTATE 'UNDO0';
        EXCEPTION
            WHEN SQLSTATE 'UNDO0' THEN
                answer = 'works';
        END;
    END LOOP;
EXCEPTION
    WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
        answer = concat_ws(E'\n', SQLSTATE || ' ' || SQLERRM, nullif(detail, ''), nullif(hint, ''));
        remedy = substring(hint FROM '^Run (ALTER TYPE .*)\.$');
END
$$;

CREATE FUNCTION outcomes(wanted text) RETURNS SETOF text LANGUAGE sql AS $$
SELECT format('%s calls: %s', count(*), answer)
FROM calls, outcome(call)
WHERE type = wanted
GROUP BY answer
ORDER BY answer COLLATE "C"
$$;

-- What comes of all calls after an alteration, and after what they say to do about it.
CREATE FUNCTION after(wanted text, VARIADIC alterations text[]) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    alteration text;
    answers text[];
BEGIN
    FOREACH alteration IN ARRAY alterations LOOP
        EXECUTE format('ALTER TYPE %s %s', wanted, alteration);
    END LOOP;
    answers = ARRAY(SELECT outcomes(wanted));
    FOR attempt IN 1..10 LOOP
        SELECT remedy INTO alteration FROM calls, outcome(call) WHERE type = wanted ORDER BY number LIMIT 1;
        EXIT WHEN alteration IS NULL;
        EXECUTE alteration;
    END LOOP;
    answers = answers || '    then'::text || ARRAY(SELECT outcomes(wanted));
    RAISE SQLSTATE 'UNDO0';
EXCEPTION
    WHEN SQLSTATE 'UNDO0' THEN
        RETURN QUERY SELECT unnest(answers);
    WHEN feature_not_supported OR dependent_objects_still_exist THEN
        RETURN NEXT 'PostgreSQL does not alter it';
END
$$;

\pset tuples_only
\pset format unaligned
SELECT outcomes(type) FROM (VALUES ('goes_event'), ('goes_append_item'), ('goes_aggregate_ref'), ('goes_snapshot')) AS types (type);

-- Added: it is in the way until it is dropped again.
SELECT after('goes_event', 'ADD ATTRIBUTE extra integer');
SELECT after('goes_aggregate_ref', 'ADD ATTRIBUTE a text', 'ADD ATTRIBUTE b text', 'ADD ATTRIBUTE c text', 'ADD ATTRIBUTE d text',
             'ADD ATTRIBUTE e text', 'ADD ATTRIBUTE f text', 'ADD ATTRIBUTE g text', 'ADD ATTRIBUTE "Odd one" text');
SELECT after('goes_snapshot', 'ADD ATTRIBUTE extra integer');

-- Of another type.
SELECT after('goes_event', 'ALTER ATTRIBUTE "time" TYPE text');
SELECT after('goes_event', 'ALTER ATTRIBUTE name TYPE varchar(3)', 'ALTER ATTRIBUTE aggregate_id TYPE integer', 'ALTER ATTRIBUTE data TYPE json');
-- PostgreSQL's newer versions do not let this type be altered so, since functions have defaults of it.
SELECT answer FROM after('goes_aggregate_ref', 'ALTER ATTRIBUTE name TYPE varchar(300)', 'ALTER ATTRIBUTE id TYPE text') AS answer
WHERE answer NOT SIMILAR TO '[0-9]+ calls: (42804 type goes_aggregate_ref was altered%|works)|    then|PostgreSQL does not alter it';
SELECT after('goes_snapshot', 'ALTER ATTRIBUTE aggregate_version TYPE bigint', 'ALTER ATTRIBUTE state TYPE integer');

SELECT after('goes_append_item', 'ALTER ATTRIBUTE expected_version TYPE bigint');
SELECT after('goes_append_item', 'ALTER ATTRIBUTE events TYPE text');
SELECT after('goes_append_item', 'ALTER ATTRIBUTE events TYPE goes_aggregate_ref[]');
SELECT after('goes_append_item', 'ALTER ATTRIBUTE events TYPE integer[]');

-- Under another name.
SELECT after('goes_event', 'RENAME ATTRIBUTE name TO kind');
SELECT after('goes_aggregate_ref', 'RENAME ATTRIBUTE id TO "Id"');
SELECT after('goes_snapshot', 'RENAME ATTRIBUTE "time" TO taken_at');

-- Gone: no command puts an attribute back in its place.
SELECT after('goes_event', 'DROP ATTRIBUTE data');
SELECT after('goes_event', 'DROP ATTRIBUTE id', 'ADD ATTRIBUTE id uuid');
SELECT after('goes_aggregate_ref', 'DROP ATTRIBUTE name');
SELECT after('goes_snapshot', 'DROP ATTRIBUTE state', 'ADD ATTRIBUTE state bytea');
SELECT after('goes_append_item', 'DROP ATTRIBUTE events');

-- None of that stayed.
SELECT outcomes(type) FROM (VALUES ('goes_event'), ('goes_append_item'), ('goes_aggregate_ref'), ('goes_snapshot')) AS types (type);

-- What a session has prepared and cached lives through it.
SET plan_cache_mode = force_generic_plan;
PREPARE rows_ AS SELECT name, data FROM goes_query(names => '{placed}');
PREPARE values_ AS SELECT (e).name FROM (SELECT goes_query(names => '{placed}') AS e) AS called;
PREPARE whole AS SELECT e IS NOT NULL FROM goes_query(names => '{placed}') AS e;
PREPARE store AS SELECT goes_insert_batch(ARRAY[goes_new_event('kept'), goes_new_event('kept')]);
PREPARE append AS SELECT goes_append('order', :a, ARRAY[goes_new_event('kept'), goes_new_event('kept')]);
PREPARE refer AS SELECT goes_count(aggregates => '{"(order,019a0000-0000-7000-8000-00000000000a)","(a,)"}');
PREPARE latest AS SELECT state FROM goes_snapshot_latest('order', :a);
\set VERBOSITY terse
\set run_all 'EXECUTE rows_; EXECUTE values_; EXECUTE whole; EXECUTE store; EXECUTE append; EXECUTE refer; EXECUTE latest;'
:run_all
ALTER TYPE goes_event ADD ATTRIBUTE extra text;
ALTER TYPE goes_aggregate_ref ADD ATTRIBUTE extra text;
ALTER TYPE goes_snapshot ADD ATTRIBUTE extra text;
:run_all
ALTER TYPE goes_event DROP ATTRIBUTE extra;
ALTER TYPE goes_aggregate_ref DROP ATTRIBUTE extra;
ALTER TYPE goes_snapshot DROP ATTRIBUTE extra;
:run_all
ALTER TYPE goes_event ALTER ATTRIBUTE "time" TYPE text, ALTER ATTRIBUTE data TYPE text;
ALTER TYPE goes_snapshot ALTER ATTRIBUTE state TYPE bigint;
EXECUTE rows_; EXECUTE values_; EXECUTE whole; EXECUTE store; EXECUTE append; EXECUTE latest;
ALTER TYPE goes_event ALTER ATTRIBUTE "time" TYPE bigint, ALTER ATTRIBUTE data TYPE jsonb;
ALTER TYPE goes_snapshot ALTER ATTRIBUTE state TYPE bytea;
:run_all
DEALLOCATE ALL;
RESET plan_cache_mode;

-- A superuser can give the C functions of the others any row to return.
\set VERBOSITY default
CREATE FUNCTION load(text, uuid, text, text) RETURNS TABLE (aggregate_version integer, "time" text) LANGUAGE C AS '$libdir/goes_store', 'goes_load';
SELECT * FROM load('order', :a, NULL, NULL);
\echo :SQLSTATE
CREATE FUNCTION check_store(text) RETURNS TABLE (problem text, remedy text, extra text) LANGUAGE C AS '$libdir/goes_store', 'goes_check_store';
SELECT * FROM check_store('missing');
\echo :SQLSTATE

-- The extension anew has its types as they were, and the events are there.
ALTER TYPE goes_event DROP ATTRIBUTE data;
SET client_min_messages = warning;
DROP EXTENSION goes_store CASCADE;
CREATE EXTENSION goes_store SCHEMA public;
SELECT outcomes(type) FROM (VALUES ('goes_event'), ('goes_append_item'), ('goes_aggregate_ref'), ('goes_snapshot')) AS types (type);
SELECT goes_count();
DROP SCHEMA altered_types CASCADE;
