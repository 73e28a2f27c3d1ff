-- validate_versions on tables of all shapes, next to other triggers, and for roles that may not read.
CREATE SCHEMA validate_odd;
SET search_path = validate_odd, public;
\set SHOW_CONTEXT never
\set a '''019a0000-0000-7000-8000-00000000000a'''
\set b '''019a0000-0000-7000-8000-00000000000b'''
SELECT goes_create_store();
SELECT goes_alter_store(validate_versions => 'sequential');
-- Adds events of one aggregate and tells what came of it.
CREATE FUNCTION add(versions integer[], store regclass = 'events') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    detail text;
BEGIN
    EXECUTE format('INSERT INTO %s (id, name, "time", aggregate_id, aggregate_name, aggregate_version) '
                   'SELECT gen_random_uuid(), ''x'', 0, ''019a0000-0000-7000-8000-00000000000a'', ''order'', version '
                   'FROM unnest($1) AS version', store) USING versions;
    RETURN 'stored';
EXCEPTION
    WHEN unique_violation THEN
        RETURN 'taken';
    WHEN SQLSTATE 'VE001' THEN
        GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
        RETURN format('not %s after %s', detail::jsonb -> 'event_version', detail::jsonb -> 'current_version');
END
$$;
-- Another trigger that reads the statement's rows first leaves them to be read again.
CREATE TABLE audit (rows bigint);
CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit SELECT count(*) FROM added;
    RETURN NULL;
END
$$;
CREATE TRIGGER a_audit AFTER INSERT ON events REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION audit();
CREATE TRIGGER z_audit AFTER INSERT ON events REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION audit();
SELECT add('{2}'), add('{1,2}'), add('{3,5}'), add('{3}');
SELECT array_agg(rows) FROM audit;
DROP TRIGGER a_audit ON events;
DROP TRIGGER z_audit ON events;

-- A trigger that changes the version: what is stored counts.
CREATE FUNCTION change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF new.aggregate_version >= 100 THEN
        new.aggregate_version = new.aggregate_version - 100;
    END IF;
    RETURN new;
END
$$;
CREATE TRIGGER change BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION change();
SELECT add('{106}'), add('{104}'), add('{105,6}');
DROP TRIGGER change ON events;

-- A trigger that keeps rows out.
CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RETURN CASE WHEN new.aggregate_version <> 7 THEN new END;
END
$$;
CREATE TRIGGER lose BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION lose();
SELECT add('{7}'), add('{7,8}');
DROP TRIGGER lose ON events;

-- A trigger of each row that writes to other aggregates of the same table.
CREATE FUNCTION follow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF new.name = 'x' THEN
        PERFORM goes_append('other', '019a0000-0000-7000-8000-00000000000a', ARRAY[goes_new_event('followed')]);
        INSERT INTO events VALUES (gen_random_uuid(), 'followed', 0, new.aggregate_id, 'copy', new.aggregate_version);
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER follow AFTER INSERT ON events FOR EACH ROW EXECUTE FUNCTION follow();
INSERT INTO events SELECT gen_random_uuid(), 'followed', 0, :a, 'copy', n FROM generate_series(1, 6) AS n;
SELECT aggregate_name, max(aggregate_version) FROM events GROUP BY 1 ORDER BY 1;
SELECT add('{9}'), add('{7,8}'), add('{8}'), add('{10}');
SELECT aggregate_name, array_agg(aggregate_version ORDER BY aggregate_version) FROM events GROUP BY 1 ORDER BY 1;
DROP TRIGGER follow ON events;
TRUNCATE events;

-- One that goes on with the same aggregate is in the way of the statement that it belongs to.
CREATE FUNCTION go_on() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF new.aggregate_version < 3 THEN
        PERFORM goes_append(new.aggregate_name, new.aggregate_id, ARRAY[goes_new_event('on')], new.aggregate_version);
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER go_on AFTER INSERT ON events FOR EACH ROW EXECUTE FUNCTION go_on();
SELECT add('{1}');
SELECT count(*) FROM events;
DROP TRIGGER go_on ON events;

