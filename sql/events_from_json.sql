-- Events from JSON, keyed by the column names.
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

-- A single event needs no array.
SELECT name, data FROM unnest(goes_events_from_json('{"name": "alone", "data": {"a": 1}}'));

-- A time in ISO 8601, to the nanosecond: what JavaScript, Java, Python, Go, Rust and PostgreSQL write.
CREATE FUNCTION time_of("time" text) RETURNS bigint LANGUAGE sql
RETURN (goes_events_from_json(jsonb_build_object('name', 'a', 'time', "time")))[1]."time";
CREATE FUNCTION state_of("time" text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM time_of("time");
    RETURN 'none';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END
$$;
SELECT iso, time_of(iso)
FROM unnest('{2026-11-28T20:00:00.123Z,2026-11-28T20:00Z,2026-11-28T20:00:00.123456+00:00,2026-11-28T20:00:00.123456789Z,
    2026-11-28T20:00:00Z,2026-11-28 20:00:00.5+00,2026-11-28t20:00:00z,2026-11-28T21:30:00+0130,2026-11-28T10:00:00-10,
    "2026-11-28T20:00:00,000000001Z",1970-01-01T00:00:00Z,1969-12-31T23:59:59.999999999Z,1969-12-31T23:59:58.000000001Z,2000-02-29T00:00:00Z,
    1900-03-01T00:00:00Z,2026-12-31T23:59:60Z,1677-09-21T00:12:43.145224192Z,2262-04-11T23:47:16.854775807Z,
    2262-04-12T14:47:16.854775807+15:00}'::text[]) AS iso \g (format=unaligned)
-- As PostgreSQL reads them, where it can.
SELECT count(*) AS different
FROM generate_series('1677-09-22'::timestamptz, '2262-04-11', '5 days 7:11:13.456789') AS moment
WHERE time_of(to_char(moment AT TIME ZONE 'UTC' + '3:30', 'YYYY-MM-DD"T"HH24:MI:SS.US') || '+03:30') <> goes_time(moment);
SELECT time_of(to_jsonb('2026-11-28 20:00:00.123456+00'::timestamptz) #>> '{}');
-- What is neither.
SELECT time_of('2026-11-28T20:00:00');
\echo :SQLSTATE
SELECT iso
FROM unnest('{2026-11-28,2026-11-28T20Z,2026-11-28Z,2026-13-01T00:00:00Z,2026-00-01T00:00:00Z,2026-02-29T00:00:00Z,1900-02-29T00:00:00Z,2026-04-31T00:00:00Z,
    2026-11-28T24:00:00Z,2026-11-28T20:60:00Z,2026-11-28T20:00:61Z,2026-11-28T20:00:00.Z,2026-11-28T20:00:00.1234567890Z,26-11-28T20:00:00Z,
    12026-11-28T20:00:00Z,+002026-11-28T20:00:00Z,-2026-11-28T20:00:00Z,2026-11-28T20:00:00ZZ,"2026-11-28T20:00:00 Z"," 2026-11-28T20:00:00Z",
    "2026-11-28T20:00:00Z ",2026-11-28T20:00:00+,2026-11-28T20:00:00+1,2026-11-28T20:00:00+01:,2026-11-28T20:00:00+01:60,2026-11-28T20:00:00+16:00,
    2026-11-28T20:00:00+01:00:00,2026-11-28T20:00:00+010,"2026-11-28T20:00:00 Europe/Berlin",2026/11/28T20:00:00Z,2026-W48-6T20:00:00Z,
    20261128T200000Z,now,yesterday,infinity,-infinity,1e3,0x10,5Z,--5}'::text[]) AS iso
WHERE state_of(iso) IS DISTINCT FROM '22023';
-- A time that no event can have.
SELECT time_of('2262-04-11T23:47:16.854775808Z');
\echo :SQLSTATE
SELECT time_of('1677-09-21T00:12:43.145224191Z');
SELECT time_of('9999-12-31T23:59:59.999999999-15:59');
SELECT time_of('0000-01-01T00:00:00Z');

-- What is no array of objects.
SELECT goes_events_from_json(NULL);
\echo :SQLSTATE
SELECT goes_events_from_json('null');
\echo :SQLSTATE
SELECT goes_events_from_json('{}');
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
DROP FUNCTION time_of, state_of;
