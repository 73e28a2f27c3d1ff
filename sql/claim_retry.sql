-- Events that fail: tried again, parked, unparked, skipped, deleted; the others of their aggregate wait.
CREATE SCHEMA claim_retry;
SET search_path = claim_retry, public;
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
SELECT goes_subscribe('one', partitions => 1, max_attempts => 3, backoff_ms => 0);

-- A failed event holds back those behind it of its aggregate, and no others.
SELECT add(1, 9);
SELECT * FROM claim('w1');
SELECT done('{1,3,6}', '{2}', '{no such item}');
TABLE held;
TABLE state;
SELECT done('{4,7,9}');
SELECT add(10, 12);
-- It comes again, with those behind it.
SELECT * FROM claim('w1');
SELECT done('{10,12}', '{2}', ARRAY['again' || repeat('!', 3000)]);
SELECT "position", attempts, what, left(error, 10), length(error) FROM held;
SELECT * FROM claim('w1');
-- The third time was the last.
SELECT done(NULL, '{2}', ARRAY[NULL]);
TABLE held;
SELECT "partition", "position", attempts, failed_at IS NOT NULL AS has_failed, error, waiting, id, name, aggregate_name, aggregate_id FROM goes_parked('one');
SELECT * FROM claim('w1');
SELECT add(13, 15);
SELECT * FROM claim('w1');
SELECT done('{13,15}');
TABLE held;
-- A person says that it can go on: everything arrives in order, in pieces, too.
SELECT goes_unpark('one', '{5}');
SELECT goes_unpark('one', '{1}');
\echo :SQLSTATE
SELECT goes_unpark('one', '{2}');
TABLE held;
SELECT * FROM claim('w1', 2);
SELECT done('{2,5}');
TABLE held;
SELECT * FROM claim('w1', 2);
-- What waits goes on where it stopped, also if it fails in the middle.
SELECT done('{8}', '{11}');
TABLE held;
SELECT * FROM claim('w1');
SELECT done('{11,14}');
TABLE held;
TABLE state;

-- Two that failed, one behind the other: only the first did.
SELECT add(16, 24);
SELECT * FROM claim('w1', 6);
SELECT done(NULL, '{16,19}', '{first,second}');
TABLE held;
TABLE state;
SELECT done('{17,18,20,21}');
-- New events of an aggregate that is held back go behind it, and are read once.
SELECT * FROM claim('w1');
TABLE held;
SELECT done('{23,24}');
TABLE state;
-- What is named in vain changes nothing.
SELECT done('{16,19,22}');
SELECT done('{16,19}');
SELECT * FROM claim('w1');
SELECT done('{22}');
TABLE state;

-- What waits long does not keep new events waiting, nor the other way round.
SELECT add(25, 30);
SELECT * FROM claim('w1');
SELECT done('{26,27,29,30}', '{25}');
SELECT add(31, 39);
SELECT * FROM claim('w1', 4);
SELECT done('{32}', '{25}');
SELECT * FROM claim('w1', 1);
SELECT done('{25}');
SELECT * FROM claim('w1', 6);
SELECT finish();
TABLE state;

-- Skipped: those behind go on. What a worker has cannot be skipped.
SELECT add(40, 48);
SELECT * FROM claim('w1');
SELECT goes_skip('one', '{40}');
\echo :SQLSTATE
SELECT done('{41,44,47}', '{40,42}');
SELECT goes_skip('one', '{45,40}');
TABLE held;
SELECT * FROM claim('w1');
SELECT finish();
SELECT goes_skip('one', '{40}');
\echo :SQLSTATE
SELECT goes_skip('one', '{1000}');
SELECT goes_skip('one', NULL);
SELECT goes_skip('one', '{}');
SELECT goes_skip('two', '{1}');
TABLE held;

-- Events whose rows were deleted are done; those behind them go on.
SELECT add(49, 57);
SELECT * FROM claim('w1');
SELECT goes_delete(ARRAY[uuid_of(48), uuid_of(49)]);
SELECT done('{49,51,54,57}', '{50,52}');
TABLE held;
TABLE state;
SELECT goes_delete(ARRAY[uuid_of(51), uuid_of(52)]);
SELECT done('{53,56}');
-- 52 and 53 are gone, 55 is now the first of its aggregate.
SELECT * FROM claim('w1');
SELECT done('{55}');
TABLE held;
TABLE state;
-- A batch whose worker died, and whose events were deleted.
SELECT add(58, 60);
SELECT * FROM claim('w1');
SELECT goes_delete(ARRAY[uuid_of(57), uuid_of(58), uuid_of(59)]);
UPDATE subscriptions_partitions SET lease_until = now();
SELECT * FROM claim('w1');
TABLE state;
SELECT finish();

