-- Workers that die: their events come again, then one at a time, and what they die of is parked.
CREATE SCHEMA claim_died;
SET search_path = claim_died, public;
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
-- Takes all that is left and says that it is done.
CREATE FUNCTION finish() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    total bigint := 0;
    these bigint[];
BEGIN
    LOOP
        UPDATE subscriptions_partitions SET lease_until = now() WHERE worker IS NOT NULL;
        SELECT array_agg("position") INTO these FROM claim('finish');
        EXIT WHEN these IS NULL;
        PERFORM done(these);
        total := total + cardinality(these);
    END LOOP;
    RETURN total;
END
$$;
CREATE VIEW held AS SELECT "position", attempts,
    CASE WHEN retry_at IS NULL THEN 'behind' WHEN retry_at = 'infinity' THEN 'parked' ELSE 'tried again' END AS what, error
    FROM subscriptions_retries ORDER BY 1;
CREATE VIEW state AS SELECT "position", epoch, worker, lease_until > now() AS leased, batch, handed, alone, deliveries,
    look_at IS NOT NULL AS holds FROM subscriptions_partitions WHERE subscription = 'one';
-- As if the lease were over.
CREATE PROCEDURE die() LANGUAGE sql AS
    'UPDATE subscriptions_partitions SET lease_until = lease_until - interval ''1 hour'' WHERE worker IS NOT NULL';
SELECT goes_subscribe('one', partitions => 1, max_attempts => 3, backoff_ms => 0);
SELECT add(1, 9);
SELECT * FROM claim('w1');
CALL die();
SELECT * FROM claim('w2');
-- Something was done: what is left was handed out once.
SELECT done('{1,2}');
TABLE state;
CALL die();
SELECT * FROM claim('w3');
TABLE state;
CALL die();
-- It was handed out twice: from now on one at a time, until the batch is done.
SELECT * FROM claim('w4');
TABLE state;
SELECT done('{3}');
SELECT * FROM claim('w1');
CALL die();
SELECT * FROM claim('w2');
CALL die();
SELECT * FROM claim('w3');
CALL die();
-- Three workers died of it.
SELECT * FROM claim('w4');
TABLE held;
SELECT "position", attempts, error, waiting FROM goes_parked('one');
SELECT done('{5}');
SELECT * FROM claim('w4');
SELECT done(NULL, '{6}', '{failed}');
SELECT * FROM claim('w4');
SELECT done('{8}');
TABLE state;
-- New events, together again, and the one that failed.
SELECT add(10, 12);
SELECT * FROM claim('w4');
SELECT finish();
TABLE held;
TABLE state;

-- A worker that gives up, or whose claim is rolled back, did not die.
SELECT add(13, 14);
SELECT epoch, "position", attempts FROM claim('w1');
SELECT goes_release('one', 0, epoch) FROM subscriptions_partitions;
SELECT epoch, "position", attempts FROM claim('w1');
SELECT goes_release('one', 0, epoch) FROM subscriptions_partitions;
SELECT epoch, "position", attempts FROM claim('w1');
SELECT goes_release('one', 0, epoch) FROM subscriptions_partitions;
BEGIN;
SELECT epoch, "position", attempts FROM claim('w1');
ROLLBACK;
SELECT epoch, "position", attempts FROM claim('w1');
SELECT finish();

-- What was parked can go on, if its worker lives; what is suspected can be skipped.
SELECT goes_unpark('one');
SELECT * FROM claim('w1', 2);
SELECT done('{4}');
CALL die();
SELECT * FROM claim('w2');
CALL die();
SELECT * FROM claim('w3');
SELECT goes_skip('one', '{7}');
\echo :SQLSTATE
CALL die();
SELECT goes_skip('one', '{7}');
TABLE state;
SELECT finish();
TABLE held;

-- What workers die of goes with its row, before it goes out alone and then.
SELECT add(15, 20);
SELECT epoch, "position", attempts FROM claim('w1');
CALL die();
SELECT epoch, "position", attempts FROM claim('w1');
CALL die();
SELECT goes_delete(ARRAY[uuid_of(14)]);
SELECT epoch, "position", attempts FROM claim('w1');
TABLE state;
CALL die();
SELECT epoch, "position", attempts FROM claim('w1');
CALL die();
SELECT epoch, "position", attempts FROM claim('w1');
CALL die();
SELECT goes_delete(ARRAY[uuid_of(15)]);
SELECT epoch, "position", attempts FROM claim('w1');
SELECT finish();
TABLE held;
TABLE state;

-- A held event of which workers die comes again with its attempts, and is parked.
SELECT add(21, 26);
SELECT count(*) FROM claim('w1');
SELECT done('{21,24,23,26}', '{22}', '{failed}');
SELECT epoch, "position", attempts FROM claim('w1');
CALL die();
SELECT epoch, "position", attempts FROM claim('w1');
CALL die();
SELECT epoch, "position", attempts FROM claim('w1');
CALL die();
SELECT epoch, "position", attempts FROM claim('w1');
CALL die();
SELECT epoch, "position", attempts FROM claim('w1');
CALL die();
SELECT epoch, "position", attempts FROM claim('w1');
TABLE held;
TABLE state;
-- What it has passed meanwhile is not given out twice.
SELECT add(27, 29);
SELECT epoch, "position", attempts FROM claim('w1');

DROP SCHEMA claim_died CASCADE;
