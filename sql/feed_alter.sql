-- goes_alter_store(feed => …) gives a store a feed and takes it away again.
CREATE SCHEMA feed_alter;
SET search_path = feed_alter, public;
\set SHOW_CONTEXT never
\set a '''019a0000-0000-7000-8000-00000000000a'''
\set b '''019a0000-0000-7000-8000-00000000000b'''
SELECT goes_create_store();
CREATE VIEW things AS
SELECT relkind AS kind, relname AS name, pg_get_userbyid(relowner) = CURRENT_USER AS is_mine
FROM pg_class
WHERE relnamespace = 'feed_alter'::regnamespace AND relkind IN ('r', 'S')
ORDER BY 1, 2;

-- Without a feed there is no trace of one.
SELECT goes_feed_position();
\echo :SQLSTATE
SELECT goes_alter_store(feed => NULL);
TABLE things;

-- On: a column, its index, two triggers, a table and a sequence.
SELECT goes_alter_store(feed => true);
\d events
SELECT col_description('events'::regclass, attnum) AS comment FROM pg_attribute WHERE attrelid = 'events'::regclass AND attname = 'position';
\d events_feed
\d+ events_feed_mark
SELECT goes_feed_position(), goes_insert_batch(ARRAY[goes_new_event('a'), goes_new_event('b')]);
SELECT position, name FROM goes_feed();
SELECT * FROM goes_check_store();

-- What is as it should be is left alone.
SELECT id AS feed_id FROM events_feed \gset
BEGIN;
SELECT goes_alter_store(feed => true), goes_alter_store();
SELECT pg_current_xact_id_if_assigned() IS NULL AS untouched;
COMMIT;
SELECT id = :'feed_id' AS same, rewound FROM events_feed;

-- Off, and off again.
SELECT goes_alter_store(feed => false);
\d events
TABLE things;
SELECT goes_alter_store(feed => false);
SELECT count(*) FROM events;

-- The events that are there are numbered as they lie, if the versions of each aggregate do so.
TRUNCATE events;
INSERT INTO events (id, name, "time", aggregate_id, aggregate_name, aggregate_version)
VALUES (gen_random_uuid(), 'first', 7, :a, 'a', 1),
       (gen_random_uuid(), 'second', 6, NULL, NULL, NULL),
       (gen_random_uuid(), 'third', 5, :b, 'a', 1),
       (gen_random_uuid(), 'fourth', 4, :a, 'a', 2);
SELECT goes_alter_store(feed => true);
SELECT position, name FROM goes_feed();
INSERT INTO events (id, name, "time") VALUES (gen_random_uuid(), 'fifth', 1) RETURNING position;
SELECT goes_alter_store(feed => false);
-- Otherwise they are numbered by their time, but none before an earlier version. No trigger fires, and
-- append-only it stays.
TRUNCATE events;
INSERT INTO events (id, name, "time", aggregate_id, aggregate_name, aggregate_version)
VALUES (gen_random_uuid(), 'a 2', 2, :a, 'a', 2),
       (gen_random_uuid(), 'a 1, late', 8, :a, 'a', 1),
       (gen_random_uuid(), 'a 3', 3, :a, 'a', 3),
       (gen_random_uuid(), 'none, at 5', 5, NULL, NULL, NULL),
       (gen_random_uuid(), 'none, at 9', 9, :a, 'a', NULL),
       (gen_random_uuid(), 'b 1', 1, :b, 'a', 1),
       (gen_random_uuid(), 'b 2', 6, :b, 'a', 2);
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'fired'; END$$;
CREATE TRIGGER refuse BEFORE UPDATE OR INSERT ON events FOR EACH ROW EXECUTE FUNCTION refuse();
SELECT goes_alter_store(append_only => true, validate_versions => 'sequential', feed => true);
DROP TRIGGER refuse ON events;
SELECT position, name FROM goes_feed();
SELECT * FROM goes_check_store();
INSERT INTO events (id, name, "time") VALUES (gen_random_uuid(), 'next', 1) RETURNING position;
SELECT goes_feed_number();
\echo :SQLSTATE
SELECT goes_alter_store(append_only => false, validate_versions => 'off', feed => false);
-- The numbers do not all fit into memory.
INSERT INTO events (id, name, "time", aggregate_id, aggregate_name, aggregate_version)
SELECT gen_random_uuid(), 'e', 100 + n, lpad((n % 10)::text, 32, '0')::uuid, 'many', 4000 - n / 10 FROM generate_series(1, 20000) AS n;
SET work_mem = '64kB';
SET client_min_messages = warning;
SELECT goes_alter_store(feed => true);
RESET client_min_messages;
RESET work_mem;
SELECT count(*), count(DISTINCT position), min(position), max(position), goes_feed_position() FROM events;
SELECT count(*) AS descents
FROM (SELECT position, lag(position) OVER (PARTITION BY aggregate_id ORDER BY aggregate_version) AS before
      FROM events WHERE aggregate_name = 'many') AS versions
