-- The guard append_only: events are added, and neither changed nor removed.
CREATE SCHEMA append_only;
SET search_path = append_only, public;
\set SHOW_CONTEXT never
\set order '''019a0000-0000-7000-8000-00000000000a'''
\set id1 '''019a0000-0000-7000-8000-000000000001'''
\set id2 '''019a0000-0000-7000-8000-000000000002'''
SELECT goes_create_store();
CREATE TABLE customers (id uuid PRIMARY KEY, changed_to uuid);
INSERT INTO customers VALUES (:order);
ALTER TABLE events ADD FOREIGN KEY (aggregate_id) REFERENCES customers ON DELETE CASCADE ON UPDATE CASCADE;
SELECT goes_append('order', :order, ARRAY[goes_new_event('placed', id => :id1), goes_new_event('paid', id => :id2)]);

-- Off: what goes needs works.
UPDATE events SET data = '1' WHERE id = :id1;
DELETE FROM events WHERE false;
SELECT goes_alter_store(append_only => true);

-- Adding works, in every way.
SELECT goes_append('order', :order, ARRAY[goes_new_event('sent')]);
SELECT goes_insert_batch(ARRAY[goes_new_event('alone')]);
INSERT INTO events VALUES (gen_random_uuid(), 'plain', 0);
INSERT INTO events VALUES (:id1, 'twice', 0) ON CONFLICT DO NOTHING;
COPY events (id, name, "time") FROM stdin;
019a0000-0000-7000-8000-000000000003	copied	0
\.
MERGE INTO events USING (VALUES (:id1::uuid), ('019a0000-0000-7000-8000-000000000004')) AS source (id) ON events.id = source.id
WHEN NOT MATCHED THEN INSERT (id, name, "time") VALUES (source.id, 'merged', 0);
SELECT name FROM events WHERE id = :id1 FOR UPDATE;

-- Changing and removing does not, not even by the owner and superuser, and not even nothing.
SELECT pg_get_userbyid(relowner) = CURRENT_USER AS is_owner, current_setting('is_superuser') AS is_superuser
FROM pg_class
WHERE oid = 'events'::regclass;
UPDATE events SET data = '2' WHERE id = :id1;
\echo :SQLSTATE
DELETE FROM events WHERE id = :id1;
\echo :SQLSTATE
TRUNCATE events;
\echo :SQLSTATE
UPDATE events SET data = '2' WHERE false;
\echo :SQLSTATE
INSERT INTO events VALUES (:id1, 'twice', 0) ON CONFLICT (id) DO UPDATE SET name = 'twice';
\echo :SQLSTATE
INSERT INTO events VALUES (gen_random_uuid(), 'new', 0) ON CONFLICT (id) DO UPDATE SET name = 'twice';
\echo :SQLSTATE
MERGE INTO events USING (VALUES (:id1::uuid)) AS source (id) ON events.id = source.id
WHEN MATCHED THEN UPDATE SET name = 'merged';
\echo :SQLSTATE
MERGE INTO events USING (VALUES (:id1::uuid)) AS source (id) ON events.id = source.id
WHEN MATCHED THEN DELETE;
\echo :SQLSTATE
SELECT goes_delete(ARRAY[:id1]::uuid[]);
\echo :SQLSTATE
SELECT goes_delete(ARRAY[gen_random_uuid()]);
\echo :SQLSTATE
SELECT goes_delete('{}');
WITH gone AS (DELETE FROM events RETURNING id) INSERT INTO events SELECT id, 'again', 0 FROM gone;
\echo :SQLSTATE
-- By way of another table.
DELETE FROM customers;
\echo :SQLSTATE
UPDATE customers SET id = gen_random_uuid();
\echo :SQLSTATE
SET client_min_messages = warning;
TRUNCATE customers CASCADE;
\echo :SQLSTATE
RESET client_min_messages;
CREATE VIEW seen AS SELECT * FROM events;
DELETE FROM seen;
\echo :SQLSTATE
SELECT name, data FROM events ORDER BY name;

-- A superuser may turn it off for a session, or for a transaction.
SHOW goes_store.allow_changes;
SET goes_store.allow_changes = on;
UPDATE events SET data = '3' WHERE id = :id1;
SELECT goes_delete(ARRAY[:id2]::uuid[]);
RESET goes_store.allow_changes;
UPDATE events SET data = '4' WHERE id = :id1;
\echo :SQLSTATE
BEGIN;
SET LOCAL goes_store.allow_changes = on;
UPDATE events SET data = '5' WHERE id = :id1;
COMMIT;
UPDATE events SET data = '6' WHERE id = :id1;
\echo :SQLSTATE
SELECT data FROM events WHERE id = :id1;
SET goes_store.allow_changes = perhaps;
\echo :SQLSTATE

-- Anybody else may not, unless that was granted; the table's owner neither.
CREATE ROLE append_only_owner;
CREATE ROLE append_only_other;
GRANT ALL ON SCHEMA append_only TO append_only_owner, append_only_other;
GRANT ALL ON events TO append_only_other;
ALTER TABLE events OWNER TO append_only_owner;
SET ROLE append_only_other;
DELETE FROM events;
\echo :SQLSTATE
SET goes_store.allow_changes = on;
\echo :SQLSTATE
SELECT set_config('goes_store.allow_changes', 'on', true);
\echo :SQLSTATE
DELETE FROM events;
\echo :SQLSTATE
SET ROLE append_only_owner;
DELETE FROM events;
\echo :SQLSTATE
SET goes_store.allow_changes = on;
\echo :SQLSTATE
RESET ROLE;
GRANT SET ON PARAMETER goes_store.allow_changes TO append_only_other;
SET ROLE append_only_other;
SET goes_store.allow_changes = on;
DELETE FROM events WHERE name = 'merged';
RESET goes_store.allow_changes;
DELETE FROM events WHERE name = 'alone';
\echo :SQLSTATE
RESET ROLE;
REVOKE SET ON PARAMETER goes_store.allow_changes FROM append_only_other;
SELECT name FROM events ORDER BY name;

-- Not in a new session either, before it has loaded what knows of the setting.
\c -
SET SESSION AUTHORIZATION append_only_other;
SET goes_store.allow_changes = on;
DELETE FROM append_only.events;
\echo :SQLSTATE
SHOW goes_store.allow_changes;
RESET SESSION AUTHORIZATION;
SET search_path = append_only, public;

-- The owner can switch the guard off.
SET ROLE append_only_owner;
SELECT goes_alter_store(append_only => false);
DELETE FROM events;
RESET ROLE;

-- The trigger's function is for the trigger of that kind only.
SELECT goes_append_only();
\echo :SQLSTATE
CREATE TRIGGER each_row BEFORE DELETE ON customers FOR EACH ROW EXECUTE FUNCTION goes_append_only();
DELETE FROM customers;
\echo :SQLSTATE
DROP TRIGGER each_row ON customers;
CREATE TRIGGER after AFTER UPDATE OR DELETE OR TRUNCATE ON customers FOR EACH STATEMENT EXECUTE FUNCTION goes_append_only();
DELETE FROM customers;
\echo :SQLSTATE

SET client_min_messages = warning;
DROP SCHEMA append_only CASCADE;
DROP ROLE append_only_owner, append_only_other;
