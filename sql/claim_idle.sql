-- Claims with nothing to do: a session remembers that, and reads the partitions again when they have
-- changed, or when it is time.
CREATE SCHEMA claim_idle;
SET search_path = claim_idle, public;
SET client_min_messages = warning;
\set SHOW_CONTEXT never
-- a row counts for sure once the commit of its writer is on disk
SET synchronous_commit = on;
SELECT goes_create_store(), goes_alter_store(feed => true), goes_create_subscription_store();
SELECT goes_append('a', '019a0000-0000-7000-8000-000000000001', ARRAY[goes_new_event('e')]);
SELECT goes_subscribe('one', partitions => 4, backoff_ms => 200), goes_subscribe('two', partitions => 4);

CREATE FUNCTION claimed(subscription text, lease_ms integer DEFAULT 30000) RETURNS bigint[]
LANGUAGE sql AS 'SELECT array_agg("position") FROM goes_claim($1, ''w'', 10, lease_ms => $2)';
-- What the worker says that has partitions now.
CREATE FUNCTION done(failed bigint[] DEFAULT NULL) RETURNS bigint LANGUAGE sql AS
    'SELECT count(goes_done(subscription, "partition", epoch, CASE WHEN $1 IS NULL THEN batch END, $1))
     FROM subscriptions_partitions WHERE worker IS NOT NULL';
-- Whether most of twenty claims, each a transaction, do without a look at the partitions. Those before them
-- move checkpoints, and look.
CREATE PROCEDURE claim_often(VARIADIC names text[]) LANGUAGE plpgsql AS $$
DECLARE
    scans bigint := 0;
    before bigint;
    claims bigint[];
BEGIN
    FOR i IN 1 .. 40 LOOP
        COMMIT;
        before := pg_stat_get_xact_numscans('subscriptions_partitions_pkey'::regclass);
        claims := claims || claimed(names[i % cardinality(names) + 1]);
        CONTINUE WHEN i <= 20;
        scans := scans + pg_stat_get_xact_numscans('subscriptions_partitions_pkey'::regclass) - before;
    END LOOP;
    RAISE WARNING 'events: %, remembered: %', claims, scans < 10;
END
$$;
-- Claims again and again until there is something.
CREATE PROCEDURE claim_later() LANGUAGE plpgsql AS $$
DECLARE
    these bigint[];
BEGIN
    FOR i IN 1 .. 200 LOOP
        these := claimed('one');
        COMMIT;
        EXIT WHEN these IS NOT NULL;
        PERFORM pg_sleep(0.05);
    END LOOP;
    RAISE WARNING 'later: %', these;
END
$$;

-- It is remembered while a worker has the event, and when all is done; of some subscriptions at once.
SELECT claimed('one'), claimed('two');
CALL claim_often('one');
SELECT done();
CALL claim_often('one');
CALL claim_often('one', 'two');

-- New events, of any partition.
SELECT goes_append('b', '019a0000-0000-7000-8000-000000000002', ARRAY[goes_new_event('e')]);
SELECT claimed('one'), claimed('two');
SELECT done();
CALL claim_often('one', 'two');

-- The same name in another store.
SELECT goes_create_subscription_store('more');
SELECT goes_subscribe('one', partitions => 4, store => 'more');
SELECT "position" FROM goes_claim('one', 'w', 10, store => 'more') ORDER BY 1;
CALL claim_often('one', 'two');

-- A lease whose time is over; an event that failed and is due.
SELECT goes_append('a', '019a0000-0000-7000-8000-000000000001', ARRAY[goes_new_event('e')]);
SELECT claimed('one', 200);
CALL claim_later();
SELECT done('{3}');
CALL claim_later();
SELECT done();
CALL claim_often('one');

-- What the owner changes, and takes back.
UPDATE subscriptions_partitions SET "position" = 2, position_id = NULL WHERE subscription = 'one' AND "position" = 3;
SELECT claimed('one');
SELECT done();
CALL claim_often('one');
BEGIN;
SELECT goes_rewind('one', 0);
SELECT claimed('one');
SAVEPOINT s;
SELECT done();
SELECT claimed('one'), claimed('one'), claimed('one');
ROLLBACK TO s;
UPDATE subscriptions_partitions SET lease_until = now();
SELECT claimed('one');
ROLLBACK;
CALL claim_often('one');
VACUUM FULL subscriptions_partitions;
CALL claim_often('one');
TRUNCATE subscriptions_partitions;
SELECT claimed('one');
INSERT INTO subscriptions_partitions (subscription, "partition", "position", epoch, batch, handed, alone, deliveries, served)
SELECT 'one', n, 0, 0, '{}', 0, false, 0, now() FROM generate_series(0, 3) AS n;
SELECT claimed('one');

-- Whoever may not read the table learns that, whatever the session remembers.
SELECT done();
CALL claim_often('one');
CREATE ROLE claim_idle_stranger;
GRANT USAGE ON SCHEMA claim_idle TO claim_idle_stranger;
GRANT SELECT ON events, subscriptions, subscriptions_retries TO claim_idle_stranger;
SET ROLE claim_idle_stranger;
SELECT claimed('one');
RESET ROLE;

-- Of a table without WAL nothing is remembered.
ALTER TABLE subscriptions_partitions SET UNLOGGED;
CALL claim_often('one');
SELECT goes_rewind('one', 2);
SELECT claimed('one');

DROP SCHEMA claim_idle CASCADE;
DROP ROLE claim_idle_stranger;
