-- Subscriptions: made, described, moved, removed; what they cannot be.
CREATE SCHEMA subscribe;
SET search_path = subscribe, public;
SELECT goes_create_store();

CREATE FUNCTION uuid_of(n bigint) RETURNS uuid LANGUAGE sql
RETURN format('00000000-0000-7000-8000-%s', lpad(n::text, 12, '0'))::uuid;
CREATE FUNCTION add(first integer, last integer) RETURNS bigint LANGUAGE sql
RETURN goes_insert_batch(ARRAY(
    SELECT goes_new_event('e' || n % 3, to_jsonb(n), 'order', uuid_of(n % 2), n, uuid_of(n), n)
    FROM generate_series(first, last) AS n));
CREATE FUNCTION claimed(subscription text, max_events integer DEFAULT 100) RETURNS bigint[]
LANGUAGE sql AS 'SELECT array_agg("position") FROM goes_claim($1, ''w'', $2)';

-- It takes a store with a feed, and a table to stand in.
SELECT goes_alter_store(feed => false);
SELECT goes_subscribe('s');
\echo :SQLSTATE
SELECT goes_create_subscription_store();
SELECT goes_subscribe('s');
\echo :SQLSTATE
SELECT goes_alter_store(feed => true);
SELECT add(1, 10);

-- From the beginning, from a position, from now.
SELECT goes_subscribe('all', partitions => 1);
SELECT goes_subscribe('later', partitions => 1, start => 7);
SELECT goes_subscribe('now', partitions => 1, start => -1);
SELECT claimed('all'), claimed('later'), claimed('now');
SELECT add(11, 12);
SELECT claimed('later'), claimed('now');
-- Events that are not settled are delivered: those of open transactions come after this.
BEGIN;
SELECT add(13, 14);
SELECT goes_subscribe('in flight', partitions => 1, start => -1);
COMMIT;
SELECT claimed('in flight');

-- Filters are those of goes_query. They are kept, and never pin a checkpoint.
SELECT goes_subscribe('names', partitions => 1, names => '{e1}');
SELECT goes_subscribe('ids', partitions => 1, ids => ARRAY[uuid_of(3), uuid_of(5)]);
SELECT goes_subscribe('times', partitions => 1, times => '{1,2}');
SELECT goes_subscribe('time', partitions => 1, time_min => 3, time_max => 5);
SELECT goes_subscribe('time ranges', partitions => 1, time_ranges => ARRAY[int8range(6, 8), int8range(14, NULL)]);
SELECT goes_subscribe('aggregate', partitions => 1, aggregate_names => '{order}', aggregate_ids => ARRAY[uuid_of(1)], aggregate_versions => '{3,4,5}');
SELECT goes_subscribe('version', partitions => 1, version_min => 3, version_max => 4);
SELECT goes_subscribe('version ranges', partitions => 1, version_ranges => ARRAY[int4range(1, 3)]);
SELECT goes_subscribe('aggregates', partitions => 1, aggregates => ARRAY[('order', uuid_of(1)), ('a "b", {c}', NULL)]::goes_aggregate_ref[]);
SELECT goes_subscribe('none', partitions => 1, names => '{missing}', aggregate_names => '{order,"a,b"}');
SELECT name, filters, claimed(name) FROM subscriptions WHERE filters <> '{}' ORDER BY name;
SELECT subscription, "position" FROM subscriptions_partitions WHERE "position" <> 14 ORDER BY 1;
-- A filter that nobody understands must not let everything pass.
UPDATE subscriptions SET filters = '{"names": "{missing}", "nmaes": "{}"}' WHERE name = 'none';
SELECT claimed('none');
UPDATE subscriptions SET filters = '[]' WHERE name = 'none';
SELECT add(15, 16);
SELECT claimed('none');
\echo :SQLSTATE

-- Repeated, it changes nothing; other arguments are an error.
SELECT goes_subscribe('all', partitions => 1);
SELECT goes_subscribe('names', partitions => 1, names => '{e1}');
SELECT goes_subscribe('names', partitions => 1, names => '{e1,e2}');
\echo :SQLSTATE
SELECT goes_subscribe('all', start => 1, max_attempts => 1, backoff_ms => 1, backoff_max_ms => 1);
SELECT goes_create_store('others');
SELECT goes_alter_store('others', feed => true);
SELECT goes_subscribe('all', partitions => 1, events => 'others');
SELECT goes_subscribe('others', events => 'others', partitions => 2);
SELECT name, events, partitions, start, filters, max_attempts, backoff_ms, backoff_max_ms FROM subscriptions WHERE name IN ('all', 'others') ORDER BY 1;

