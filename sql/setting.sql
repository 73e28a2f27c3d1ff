-- goes_store.default_store names the store of a call that names none.
CREATE SCHEMA setting;
CREATE SCHEMA "Odd Schema";
SET search_path = setting, public;
SELECT goes_uuid_v7() IS NOT NULL AS loaded;
SHOW goes_store.default_store;
SELECT goes_create_store();
SET goes_store.default_store = '"Odd Schema"."Odd Table"';
SELECT goes_create_store();
SELECT goes_insert_batch(ARRAY[goes_new_event('a')]);
SELECT goes_count(), goes_count(store => 'events'), goes_count(store => 'setting.events');

-- It can be set by a function.
SELECT set_config('goes_store.default_store', 'setting.events', false);
SELECT goes_count();

-- What could never name a table is refused when it is set.
SET goes_store.default_store = '';
\echo :SQLSTATE
SET goes_store.default_store = 'two words';
\echo :SQLSTATE
SET goes_store.default_store = '"open';
\echo :SQLSTATE
SET goes_store.default_store = '""';
\echo :SQLSTATE
SELECT set_config('goes_store.default_store', '"' || repeat('a', 62) || '""b"', false);
\echo :SQLSTATE
SET goes_store."table" = 'events';
\echo :SQLSTATE
SET goes_store.defualt_store = 'events';
\echo :SQLSTATE

-- A name is found through search_path at each call.
RESET goes_store.default_store;
SELECT goes_count();
SET search_path = "Odd Schema", public;
SELECT goes_count();
\echo :SQLSTATE

-- A SECURITY DEFINER function that goes by the setting, or by a name without its schema, takes the caller's
-- temporary table, whose trigger then runs with the rights of the function's owner. A whole name avoids it.
SET search_path = setting, public;
CREATE ROLE setting_caller;
GRANT USAGE ON SCHEMA setting TO setting_caller;
CREATE FUNCTION by_setting() RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = setting, public
    AS $$ SELECT goes_insert_batch(ARRAY[goes_new_event('a')]) $$;
CREATE FUNCTION by_name() RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = setting, public
    AS $$ SELECT goes_insert_batch(ARRAY[goes_new_event('a')], 'events') $$;
CREATE FUNCTION by_whole_name() RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = setting, public
    AS $$ SELECT goes_insert_batch(ARRAY[goes_new_event('a')], 'setting.events') $$;
SET ROLE setting_caller;
SELECT goes_create_store('pg_temp.events');
CREATE FUNCTION pg_temp.tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE NOTICE '% with the rights of the caller', CASE current_user WHEN 'setting_caller' THEN 'runs' ELSE 'does not run' END;
    RETURN NEW;
END
$$;
CREATE TRIGGER tell BEFORE INSERT ON pg_temp.events FOR EACH ROW EXECUTE FUNCTION pg_temp.tell();
SELECT by_setting();
SELECT by_name();
SELECT by_whole_name();
RESET ROLE;
DROP TABLE pg_temp.events;

-- A fresh session knows the setting when it has called a function, or if the database has a value for it. Before
-- that call PostgreSQL takes any name and value.
SELECT format('ALTER DATABASE %I', current_database()) AS alter_database \gset
\c -
SHOW goes_store.default_store;
\echo :SQLSTATE
SET goes_store.default_store = 'setting.events';
SET goes_store.defualt_store = 'setting.events';
SHOW goes_store.defualt_store;
SELECT goes_count(), current_setting('goes_store.default_store') AS default_store;
SHOW goes_store.defualt_store;
\echo :SQLSTATE
:alter_database SET goes_store.defualt_store = 'setting.events';
\echo :SQLSTATE
:alter_database SET goes_store.default_store = 'two words';
\echo :SQLSTATE
:alter_database SET goes_store.default_store = 'setting.events';
\c -
SHOW goes_store.default_store;
SELECT goes_count();
RESET goes_store.default_store;
SHOW goes_store.default_store;

-- A database has a wrong name or value only if it got it from a session without the extension. Those that load it say so.
\c -
:alter_database SET goes_store.default_store = 'two words';
:alter_database SET goes_store.defualt_store = 'setting.events';
\c -
SELECT goes_now() > 0 AS is_loaded, current_setting('goes_store.default_store') AS default_store;
:alter_database RESET goes_store.defualt_store;
:alter_database RESET goes_store.default_store;

-- Who is no superuser can set it for a role or a database only where the extension is loaded.
\c -
SET ROLE setting_caller;
ALTER ROLE setting_caller SET goes_store.default_store = 'setting.events';
\echo :SQLSTATE
SELECT goes_now() > 0 AS is_loaded;
ALTER ROLE setting_caller SET goes_store.default_store = 'setting.events';
RESET ROLE;

SET client_min_messages = warning;
DROP SCHEMA setting, "Odd Schema" CASCADE;
DROP ROLE setting_caller;
