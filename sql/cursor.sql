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

-- Bad arguments fail when it is opened.
SELECT goes_query_cursor(sort => '{size}');
\echo :SQLSTATE
SELECT goes_query_cursor(names => '{NULL}');
\echo :SQLSTATE

SET client_min_messages = warning;
DROP SCHEMA cursor CASCADE;