-- Bad input.
SELECT goes_subscribe(NULL);
SELECT goes_subscribe('');
SELECT goes_subscribe(repeat('x', 300));
SELECT goes_subscribe('bad', partitions => 0);
\echo :SQLSTATE
SELECT goes_subscribe('bad', partitions => 10000);
SELECT goes_subscribe('bad', partitions => NULL);
SELECT goes_subscribe('bad', start => -2);
SELECT goes_subscribe('bad', start => 1000);
\echo :SQLSTATE
SELECT goes_subscribe('bad', max_attempts => 0);
SELECT goes_subscribe('bad', backoff_ms => -1);
SELECT goes_subscribe('bad', backoff_ms => 2, backoff_max_ms => 1);
SELECT goes_subscribe('bad', names => '{NULL}');
SELECT goes_subscribe('bad', aggregates => ARRAY[(NULL, NULL)]::goes_aggregate_ref[]);
SELECT goes_subscribe('bad', events => 'missing');
SELECT goes_subscribe('bad', events => 'subscriptions');
SELECT goes_subscribe('bad', store => 'events');
SELECT goes_subscribe('bad', store => 'missing');
SELECT goes_create_subscription_store(repeat('x', 53));
SELECT goes_create_subscription_store(repeat('x', 54));
\echo :SQLSTATE

-- How far they are.
SELECT goes_unsubscribe(name) FROM subscriptions WHERE name NOT IN ('all', 'names', 'others') ORDER BY name;
SELECT subscription, "partition", "position", behind, worker, lease_until > now() AS leased, retrying, parked, waiting FROM goes_subscription_lag();
SELECT goes_done('all', 0, 1, done => '{1}', failed => '{2,3}', errors => '{one,two}');
SELECT subscription, "partition", "position", behind, worker, lease_until > now() AS leased, retrying, parked, waiting FROM goes_subscription_lag();

-- Back, forth, to the end: leases end, and what was held is forgotten.
SELECT goes_rewind('all', 12);
SELECT claimed('all');
SELECT goes_done('all', 0, 2, done => '{13}');
\echo :SQLSTATE
SELECT goes_rewind('all', 0);
SELECT goes_done('all', 0, 3, done => '{13}');
SELECT claimed('all', 2);
SELECT goes_rewind('all', -1);
SELECT claimed('all');
SELECT add(17, 17);
SELECT claimed('all');
SELECT goes_rewind('all', -2);
SELECT goes_rewind('all', NULL);
SELECT goes_rewind('all', 1000);
\echo :SQLSTATE
SELECT goes_rewind('missing', 0);

-- The feed began anew, or other events stand where it has been: an error, and what to do.
TRUNCATE others RESTART IDENTITY;
SELECT goes_insert_batch(ARRAY[goes_new_event('first')], 'others');
SELECT claimed('others');
\echo :SQLSTATE
SELECT goes_alter_store('others', feed => true);
SELECT claimed('others');
\echo :SQLSTATE
SELECT "partition", "position", behind FROM goes_subscription_lag() WHERE subscription = 'others';
SELECT goes_rewind('others', 0);
SELECT claimed('others');
SELECT goes_done('others', "partition", epoch, batch) FROM subscriptions_partitions WHERE subscription = 'others' AND worker IS NOT NULL;
SELECT claimed('others');
-- As if the events had been restored from before: the position is the same, the event is not.
UPDATE others SET id = uuid_of(1);
SELECT goes_insert_batch(ARRAY[goes_new_event('second')], 'others');
SELECT claimed('others');
\echo :SQLSTATE
SELECT goes_rewind('others', 1);
SELECT claimed('others');
-- An event that was deleted is no rewind.
SELECT goes_delete(ARRAY[uuid_of(1)], 'others');
SELECT goes_done('others', "partition", epoch, batch) FROM subscriptions_partitions WHERE subscription = 'others' AND worker IS NOT NULL;
DELETE FROM others;
SELECT goes_insert_batch(ARRAY[goes_new_event('third')], 'others');
SELECT claimed('others');
-- Beyond the end.
UPDATE subscriptions_partitions SET "position" = 1000 WHERE subscription = 'others';
SELECT claimed('others');
\echo :SQLSTATE
-- A store with subscriptions keeps its feed; one that is gone is said to be.
SELECT goes_alter_store('others', feed => false);
\echo :SQLSTATE
DROP TABLE others;
SELECT claimed('others');
\echo :SQLSTATE
SELECT "partition", "position", behind FROM goes_subscription_lag() WHERE subscription = 'others';
SELECT goes_unsubscribe('others');

-- Unsubscribing leaves nothing behind.
SELECT goes_unsubscribe('all'), goes_unsubscribe('names');
SELECT goes_unsubscribe('all');
\echo :SQLSTATE
TABLE subscriptions;
TABLE subscriptions_partitions;
TABLE subscriptions_retries;
SELECT goes_alter_store(feed => false);
SELECT goes_alter_store(feed => true);

