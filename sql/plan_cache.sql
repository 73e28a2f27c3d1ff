-- A kept plan never goes by a name that another table has meanwhile.
CREATE SCHEMA plan_cache;
SET search_path = plan_cache, public;
SELECT goes_create_store();
SELECT goes_create_store('new');
SELECT goes_insert_batch(ARRAY[goes_new_event('first', id => '00000000-0000-7000-8000-000000000001')]);
SELECT goes_insert_batch(ARRAY[goes_new_event('second', id => '00000000-0000-7000-8000-000000000002')], 'new');
SELECT goes_count(), (SELECT string_agg(name, ' ') FROM goes_query());

-- events -> old, new -> events, and back.
ALTER TABLE events RENAME TO old;
ALTER TABLE new RENAME TO events;
SELECT goes_count(store => 'old'), (SELECT string_agg(name, ' ') FROM goes_query(store => 'old'));
SELECT goes_count(), (SELECT string_agg(name, ' ') FROM goes_query());
SELECT goes_insert_batch(ARRAY[goes_new_event('third')]);
SELECT count(*) FILTER (WHERE name = 'third') AS events, (SELECT count(*) FROM old) AS old FROM events;
ALTER TABLE events RENAME TO new;
ALTER TABLE old RENAME TO events;
SELECT string_agg(name, ' ' ORDER BY name) FROM goes_query();
SELECT string_agg(name, ' ' ORDER BY name) FROM goes_query(store => 'new');

-- The schema can be renamed, or the table moved.
ALTER SCHEMA plan_cache RENAME TO renamed;
CREATE SCHEMA plan_cache;
SELECT goes_create_store('plan_cache.events');
SELECT string_agg(name, ' ' ORDER BY name) FROM goes_query(store => 'renamed.events');
SELECT goes_count(store => 'plan_cache.events');
ALTER TABLE renamed.new SET SCHEMA plan_cache;
SELECT string_agg(name, ' ' ORDER BY name) FROM goes_query(store => 'plan_cache.new');

-- Columns come and go, indexes and types change, tables are dropped and made again.
SELECT goes_insert_batch(ARRAY[goes_new_event('fourth')]);
ALTER TABLE events ADD COLUMN tenant text DEFAULT 'none';
SELECT goes_insert_batch(ARRAY[goes_new_event('fifth')]);
ALTER TABLE events ALTER COLUMN name TYPE text;
DROP INDEX goes_name;
SELECT string_agg(name, ' ' ORDER BY name) FROM goes_query();
ALTER TABLE events RENAME COLUMN data TO payload;
SELECT string_agg(name, ' ' ORDER BY name) FROM goes_query();
\echo :SQLSTATE
ALTER TABLE events RENAME COLUMN payload TO data;
SELECT string_agg(name, ' ' ORDER BY name) FROM goes_query();
DROP TABLE events;
SELECT goes_count();
\echo :SQLSTATE
SELECT goes_create_store();
SELECT goes_count();

-- More shapes than plans are kept: the answers stay right.
SELECT goes_insert_batch(ARRAY(SELECT goes_new_event(n::text, to_jsonb(n), "time" => n) FROM generate_series(1, 100) AS n));
DO $$
BEGIN
    FOR i IN 1..200 LOOP
        PERFORM goes_create_store('store_' || i);
        PERFORM goes_insert_batch(ARRAY(SELECT goes_new_event('a') FROM generate_series(1, i % 7)), 'store_' || i);
    END LOOP;
    FOR i IN REVERSE 200..1 LOOP
        IF goes_count(store => 'store_' || i) <> i % 7 THEN
            RAISE EXCEPTION 'store % has % events', i, goes_count(store => 'store_' || i);
        END IF;
    END LOOP;
END
$$;
SELECT goes_count(), goes_count(time_min => 51), goes_count(time_min => 51, time_max => 60);

-- An error midway leaves no stale plan.
CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'no %', new.name; END$$;
CREATE TRIGGER fail BEFORE INSERT ON events FOR EACH ROW WHEN (new.name = 'bad') EXECUTE FUNCTION fail();
DO $$
BEGIN
    FOR i IN 1..100 LOOP
        BEGIN
            PERFORM goes_insert_batch(ARRAY[goes_new_event('bad')]);
        EXCEPTION WHEN raise_exception THEN
            NULL;
        END;
        PERFORM goes_insert_batch(ARRAY[goes_new_event('good')]);
    END LOOP;
END
$$;
SELECT goes_count(names => '{good}'), goes_count(names => '{bad}');

-- A plan that is running is left alone while the table changes under it.
CREATE FUNCTION alter_table() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DISCARD PLANS;
    PERFORM goes_insert_batch(ARRAY[goes_new_event('inner')]);
    RETURN NULL;
END
$$;
CREATE TRIGGER alter_table AFTER INSERT ON events FOR EACH ROW WHEN (new.name = 'outer') EXECUTE FUNCTION alter_table();
SELECT goes_insert_batch(ARRAY[goes_new_event('outer'), goes_new_event('outer')]);
SELECT goes_count(names => '{outer}'), goes_count(names => '{inner}');

-- So is one that turns out to be useless while an outer call runs it: a rule replaces the INSERT, and
-- calls the same function again.
SELECT goes_create_store('ruled');
CREATE TABLE depth (calls integer);
INSERT INTO depth VALUES (0);
CREATE FUNCTION again(uuid) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    so_far integer;
BEGIN
    UPDATE depth SET calls = calls + 1 RETURNING calls INTO so_far;
    IF so_far < 4 THEN
        BEGIN
            PERFORM goes_insert_batch(ARRAY[goes_new_event('inner')], 'ruled');
        EXCEPTION WHEN wrong_object_type THEN
            NULL;
        END;
        FOR i IN 1..200 LOOP
            EXECUTE format('PREPARE p_%s_%s AS SELECT %s, $1::text, repeat(''x'', 1000)', so_far, i, i);
        END LOOP;
    END IF;
    RETURN 1;
END
$$;
CREATE RULE again AS ON INSERT TO ruled DO INSTEAD SELECT again(new.id);
SELECT goes_insert_batch(ARRAY[goes_new_event('outer')], 'ruled');
\echo :SQLSTATE
DEALLOCATE ALL;
SELECT goes_insert_batch(ARRAY[goes_new_event('outer')], 'ruled');
\echo :SQLSTATE
DROP RULE again ON ruled;
SELECT goes_insert_batch(ARRAY[goes_new_event('stored')], 'ruled');
SELECT name FROM ruled;

-- The extension is dropped and created anew: its types have other OIDs.
SELECT goes_create_store('lasting');
SELECT goes_insert_batch(ARRAY[goes_new_event('before')], 'lasting');
SELECT goes_count(aggregates => ARRAY[('a', goes_uuid_v7()), ('b', goes_uuid_v7())]::goes_aggregate_ref[], store => 'lasting');
SET client_min_messages = warning;
DROP EXTENSION goes_store CASCADE;
CREATE EXTENSION goes_store SCHEMA public;
RESET client_min_messages;
SELECT goes_insert_batch(ARRAY[goes_new_event('after')], 'lasting');
SELECT goes_count(aggregates => ARRAY[('a', goes_uuid_v7()), ('b', goes_uuid_v7())]::goes_aggregate_ref[], store => 'lasting');
SELECT string_agg(name, ' ' ORDER BY "time") FROM goes_query(store => 'lasting');

SET client_min_messages = warning;
DROP SCHEMA plan_cache, renamed CASCADE;
