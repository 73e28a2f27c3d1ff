-- goes_new_event fills in what is not given.
SELECT (e).id IS NOT NULL AS has_id,
       abs((e)."time" - goes_now()) < 60e9 AS is_now,
       (e).name, (e).data, (e).aggregate_id, (e).aggregate_name, (e).aggregate_version
FROM goes_new_event('order.placed') AS e;

-- By position and by name.
SELECT *
FROM goes_new_event('order.placed', '{"total": 3}', 'order', '019a0000-0000-7000-8000-000000000001', 7,
                    '019a0000-0000-7000-8000-000000000002', 1700000000123456789);
SELECT *
FROM goes_new_event('order.placed', "time" => 5, id => '019a0000-0000-7000-8000-000000000002',
                    aggregate_version => 7, aggregate_name => 'order',
                    aggregate_id => '019a0000-0000-7000-8000-000000000001', data => '[1, 2]');

-- It stores and checks nothing; the insert does.
SELECT name, data FROM goes_new_event(NULL, NULL);
SELECT (goes_new_event('a', id => '019a0000-0000-7000-8000-000000000002', "time" => -5)).*;

-- Ids are of version 7, and increase within a session.
SELECT substring(id::text FROM 15 FOR 1) AS version,
       substring(id::text FROM 20 FOR 1) IN ('8', '9', 'a', 'b') AS is_rfc_variant,
       abs(('x' || translate(left(id::text, 13), '-', ''))::bit(48)::bigint - goes_now() / 1000000) < 60000 AS is_now
FROM goes_uuid_v7() AS id;
SELECT count(*) AS ids, count(DISTINCT id) AS different, bool_and(id > previous) AS increasing
FROM (SELECT id, lag(id) OVER (ORDER BY n) AS previous
      FROM (SELECT n, goes_uuid_v7() AS id FROM generate_series(1, 100000) AS n) AS made) AS pairs;
