-- goes_claim and goes_done: what a worker has nobody else gets, and the server knows what it has.
CREATE SCHEMA claim;
SET search_path = claim, public;
SELECT goes_create_store();
SELECT goes_alter_store(feed => true);
SELECT goes_create_subscription_store();

CREATE FUNCTION uuid_of(n bigint) RETURNS uuid LANGUAGE sql
RETURN format('00000000-0000-7000-8000-%s', lpad(n::text, 12, '0'))::uuid;
-- Events of the aggregates a, b and c, one after the other.
CREATE FUNCTION add(first integer, last integer) RETURNS bigint LANGUAGE sql
RETURN goes_insert_batch(ARRAY(
    SELECT goes_new_event(substr('abc', n % 3 + 1, 1), to_jsonb(n), 'order', uuid_of(n % 3 + 1), n / 3 + 1, uuid_of(n), n)
    FROM generate_series(first - 1, last - 1) AS n));
CREATE FUNCTION claim(worker text, max_events integer DEFAULT 100) RETURNS TABLE (epoch bigint, "position" bigint, attempts integer, name text)
LANGUAGE sql AS 'SELECT epoch, "position", attempts, name FROM goes_claim(''one'', $1, $2)';
-- What the worker says that has the partition now.
CREATE FUNCTION done(done bigint[], failed bigint[] DEFAULT NULL, errors text[] DEFAULT NULL) RETURNS void LANGUAGE sql AS
    'SELECT goes_done(''one'', 0, epoch, $1, $2, $3) FROM subscriptions_partitions WHERE subscription = ''one''';
CREATE VIEW held AS SELECT "position", attempts,
    CASE WHEN retry_at IS NULL THEN 'behind' WHEN retry_at = 'infinity' THEN 'parked' ELSE 'tried again' END AS what, error
    FROM subscriptions_retries ORDER BY 1;
CREATE VIEW state AS SELECT "position", epoch, worker, lease_until > now() AS leased, batch, handed, alone, deliveries,
    look_at IS NOT NULL AS holds FROM subscriptions_partitions WHERE subscription = 'one';

-- Nothing to do, then something.
SELECT goes_subscribe('one', partitions => 1);
SELECT * FROM claim('w1');
TABLE state;
SELECT add(1, 6);
SELECT * FROM goes_claim('one', 'w1', 4);
TABLE state;
SELECT * FROM claim('w2');

-- Done in one call or in several; then the partition is free, and the lease is over.
SELECT goes_done('one', 0, 1, done => '{1,2,3}');
TABLE state;
SELECT goes_done('one', 0, 1, done => '{4}');
TABLE state;
SELECT goes_done('one', 0, 1, done => '{4}');
\echo :SQLSTATE
SELECT * FROM claim('w2');
SELECT goes_done('one', 0, 2, done => '{6,5}');
SELECT * FROM claim('w1');

-- Of an aggregate the next events can be named, and none behind one that is not done.
SELECT add(7, 15);
SELECT * FROM claim('w1', 8);
SELECT done('{8,15}');
SELECT done('{7,10}', '{10}');
SELECT done('{7,7}');
SELECT done('{10}');
SELECT done(NULL, '{10}');
SELECT done('{10}', '{7}');
SELECT done(NULL, '{7,8}', '{one}');
SELECT done(NULL, '{{7,8}}');
SELECT done('{7,NULL}');
SELECT goes_done('one', 0, 1, done => '{7}');
SELECT goes_done('one', 0, 4, done => '{7}');         -- as of a claim that was rolled back
SELECT goes_done('one', 1, 3, done => '{7}');
SELECT goes_done('one', NULL, 3);
SELECT goes_done('one', 0, NULL);
-- Nothing named changes nothing.
SELECT goes_done('one', 0, 3);
TABLE state;
SELECT done('{14,8,11,7}');
TABLE state;
SELECT done('{9,12,10,13}');

-- The lease: renewed, given back, over.
SELECT * FROM claim('w1');
SELECT goes_renew('one', 0, 4, lease_ms => 3600000);
SELECT lease_until - now() > '50 min' AS is_renewed FROM subscriptions_partitions;
SELECT goes_release('one', 0, 4);
TABLE state;
SELECT goes_renew('one', 0, 4);
\echo :SQLSTATE
SELECT goes_release('one', 0, 4);
SELECT goes_done('one', 0, 4, '{15}');
SELECT * FROM goes_claim('one', 'w2', 10, lease_ms => 1);
SELECT pg_sleep(0.01);
-- Nobody else wanted the partition: late, but not too late.
TABLE state;
SELECT done('{15}');
SELECT add(16, 18);
SELECT * FROM goes_claim('one', 'w2', 10, lease_ms => 1);
SELECT pg_sleep(0.01);
SELECT * FROM claim('w3', 2);
SELECT goes_done('one', 0, 6, '{16,17,18}');
\echo :SQLSTATE
-- It had room for two of three, and gets the third later.
SELECT done('{16,17}');
TABLE state;
SELECT * FROM claim('w3', 2);
SELECT done('{18}');