WHERE before > position;
DROP TABLE events;
TABLE things;

-- What it refuses.
CREATE UNLOGGED TABLE unlogged (id uuid PRIMARY KEY, name varchar(255), time bigint, aggregate_id uuid, aggregate_name varchar(255), aggregate_version integer, data jsonb);
SELECT goes_create_store('unlogged');
SELECT goes_alter_store('unlogged', feed => true);
\echo :SQLSTATE
CREATE TEMP TABLE temporary (LIKE unlogged INCLUDING ALL);
SELECT goes_alter_store('temporary', feed => true);
\echo :SQLSTATE
CREATE TABLE parent (LIKE unlogged) PARTITION BY LIST (name);
SELECT goes_alter_store('parent', feed => true);
\echo :SQLSTATE
CREATE TABLE part (LIKE unlogged INCLUDING INDEXES);
ALTER TABLE parent ATTACH PARTITION part DEFAULT;
SELECT goes_alter_store('part', feed => true);
\echo :SQLSTATE
ALTER TABLE parent DETACH PARTITION part;
CREATE TABLE heir () INHERITS (part);
SELECT goes_alter_store('part', feed => true);
\echo :SQLSTATE
SELECT goes_alter_store('heir', feed => true);
\echo :SQLSTATE
DROP TABLE heir, parent;
SELECT goes_alter_store('nowhere', feed => true);
\echo :SQLSTATE
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT goes_alter_store('part', feed => true);
\echo :SQLSTATE
ROLLBACK;
BEGIN READ ONLY;
SELECT goes_alter_store('part', feed => true);
\echo :SQLSTATE
ROLLBACK;
-- A column that is something else, or a trigger.
ALTER TABLE part ADD COLUMN position text;
SELECT goes_alter_store('part', feed => true);
\echo :SQLSTATE
SELECT goes_alter_store('part', feed => false);
SELECT * FROM goes_check_store('part');
ALTER TABLE part DROP COLUMN position;
CREATE TRIGGER goes_feed_wake AFTER INSERT ON part FOR EACH ROW EXECUTE FUNCTION refuse();
SELECT goes_alter_store('part', feed => true);
\echo :SQLSTATE
ALTER TRIGGER goes_feed_wake ON part RENAME TO mine;
TABLE things;
DROP TABLE part, unlogged;

-- A column that was made beforehand is adopted, whatever is missing of it.
SELECT goes_create_store();
CREATE SEQUENCE by_hand START 100;
ALTER TABLE events ADD COLUMN position bigint, ALTER COLUMN position SET DEFAULT nextval('by_hand');
INSERT INTO events (id, name, "time") VALUES (gen_random_uuid(), 'new', 1);
INSERT INTO events (id, name, "time", position) VALUES (gen_random_uuid(), 'old', 1, NULL);
SELECT goes_alter_store(feed => true);
\echo :SQLSTATE
UPDATE events SET position = 1 WHERE position IS NULL;
SELECT goes_alter_store(feed => true);
INSERT INTO events (id, name, "time") VALUES (gen_random_uuid(), 'next', 1);
SELECT position, name FROM goes_feed();
DROP SEQUENCE by_hand;
SELECT goes_alter_store(feed => false);
ALTER TABLE events ADD COLUMN position bigint GENERATED BY DEFAULT AS IDENTITY (INCREMENT BY 10 CACHE 5);
CREATE UNIQUE INDEX mine ON events (position) INCLUDE (id);
SELECT goes_alter_store(feed => true);
\d events
INSERT INTO events (id, name, "time") VALUES (gen_random_uuid(), 'next', 1) RETURNING position;
SELECT * FROM goes_check_store();
SELECT goes_alter_store(feed => false);
-- Not one that lacks a type, or an index that does not serve.
ALTER TABLE events ADD COLUMN position integer GENERATED ALWAYS AS IDENTITY;
SELECT goes_alter_store(feed => true);
\echo :SQLSTATE
ALTER TABLE events ALTER COLUMN position TYPE bigint;
CREATE INDEX plain ON events (position);
CREATE UNIQUE INDEX descending ON events (position DESC);
CREATE UNIQUE INDEX partial ON events (position) WHERE position > 2;
ALTER TABLE events ADD CONSTRAINT late UNIQUE (position) DEFERRABLE;
SELECT goes_alter_store(feed => true);
SELECT indexrelid::regclass FROM pg_index WHERE indrelid = 'events'::regclass AND indnkeyatts = 1 AND pg_get_indexdef(indexrelid, 1, false) ~ 'position' ORDER BY 1;
DROP TABLE events;

