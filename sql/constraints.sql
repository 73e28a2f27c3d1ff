-- Constraints that keep out what a store has to take are problems, with a remedy that removes just them. What else
-- the owner of a table demands of its rows is his right, and its own errors name it.
CREATE SCHEMA constraints;
SET search_path = constraints, public;

-- Makes a store, spoils it, and tells what writes say, what goes_check_store says, and what both say after the remedies.
CREATE TABLE kinds (kind text, make text, write text[]);
INSERT INTO kinds VALUES
    ('events', 'goes_create_store', ARRAY[
        $$goes_append('order', gen_random_uuid(), ARRAY[goes_new_event('a'), goes_new_event('b')])$$,
        $$goes_insert_batch(ARRAY[goes_new_event('a')])$$,
        $$goes_insert_batch(ARRAY[goes_new_event('a')])$$]),
    ('snapshots', 'goes_create_snapshot_store', ARRAY[
        $$goes_snapshot_save('order', '00000000-0000-7000-8000-000000000001', 1, '')$$,
        $$goes_snapshot_save('order', '00000000-0000-7000-8000-000000000001', 1, '')$$,
        $$goes_snapshot_save('order', '00000000-0000-7000-8000-000000000001', 2, '')$$]),
    ('models', 'goes_create_model_store', ARRAY[
        $$goes_model_save('a', '1')$$, $$goes_model_save('a', '1')$$, $$goes_model_lock('b', '1')$$]);

