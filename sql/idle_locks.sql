-- A call that does nothing leaves no lock behind: nobody has asked whether its caller may have one.
CREATE SCHEMA idle_locks;
SET search_path = idle_locks, public;
\set SHOW_CONTEXT never
SELECT goes_create_store(), goes_create_snapshot_store(), goes_create_model_store();
SELECT goes_create_store('incomplete');
DROP INDEX incomplete_goes_name;
CREATE ROLE idle_locks_nobody;
CREATE ROLE idle_locks_reader;
GRANT USAGE ON SCHEMA idle_locks TO idle_locks_nobody, idle_locks_reader;
GRANT SELECT ON events, snapshots, models TO idle_locks_reader;
CREATE FUNCTION locks_after(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    found text;
    answer text;
BEGIN
    BEGIN
        EXECUTE statement INTO answer;
    EXCEPTION WHEN OTHERS THEN
        answer = SQLSTATE;
    END;
    SELECT string_agg(coalesce(c.relname, l.locktype) || ' ' || l.mode, ', ' ORDER BY c.relname, l.mode)
    INTO found
    FROM pg_locks AS l
    LEFT JOIN pg_class AS c ON c.oid = l.relation
    WHERE l.pid = pg_backend_pid() AND (l.locktype = 'advisory' OR c.relnamespace = 'idle_locks'::regnamespace);
    RETURN concat_ws(': ', answer, coalesce(found, 'no lock'));
END
$$;
CREATE TABLE public.idle_locks_calls (place serial, call text);
INSERT INTO public.idle_locks_calls (call) VALUES
    ($$goes_insert_batch('{}')$$),
    ($$goes_delete('{}')$$),
    ($$goes_append('order', '019a0000-0000-7000-8000-00000000000a', '{}')$$),
    ($$goes_append('order', '019a0000-0000-7000-8000-00000000000a', ARRAY[goes_new_event('x')])$$),
    ($$goes_find(NULL)$$),
    ($$count(*) FROM goes_check_store()$$),
    ($$goes_create_store()$$),
    ($$goes_create_snapshot_store()$$),
    ($$goes_create_model_store()$$),
    ($$count(*) FROM goes_check_store('incomplete')$$),
    ($$goes_create_store('incomplete')$$),
    ($$goes_create_store('another')$$),
    ($$goes_alter_store(validate_versions => 'sequential')$$),
    ($$goes_alter_store(append_only => false)$$),
    ($$goes_snapshot_prune(1)$$),
    ($$goes_model_lock('a')$$),
    ($$goes_aggregate_version('order', '019a0000-0000-7000-8000-00000000000a')$$);
GRANT SELECT ON public.idle_locks_calls TO idle_locks_nobody, idle_locks_reader;
SET ROLE idle_locks_nobody;
SELECT format('SELECT %L AS call, locks_after(%L)', call, 'SELECT ' || call) FROM public.idle_locks_calls ORDER BY place \gexec
SET ROLE idle_locks_reader;
SELECT format('SELECT %L AS call, locks_after(%L)', call, 'SELECT ' || call) FROM public.idle_locks_calls ORDER BY place \gexec
RESET ROLE;
-- What the owner does keeps its locks.
SELECT locks_after('SELECT goes_insert_batch(ARRAY[goes_new_event(''x'')])') LIKE '1: events RowExclusiveLock%';

SET client_min_messages = warning;
DROP TABLE public.idle_locks_calls;
DROP SCHEMA idle_locks CASCADE;
DROP ROLE idle_locks_nobody, idle_locks_reader;
