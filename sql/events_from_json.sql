-- Events from a JSON array, keyed by the column names.
SELECT *
FROM unnest(goes_events_from_json('[
    {"id": "019a0000-0000-7000-8000-000000000001", "name": "order.placed", "time": 1700000000123456789,
     "aggregate_id": "019a0000-0000-7000-8000-00000000000a", "aggregate_name": "order",
     "aggregate_version": 1, "data": {"total": 3, "lines": [{"sku": "a"}, null]}},
    {"id": "019a0000-0000-7000-8000-000000000002", "name": "naïve 😀", "time": "1700000000123456789", "data": "text"},
    {"id": "019a0000-0000-7000-8000-000000000003", "name": "a", "time": "-1", "data": 1.50},
    {"id": "019a0000-0000-7000-8000-000000000004", "name": "a", "time": 1e3, "data": [], "aggregate_version": -2147483648},
    {"id": "019A0000-0000-7000-8000-000000000005", "name": "twice", "name": "last", "time": -9223372036854775808, "data": false}]'));

-- What is absent or null gets goes_new_event's defaults.
SELECT id IS NOT NULL AS has_id, abs("time" - goes_now()) < 60e9 AS is_now,
       name, data, aggregate_id, aggregate_name, aggregate_version
FROM unnest(goes_events_from_json('[
    {"name": "a"},
    {"name": "b", "id": null, "time": null, "data": null, "aggregate_id": null, "aggregate_name": null,
     "aggregate_version": null}]'));
SELECT goes_events_from_json('[]');
SELECT count(*) FROM unnest(goes_events_from_json((SELECT jsonb_agg(jsonb_build_object('name', n::text)) FROM generate_series(1, 5000) AS n)));

-- What is no array of objects.
SELECT goes_events_from_json(NULL);
\echo :SQLSTATE
SELECT goes_events_from_json('null');
\echo :SQLSTATE
SELECT goes_events_from_json('{"name": "a"}');
\echo :SQLSTATE
SELECT goes_events_from_json('"a"');
\echo :SQLSTATE
SELECT goes_events_from_json('[{"name": "a"}, 5]');
\echo :SQLSTATE
SELECT goes_events_from_json('[{"name": "a"}, [{"name": "a"}]]');
\echo :SQLSTATE
SELECT goes_events_from_json('[null]');
\echo :SQLSTATE

-- The error names the element and the key.
SELECT goes_events_from_json('[{"name": "a"}, {"name": "a", "version": 1}]');
\echo :SQLSTATE
SELECT goes_events_from_json('[{"Name": "a"}]');
\echo :SQLSTATE
SELECT goes_events_from_json('[{"name": "a"}, {"data": 1}]');
\echo :SQLSTATE
SELECT goes_events_from_json('[{"name": 5}]');
\echo :SQLSTATE
SELECT goes_events_from_json('[{"name": "a", "id": 5}]');
\echo :SQLSTATE
SELECT goes_events_from_json('[{"name": "a", "id": "5"}]');
\echo :SQLSTATE
SELECT goes_events_from_json('[{"name": "a", "time": true}]');
\echo :SQLSTATE
SELECT goes_events_from_json('[{"name": "a", "time": 1.5}]');
\echo :SQLSTATE
SELECT goes_events_from_json('[{"name": "a", "time": 9223372036854775808}]');
\echo :SQLSTATE
SELECT goes_events_from_json('[{"name": "a", "time": "9223372036854775808"}]');
\echo :SQLSTATE
SELECT goes_events_from_json('[{"name": "a", "time": ""}]');
\echo :SQLSTATE
SELECT goes_events_from_json('[{"name": "a", "time": "-"}]');
\echo :SQLSTATE
SELECT goes_events_from_json('[{"name": "a", "time": " 5"}]');
\echo :SQLSTATE
SELECT goes_events_from_json('[{"name": "a", "time": "2026-01-01"}]');
\echo :SQLSTATE
SELECT goes_events_from_json('[{"name": "a", "aggregate_version": "1"}]');
\echo :SQLSTATE
SELECT goes_events_from_json('[{"name": "a", "aggregate_version": 0.1}]');
\echo :SQLSTATE
SELECT goes_events_from_json('[{"name": "a", "aggregate_version": 2147483648}]');
\echo :SQLSTATE
SELECT goes_events_from_json('[{"name": "a", "aggregate_name": {}}]');
\echo :SQLSTATE
SELECT goes_events_from_json('[{"name": "a", "aggregate_id": [1]}]');
\echo :SQLSTATE
