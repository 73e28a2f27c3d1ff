-- goes_create_store makes goes' table and indexes, to the letter.
CREATE SCHEMA create_store;
SET search_path = create_store, public;

SELECT goes_create_store();
\d events

-- Again: nothing to do. A name is read like a regclass literal.
SELECT goes_create_store('events');
SELECT goes_create_store('Create_Store.EVENTS');

-- A second store in the schema gets its own indexes, under prefixed names.
SELECT goes_create_store('orders');
\d orders
SELECT goes_create_store('"Odd ""Name"" %s"');
\d "Odd ""Name"" %s"

-- The table belongs to the caller, and not to the extension.
SELECT d.*
FROM pg_depend d
WHERE d.refclassid = 'pg_extension'::regclass
  AND d.classid = 'pg_class'::regclass
  AND d.objid = 'events'::regclass;
CREATE ROLE create_store_owner;
GRANT CREATE, USAGE ON SCHEMA create_store TO create_store_owner;
SET ROLE create_store_owner;
SELECT goes_create_store('mine');
RESET ROLE;
SELECT relowner::regrole FROM pg_class WHERE oid = 'mine'::regclass;

-- Where it cannot be.
SELECT goes_create_store('no_such_schema.events');
\echo :SQLSTATE
SET ROLE create_store_owner;
SELECT goes_create_store('public.events');
\echo :SQLSTATE
RESET ROLE;

-- What is not a name.
SELECT goes_create_store('');
\echo :SQLSTATE
SELECT goes_create_store('two words');
\echo :SQLSTATE
SELECT goes_create_store('a.b.c.d');
\echo :SQLSTATE
SELECT goes_create_store('elsewhere.create_store.events');
\echo :SQLSTATE

-- A name that PostgreSQL would cut short: two of them could be one table.
SELECT goes_create_store(repeat('a', 64));
\echo :SQLSTATE
SELECT goes_create_store('create_store."' || repeat('ä', 31) || '""a"');
\echo :SQLSTATE
SELECT goes_create_store('"' || repeat('a', 62) || '""b"');
\echo :SQLSTATE
SELECT goes_create_store(repeat('s', 64) || '.ev');
\echo :SQLSTATE
SELECT * FROM goes_check_store('"' || repeat('a', 62) || '""b"');
\echo :SQLSTATE

-- Every function says so, of each table that it takes.
CREATE FUNCTION answers(store text) RETURNS TABLE (function text, argument text, answer text) LANGUAGE plpgsql AS $$
DECLARE
    called record;
BEGIN
    FOR called IN
        SELECT p.proname, CASE p.prokind WHEN 'p' THEN 'CALL' ELSE 'SELECT' END AS verb, p.argument, string_agg(
            format('%I => ', other.argument) || CASE
                WHEN other.argument = p.argument THEN quote_literal(store)
                WHEN other.argument = 'kind' THEN quote_literal('name_time')
                WHEN type = 'text'::regtype THEN quote_literal('a')
                WHEN type = 'uuid'::regtype THEN quote_literal(gen_random_uuid())
                WHEN type IN ('integer'::regtype, 'bigint'::regtype) THEN '1'
                WHEN type = 'jsonb'::regtype THEN quote_literal('[]')
                ELSE format('%L::%s', '{}', type::regtype) END, ', ') AS arguments
        FROM (SELECT *, unnest('{store,snapshots}'::text[]) AS argument FROM pg_proc WHERE proname LIKE 'goes\_%') AS p
        CROSS JOIN unnest(p.proargnames[:p.pronargs], p.proargtypes::oid[]) WITH ORDINALITY AS other (argument, type, number)
        WHERE p.argument = ANY (p.proargnames) AND (other.argument = p.argument OR other.number <= p.pronargs - p.pronargdefaults)
        GROUP BY p.oid, p.proname, p.prokind, p.argument
        ORDER BY p.proname COLLATE "C", p.argument
    LOOP
        function := called.proname;
        argument := called.argument;
        BEGIN
            EXECUTE format('%s %I(%s)', called.verb, called.proname, called.arguments);
            answer := 'accepted';
        EXCEPTION WHEN OTHERS THEN
            answer := SQLSTATE || ' ' || SQLERRM;
        END;
        RETURN NEXT;
    END LOOP;
