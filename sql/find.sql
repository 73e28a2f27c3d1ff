-- goes_find, goes_count and goes_aggregate_version.
CREATE SCHEMA find;
SET search_path = find, public;
SELECT goes_create_store();
\set order '''019a0000-0000-7000-8000-00000000000a'''
SELECT goes_insert_batch(ARRAY[
    goes_new_event('order.placed', '{"total": 3}', 'order', :order, 1, '019a0000-0000-7000-8000-000000000001', 100),
    goes_new_event('order.paid', '{}', 'order', :order, 7, '019a0000-0000-7000-8000-000000000002', 200),
    goes_new_event('clock.struck', '12', id => '019a0000-0000-7000-8000-000000000003', "time" => 300)]);

-- One row or none.
SELECT * FROM goes_find('019a0000-0000-7000-8000-000000000001');
SELECT * FROM goes_find('019a0000-0000-7000-8000-00000000000a');
SELECT * FROM goes_find(NULL);
SELECT (goes_find('019a0000-0000-7000-8000-000000000003')).name;
SELECT wanted, found.name
FROM unnest('{019a0000-0000-7000-8000-000000000002, 019a0000-0000-7000-8000-000000000009, NULL}'::uuid[]) AS wanted
LEFT JOIN LATERAL goes_find(wanted) AS found ON true;

-- A row with an SQL NULL as data, as no goes wrote it, is read all the same.
INSERT INTO events (id, name, "time") VALUES ('019a0000-0000-7000-8000-000000000004', 'by hand', 400);
SELECT name, data IS NULL AS is_null FROM goes_find('019a0000-0000-7000-8000-000000000004');

-- The newest version, 0 when there is none.
SELECT goes_aggregate_version('order', :order);
SELECT goes_aggregate_version('order', '019a0000-0000-7000-8000-00000000000b');
SELECT goes_aggregate_version('cart', :order);
SELECT goes_aggregate_version('', '00000000-0000-0000-0000-000000000000');
SELECT goes_aggregate_version(NULL, :order);
\echo :SQLSTATE
SELECT goes_aggregate_version('order', NULL);
\echo :SQLSTATE

SELECT goes_count(), goes_count(names => '{order.paid,clock.struck}'), goes_count(aggregate_ids => ARRAY[:order]::uuid[], version_min => 2);
SELECT goes_count(names => ARRAY['a', NULL]);
\echo :SQLSTATE

SET client_min_messages = warning;
DROP SCHEMA find CASCADE;
