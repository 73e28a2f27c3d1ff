-- DROP EXTENSION … CASCADE takes the triggers of a feed and leaves the rest: goes_check_store says so.
CREATE SCHEMA feed_remains;
SET search_path = feed_remains, public;
\set SHOW_CONTEXT never
SELECT goes_create_store();
SELECT goes_alter_store('events', 'sequential', append_only => true, feed => true);
SELECT goes_append('order', goes_uuid_v7(), ARRAY[goes_new_event('a'), goes_new_event('b')]);
SELECT goes_feed_settle();
SELECT id FROM events_feed \gset before_
SET client_min_messages = warning;
DROP EXTENSION goes_store CASCADE;
CREATE EXTENSION goes_store SCHEMA public;
RESET client_min_messages;
SELECT * FROM goes_check_store();
SELECT goes_feed_position();
\echo :SQLSTATE
SELECT * FROM goes_feed();
\echo :SQLSTATE
-- Whoever looks keeps no lock on the feed's table.
BEGIN;
SELECT count(*) FROM goes_check_store();
SELECT count(*) FROM pg_locks WHERE relation = 'events_feed'::regclass;
COMMIT;
-- The remedy makes it whole: readers go on. It may have missed a TRUNCATE, so it has a new id. Of the
-- guards nothing is left.
SELECT remedy FROM goes_check_store() \gexec
SELECT * FROM goes_check_store();
SELECT position, name FROM goes_feed(1);
SELECT id = :'before_id' AS same FROM events_feed;

-- What was truncated while the triggers were missing: readers have to start anew.
SET client_min_messages = warning;
DROP EXTENSION goes_store CASCADE;
TRUNCATE events RESTART IDENTITY;
CREATE EXTENSION goes_store SCHEMA public;
RESET client_min_messages;
SELECT remedy FROM goes_check_store() \gexec
SELECT goes_feed_position(2);
\echo :SQLSTATE
SELECT goes_append('order', goes_uuid_v7(), ARRAY[goes_new_event('c')]);
SELECT position, name FROM goes_feed();
SELECT * FROM goes_check_store();
-- Without the one trigger that names it, while the other one is there.
DROP TRIGGER goes_feed_truncate ON events;
SELECT goes_feed_position();
\echo :SQLSTATE
SELECT goes_alter_store(feed => true);

-- With the feed switched off nothing stays, and nothing is missing.
SELECT goes_alter_store(feed => false);
SELECT * FROM goes_check_store();
SELECT goes_feed_position();
\echo :SQLSTATE
-- A column and a table of somebody's own are none of a feed.
ALTER TABLE events ADD COLUMN position bigint GENERATED ALWAYS AS IDENTITY;
CREATE UNIQUE INDEX ON events (position);
CREATE TABLE events_feed (id bigint);
SELECT * FROM goes_check_store();
DROP TABLE events_feed;
-- Nor is a table of another owner's, which could be anything.
CREATE ROLE feed_remains_other;
CREATE TABLE events_feed (id uuid, rewound boolean);
ALTER TABLE events_feed OWNER TO feed_remains_other;
SELECT * FROM goes_check_store();

SET client_min_messages = warning;
DROP SCHEMA feed_remains CASCADE;
DROP ROLE feed_remains_other;