END
$$;
SELECT count(DISTINCT function) > 20 AS are_all,
       string_agg(format('%s(%s): %s', function, argument, answer), E'\n') FILTER (
           WHERE answer <> format('42622 the name in argument "%s" is too long: "%s""b"', argument, repeat('a', 62))) AS other_answers
FROM answers('"' || repeat('a', 62) || '""b"');

-- What counts is what is kept: neither the blanks around a name nor its quotation marks.
SELECT goes_create_store(E'create_store\t.\n"' || repeat('"', 124) || 'a" ');
SELECT goes_create_store(repeat(' ', 70) || 'ev' || repeat(' ', 70));
SELECT string_agg(answer, E'\n') AS refusals FROM answers(repeat(' ', 70) || '"' || repeat('"', 124) || 'a"') WHERE answer ~ '^42[26]';
SELECT goes_create_store('""');
\echo :SQLSTATE
SELECT goes_count(store => 'create_store.""');
\echo :SQLSTATE
SELECT goes_create_store(repeat('b', 63));
\d

-- What is not an ordinary table.
CREATE VIEW view_events AS SELECT * FROM events;
SELECT goes_create_store('view_events');
\echo :SQLSTATE
CREATE TABLE split_events (LIKE events) PARTITION BY RANGE ("time");
SELECT goes_create_store('split_events');
\echo :SQLSTATE
SELECT goes_create_store('goes_name');
\echo :SQLSTATE
SELECT * FROM goes_query(store => 'view_events');
\echo :SQLSTATE
SELECT * FROM goes_check_store('view_events');

-- In a read-only transaction a sound store passes, a missing one cannot be made.
BEGIN READ ONLY;
SELECT goes_create_store();
SELECT goes_create_store('missing');
\echo :SQLSTATE
ROLLBACK;

-- In a transaction that is rolled back nothing stays.
BEGIN;
SELECT goes_create_store('passing');
SELECT goes_insert_batch(ARRAY[goes_new_event('here')], 'passing');
ROLLBACK;
SELECT to_regclass('passing');

-- Temporary and unlogged tables serve.
SELECT goes_create_store('pg_temp.scratch');
SELECT goes_insert_batch(ARRAY[goes_new_event('here')], 'scratch');
SELECT name FROM goes_query(store => 'scratch');
DROP TABLE scratch;

-- A store that is missing is named, with what to do, also where search_path does not find it.
SET search_path = create_store;
SELECT public.goes_count(store => 'missing');
SELECT * FROM public.goes_check_store('missing');
SET search_path = create_store, public;
SELECT goes_insert_batch(ARRAY[goes_new_event('lost')], 'missing');
\echo :SQLSTATE
-- So is a schema.
SELECT goes_insert_batch('{}', '"No Such" . missing');
\echo :SQLSTATE
SELECT * FROM goes_check_store('"No Such" . missing');
SELECT remedy FROM goes_check_store('"No Such" . missing') \gexec
SELECT goes_insert_batch('{}', '"No Such" . missing');
DROP TABLE "No Such".missing;
SELECT goes_insert_batch('{}', '"No Such" . missing');
DROP SCHEMA "No Such";
SELECT goes_model_fetch('a', 'no_such_schema.models');
\echo :SQLSTATE
SELECT goes_create_model_store('no_such_schema.models');
\echo :SQLSTATE
SELECT goes_count(store => 'pg_temp.missing');
\echo :SQLSTATE
SET search_path = no_such_schema;
SELECT public.goes_count(store => 'missing');
\echo :SQLSTATE
SELECT * FROM public.goes_check_store('missing');
SELECT public.goes_create_store('missing');
\echo :SQLSTATE
SET search_path = create_store, public;
SELECT goes_delete('{}', 'missing');
\echo :SQLSTATE
SELECT * FROM goes_find(NULL, 'missing');
\echo :SQLSTATE
SELECT * FROM goes_query(store => 'missing');
\echo :SQLSTATE
SELECT goes_query_cursor(store => 'missing');
\echo :SQLSTATE
SELECT goes_count(store => 'missing');
\echo :SQLSTATE
SELECT goes_aggregate_version('a', goes_uuid_v7(), 'missing');
\echo :SQLSTATE

SET client_min_messages = warning;
DROP SCHEMA create_store CASCADE;
DROP ROLE create_store_owner;