-- A function that writes in the middle of a statement.
CREATE FUNCTION nested(version integer) RETURNS integer LANGUAGE sql AS $$
    INSERT INTO events VALUES (gen_random_uuid(), 'x', 0, '019a0000-0000-7000-8000-00000000000b', 'nested', version);
    SELECT version;
$$;
INSERT INTO events SELECT gen_random_uuid(), 'x', 0, :a, 'nested', nested(n) FROM generate_series(1, 5) AS n;
INSERT INTO events SELECT gen_random_uuid(), 'x', 0, :a, 'nested', nested(n * 2 + 4) FROM generate_series(1, 5) AS n;
\echo :SQLSTATE
SELECT right(aggregate_id::text, 1) AS id, array_agg(aggregate_version ORDER BY aggregate_version) FROM events GROUP BY 1 ORDER BY 1;
TRUNCATE events;

-- The index in the other order, with what else an index may have.
CREATE FUNCTION check_index(definition text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer text;
BEGIN
    DROP INDEX goes_aggregate;
    EXECUTE 'CREATE UNIQUE INDEX goes_aggregate ON events ' || definition;
    FOR mode IN 1..2 LOOP
        PERFORM goes_alter_store(validate_versions => ('{increasing,sequential}'::text[])[mode]);
        TRUNCATE events;
        INSERT INTO events VALUES (gen_random_uuid(), 'x', 0, '019a0000-0000-7000-8000-00000000000a', 'order', NULL);
        PERFORM goes_append('order', '019a0000-0000-7000-8000-00000000000b', ARRAY[goes_new_event('a')]);
        PERFORM goes_append('orders', '019a0000-0000-7000-8000-00000000000a', ARRAY(SELECT goes_new_event('a') FROM generate_series(1, 9)));
        answer = concat_ws(', ', answer, left(add('{1,2,3,4}'), 30), left(add('{3}'), 30), add('{5,7,6}'));
    END LOOP;
    RETURN answer;
EXCEPTION WHEN unique_violation THEN
    RETURN SQLERRM;
END
$$;
SELECT definition, check_index(definition)
FROM unnest(ARRAY[
    '(aggregate_id, aggregate_name, aggregate_version)',
    '(aggregate_name, aggregate_id, aggregate_version)',
    '(aggregate_id, aggregate_name, aggregate_version DESC)',
    '(aggregate_id DESC, aggregate_name DESC, aggregate_version DESC)',
    '(aggregate_id, aggregate_name, aggregate_version NULLS FIRST)',
    '(aggregate_id, aggregate_name, aggregate_version DESC NULLS LAST)',
    '(aggregate_id, aggregate_name, aggregate_version) INCLUDE (id, data)',
    '(aggregate_id, aggregate_name COLLATE "C", aggregate_version)',
    '(aggregate_id, aggregate_name varchar_pattern_ops, aggregate_version)']) AS definition;

-- Dead rows, rows of failed transactions and updated ones in the index.
TRUNCATE events;
SELECT add('{1,2,3}');
UPDATE events SET name = 'y';
UPDATE events SET data = '[]';
BEGIN;
SELECT add('{4,5,6,7}');
ROLLBACK;
DELETE FROM events WHERE aggregate_version = 3;
SELECT add('{4}'), add('{3}'), add('{4}');
VACUUM events;
SELECT add('{4}'), add('{5}');
-- The index makes the entries of rows that were updated one: first of the newest version, then others until the page is full.
DO $$
BEGIN
    FOR n IN 1..1000 LOOP
        UPDATE events SET "time" = n WHERE aggregate_version = CASE WHEN n < 10 THEN 5 ELSE 4 END;
    END LOOP;
END
$$;
SELECT add('{7}'), add('{6}');

-- text in place of varchar, other columns, dropped and generated ones.
CREATE TABLE odd (
    dropped text,
    data jsonb,
    aggregate_version integer DEFAULT 1,
    "AGGREGATE_ID" text DEFAULT 'another',
    aggregate_name text COLLATE "C",
    serial bigint GENERATED ALWAYS AS IDENTITY,
    "time" bigint NOT NULL,
    aggregate_id uuid,
    name text NOT NULL,
    upper text GENERATED ALWAYS AS (upper(name)) STORED,
    id uuid PRIMARY KEY
);
ALTER TABLE odd DROP COLUMN dropped;
ALTER TABLE odd ADD COLUMN late integer DEFAULT 7;
SET client_min_messages = warning;
SELECT goes_create_store('odd');
RESET client_min_messages;
SELECT goes_alter_store('odd', 'sequential');
SELECT add('{2}', 'odd'), add('{2,1}', 'odd'), add('{4,5}', 'odd'), add('{3}', 'odd');
-- The session knows the table's columns and index by now, and they move; then the table is another one.
ALTER TABLE odd ADD COLUMN moved uuid;
UPDATE odd SET moved = aggregate_id;
ALTER TABLE odd DROP COLUMN aggregate_id;
ALTER TABLE odd RENAME COLUMN moved TO aggregate_id;
SELECT add('{3}', 'odd');
CREATE UNIQUE INDEX ON odd (aggregate_name, aggregate_id, aggregate_version);
SELECT add('{4}', 'odd'), add('{3}', 'odd');
ALTER TABLE odd ALTER COLUMN aggregate_version TYPE bigint;
INSERT INTO odd ("time", name, id) VALUES (0, 'no.aggregate', gen_random_uuid());
\echo :SQLSTATE
DROP TABLE odd;

-- What the session knows of tables that are gone makes room for others.
DO $$
BEGIN
    FOR n IN 1..300 LOOP
        CREATE TEMPORARY TABLE scratch (LIKE events INCLUDING INDEXES);
        PERFORM goes_alter_store('scratch', 'sequential');
        PERFORM add('{1}', 'scratch');
        DROP TABLE scratch;
        COMMIT;
    END LOOP;
END
$$;
SELECT sum(used_bytes) < 50000 AS is_bounded FROM pg_backend_memory_contexts WHERE name = 'versions of goes_store';

-- Names that need quoting, the extension in a schema of another name.
CREATE SCHEMA "Odd "" Schema";
SELECT goes_create_store('"Odd "" Schema"."Odd ""Store"');
SELECT goes_alter_store('"Odd "" Schema"."Odd ""Store"', 'sequential', true);
SELECT add('{2}', '"Odd "" Schema"."Odd ""Store"'), add('{1}', '"Odd "" Schema"."Odd ""Store"');
DELETE FROM "Odd "" Schema"."Odd ""Store";
\echo :SQLSTATE
SELECT goes_alter_store('"Odd "" Schema"."Odd ""Store"', 'off', false);
DELETE FROM "Odd "" Schema"."Odd ""Store";

-- A table of the session's own.
CREATE TEMPORARY TABLE events (LIKE validate_odd.events INCLUDING INDEXES);
SELECT goes_alter_store('pg_temp.events', 'increasing');
SELECT add('{2}', 'pg_temp.events'), add('{1}', 'pg_temp.events'), add('{3}', 'pg_temp.events');
DROP TABLE pg_temp.events;

-- Aggregates whose names are alike.
TRUNCATE events;
INSERT INTO events
SELECT gen_random_uuid(), 'x', 0, :a, name, version
FROM unnest('{order,Order,"order ",orde,orderr,"",ördér}'::text[]) AS name, generate_series(1, 2) AS version
ORDER BY md5(name || version);
SELECT count(*), count(DISTINCT aggregate_name) FROM events;

-- A name that is so long that the index has it compressed, behind the id and before it.
SELECT goes_alter_store(validate_versions => 'sequential');
\set VERBOSITY sqlstate
INSERT INTO events SELECT gen_random_uuid(), 'x', 0, :a, repeat('名', 255), version FROM generate_series(1, 3) AS version;
INSERT INTO events VALUES (gen_random_uuid(), 'x', 0, :a, repeat('名', 255), 5);
INSERT INTO events VALUES (gen_random_uuid(), 'x', 0, :a, repeat('名', 255), 4);
DROP INDEX goes_aggregate;
CREATE UNIQUE INDEX goes_aggregate ON events (aggregate_name, aggregate_id, aggregate_version);
INSERT INTO events VALUES (gen_random_uuid(), 'x', 0, :a, repeat('名', 255), 6);
INSERT INTO events SELECT gen_random_uuid(), 'x', 0, :a, repeat('名', 255), version FROM generate_series(5, 7) AS version;
\set VERBOSITY default
SELECT max(aggregate_version) FROM events WHERE aggregate_name = repeat('名', 255);
DELETE FROM events WHERE aggregate_name = repeat('名', 255);

-- Who may only insert is held to it, and learns nothing but the number.
CREATE ROLE validate_odd_writer;
GRANT USAGE ON SCHEMA validate_odd TO validate_odd_writer;
GRANT INSERT ON events TO validate_odd_writer;
SET ROLE validate_odd_writer;
SELECT add('{3}'), add('{6,4}'), add('{5,4}');
SELECT goes_insert_batch(ARRAY[goes_new_event('x', NULL, 'order', :a, 8)]);
\echo :SQLSTATE
RESET ROLE;
-- Row security hides the newest, for the owner too.
ALTER TABLE events OWNER TO validate_odd_writer;
ALTER TABLE events ENABLE ROW LEVEL SECURITY;
ALTER TABLE events FORCE ROW LEVEL SECURITY;
CREATE POLICY write ON events FOR INSERT WITH CHECK (true);
CREATE POLICY read ON events FOR SELECT USING (aggregate_version < 3);
SET ROLE validate_odd_writer;
SELECT count(*) FROM events WHERE aggregate_name = 'order';
SELECT add('{3}'), add('{7}'), add('{6}');
SELECT goes_append('order', :a, ARRAY[goes_new_event('x')]);
\echo :SQLSTATE
RESET ROLE;
ALTER TABLE events DISABLE ROW LEVEL SECURITY;
DELETE FROM events WHERE aggregate_name = 'order' AND aggregate_version = 3;
ALTER TABLE events ENABLE ROW LEVEL SECURITY;
SET ROLE validate_odd_writer;
SELECT goes_append('order', :a, ARRAY[goes_new_event('x')]);
\echo :SQLSTATE
RESET ROLE;

-- The trigger's function is for the trigger of that kind only.
SELECT goes_validate_versions();
\echo :SQLSTATE
CREATE TABLE unguarded (LIKE events INCLUDING INDEXES);
CREATE TRIGGER each_row AFTER INSERT ON unguarded FOR EACH ROW EXECUTE FUNCTION goes_validate_versions('sequential');
SELECT add('{1}', 'unguarded');
\echo :SQLSTATE
DROP TRIGGER each_row ON unguarded;
CREATE TRIGGER no_rows AFTER INSERT ON unguarded FOR EACH STATEMENT EXECUTE FUNCTION goes_validate_versions('sequential');
SELECT add('{1}', 'unguarded');
\echo :SQLSTATE
DROP TRIGGER no_rows ON unguarded;
CREATE TRIGGER bad_mode AFTER INSERT ON unguarded REFERENCING NEW TABLE AS new FOR EACH STATEMENT EXECUTE FUNCTION goes_validate_versions('strict');
SELECT add('{1}', 'unguarded');
\echo :SQLSTATE
DROP TRIGGER bad_mode ON unguarded;
CREATE TABLE no_store (id uuid);
CREATE TRIGGER no_store AFTER INSERT ON no_store REFERENCING NEW TABLE AS new FOR EACH STATEMENT EXECUTE FUNCTION goes_validate_versions('sequential');
INSERT INTO no_store VALUES (:a);
\echo :SQLSTATE

SET client_min_messages = warning;
DROP SCHEMA validate_odd, "Odd "" Schema" CASCADE;
DROP ROLE validate_odd_writer;
