-- goes_alter_store switches guards on and off; goes_check_store tells when one does not hold.
CREATE SCHEMA guards;
SET search_path = guards, public;
\set a '''019a0000-0000-7000-8000-00000000000a'''
\set SHOW_CONTEXT never
SELECT goes_create_store();
CREATE VIEW installed AS
SELECT tgrelid::regclass AS store, tgname AS trigger, tgenabled AS enabled, pg_get_triggerdef(oid) AS definition
FROM pg_trigger
WHERE tgrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'guards'::regnamespace) AND tgname !~ 'goes_feed'
ORDER BY tgrelid, tgname;

-- Without a guard there is no trace of one.
TABLE installed;
SELECT * FROM goes_check_store();
SELECT goes_alter_store();
TABLE installed;

-- On, in a mode, in another one, as well as the other guard; NULL leaves a guard as it is.
SELECT goes_alter_store(validate_versions => 'increasing');
TABLE installed;
SELECT goes_alter_store(validate_versions => 'sequential', append_only => NULL);
TABLE installed;
SELECT goes_alter_store('guards.events', append_only => true);
TABLE installed;
SELECT * FROM goes_check_store();
-- What is as it should be is left alone.
SELECT array_agg(oid ORDER BY oid) AS before FROM pg_trigger WHERE tgrelid = 'events'::regclass \gset
SELECT goes_alter_store(), goes_alter_store(NULL, NULL, NULL);
SELECT goes_alter_store(validate_versions => 'sequential', append_only => true);
SELECT array_agg(oid ORDER BY oid) = :'before' AND pg_current_xact_id_if_assigned() IS NULL AS untouched
FROM pg_trigger
WHERE tgrelid = 'events'::regclass;
\d events
SELECT goes_alter_store(validate_versions => 'off', append_only => NULL);
TABLE installed;
SELECT goes_alter_store(append_only => false);
TABLE installed;
SELECT goes_alter_store(validate_versions => 'off', append_only => false);
SELECT count(*)
FROM pg_depend
WHERE refobjid IN (SELECT oid FROM pg_proc WHERE proname IN ('goes_validate_versions', 'goes_append_only'))
  AND classid = 'pg_trigger'::regclass;

-- What it refuses.
SELECT goes_alter_store(validate_versions => 'strict');
\echo :SQLSTATE
SELECT goes_alter_store(validate_versions => '');
\echo :SQLSTATE
SELECT goes_alter_store(validate_versions => 'Sequential');
\echo :SQLSTATE
SELECT goes_alter_store('nowhere', 'sequential');
\echo :SQLSTATE
CREATE VIEW no_store AS SELECT * FROM events;
SELECT goes_alter_store('no_store', 'sequential');
\echo :SQLSTATE
BEGIN READ ONLY;
SELECT goes_alter_store(append_only => true);
\echo :SQLSTATE
ROLLBACK;
TABLE installed;

-- Only the owner, and whoever may act as one.
CREATE ROLE guards_owner;
CREATE ROLE guards_other;
GRANT ALL ON SCHEMA guards TO guards_owner, guards_other;
GRANT ALL ON events TO guards_other;
ALTER TABLE events OWNER TO guards_owner;
SET ROLE guards_other;
SELECT goes_alter_store(append_only => true);
\echo :SQLSTATE
SELECT goes_alter_store(validate_versions => 'off');
\echo :SQLSTATE
RESET ROLE;
SET ROLE guards_owner;
SELECT goes_alter_store(validate_versions => 'sequential', append_only => true);
RESET ROLE;
TABLE installed;
SELECT goes_alter_store(validate_versions => 'off', append_only => false);
ALTER TABLE events OWNER TO CURRENT_USER;

-- All or nothing: a transaction that fails leaves it as it was.
BEGIN;
SELECT goes_alter_store(validate_versions => 'sequential', append_only => true);
SELECT count(*) FROM installed;
ROLLBACK;
SELECT count(*) FROM installed;