-- Under the name of one that was removed, leases have other numbers: whoever has one of the old ones
-- comes too late, in the same transaction, too, and when the feed is another one.
SELECT goes_subscribe('again', partitions => 2);
SELECT "partition", epoch AS old, "position" FROM goes_claim('again', 'old', 1) \gset
SELECT goes_unsubscribe('again'), goes_alter_store(feed => false), goes_alter_store(feed => true);
SELECT goes_subscribe('again', partitions => 1);
SELECT "partition", epoch, "position" FROM goes_claim('again', 'new', 1);
SELECT goes_done('again', :partition, :old, done => ARRAY[:position]);
\echo :SQLSTATE
SELECT goes_renew('again', :partition, :old);
\echo :SQLSTATE
SELECT goes_release('again', :partition, :old);
\echo :SQLSTATE
BEGIN;
SELECT goes_unsubscribe('again');
SELECT goes_subscribe('again', partitions => 1);
COMMIT;
SELECT "partition", epoch, "position" FROM goes_claim('again', 'newer', 1);
-- One that stays is none of this; a removal that is rolled back may leave out some numbers.
BEGIN;
SELECT goes_unsubscribe('again');
ROLLBACK;
SELECT goes_rewind('again', 0);
SELECT "partition", epoch, "position" FROM goes_claim('again', 'newest', 1);
SELECT goes_subscribe('another', partitions => 1);
SELECT "partition", epoch, "position" FROM goes_claim('another', 'w', 1);
-- A table that cannot keep the numbers is none of subscriptions.
ALTER TABLE subscriptions_partitions ALTER COLUMN epoch DROP IDENTITY;
SELECT goes_claim('again', 'w', 1);
\echo :SQLSTATE
SELECT goes_create_subscription_store();
SELECT problem, remedy FROM goes_check_store();
SELECT remedy FROM goes_check_store() \gexec
SELECT problem FROM goes_check_store();
ALTER TABLE subscriptions_partitions ALTER COLUMN epoch SET GENERATED ALWAYS;
SELECT problem FROM goes_check_store();
SELECT remedy FROM goes_check_store() \gexec
SELECT problem FROM goes_check_store();
SELECT goes_unsubscribe('again'), goes_unsubscribe('another');

-- Subscriptions of two stores can have the same name; a table that is missing is named.
SELECT goes_create_subscription_store('more');
SELECT goes_subscribe('s', partitions => 1), goes_subscribe('s', partitions => 2, store => 'more');
SELECT subscription, "partition" FROM goes_subscription_lag('more');
DROP TABLE more_retries;
SELECT * FROM goes_claim('s', 'w', 1, store => 'more');
\echo :SQLSTATE
SELECT goes_create_subscription_store('more');
SELECT "position" FROM goes_claim('s', 'w', 1, store => 'more');
DROP INDEX goes_retries_due;
SELECT goes_create_subscription_store();

-- A worker that may not make a subscription finds the one that is there.
CREATE ROLE subscribe_worker;
GRANT USAGE ON SCHEMA subscribe TO subscribe_worker;
GRANT SELECT ON events, subscriptions TO subscribe_worker;
SELECT goes_subscribe('given', partitions => 2);
SET ROLE subscribe_worker;
SELECT goes_subscribe('given', partitions => 2);
SELECT goes_subscribe('given', partitions => 3);
SELECT goes_subscribe('missing', partitions => 2);
RESET ROLE;
SELECT goes_unsubscribe('given');
DROP OWNED BY subscribe_worker;
DROP ROLE subscribe_worker;

-- Who may not read the events has no say in their feed, whatever tables he makes; nor have temporary
-- tables.
CREATE ROLE subscribe_stranger;
CREATE SCHEMA strange AUTHORIZATION subscribe_stranger;
SELECT goes_create_store('unfollowed'), goes_alter_store('unfollowed', feed => true);
SET ROLE subscribe_stranger;
SELECT goes_create_subscription_store('strange.subscriptions');
RESET ROLE;
INSERT INTO strange.subscriptions (name, events, feed, partitions, start, filters, max_attempts, backoff_ms, backoff_max_ms)
VALUES ('strange', 'unfollowed', gen_random_uuid(), 1, 0, '{}', 1, 1, 1);
SELECT goes_create_subscription_store('pg_temp.passing');
INSERT INTO pg_temp.passing SELECT * FROM strange.subscriptions;
SELECT problem FROM goes_check_store('unfollowed');
GRANT SELECT (position) ON unfollowed TO subscribe_stranger;
SELECT problem FROM goes_check_store('unfollowed');
SELECT goes_alter_store('unfollowed', feed => false);
REVOKE SELECT (position) ON unfollowed FROM subscribe_stranger;
SELECT goes_alter_store('unfollowed', feed => false);
DROP OWNED BY subscribe_stranger;
DROP ROLE subscribe_stranger;

DROP SCHEMA subscribe CASCADE;
