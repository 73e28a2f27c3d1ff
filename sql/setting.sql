-- goes_store.table names the store of a call that names none. TABLE is a keyword, hence the quotation marks.
CREATE SCHEMA setting;
CREATE SCHEMA "Odd Schema";
SET search_path = setting, public;
SELECT goes_uuid_v7() IS NOT NULL AS loaded;
SHOW goes_store."table";
SELECT goes_create_store();
SET goes_store."table" = '"Odd Schema"."Odd Table"';
SELECT goes_create_store();
SELECT goes_insert_batch(ARRAY[goes_new_event('a')]);
SELECT goes_count(), goes_count(store => 'events'), goes_count(store => 'setting.events');

-- set_config() needs none.
SELECT set_config('goes_store.table', 'setting.events', false);
SELECT goes_count();

-- What could never name a table is refused when it is set.
SET goes_store."table" = '';
\echo :SQLSTATE
SET goes_store."table" = 'two words';
\echo :SQLSTATE
SET goes_store."table" = '"open';
\echo :SQLSTATE
SET goes_store.tabel = 'events';
\echo :SQLSTATE

-- A name is found through search_path at each call.
RESET goes_store."table";
SELECT goes_count();
SET search_path = "Odd Schema", public;
SELECT goes_count();
\echo :SQLSTATE

SET client_min_messages = warning;
DROP SCHEMA setting, "Odd Schema" CASCADE;
