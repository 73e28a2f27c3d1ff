-- Events are stored by a plain INSERT in a part of the transaction of its own, and in a way that finds out
-- more only where something is in their way. Nobody can tell but by the time it takes.
CREATE SCHEMA append_batch;
SET search_path = append_batch, public;
\set SHOW_CONTEXT never
SELECT goes_create_store();
\set order '''019a0000-0000-7000-8000-00000000000a'''
-- Events of these names. If they have ids, an id follows from the name.
CREATE FUNCTION events(names text, have_ids boolean = false) RETURNS goes_event[] LANGUAGE sql
RETURN ARRAY(SELECT goes_new_event(name, id => CASE WHEN have_ids THEN md5(name)::uuid END, "time" => n)
             FROM unnest(string_to_array(names, ' ')) WITH ORDINALITY AS n (name, n) ORDER BY n);
CREATE VIEW stored AS
SELECT string_agg(name, ' ' ORDER BY aggregate_version) AS names, count(*), max(aggregate_version) AS newest FROM events;
-- How many parts a transaction has that store something.
CREATE VIEW parts AS
SELECT count(DISTINCT xmin::text) FROM events WHERE xmin <> pg_current_xact_id_if_assigned()::xid;

-- One part of the transaction for each append. They are the transaction's all the same.
BEGIN;
SELECT goes_append('order', :order, events('a b c')), goes_append('order', :order, events('d')),
       goes_append('order', :order, events('e f'), 4);
TABLE parts;
ROLLBACK;
TABLE stored;

-- A transaction has no more than 32 of them: beyond 64 other sessions would feel it.
BEGIN;
SELECT sum(goes_append('order', :order, events('a b'))) FROM generate_series(1, 40);
TABLE parts;
SELECT goes_append('order', :order, events('a b'), 79);
ROLLBACK;
BEGIN;
SELECT sum(goes_append('order', :order, events('a b'))) FROM generate_series(1, 40);
COMMIT;
SELECT count, newest FROM stored;
TRUNCATE events;

-- A trigger sees each event once, also where the plain INSERT was in vain: an id is taken.
CREATE TABLE seen (name text, version integer);
CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO seen VALUES (new.name, new.aggregate_version);
    RETURN new;
END
$$;
CREATE TRIGGER see AFTER INSERT ON events FOR EACH ROW EXECUTE FUNCTION see();
SELECT goes_append('order', :order, events('a b c', true));
SELECT goes_append('order', :order, events('d') || events('a', true) || events('e'));
\echo :SQLSTATE
SELECT goes_append('order', :order, events('d e f'), 3);
SELECT string_agg(name || version, ' ' ORDER BY version) FROM seen;
DROP TRIGGER see ON events;
TABLE stored;

-- One that stores something else in the place of an event: the version moves, as for one event.
CREATE FUNCTION replace() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF new.name = 'replaced' AND new.aggregate_version < 10 THEN
        INSERT INTO events VALUES (gen_random_uuid(), 'other', 0, new.aggregate_id, new.aggregate_name, new.aggregate_version);
        RETURN NULL;
    END IF;
    RETURN new;
END
$$;
CREATE TRIGGER replace BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION replace();
BEGIN;
SELECT goes_append('order', :order, events('replaced g'));
TABLE stored;
ROLLBACK;
SELECT goes_append('order', :order, events('g replaced'));
\echo :SQLSTATE
DROP TRIGGER replace ON events;

-- A trigger's own 23505, of another table, is the trigger's.
CREATE TABLE names (name text PRIMARY KEY);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO names VALUES (new.name); RETURN NULL; END $$;
CREATE TRIGGER note AFTER INSERT ON events FOR EACH ROW EXECUTE FUNCTION note();
SELECT goes_append('order', :order, events('g h'));
SELECT goes_append('order', :order, events('i g'));
\echo :SQLSTATE
TABLE names;
DROP TRIGGER note ON events;
TABLE stored;

-- What is checked at the end of the transaction is checked then.
CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'too late for %', new.name; END $$;
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON events DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION late();
BEGIN;
SELECT goes_append('order', :order, events('i j'));
COMMIT;
DROP TRIGGER late ON events;
TABLE stored;

-- An exclusion constraint.
ALTER TABLE events ADD CONSTRAINT one_start EXCLUDE USING gist (int4range(0, 1) WITH &&) WHERE (name = 'start');
SELECT goes_append('order', :order, events('start i', true));
SELECT goes_append('order', :order, events('start i', true)) AS "repeat";
\echo :SQLSTATE
SELECT goes_append('order', :order, events('j start'));
\echo :SQLSTATE
ALTER TABLE events DROP CONSTRAINT one_start;

-- A rule is the same error for one event and for several.
CREATE TABLE elsewhere AS TABLE events WITH NO DATA;
CREATE RULE too AS ON INSERT TO events DO ALSO INSERT INTO elsewhere VALUES (new.*);
SELECT goes_append('order', :order, events('j'));
\echo :SQLSTATE
SELECT goes_append('order', :order, events('j k'));
\echo :SQLSTATE
DROP RULE too ON events;

-- A plain INSERT in vain leaves the transaction what it has: locks, cursors, what it stored.
BEGIN;
DECLARE names CURSOR FOR SELECT name FROM events WHERE aggregate_version < 3 ORDER BY aggregate_version;
FETCH names;
SELECT goes_append('order', :order, events('j'));
-- a repeat that expects nothing in particular finds out by its first event
SELECT goes_append('order', :order, events('a b c', true)) AS last,
       (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()) AS locks;
FETCH names;
COMMIT;

-- In a part of a transaction, and in one of those again.
CREATE FUNCTION tries(names text, expected integer) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    last integer;
BEGIN
    BEGIN
        last := goes_append('order', '019a0000-0000-7000-8000-00000000000a', events(names), expected);
        IF names LIKE '%bad%' THEN
            RAISE EXCEPTION 'bad';
        END IF;
    EXCEPTION WHEN OTHERS THEN
        RETURN SQLERRM;
    END;
    RETURN last;
END
$$;
TRUNCATE events;
SELECT tries('a b', 0), tries('c bad', 2), tries('c d', 2), tries('e f', 2);
TABLE stored;

-- Where nothing may be stored at all, the error is PostgreSQL's own.
BEGIN READ ONLY;
SELECT goes_append('order', :order, events('g h'));
\echo :SQLSTATE
ROLLBACK;
CREATE FUNCTION lies(names text) RETURNS integer LANGUAGE sql PARALLEL SAFE
AS $$SELECT goes_append('order', '019a0000-0000-7000-8000-00000000000a', events(names))$$;
CREATE TABLE many AS SELECT n FROM generate_series(1, 1000) AS n;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SELECT max(lies('g h')) FROM many WHERE n = 1;
\echo :SQLSTATE
SELECT max(lies('g')) FROM many WHERE n = 1;
\echo :SQLSTATE
RESET ALL;

SET client_min_messages = warning;
DROP SCHEMA append_batch CASCADE;
