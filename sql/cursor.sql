-- goes_query_cursor: results of any size, inside a transaction.
CREATE SCHEMA cursor;
SET search_path = cursor, public;
SELECT goes_create_store();
SELECT goes_insert_batch(ARRAY(
    SELECT goes_new_event('tick', to_jsonb(n), "time" => n) FROM generate_series(1, 1000) AS n));

-- Under a name of the caller's.
BEGIN READ ONLY;
SELECT goes_query_cursor(time_min => 998, sort => '{time}', portal => 'ticks');
FETCH 2 FROM ticks \gset _
FETCH ALL FROM ticks \gset last_
\echo :last_data
CLOSE ticks;
COMMIT;

-- Under a name that is free.
BEGIN;
SELECT goes_query_cursor(sort => '{time desc}', max_events => 3) AS first,
       goes_query_cursor(sort => '{time}', max_events => 3) AS second \gset
SELECT :'first' <> :'second' AS different;
FETCH 1 FROM :"first" \gset first_
FETCH 1 FROM :"second" \gset second_
\echo :first_data :second_data
SELECT name, is_scrollable, is_holdable, is_binary FROM pg_cursors WHERE name = :'first' AND name <> '' \gset cursor_
\echo :cursor_is_scrollable :cursor_is_holdable :cursor_is_binary
COMMIT;

-- It sees what was there when it was opened, and survives what happens meanwhile.
BEGIN;
SELECT goes_query_cursor(portal => 'steady');
FETCH 1 FROM steady \gset _
SELECT goes_insert_batch(ARRAY[goes_new_event('late')]);
SELECT goes_delete(ARRAY(SELECT id FROM goes_query(time_min => 501)));
DISCARD PLANS;
MOVE FORWARD ALL FROM steady;
ROLLBACK;

-- Forward only; a name that is taken; after the transaction.
BEGIN;
SELECT goes_query_cursor(portal => 'once');
MOVE 5 FROM once;
FETCH BACKWARD 1 FROM once;
\echo :SQLSTATE
ROLLBACK;
BEGIN;
SELECT goes_query_cursor(portal => 'once');
SELECT goes_query_cursor(portal => 'once');
\echo :SQLSTATE
ROLLBACK;
FETCH 1 FROM once;
\echo :SQLSTATE

-- A name that PostgreSQL would cut short: two of them would be one cursor.
BEGIN;
SELECT goes_query_cursor(portal => (repeat('p', 63) || 'a')::refcursor);
\echo :SQLSTATE
ROLLBACK;
BEGIN;
SELECT goes_query_cursor(portal => repeat('p', 63)::refcursor);
ROLLBACK;

-- In PL/pgSQL it is a refcursor, and needs no transaction block around the call.
DO $$
DECLARE
    cursor refcursor := goes_query_cursor(sort => '{time}', max_events => 4);
    event record;
    total integer := 0;
BEGIN
    LOOP
        FETCH cursor INTO event;
        EXIT WHEN NOT FOUND;
        total := total + event.data::integer;
    END LOOP;
    RAISE NOTICE 'total %', total;
END
$$;

-- Outside of a transaction block it would be gone before anybody could read from it, so it is refused.
SELECT goes_query_cursor(portal => 'gone');
\echo :SQLSTATE
SELECT * FROM goes_query_cursor(portal => 'gone');
\echo :SQLSTATE
SELECT goes_query_cursor(ids => ARRAY(SELECT id FROM goes_query(max_events => 1)), portal => 'gone');
\echo :SQLSTATE
-- It is not where somebody reads from it in time, or may: in several statements sent together, in a
-- statement that does more, and in functions, procedures and blocks, however they call it.
SELECT goes_query_cursor(sort => '{time}', portal => 'together') \; MOVE 1 FROM together;
CREATE FUNCTION first_of(cursor refcursor) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    event record;
BEGIN
    FETCH cursor INTO event;
    RETURN event.data;
END
$$;
CREATE FUNCTION opened(how text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    cursor refcursor;
BEGIN
    CASE how
        WHEN 'assigned' THEN cursor := goes_query_cursor(sort => '{time}');
        WHEN 'selected' THEN SELECT goes_query_cursor(sort => '{time}') INTO cursor;
        WHEN 'from' THEN SELECT c INTO cursor FROM goes_query_cursor(sort => '{time}') AS c;
        WHEN 'executed' THEN EXECUTE $q$SELECT goes_query_cursor(sort => '{time}')$q$ INTO cursor;
        WHEN 'looped' THEN
            FOR cursor IN SELECT goes_query_cursor(sort => '{time}') LOOP
                RETURN first_of(cursor);
            END LOOP;
    END CASE;
    RETURN first_of(cursor);
END
$$;
CREATE PROCEDURE open_it() LANGUAGE plpgsql AS $$
BEGIN
    COMMIT;
    PERFORM goes_query_cursor(sort => '{time}', portal => 'in_procedure');
    RAISE NOTICE '%', first_of('in_procedure');
END
$$;
SELECT first_of(goes_query_cursor(sort => '{time}'));
SELECT first_of(cursor) FROM goes_query_cursor(sort => '{time}') AS cursor;
SELECT goes_query_cursor(sort => '{time}', portal => 'both'), first_of('both');
SELECT xpath_exists('/table/row', cursor_to_xml(goes_query_cursor(), 1, true, false, '')) AS is_xml;
CREATE TABLE noted (n integer);
WITH noting AS (INSERT INTO noted VALUES (1)) SELECT goes_query_cursor(portal => 'beside');
SELECT count(*) FROM noted;
SELECT opened(how) FROM unnest('{assigned,selected,from,executed,looped}'::text[]) AS how;
CALL open_it();

-- Bad arguments fail when it is opened.
SELECT goes_query_cursor(sort => '{size}');
\echo :SQLSTATE
SELECT goes_query_cursor(names => '{NULL}');
\echo :SQLSTATE

SET client_min_messages = warning;
DROP SCHEMA cursor CASCADE;