CREATE FUNCTION write_errors(wanted text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    call text;
    errors text[];
BEGIN
    FOR call IN SELECT unnest(write) FROM kinds WHERE kind = wanted LOOP
        BEGIN
            EXECUTE 'SELECT ' || call;
        EXCEPTION WHEN OTHERS THEN
            errors := errors || SQLSTATE::text;
        END;
    END LOOP;
    RETURN coalesce(array_to_string(errors, ' '), 'none');
END
$$;

CREATE FUNCTION problems(wanted text, OUT message text, OUT remedies text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE (SELECT format('SELECT %s()', make) FROM kinds WHERE kind = wanted);
EXCEPTION WHEN SQLSTATE 'VE004' THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, remedies = PG_EXCEPTION_DETAIL;
    remedies := nullif(remedies, '');
    message := substring(message FROM 'mismatch: (.*)');
END
$$;

CREATE FUNCTION judge(wanted text, spoil text) RETURNS TABLE (about text, says text) LANGUAGE plpgsql AS $$
DECLARE
    found record;
    before text := '';
BEGIN
    EXECUTE (SELECT format('SELECT %s()', make) FROM kinds WHERE kind = wanted);
    EXECUTE spoil;
    RETURN QUERY VALUES (wanted, spoil), ('errors', write_errors(wanted));
    found := problems(wanted);
    IF found.message IS NOT NULL THEN
        RETURN QUERY VALUES ('problems', found.message), ('remedies', coalesce(found.remedies, 'none'));
        IF wanted = 'events' THEN
            before := (SELECT string_agg(problem, '; ') FROM goes_check_store());
            RETURN QUERY SELECT 'CHECK SAYS', before WHERE before <> found.message;
        END IF;
    END IF;
    IF found.remedies IS NOT NULL THEN
        EXECUTE found.remedies;
        RETURN QUERY SELECT 'afterwards', concat_ws('; ', write_errors(wanted), (problems(wanted)).message);
    END IF;
    EXECUTE format('DROP TABLE %I CASCADE', wanted);
END
$$;

CREATE TABLE spoils (number serial, kind text, spoil text);
\pset format unaligned
\pset tuples_only on

-- ON CONFLICT refuses deferrable constraints: any of them for events, those over the key for what is saved.
INSERT INTO spoils (kind, spoil) VALUES
    ('events', 'ALTER TABLE events DROP CONSTRAINT events_pkey, ADD PRIMARY KEY (id) DEFERRABLE'),
    ('events', 'ALTER TABLE events ADD UNIQUE (id) INCLUDE (name) DEFERRABLE INITIALLY DEFERRED'),
    ('events', 'DROP INDEX goes_aggregate; ALTER TABLE events ADD CONSTRAINT "by ""version""" UNIQUE (aggregate_id, aggregate_name, aggregate_version) DEFERRABLE'),
    ('events', 'ALTER TABLE events DROP CONSTRAINT events_pkey, ADD COLUMN number serial, ADD PRIMARY KEY (number) DEFERRABLE'),
    ('events', 'ALTER TABLE events ADD COLUMN number serial UNIQUE DEFERRABLE'),
    ('events', 'ALTER TABLE events ADD EXCLUDE USING btree (id WITH =) WHERE (name = ''c'') DEFERRABLE'),
    ('snapshots', 'ALTER TABLE snapshots DROP CONSTRAINT snapshots_pkey, ADD PRIMARY KEY (aggregate_name, aggregate_id, aggregate_version) DEFERRABLE INITIALLY DEFERRED'),
    ('snapshots', 'ALTER TABLE snapshots ADD CONSTRAINT other_order UNIQUE (aggregate_id, aggregate_version, aggregate_name) DEFERRABLE'),
    ('models', 'ALTER TABLE models ADD UNIQUE (id) DEFERRABLE'),
    ('events', 'CREATE TABLE parent (LIKE events) PARTITION BY LIST (name); ALTER TABLE parent ADD UNIQUE (name, id) DEFERRABLE; ALTER TABLE parent ATTACH PARTITION events DEFAULT'),
-- NULLS NOT DISTINCT makes all events without an aggregate the same.
    ('events', 'DROP INDEX goes_aggregate; CREATE UNIQUE INDEX goes_aggregate ON events (aggregate_id, aggregate_name, aggregate_version) NULLS NOT DISTINCT'),
    ('events', 'ALTER TABLE events ADD COLUMN "x NULLS NOT DISTINCT" text; CREATE UNIQUE INDEX beside ON events (aggregate_version DESC, aggregate_id, aggregate_name COLLATE "C") INCLUDE ("x NULLS NOT DISTINCT") NULLS NOT DISTINCT WITH (fillfactor = 80)'),
    ('events', 'ALTER TABLE events ADD CONSTRAINT two_faults UNIQUE NULLS NOT DISTINCT (aggregate_id, aggregate_name, aggregate_version) INCLUDE (name) DEFERRABLE'),
-- Columns of the owner's that no row has a value for.
    ('events', 'ALTER TABLE events ADD COLUMN "Tenant" text NOT NULL'),
    ('snapshots', 'ALTER TABLE snapshots ADD COLUMN tenant text NOT NULL'),
    ('models', 'ALTER TABLE models ADD COLUMN tenant text NOT NULL'),
    ('events', 'ALTER TABLE events ADD COLUMN tenant text NOT NULL; CREATE TRIGGER off BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION fill(); ALTER TABLE events DISABLE TRIGGER off'),
-- Only their owner knows a default where a key or a type has the rule.
    ('events', 'ALTER TABLE events DROP CONSTRAINT events_pkey, ADD UNIQUE (id), ADD COLUMN tenant text, ADD PRIMARY KEY (tenant, id)'),
    ('events', 'ALTER TABLE events ADD COLUMN tenant text NOT NULL; CREATE UNIQUE INDEX identity ON events (tenant, id); ALTER TABLE events REPLICA IDENTITY USING INDEX identity'),
    ('events', 'ALTER TABLE events ADD COLUMN tenant over_required');
CREATE DOMAIN required AS text NOT NULL;
CREATE DOMAIN over_required AS required CHECK (VALUE <> '');
CREATE DOMAIN with_default AS text NOT NULL DEFAULT 'ours';
CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.tenant := 'ours'; RETURN NEW; END $$;
SELECT about || ': ' || says FROM spoils, judge(kind, spoil) WITH ORDINALITY AS judged ORDER BY spoils.number, judged.ordinality;

-- Their right.
TRUNCATE spoils;
INSERT INTO spoils (kind, spoil) VALUES
    ('events', 'ALTER TABLE events ADD UNIQUE (name)'),
    ('events', 'CREATE UNIQUE INDEX ON events ((data ->> ''email'')) NULLS NOT DISTINCT WHERE name = ''registered'''),
    ('events', 'ALTER TABLE events ADD UNIQUE NULLS NOT DISTINCT (aggregate_id, name)'),
    ('events', 'ALTER TABLE events ADD CHECK (name <> ''b'')'),
    ('events', 'ALTER TABLE events ALTER COLUMN aggregate_id SET NOT NULL'),
    ('events', 'ALTER TABLE events ADD EXCLUDE USING btree (id WITH =)'),
    ('events', 'ALTER TABLE events ALTER COLUMN data SET NOT NULL, ALTER COLUMN "time" SET DEFAULT 0'),
    ('events', 'ALTER TABLE events ADD COLUMN number bigint GENERATED ALWAYS AS IDENTITY, ADD COLUMN at timestamptz NOT NULL DEFAULT now(), ADD COLUMN twice text NOT NULL GENERATED ALWAYS AS (name || name) STORED'),
    ('events', 'ALTER TABLE events ADD COLUMN tenant with_default, ADD COLUMN gone text NOT NULL; ALTER TABLE events DROP COLUMN gone'),
    ('events', 'ALTER TABLE events ADD COLUMN tenant text NOT NULL; CREATE TRIGGER fill BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION fill()'),
    ('snapshots', 'ALTER TABLE snapshots ADD COLUMN number serial UNIQUE DEFERRABLE, ADD UNIQUE NULLS NOT DISTINCT (aggregate_id, aggregate_name, aggregate_version)'),
    ('models', 'ALTER TABLE models ADD EXCLUDE USING btree (id WITH =) DEFERRABLE');
SELECT about || ': ' || says FROM spoils, judge(kind, spoil) WITH ORDINALITY AS judged ORDER BY spoils.number, judged.ordinality;

SET client_min_messages = warning;
DROP SCHEMA constraints CASCADE;