-- Several stores in a schema, and long names.
SELECT goes_create_store(), goes_create_store('other');
SELECT goes_create_store(repeat('x', 63)), goes_create_store(repeat('x', 62) || 'y');
SELECT goes_alter_store(name, feed => true) FROM unnest(ARRAY['events', 'other', repeat('x', 63), repeat('x', 62) || 'y']) AS name;
TABLE things;
SELECT tablename, indexname FROM pg_indexes WHERE schemaname = 'feed_alter' AND indexdef ~ 'position' ORDER BY 1;
SELECT goes_insert_batch(ARRAY[goes_new_event('a')], 'other');
SELECT goes_feed_position(store => 'events'), goes_feed_position(store => 'other');
-- Others have the names already.
CREATE TABLE taken (id integer);
ALTER TABLE taken RENAME TO third_feed;
SELECT goes_create_store('third');
SELECT goes_alter_store('third', feed => true);
SELECT name FROM things WHERE name ~ 'third';

-- The table of events can get another name or schema, and so can that of the feed.
ALTER TABLE events RENAME TO renamed;
ALTER TABLE events_feed RENAME TO "Odd ""Name";
ALTER TABLE events_feed_mark RENAME TO odd_mark;
ALTER TRIGGER goes_feed_truncate ON renamed RENAME TO odd_trigger;
SELECT goes_insert_batch(ARRAY[goes_new_event('a')], 'renamed');
SELECT goes_feed_position(store => 'renamed');
CREATE SCHEMA feed_alter_other;
ALTER TABLE renamed SET SCHEMA feed_alter_other;
ALTER TABLE "Odd ""Name" SET SCHEMA public;
SELECT goes_feed_position(store => 'feed_alter_other.renamed');
ALTER SCHEMA feed_alter_other RENAME TO feed_alter_another;
SELECT goes_feed_position(store => 'feed_alter_another.renamed');
SELECT goes_alter_store('feed_alter_another.renamed', feed => true);
SELECT * FROM goes_check_store('feed_alter_another.renamed');
\d feed_alter_another.renamed
SELECT goes_alter_store('feed_alter_another.renamed', feed => false);
DROP SCHEMA feed_alter_another CASCADE;
TABLE things;
-- A copy has the column and no feed.
CREATE TABLE copied (LIKE other INCLUDING ALL);
SELECT goes_feed_position(store => 'copied');
\echo :SQLSTATE
SELECT * FROM goes_check_store('copied');
SELECT goes_alter_store('copied', feed => true);
SELECT goes_feed_position(store => 'copied');

-- The feed's own table is kept as long as it is needed, and goes with the events.
DROP TABLE other_feed;
\echo :SQLSTATE
DROP TABLE other;
SELECT name FROM things WHERE name ~ 'other';
-- Taken apart by hand, it is made again: what is left of it is used.
SELECT id AS feed_id FROM copied_feed \gset
DROP TRIGGER goes_feed_truncate ON copied;
SELECT goes_feed_position(store => 'copied');
SELECT * FROM goes_check_store('copied');
SELECT goes_alter_store('copied', feed => true);
SELECT id = :'feed_id' AS same FROM copied_feed;
DROP SEQUENCE copied_feed_mark;
SELECT goes_feed_position(store => 'copied');
\echo :SQLSTATE
SELECT goes_alter_store('copied', feed => true);
DELETE FROM copied_feed;
SELECT goes_feed_position(store => 'copied');
\echo :SQLSTATE
SELECT goes_alter_store('copied', feed => true);
SELECT id AS feed_id FROM copied_feed \gset
ALTER TABLE copied DROP COLUMN position;
SELECT goes_feed_position(store => 'copied');
\echo :SQLSTATE
SELECT goes_alter_store('copied', feed => true);
SELECT goes_feed_position(store => 'copied');
SELECT id = :'feed_id' AS same FROM copied_feed;
SELECT * FROM goes_check_store('copied');
SELECT name FROM things WHERE name ~ 'copied';
DROP TABLE copied;

