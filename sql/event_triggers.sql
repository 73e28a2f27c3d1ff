-- Event triggers see what the functions create and drop. They may refuse it, and then nothing is left; and what they
-- change meanwhile is found.
CREATE SCHEMA event_triggers;
SET search_path = event_triggers, public;
SET client_min_messages = warning;
\set SHOW_CONTEXT never
CREATE TABLE seen (n integer GENERATED ALWAYS AS IDENTITY, tag text, kind text);
CREATE FUNCTION see() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    IF tg_event = 'sql_drop' THEN
        INSERT INTO event_triggers.seen (tag, kind) SELECT tg_tag, object_identity FROM pg_event_trigger_dropped_objects() WHERE original;
    ELSE
        INSERT INTO event_triggers.seen (tag, kind) SELECT command_tag, object_type FROM pg_event_trigger_ddl_commands();
    END IF;
END
$$;
CREATE EVENT TRIGGER event_triggers_see ON ddl_command_end EXECUTE FUNCTION see();
CREATE EVENT TRIGGER event_triggers_see_drop ON sql_drop EXECUTE FUNCTION see();
CREATE FUNCTION what_was_seen() RETURNS TABLE (tag text, kind text, times bigint) LANGUAGE sql AS $$
    WITH taken AS (DELETE FROM event_triggers.seen RETURNING *)
    SELECT tag, kind, count(*) FROM taken GROUP BY tag, kind ORDER BY min(n)
$$;
SELECT goes_create_store();
SELECT * FROM what_was_seen();
SELECT goes_create_store();
SELECT * FROM what_was_seen();
SELECT goes_alter_store('events', 'sequential', true);
SELECT goes_alter_store('events', 'off', false);
SELECT * FROM what_was_seen();
SELECT goes_create_snapshot_store(), goes_create_model_store(), goes_create_subscription_store();
SELECT * FROM what_was_seen();
CALL goes_create_index('name_time');
SELECT * FROM what_was_seen();
DROP EVENT TRIGGER event_triggers_see;
DROP EVENT TRIGGER event_triggers_see_drop;

-- What one refuses leaves nothing behind, whichever command it is.
CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM pg_event_trigger_ddl_commands() WHERE object_identity ~ current_setting('event_triggers.refused')) THEN
        RAISE EXCEPTION '% is refused', tg_tag USING ERRCODE = 'insufficient_privilege';
    END IF;
END
$$;
CREATE EVENT TRIGGER event_triggers_refuse ON ddl_command_end EXECUTE FUNCTION refuse();
SET event_triggers.refused = 'second$';
SELECT goes_create_store('second');
\echo :SQLSTATE
SET event_triggers.refused = 'goes_aggregate$';
SELECT goes_create_store('second');
SET event_triggers.refused = 'second.data$';
SELECT goes_create_store('second');
SET event_triggers.refused = 'subscribers_retries_pkey$';
SELECT goes_create_subscription_store('subscribers');
SELECT to_regclass('second'), to_regclass('subscribers');
SET event_triggers.refused = 'goes_append_only';
SELECT goes_alter_store('events', 'sequential', true);
SELECT tgname FROM pg_trigger WHERE tgrelid = 'events'::regclass;
DROP EVENT TRIGGER event_triggers_refuse;

-- What one does to a table between two commands is found by the one or the other.
CREATE FUNCTION change() RETURNS event_trigger LANGUAGE plpgsql AS $$
DECLARE
    command text := current_setting('event_triggers.change', true);
BEGIN
    IF command <> '' AND EXISTS (SELECT FROM pg_event_trigger_ddl_commands() WHERE object_identity ~ current_setting('event_triggers.behind')) THEN
        PERFORM set_config('event_triggers.change', '', false);
        EXECUTE command;
    END IF;
END
$$;
CREATE EVENT TRIGGER event_triggers_change ON ddl_command_end EXECUTE FUNCTION change();
SET event_triggers.behind = 'third$';
SET event_triggers.change = 'ALTER TABLE third ADD COLUMN more text NOT NULL';
SELECT goes_create_store('third');
SET event_triggers.change = 'ALTER TABLE third ALTER COLUMN aggregate_version TYPE bigint';
SELECT goes_create_store('third');
SET event_triggers.change = 'ALTER TABLE third RENAME TO other';
SELECT goes_create_store('third');
SET event_triggers.change = 'DROP TABLE third';
SELECT goes_create_store('third');
SET event_triggers.behind = 'third_goes_time$';
SET event_triggers.change = 'DROP INDEX third_goes_name';
SELECT goes_create_store('third');
SELECT problem FROM goes_check_store('third');
SELECT goes_create_store('third');
SELECT * FROM goes_check_store('third');
DROP EVENT TRIGGER event_triggers_change;

DROP SCHEMA event_triggers CASCADE;
