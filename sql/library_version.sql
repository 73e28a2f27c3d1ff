-- The library says its version, and refuses to stand for a newer one: scripts that update the extension ask.
SELECT goes_library_version() = extversion AS is_the_extensions FROM pg_extension WHERE extname = 'goes_store';
SELECT goes_library_version(goes_library_version()) = goes_library_version() AS same, goes_library_version('0.9') IS NULL AS older;
SELECT goes_library_version('99.0');
\echo :SQLSTATE
SELECT goes_library_version('99');
\echo :SQLSTATE
SELECT goes_library_version('1.0 beta');
SELECT goes_library_version('');

-- A check of a store says if the database's SQL is older than the library, or the library older than it.
SELECT goes_create_store();
SELECT * FROM goes_check_store();
BEGIN;
UPDATE pg_extension SET extversion = '0.9' WHERE extname = 'goes_store';
SELECT * FROM goes_check_store();
SELECT * FROM goes_check_store(table_only => true);
UPDATE pg_extension SET extversion = '0.10' WHERE extname = 'goes_store';
SELECT remedy FROM goes_check_store();
UPDATE pg_extension SET extversion = '99.0' WHERE extname = 'goes_store';
SELECT * FROM goes_check_store();
UPDATE pg_extension SET extversion = 'next' WHERE extname = 'goes_store';
SELECT * FROM goes_check_store();
ALTER EXTENSION goes_store DROP FUNCTION goes_check_store(text, boolean);
SELECT * FROM goes_check_store();
ROLLBACK;

DROP TABLE events;