-- Only the owner, or whoever may act as one; the parts are the owner's.
CREATE ROLE feed_alter_owner;
CREATE ROLE feed_alter_other;
GRANT USAGE ON SCHEMA feed_alter TO feed_alter_owner, feed_alter_other;
SELECT goes_create_store();
GRANT ALL ON events TO feed_alter_other;
ALTER TABLE events OWNER TO feed_alter_owner;
SET ROLE feed_alter_other;
SELECT goes_alter_store(feed => true);
\echo :SQLSTATE
SELECT goes_alter_store(feed => false);
\echo :SQLSTATE
RESET ROLE;
SELECT goes_alter_store(feed => true);
\echo :SQLSTATE
GRANT CREATE ON SCHEMA feed_alter TO feed_alter_owner;
SELECT goes_alter_store(feed => true);
-- A superuser does it for the owner.
SELECT relname, relowner::regrole FROM pg_class WHERE relname ~ '^events_(feed|position)' AND relkind IN ('r', 'S') ORDER BY 1;
SELECT CURRENT_USER = SESSION_USER AS is_me;
SET ROLE feed_alter_owner;
SELECT goes_alter_store(feed => false);
SELECT goes_alter_store(feed => true);
RESET ROLE;
-- Nor can the owner have something done as the superuser when that one's transaction ends.
SET ROLE feed_alter_owner;
CREATE FUNCTION whoami() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE NOTICE 'as the owner: %', CURRENT_USER = 'feed_alter_owner';
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON events_feed DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION whoami();
RESET ROLE;
TRUNCATE events RESTART IDENTITY;
SELECT setval('events_feed_mark', 5);
SELECT goes_alter_store(feed => true);
SET ROLE feed_alter_owner;
DROP TRIGGER late ON events_feed;
SELECT goes_alter_store(feed => true);
RESET ROLE;
-- Whoever may read the positions may follow, and whoever may truncate rewinds it.
REVOKE ALL ON events FROM feed_alter_other;
SET ROLE feed_alter_other;
SELECT goes_feed_position();
\echo :SQLSTATE
RESET ROLE;
GRANT SELECT (position), TRUNCATE ON events TO feed_alter_other;
INSERT INTO events (id, name, "time") VALUES (gen_random_uuid(), 'e', 1);
SET ROLE feed_alter_other;
SELECT goes_feed_position();
TRUNCATE events;
SELECT goes_feed_position();
RESET ROLE;
SELECT id AS feed_id FROM events_feed \gset
BEGIN;
TRUNCATE events RESTART IDENTITY;
SELECT goes_feed_position();
\echo :SQLSTATE
ROLLBACK;
SELECT id = :'feed_id' AS same, rewound FROM events_feed;

-- TRUNCATE RESTART IDENTITY rewinds it, also when nobody has read, or everything is there again.
TRUNCATE events RESTART IDENTITY;
INSERT INTO events (id, name, "time") SELECT gen_random_uuid(), 'e', 1 FROM generate_series(1, 10);
SELECT goes_feed_position();
\echo :SQLSTATE
SELECT id = :'feed_id' AS same, rewound FROM events_feed;
SELECT * FROM goes_check_store();
SELECT goes_alter_store(feed => true);
SELECT id = :'feed_id' AS same, rewound FROM events_feed;
SELECT goes_feed_position();
-- Not in the transaction that has made the feed, since nobody has read it.
SELECT goes_alter_store(feed => false);
BEGIN;
SELECT goes_alter_store(feed => true);
TRUNCATE events RESTART IDENTITY;
COMMIT;
SELECT rewound FROM events_feed;
-- A sequence that was set back shows in the mark.
INSERT INTO events (id, name, "time") SELECT gen_random_uuid(), 'e', 1 FROM generate_series(1, 10);
SELECT goes_feed_position();
SELECT goes_feed_settle();
DELETE FROM events;
SELECT setval('events_position_seq', 3);
SELECT * FROM goes_check_store();
SELECT goes_alter_store(feed => true);
SELECT goes_feed_position();
-- What is rolled back leaves the feed as it was.
SELECT goes_feed_settle();
SELECT setval('events_position_seq', 1);
BEGIN;
SELECT goes_alter_store(feed => true);
ROLLBACK;
SELECT goes_feed_position();
\echo :SQLSTATE
SELECT goes_alter_store(feed => true);
BEGIN;
SELECT goes_alter_store(feed => false);
ROLLBACK;
SELECT goes_feed_position();
SELECT * FROM goes_check_store();
-- The names of its triggers' functions do nothing by themselves.
SELECT goes_feed_wake();
\echo :SQLSTATE
CREATE TRIGGER odd AFTER DELETE ON events FOR EACH STATEMENT EXECUTE FUNCTION goes_feed_truncate();
DELETE FROM events;
\echo :SQLSTATE

-- The extension cannot go while a feed is on.
DROP EXTENSION goes_store;
\echo :SQLSTATE
SELECT goes_alter_store(feed => false);

SET client_min_messages = warning;
DROP TABLE events;
DROP SCHEMA feed_alter CASCADE;
DROP ROLE feed_alter_owner, feed_alter_other;