-- An index that does not have the versions one after the other: VE004 with the DDL that mends it.
DROP INDEX goes_aggregate;
CREATE UNIQUE INDEX goes_aggregate ON events (aggregate_version, aggregate_id, aggregate_name);
SELECT * FROM goes_check_store();
SELECT goes_alter_store(validate_versions => 'sequential', append_only => true);
\echo :SQLSTATE
TABLE installed;
SELECT goes_alter_store(validate_versions => 'off', append_only => true);
SELECT goes_alter_store(append_only => false);
CREATE INDEX versions ON events (aggregate_id, aggregate_name, aggregate_version);
SELECT goes_alter_store(validate_versions => 'increasing');
\echo :SQLSTATE
DROP INDEX versions;
CREATE UNIQUE INDEX versions ON events (aggregate_id, aggregate_name, aggregate_version) WHERE name <> 'x';
SELECT goes_alter_store(validate_versions => 'increasing');
\echo :SQLSTATE
DROP INDEX versions;
CREATE UNIQUE INDEX versions ON events (aggregate_id, aggregate_name, aggregate_version);
SELECT goes_alter_store(validate_versions => 'increasing');
DROP INDEX versions;
SELECT * FROM goes_check_store();
INSERT INTO events VALUES (gen_random_uuid(), 'x', 0, gen_random_uuid(), 'a', 1);
\echo :SQLSTATE
SELECT remedy FROM goes_check_store() \gexec
SELECT * FROM goes_check_store();
INSERT INTO events VALUES (gen_random_uuid(), 'x', 0, gen_random_uuid(), 'a', 1);
-- No unique index at all.
SELECT format('DROP INDEX %s', indexrelid::regclass) FROM pg_index WHERE indrelid = 'events'::regclass AND indnkeyatts = 3 ORDER BY 1 \gexec
SELECT * FROM goes_check_store();
INSERT INTO events VALUES (gen_random_uuid(), 'x', 0, gen_random_uuid(), 'a', 1);
\echo :SQLSTATE
SELECT remedy FROM goes_check_store() \gexec
SELECT * FROM goes_check_store();
SELECT count(*) FROM pg_index WHERE indrelid = 'events'::regclass AND indnkeyatts = 3;
INSERT INTO events VALUES (gen_random_uuid(), 'x', 0, gen_random_uuid(), 'a', 1);

-- A collation that treats different names as equal: the index does not tell apart what a guard and goes do.
CREATE COLLATION no_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE collated (LIKE events INCLUDING INDEXES);
ALTER TABLE collated ALTER COLUMN aggregate_name TYPE text COLLATE no_case;
SELECT goes_append('order', :a, ARRAY[goes_new_event('a')], 0, 'collated'),
       goes_append('ORDER', :a, ARRAY[goes_new_event('b')], 1, 'collated');
SELECT * FROM goes_check_store('collated');
SELECT goes_alter_store('collated', 'sequential');
\echo :SQLSTATE
SELECT goes_alter_store('collated', 'increasing');
\echo :SQLSTATE
SELECT goes_alter_store('collated', append_only => true);
SELECT goes_alter_store('collated', append_only => false);
ALTER TABLE collated ALTER COLUMN aggregate_name TYPE varchar(255) COLLATE "C";
SELECT goes_alter_store('collated', 'sequential');
ALTER TABLE collated ALTER COLUMN aggregate_name TYPE varchar(255) COLLATE no_case;
INSERT INTO collated VALUES (gen_random_uuid(), 'x', 0, :a, 'order', 3);
\echo :SQLSTATE
SELECT * FROM goes_check_store('collated');
SELECT remedy FROM goes_check_store('collated') \gexec
SELECT * FROM goes_check_store('collated');
INSERT INTO collated VALUES (gen_random_uuid(), 'x', 0, :a, 'order', 2), (gen_random_uuid(), 'x', 0, :a, 'ORDER', 3);
INSERT INTO collated VALUES (gen_random_uuid(), 'x', 0, :a, 'order', 4);
\echo :SQLSTATE
-- The index alone has it, in either place: another one serves.
TRUNCATE collated;
DROP INDEX collated_aggregate_id_aggregate_name_aggregate_version_idx;
CREATE UNIQUE INDEX collated_index ON collated (aggregate_name COLLATE no_case, aggregate_id, aggregate_version);
SELECT * FROM goes_check_store('collated');
SELECT remedy FROM goes_check_store('collated') \gexec
SELECT * FROM goes_check_store('collated');
DROP TABLE collated;
-- An operator class of somebody's own may do so, too, or have the newest version elsewhere than at the end.
CREATE FUNCTION compare_no_case(text, text) RETURNS integer LANGUAGE sql IMMUTABLE STRICT AS 'SELECT bttextcmp(lower($1), lower($2))';
CREATE FUNCTION equal_no_case(text, text) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT AS 'SELECT compare_no_case($1, $2) = 0';
CREATE OPERATOR =~~ (FUNCTION = equal_no_case, LEFTARG = text, RIGHTARG = text);
CREATE OPERATOR CLASS no_case_ops FOR TYPE text USING btree AS OPERATOR 3 =~~, FUNCTION 1 compare_no_case(text, text);
CREATE FUNCTION compare_backwards(integer, integer) RETURNS integer LANGUAGE sql IMMUTABLE STRICT AS 'SELECT btint4cmp($2, $1)';
CREATE OPERATOR CLASS backwards_ops FOR TYPE integer USING btree AS OPERATOR 3 =, FUNCTION 1 compare_backwards(integer, integer);
CREATE TABLE classed (LIKE events INCLUDING INDEXES);
DROP INDEX classed_aggregate_id_aggregate_name_aggregate_version_idx;
CREATE UNIQUE INDEX classed_index ON classed (aggregate_id, aggregate_name no_case_ops, aggregate_version);
SELECT goes_alter_store('classed', 'sequential');
DROP INDEX classed_index;
CREATE UNIQUE INDEX classed_index ON classed (aggregate_id, aggregate_name, aggregate_version backwards_ops);
SELECT goes_alter_store('classed', 'sequential');
CREATE UNIQUE INDEX ON classed (aggregate_id, aggregate_name varchar_pattern_ops, aggregate_version);
SELECT goes_alter_store('classed', 'sequential');
INSERT INTO classed VALUES (gen_random_uuid(), 'x', 0, :a, 'order', 1), (gen_random_uuid(), 'x', 0, :a, 'ORDER', 1), (gen_random_uuid(), 'x', 0, :a, 'order', 2);
INSERT INTO classed VALUES (gen_random_uuid(), 'x', 0, :a, 'ORDER', 3);
DROP TABLE classed;

