-- What stands in the way of an append: a failed expectation leaves no trace, and a row that
-- cannot be seen, a trigger and a missing grant make the error that tells of them.
CREATE SCHEMA append_barred;
SET search_path = append_barred, public;
\set SHOW_CONTEXT never
SELECT goes_create_store();
\set order '''019a0000-0000-7000-8000-00000000000a'''
\set id1 '''019a0000-0000-7000-8000-000000000001'''
\set id2 '''019a0000-0000-7000-8000-000000000002'''
SELECT goes_append('order', :order, ARRAY[goes_new_event('1'), goes_new_event('2')]);

-- A failed expectation spends no row, no index entry and no transaction id: the table is the size
-- that it was, and the next free place in it is the same.
CREATE FUNCTION fails(command text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE command;
    RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END
$$;
SELECT fails, count(*)
FROM generate_series(1, 1000),
     fails($$SELECT goes_append('order', '019a0000-0000-7000-8000-00000000000a', ARRAY[goes_new_event('a'), goes_new_event('b')], 0)$$)
GROUP BY 1;
BEGIN;
SELECT fails($$SELECT goes_append('order', '019a0000-0000-7000-8000-00000000000a', ARRAY[goes_new_event('a')], 0)$$);
SELECT pg_current_xact_id_if_assigned() IS NULL AS wrote_nothing;
COMMIT;
SELECT pg_relation_size('events') / current_setting('block_size')::integer AS blocks,
       pg_relation_size('goes_aggregate') / current_setting('block_size')::integer AS index_blocks;
SELECT goes_append('order', :order, ARRAY[goes_new_event('3')], 2);
SELECT name, ctid FROM events ORDER BY aggregate_version;

-- A trigger that keeps the first event out, or a later one.
CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF new.name = 'lost' THEN
        RETURN NULL;
    END IF;
    RETURN new;
END
$$;
CREATE TRIGGER lose BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION lose();
SELECT goes_append('order', :order, ARRAY[goes_new_event('lost')]);
\echo :SQLSTATE
SELECT goes_append('order', :order, ARRAY[goes_new_event('lost'), goes_new_event('kept')], 3);
\echo :SQLSTATE
SELECT goes_append('order', :order, ARRAY[goes_new_event('kept'), goes_new_event('lost'), goes_new_event('kept')], 3);
\echo :SQLSTATE
DROP TRIGGER lose ON events;

-- One that stores another event in its place moves the version each time, but not for ever.
CREATE FUNCTION replace() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF new.name = 'replaced' THEN
        INSERT INTO events VALUES (gen_random_uuid(), 'other', 0, new.aggregate_id, new.aggregate_name, new.aggregate_version);
        RETURN NULL;
    END IF;
    RETURN new;
END
$$;
CREATE TRIGGER replace BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION replace();
SELECT goes_append('order', :order, ARRAY[goes_new_event('replaced')]);
\echo :SQLSTATE
DROP TRIGGER replace ON events;

-- A trigger that raises an error.
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'not %', new.name USING ERRCODE = 'ZZ001';
END
$$;
CREATE TRIGGER refuse BEFORE INSERT ON events FOR EACH ROW WHEN (new.name = 'refused') EXECUTE FUNCTION refuse();
SELECT goes_append('order', :order, ARRAY[goes_new_event('kept'), goes_new_event('refused')]);
\echo :SQLSTATE
DROP TRIGGER refuse ON events;

-- A rule.
CREATE RULE nothing AS ON INSERT TO events DO INSTEAD NOTHING;
SELECT goes_append('order', :order, ARRAY[goes_new_event('a')]);
\echo :SQLSTATE
DROP RULE nothing ON events;

-- A constraint.
ALTER TABLE events ADD CONSTRAINT no_b CHECK (name <> 'b');
SELECT goes_append('order', :order, ARRAY[
    goes_new_event('a'), goes_new_event('b', id => :id1, "time" => 0)]);
\echo :SQLSTATE
ALTER TABLE events DROP CONSTRAINT no_b;

-- A unique index of the owner's own, for the first event and for a later one.
CREATE UNIQUE INDEX one_start ON events (aggregate_id) WHERE name = 'start';
SELECT goes_append('order', :order, ARRAY[goes_new_event('start')]);
SELECT goes_append('order', :order, ARRAY[goes_new_event('start')]);
\echo :SQLSTATE
SELECT goes_append('order', :order, ARRAY[goes_new_event('a'), goes_new_event('start')]);
\echo :SQLSTATE
DROP INDEX one_start;
SELECT string_agg(name, ' ' ORDER BY aggregate_version) FROM events;

-- Who may only insert is told what is missing.
CREATE ROLE append_barred_writer;
GRANT USAGE ON SCHEMA append_barred TO append_barred_writer;
GRANT INSERT ON events TO append_barred_writer;
SET ROLE append_barred_writer;
SELECT goes_append('order', :order, ARRAY[goes_new_event('a')]);
\echo :SQLSTATE
RESET ROLE;
REVOKE INSERT ON events FROM append_barred_writer;
GRANT SELECT ON events TO append_barred_writer;
SET ROLE append_barred_writer;
SELECT goes_append('order', :order, ARRAY[goes_new_event('a')]);
\echo :SQLSTATE
RESET ROLE;
GRANT INSERT ON events TO append_barred_writer;
SET ROLE append_barred_writer;
SELECT goes_append('order', :order, ARRAY[goes_new_event('a')], 4);
RESET ROLE;

-- Row security hides what is there: the unique index has the last word.
ALTER TABLE events ENABLE ROW LEVEL SECURITY;
CREATE POLICY write_all ON events FOR INSERT TO append_barred_writer WITH CHECK (name <> 'forbidden');
CREATE POLICY read_some ON events FOR SELECT TO append_barred_writer USING (name = 'seen');
SET ROLE append_barred_writer;
SELECT goes_aggregate_version('order', :order);
SELECT goes_append('order', :order, ARRAY[goes_new_event('a')]);
\echo :SQLSTATE
SELECT goes_append('order', :order, ARRAY[goes_new_event('a'), goes_new_event('b')], 0);
\echo :SQLSTATE
RESET ROLE;
-- Only a later version, or a later id, is hidden.
DELETE FROM events WHERE aggregate_version <> 3;
INSERT INTO events VALUES (:id1, 'hidden', 0);
SET ROLE append_barred_writer;
SELECT goes_append('order', :order, ARRAY[goes_new_event('seen'), goes_new_event('seen'), goes_new_event('seen')]);
\echo :SQLSTATE
SELECT goes_append('order', :order, ARRAY[goes_new_event('seen', id => :id1)]);
\echo :SQLSTATE
SELECT goes_append('order', :order, ARRAY[goes_new_event('seen'), goes_new_event('seen', id => :id1)]);
\echo :SQLSTATE
-- What the policy does not let in, and what it does.
SELECT goes_append('order', :order, ARRAY[goes_new_event('forbidden')]);
\echo :SQLSTATE
SELECT goes_append('order', :order, ARRAY[goes_new_event('seen'), goes_new_event('forbidden')]);
\echo :SQLSTATE
SELECT goes_append('order', :order, ARRAY[goes_new_event('seen', id => :id2), goes_new_event('seen')], 0);
RESET ROLE;
SELECT name, aggregate_version FROM events ORDER BY aggregate_version;

SET client_min_messages = warning;
DROP SCHEMA append_barred CASCADE;
DROP ROLE append_barred_writer;