-- A rollback is no claim, and no attempt.
SELECT add(19, 21);
BEGIN;
SELECT * FROM claim('w1');
ROLLBACK;
TABLE state;
-- Claim, effects and goes_done in one transaction.
BEGIN;
SELECT * FROM claim('w1');
SELECT done('{19,20,21}');
COMMIT;
TABLE state;
-- Own events are claimed after the commit, and not waited for.
BEGIN;
SELECT add(22, 22);
SELECT * FROM goes_claim('one', 'w1', 9, wait_ms => 60000);
COMMIT;
SELECT * FROM claim('w1');
SELECT done('{22}');

-- A checkpoint is only ever raised, also by a claim whose view of the feed is older.
BEGIN;
SELECT add(23, 25);
UPDATE subscriptions_partitions SET "position" = 24, position_id = NULL;
SELECT * FROM claim('w1');
TABLE state;
ROLLBACK;
-- The rolled-back events left gaps, which do not keep it back.
SELECT add(23, 23);
SELECT * FROM claim('w1');
SELECT done('{26}');

-- A fixed snapshot would hide events. What is done can be said at any isolation level.
SELECT add(24, 24);
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT * FROM claim('w1');
\echo :SQLSTATE
ROLLBACK;
SELECT * FROM claim('w1');
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT done('{27}');
COMMIT;
TABLE state;

-- Partitions: all events of an aggregate in one; a claim takes some behind one window, and leaves half to others.
SELECT goes_subscribe('four', partitions => 4);
SELECT "partition", epoch, "position", name FROM goes_claim('four', 'w1', 12);
SELECT "partition", epoch, "position", name FROM goes_claim('four', 'w2', 4);
SELECT "partition", epoch, "position", name FROM goes_claim('four', 'w3', 100);
SELECT "partition", "position", epoch, worker, handed FROM subscriptions_partitions WHERE subscription = 'four' ORDER BY 1;
SELECT goes_done('four', "partition", epoch, batch) FROM subscriptions_partitions WHERE subscription = 'four' AND worker = 'w1' ORDER BY "partition";
SELECT "partition", epoch, "position", name FROM goes_claim('four', 'w3', 100);
-- A window is for all partitions of a claim: the one that has got further stays where it is.
SELECT goes_subscribe('uneven', partitions => 4);
UPDATE subscriptions_partitions SET "position" = 20, position_id = NULL WHERE subscription = 'uneven' AND "partition" = 0;
SELECT "partition", epoch, "position", name FROM goes_claim('uneven', 'w1', 3);
SELECT "partition", "position", epoch, worker, handed FROM subscriptions_partitions WHERE subscription = 'uneven' ORDER BY 1;

-- Events without aggregate are spread, and do not wait for each other.
SELECT goes_insert_batch(ARRAY(SELECT goes_new_event('lonely', id => uuid_of(n)) FROM generate_series(101, 104) AS n));
SELECT goes_subscribe('lonely', partitions => 1, names => '{lonely}');
SELECT "partition", epoch, "position" FROM goes_claim('lonely', 'w1', 100);
SELECT goes_done('lonely', 0, 1, done => '{29,30,31}', failed => '{28}');
SELECT goes_subscribe('spread', partitions => 4, names => '{lonely}');
SELECT "partition", epoch, "position" FROM goes_claim('spread', 'w1', 100);
SELECT "partition", epoch, "position" FROM goes_claim('spread', 'w2', 100);
SELECT "partition", epoch, "position" FROM goes_claim('spread', 'w3', 100);

-- What cannot be claimed.
SELECT * FROM goes_claim('two', 'w1', 1);
\echo :SQLSTATE
SELECT * FROM goes_claim('two', 'w1', 1, wait_ms => 1);
\echo :SQLSTATE
SELECT * FROM goes_claim(NULL, 'w1', 1);
SELECT * FROM goes_claim('one', '', 1);
SELECT * FROM goes_claim('one', repeat('w', 256), 1);
SELECT * FROM goes_claim('one', 'w1', 0);
\echo :SQLSTATE
SELECT * FROM goes_claim('one', 'w1', 10001);
SELECT * FROM goes_claim('one', 'w1', NULL);
SELECT * FROM goes_claim('one', 'w1', 1, lease_ms => 0);
SELECT * FROM goes_claim('one', 'w1', 1, lease_ms => 86400000);
SELECT * FROM goes_claim('one', 'w1', 1, wait_ms => -1);
SELECT * FROM goes_claim('one', 'w1', 1, store => 'events');
\echo :SQLSTATE
SELECT * FROM goes_claim('one', 'w1', 1, store => 'missing');
\echo :SQLSTATE

DROP SCHEMA claim CASCADE;