-- A guard that was disabled, for ordinary sessions or for all, and its remedy.
SELECT goes_alter_store(append_only => true);
ALTER TABLE events DISABLE TRIGGER USER;
SELECT * FROM goes_check_store();
SELECT remedy FROM goes_check_store() \gexec
TABLE installed;
ALTER TABLE events ENABLE REPLICA TRIGGER goes_validate_versions;
SELECT * FROM goes_check_store();
SELECT goes_alter_store(validate_versions => 'increasing');
SELECT * FROM goes_check_store();
ALTER TABLE events ENABLE ALWAYS TRIGGER goes_validate_versions;
SELECT * FROM goes_check_store();
SELECT goes_alter_store(validate_versions => 'increasing');
SELECT trigger, enabled FROM installed;
-- One that fires where changes are replayed, too, does so in another mode, under its own name again, and after
-- REPLICA, with which it did so only there; not when it was off in between.
SELECT goes_alter_store(validate_versions => 'sequential');
SELECT trigger, enabled FROM installed;
ALTER TRIGGER goes_validate_versions ON events RENAME TO other;
ALTER TABLE events ENABLE REPLICA TRIGGER other, ENABLE REPLICA TRIGGER goes_append_only;
SELECT goes_alter_store(validate_versions => 'increasing', append_only => true);
SELECT trigger, enabled, definition ~ 'increasing' AS is_increasing FROM installed;
SELECT * FROM goes_check_store();
SET session_replication_role = replica;
DELETE FROM events;
\echo :SQLSTATE
RESET session_replication_role;
SELECT goes_alter_store(validate_versions => 'off', append_only => false);
SELECT goes_alter_store(validate_versions => 'sequential');
SELECT trigger, enabled FROM installed;
CREATE TRIGGER twin AFTER INSERT ON events REFERENCING NEW TABLE AS new FOR EACH STATEMENT EXECUTE FUNCTION goes_validate_versions('sequential');
ALTER TABLE events ENABLE ALWAYS TRIGGER twin;
SELECT goes_alter_store(validate_versions => 'sequential');
SELECT trigger, enabled FROM installed;
SELECT goes_alter_store(validate_versions => 'off');

-- A guard that got another name is still one, and goes when it is switched off.
SELECT goes_alter_store(validate_versions => 'sequential', append_only => true);
ALTER TRIGGER goes_validate_versions ON events RENAME TO "Odd ""Name";
ALTER TRIGGER goes_append_only ON events RENAME TO keep;
SELECT * FROM goes_check_store();
DELETE FROM events;
\echo :SQLSTATE
INSERT INTO events VALUES (gen_random_uuid(), 'x', 0, :a, 'a', 2);
\echo :SQLSTATE
ALTER TABLE events DISABLE TRIGGER "Odd ""Name", DISABLE TRIGGER keep;
SELECT * FROM goes_check_store();
SELECT remedy FROM goes_check_store() \gexec
TABLE installed;
ALTER TRIGGER goes_validate_versions ON events RENAME TO other;
SELECT goes_alter_store(validate_versions => 'increasing', append_only => false);
TABLE installed;
SELECT goes_alter_store(validate_versions => 'off');
TABLE installed;

