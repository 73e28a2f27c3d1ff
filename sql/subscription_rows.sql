-- The rows of subscriptions are the owner's, and workers may write to them. What cannot be there is
-- an error, whoever wrote it: none of it is used as the number of something.
CREATE SCHEMA subscription_rows;
SET search_path = subscription_rows, public;
SET client_min_messages = warning;
\set SHOW_CONTEXT never
SELECT goes_create_store(), goes_alter_store(feed => true), goes_create_subscription_store();
SELECT goes_append('a', '019a0000-0000-7000-8000-000000000001',
                   ARRAY(SELECT goes_new_event('e') FROM generate_series(1, 9)));

CREATE FUNCTION lease() RETURNS bigint LANGUAGE sql AS 'SELECT max(epoch) FROM subscriptions_partitions';

-- A subscription of which a worker has three events and one has failed, changed by somebody.
CREATE FUNCTION change(command text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM subscriptions) THEN
        PERFORM goes_unsubscribe('s');
    END IF;
    PERFORM goes_subscribe('s', partitions => 1, max_attempts => 1);
    PERFORM goes_claim('s', 'w', 2);
    PERFORM goes_done('s', 0, lease(), failed => '{1}');
    PERFORM goes_skip('s', '{1}');
    PERFORM goes_claim('s', 'w', 3);
    EXECUTE command;
END
$$;

-- The partition.
SELECT change('UPDATE subscriptions_partitions SET handed = 1000000');
SELECT goes_done('s', 0, lease(), done => '{2}');
SELECT change('UPDATE subscriptions_partitions SET handed = -1');
SELECT goes_done('s', 0, lease(), done => '{2}');
SELECT change('UPDATE subscriptions_partitions SET batch = ''{NULL,NULL,3}''');
SELECT goes_done('s', 0, lease(), done => '{2}');
SELECT change('UPDATE subscriptions_partitions SET batch = ''{{2},{3},{4}}''');
SELECT goes_release('s', 0, lease());
SELECT change('UPDATE subscriptions_partitions SET batch = ''{2,4,3}''');
SELECT goes_renew('s', 0, lease());
SELECT change('UPDATE subscriptions_partitions SET deliveries = -1, worker = NULL, lease_until = NULL');
SELECT goes_claim('s', 'w', 3);
SELECT change('UPDATE subscriptions_partitions SET "position" = -1, worker = NULL, lease_until = NULL');
SELECT goes_claim('s', 'w', 3);
SELECT change('UPDATE subscriptions_partitions SET "partition" = 1000000, worker = NULL, lease_until = NULL');
SELECT goes_claim('s', 'w', 3);
SELECT goes_claim('s', 'w', 3, wait_ms => 1);
SELECT goes_rewind('s', 0);
SELECT change('UPDATE subscriptions_partitions SET epoch = -1');
SELECT goes_done('s', 0, -1, done => '{2}');
SELECT change('UPDATE subscriptions_partitions SET epoch = 9223372036854775807, worker = NULL, lease_until = NULL');
SELECT goes_claim('s', 'w', 3);
-- such a number is not kept when it is unsubscribed
SELECT change('SELECT');
SELECT lease() < 100;

-- The subscription.
SELECT change('UPDATE subscriptions SET partitions = 0');
SELECT goes_claim('s', 'w', 3);
SELECT change('UPDATE subscriptions SET partitions = 1000000');
SELECT goes_skip('s', '{3}');
SELECT change('UPDATE subscriptions SET max_attempts = 0');
SELECT goes_claim('s', 'w', 3);

-- What is held.
SELECT change('SELECT goes_done(''s'', 0, lease(), failed => ''{2}''); UPDATE subscriptions_retries SET "partition" = 1000000');
SELECT goes_skip('s', '{2}');
SELECT goes_unpark('s', '{2}');
SELECT change('SELECT goes_done(''s'', 0, lease(), failed => ''{2}''); SELECT goes_unpark(''s'');
               UPDATE subscriptions_retries SET "partition" = 1000000 WHERE "position" > 2');
SELECT "position" FROM goes_claim('s', 'w', 3);

-- All of them can be unsubscribed.
SELECT goes_unsubscribe('s');
SELECT goes_unsubscribe('s');
DROP SCHEMA subscription_rows CASCADE;
