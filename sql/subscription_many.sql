-- Many subscriptions and partitions: what is told of all, and what one worker has of them.
CREATE SCHEMA many;
SET search_path = many, public;
SELECT goes_create_store();
SELECT goes_alter_store(feed => true);
SELECT goes_create_subscription_store();
SELECT goes_insert_batch(ARRAY(
    SELECT goes_new_event('counted', to_jsonb(n), 'order', ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, 1)
    FROM generate_series(1, 500) AS n));

-- The lag has a row for each partition of each subscription.
SELECT count(goes_subscribe('s' || n, partitions => 2)) FROM generate_series(1, 40) AS n;
SELECT count(*), count(DISTINCT subscription), min(behind) > 0 AS are_behind FROM goes_subscription_lag();

-- Workers that come one after the other have partitions of their own, half of those that are free, and each event once.
SELECT goes_subscribe('wide', partitions => 64);
CREATE TABLE claimed AS SELECT 'one' AS worker, * FROM goes_claim('wide', 'one', 1000);
INSERT INTO claimed SELECT 'another', * FROM goes_claim('wide', 'another', 1000);
SELECT worker, count(DISTINCT "partition") AS partitions, count(*) = count(DISTINCT "position") AS once FROM claimed GROUP BY 1 ORDER BY 2 DESC;
SELECT count(*) = count(DISTINCT "position") AS once, count(DISTINCT "partition") AS partitions FROM claimed;
SELECT count(goes_done('wide', "partition", epoch, done)) AS answers
FROM (SELECT "partition", epoch, array_agg("position" ORDER BY "position") AS done FROM claimed GROUP BY 1, 2) AS answers;
SELECT sum(handed) AS handed, count(worker) AS leases FROM subscriptions_partitions WHERE subscription = 'wide';
