-- Reading on standbys what was written on their primary: the part that a primary can show. What a
-- standby does stands in t/046_wait_for.pl.
CREATE SCHEMA wait_for;
SET search_path = wait_for, public;
\set SHOW_CONTEXT never
SELECT goes_create_store();
SELECT goes_append('order', '019a0000-0000-7000-8000-000000000001', ARRAY[goes_new_event('order.placed')]);

-- A token names a system, a timeline of it, and a place in its WAL. Text says it all.
SELECT goes_write_token() AS token \gset
SELECT :'token' ~ '^\d+:\d+:[0-9A-F]+/[0-9A-F]+$' AS has_form,
       split_part(:'token', ':', 1) = system_identifier::text AS is_of_this_system
FROM pg_control_system();
SELECT split_part(goes_write_token(), ':', 3)::pg_lsn >= split_part(:'token', ':', 3)::pg_lsn AS is_later;

-- A primary has whatever it has committed, and does not wait. Hexadecimal digits have either case.
SELECT goes_wait_for(:'token'), goes_wait_for(:'token', wait_ms => 0), goes_wait_for(lower(:'token'));

-- What was written on another timeline may be lost here, or was written by another primary: null, at once.
SELECT split_part(:'token', ':', 1) AS system, split_part(:'token', ':', 2) AS timeline, split_part(:'token', ':', 3) AS lsn \gset
SELECT goes_wait_for(:'system' || ':' || (:timeline + 1) || ':' || :'lsn', wait_ms => 60000);
SELECT goes_wait_for(:'system' || ':' || :'timeline' || ':FFFFFFFF/FFFFFFFF', wait_ms => 60000);

-- Everything committed is durable with a token, also what was committed asynchronously.
SET synchronous_commit = off;
SELECT goes_append('order', '019a0000-0000-7000-8000-000000000001', ARRAY[goes_new_event('order.paid')]);
SELECT split_part(goes_write_token(), ':', 3)::pg_lsn <= pg_current_wal_flush_lsn() AS is_flushed;
RESET synchronous_commit;

-- Where a record ends a page or a segment, the token names that end, not what comes behind the next header.
SELECT pg_switch_wal() IS NOT NULL AS switched;
SELECT mod(split_part(goes_write_token(), ':', 3)::pg_lsn - '0/0', setting::numeric) <> 40 AS is_before_the_header
FROM pg_settings
WHERE name = 'wal_segment_size';

-- In the transaction that writes it would be too early: its commit is still to come.
BEGIN;
SELECT goes_write_token() IS NOT NULL AS nothing_written_yet;
SELECT goes_append('order', '019a0000-0000-7000-8000-000000000001', ARRAY[goes_new_event('order.sent')]);
SELECT goes_write_token();
\echo :SQLSTATE
ROLLBACK;
SELECT goes_append('order', '019a0000-0000-7000-8000-000000000001', ARRAY[goes_new_event('order.sent')]), goes_write_token();
\echo :SQLSTATE

-- Waiting in vain: the snapshot is older than the wait.
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT goes_wait_for(:'token');
\echo :SQLSTATE
ROLLBACK;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT goes_wait_for(:'token');
ROLLBACK;

-- A token of another system.
\set other '1:' :timeline ':' :lsn
\set VERBOSITY terse
SELECT goes_wait_for(:'other');
\echo :SQLSTATE
\set VERBOSITY default
DO $$
BEGIN
    PERFORM goes_wait_for('1:1:0/1');
EXCEPTION WHEN invalid_parameter_value THEN
    DECLARE
        detail text;
        hint text;
    BEGIN
        GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
        RAISE NOTICE '%', regexp_replace(detail, '\d{2,}', 'N');
        RAISE NOTICE '%', hint;
    END;
END
$$;

-- What is no token.
SELECT goes_wait_for('soon');
\echo :SQLSTATE
CREATE FUNCTION refuses(token text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN goes_wait_for(token, wait_ms => 0);
EXCEPTION WHEN invalid_text_representation THEN
    RETURN SQLSTATE;
END
$$;
SELECT token, refuses(token)
FROM unnest(ARRAY['', ':', '::', ':::', '1', '1:1', '1:1:', '1:1:0', '1:1:0/', '1:1:/1', '1::0/1', ':1:0/1', '0:1:0/1', '1:0:0/1', '1:1:0/0',
                  ' 1:1:0/1', '1:1:0/1 ', '1:1:0/1/', '+1:1:0/1', '-1:1:0/1', '1:a:0/1', '1:1:0/G', '1:1:0x1/1', '1:1:100000000/1', '1:1:0/100000000',
                  '1:4294967296:0/1', '18446744073709551616:1:0/1', '99999999999999999999:1:0/1']) AS token;

SELECT goes_wait_for(NULL);
\echo :SQLSTATE
SELECT goes_wait_for(:'token', wait_ms => NULL);
\echo :SQLSTATE
SELECT goes_wait_for(:'token', wait_ms => -1);
\echo :SQLSTATE

-- A store that no standby has, and one that nobody has.
CREATE UNLOGGED TABLE unlogged (LIKE events INCLUDING ALL);
SELECT goes_write_token('unlogged');
\echo :SQLSTATE
CREATE TEMPORARY TABLE temporary (LIKE events INCLUDING ALL);
SELECT goes_write_token('temporary');
SELECT goes_write_token('missing');
\echo :SQLSTATE
DROP TABLE unlogged, temporary;