-- Parked, and then deleted: noticed a minute later at the latest.
SELECT add(61, 66);
SELECT * FROM claim('w1');
SELECT done('{62,63,65,66}', '{61}');
SELECT epoch, "position", attempts FROM claim('w1');
SELECT done(NULL, '{61}');
SELECT epoch, "position", attempts FROM claim('w1');
SELECT done(NULL, '{61}');
SELECT look_at - now() > '50s' AND look_at - now() <= '60s' AS in_a_minute FROM subscriptions_partitions;
SELECT goes_delete(ARRAY[uuid_of(60)]);
SELECT "position", attempts, waiting, id FROM goes_parked('one');
SELECT * FROM claim('w1');
UPDATE subscriptions_partitions SET look_at = now();
SELECT * FROM claim('w1');
SELECT done('{64}');
TABLE held;
TABLE state;

-- All that are parked at once; what waits for its next attempt is tried now.
SELECT add(67, 72);
UPDATE subscriptions SET max_attempts = 1;
SELECT * FROM claim('w1');
SELECT done('{69,72}', '{67,68}', '{one,two}');
SELECT "position", error, waiting FROM goes_parked('one');
SELECT goes_unpark('one');
SELECT goes_unpark('one');
SELECT * FROM claim('w1');
UPDATE subscriptions SET max_attempts = 4, backoff_ms = 3600000, backoff_max_ms = 9000000;
SELECT done('{68,71}', '{67}');
SELECT * FROM claim('w1');
SELECT attempts, retry_at - failed_at AS backoff FROM subscriptions_retries WHERE "position" = 67;
SELECT goes_unpark('one', '{67}');
SELECT * FROM claim('w1');
SELECT done(NULL, '{67}');
-- Twice as long after each failure, up to a limit.
UPDATE subscriptions_retries SET retry_at = now() WHERE "position" = 67;
UPDATE subscriptions_partitions SET look_at = now();
SELECT epoch, "position", attempts FROM claim('w1');
SELECT done(NULL, '{67}');
SELECT attempts, retry_at - failed_at AS backoff FROM subscriptions_retries WHERE "position" = 67;
UPDATE subscriptions_retries SET retry_at = now() WHERE "position" = 67;
UPDATE subscriptions_partitions SET look_at = now();
SELECT epoch, "position", attempts FROM claim('w1');
SELECT done(NULL, '{67}');
SELECT attempts, retry_at - failed_at AS backoff FROM subscriptions_retries WHERE "position" = 67;
SELECT goes_skip('one', '{67,70}');
TABLE held;
TABLE state;

-- The time is taken once: an event that becomes due while a claim is under way is not overtaken by those
-- that wait behind it. Row security lets the claim take longer than the second chain has to wait.
SELECT add(73, 132);
SELECT count(*) FROM claim('w1');
SELECT done((SELECT array_agg(n) FROM generate_series(73, 132) AS n WHERE n % 3 > 1), '{73,75}');
CREATE ROLE claim_retry_worker;
GRANT USAGE ON SCHEMA claim_retry TO claim_retry_worker;
GRANT SELECT ON events, subscriptions TO claim_retry_worker;
GRANT SELECT, UPDATE ON subscriptions_partitions TO claim_retry_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON subscriptions_retries TO claim_retry_worker;
ALTER TABLE subscriptions_retries ENABLE ROW LEVEL SECURITY;
CREATE POLICY slow ON subscriptions_retries USING (CASE "position" WHEN 102 THEN pg_sleep(0.2) IS NOT NULL ELSE true END);
UPDATE subscriptions_partitions SET look_at = now();
UPDATE subscriptions_retries SET retry_at = now() WHERE "position" = 73;
UPDATE subscriptions_retries SET retry_at = clock_timestamp() + interval '100 ms' WHERE "position" = 75;
SET ROLE claim_retry_worker;
SELECT count(*) FILTER (WHERE "position" % 3 = 1) AS first_chain, count(*) FILTER (WHERE "position" % 3 = 0) IN (0, 20) AS second_is_whole
FROM claim('w1');
RESET ROLE;

DROP SCHEMA claim_retry CASCADE;
DROP ROLE claim_retry_worker;
