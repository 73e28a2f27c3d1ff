-- goes_delete removes events by id.
CREATE SCHEMA delete_events;
SET search_path = delete_events, public;
SELECT goes_create_store();
SELECT goes_insert_batch(ARRAY(
    SELECT goes_new_event(n::text, id => format('00000000-0000-7000-8000-%s', lpad(n::text, 12, '0'))::uuid)
    FROM generate_series(1, 5) AS n));

-- It says how many there were; unknown ids are no error, an id may come twice.
SELECT goes_delete(ARRAY['00000000-0000-7000-8000-000000000001', '00000000-0000-7000-8000-000000000001',
                         '00000000-0000-7000-8000-000000000002', '00000000-0000-7000-8000-00000000ffff']::uuid[]);
SELECT goes_delete('{}');
SELECT name FROM goes_query(sort => '{time}');

-- What it refuses.
SELECT goes_delete(NULL);
\echo :SQLSTATE
SELECT goes_delete(ARRAY['00000000-0000-7000-8000-000000000003', NULL]::uuid[]);
\echo :SQLSTATE
SELECT goes_delete('{{00000000-0000-7000-8000-000000000003},{00000000-0000-7000-8000-000000000004}}');
\echo :SQLSTATE
SELECT count(*) FROM events;

SET client_min_messages = warning;
DROP SCHEMA delete_events CASCADE;