-- Somebody else's trigger that has a guard's name.
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER goes_append_only AFTER INSERT ON events FOR EACH STATEMENT EXECUTE FUNCTION nothing();
SELECT goes_alter_store(append_only => true);
\echo :SQLSTATE
SELECT goes_alter_store(validate_versions => 'sequential');
SELECT goes_alter_store(append_only => false);
\echo :SQLSTATE
SELECT trigger FROM installed;
ALTER TRIGGER goes_append_only ON events RENAME TO nothing;
SELECT goes_alter_store(append_only => true);
SELECT trigger FROM installed;
SELECT goes_alter_store(validate_versions => 'off', append_only => false);
SELECT trigger FROM installed;
DROP TRIGGER nothing ON events;

-- One that somebody made by hand, and half.
CREATE TRIGGER goes_append_only BEFORE DELETE ON events FOR EACH STATEMENT EXECUTE FUNCTION goes_append_only();
CREATE TRIGGER by_hand AFTER INSERT ON events REFERENCING NEW TABLE AS new FOR EACH STATEMENT
    WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION goes_validate_versions('increasing');
CREATE TRIGGER each_row AFTER INSERT ON events FOR EACH ROW EXECUTE FUNCTION goes_validate_versions('increasing');
SELECT * FROM goes_check_store();
SELECT remedy FROM goes_check_store() \gexec
SELECT * FROM goes_check_store();
TABLE installed;
-- Half by its columns: UPDATE OF.
SELECT goes_alter_store(validate_versions => 'off', append_only => false);
CREATE TRIGGER goes_append_only BEFORE UPDATE OF data OR DELETE OR TRUNCATE ON events FOR EACH STATEMENT EXECUTE FUNCTION goes_append_only();
SELECT * FROM goes_check_store();
SELECT goes_alter_store(append_only => true);
TABLE installed;

-- A table that got another name, or schema, keeps its guards; a copy of it has none.
SELECT goes_alter_store(validate_versions => 'sequential');
ALTER TABLE events RENAME TO renamed;
SELECT * FROM goes_check_store('renamed');
INSERT INTO renamed VALUES (gen_random_uuid(), 'x', 0, :a, 'a', 2);
\echo :SQLSTATE
DELETE FROM renamed;
\echo :SQLSTATE
CREATE SCHEMA guards_other;
ALTER TABLE renamed SET SCHEMA guards_other;
DELETE FROM guards_other.renamed;
\echo :SQLSTATE
SELECT * FROM goes_check_store('guards_other.renamed');
CREATE TABLE copied (LIKE guards_other.renamed INCLUDING ALL);
TABLE installed;
-- So does one whose columns are renamed and are there again: the guard looks at what is there.
ALTER TABLE guards_other.renamed RENAME COLUMN aggregate_version TO old_version;
INSERT INTO guards_other.renamed VALUES (gen_random_uuid(), 'x', 0, gen_random_uuid(), 'a', 1);
\echo :SQLSTATE
ALTER TABLE guards_other.renamed RENAME COLUMN old_version TO aggregate_version;

-- A table to which rows come by way of another one, whose statements do not fire its triggers.
CREATE TABLE parent (LIKE guards_other.renamed) PARTITION BY LIST (name);
ALTER TABLE parent ATTACH PARTITION guards_other.renamed DEFAULT;
SELECT * FROM goes_check_store('guards_other.renamed');
SELECT goes_alter_store('guards_other.renamed', 'increasing');
\echo :SQLSTATE
SELECT goes_alter_store('guards_other.renamed', append_only => true);
\echo :SQLSTATE
SELECT goes_alter_store('guards_other.renamed', 'off', false);
SELECT * FROM goes_check_store('guards_other.renamed');
ALTER TABLE parent DETACH PARTITION guards_other.renamed;
SELECT goes_alter_store('guards_other.renamed', 'sequential', true);
SET client_min_messages = warning;
CREATE TABLE heir (LIKE guards_other.renamed INCLUDING INDEXES) INHERITS (guards_other.renamed);
RESET client_min_messages;
SELECT goes_alter_store('heir', append_only => true);
\echo :SQLSTATE
SELECT * FROM goes_check_store('guards_other.renamed');
SELECT goes_alter_store('guards_other.renamed', 'off', false);
SELECT * FROM goes_check_store('guards_other.renamed');
SELECT goes_alter_store('guards_other.renamed', 'increasing');
\echo :SQLSTATE
ALTER TABLE heir NO INHERIT guards_other.renamed;
SELECT goes_alter_store('guards_other.renamed', 'increasing', true);
SELECT goes_alter_store('heir', append_only => true);

-- The extension cannot go while its guards stand.
DROP FUNCTION goes_append_only();
\echo :SQLSTATE
DROP EXTENSION goes_store;
\echo :SQLSTATE

SET client_min_messages = warning;
DROP SCHEMA guards, guards_other CASCADE;
DROP ROLE guards_owner, guards_other;
