-- What the programs in python/, node/, java/, go/ and rust/ make in a database of their own.
CREATE EXTENSION goes_store;
SELECT goes_create_store(), goes_create_subscription_store();
SELECT goes_alter_store(feed => true);                            -- goes_feed needs a feed
SELECT goes_subscribe('mails', names => '{order.placed,order.paid}');

CREATE TABLE readers (position bigint NOT NULL DEFAULT 0, id uuid);   -- where a reader goes on
INSERT INTO readers DEFAULT VALUES;
CREATE TABLE mails (position bigint PRIMARY KEY);                 -- what the worker does

SELECT goes_insert_json(jsonb_agg(jsonb_build_object('name', 'page.viewed', 'data', view)))
FROM generate_series(1, 5000) AS view;
