-- goes_history: the events of one aggregate by version.
CREATE SCHEMA history;
SET search_path = history, public;
SELECT goes_create_store();
CREATE FUNCTION uuid_of(text) RETURNS uuid LANGUAGE sql IMMUTABLE
RETURN lpad($1, 32, '0')::uuid;
SELECT goes_insert_batch(ARRAY(
    SELECT goes_new_event(name || '.changed', to_jsonb(version), name, uuid_of(id), version, uuid_of(id || number || version), version * 10)
    FROM (VALUES ('order', 'a', '1'), ('order', 'b', '2'), ('cart', 'a', '3')) AS aggregates (name, id, number),
         unnest('{3,1,2,5,4}'::integer[]) AS version));
-- Of the aggregate, but without a version; and of no aggregate.
INSERT INTO events VALUES (uuid_of('99'), 'no version', 0, uuid_of('a'), 'order', NULL, '{}'),
                          (uuid_of('98'), 'not of it', 0, uuid_of('a'), NULL, 3, '{}');

-- All of it, and a part.
SELECT * FROM goes_history('order', uuid_of('a'));
SELECT count(*) FROM goes_history('order', uuid_of('c'));
SELECT count(*) FROM goes_history('', uuid_of('0'));
\set of 'string_agg(aggregate_version::text, '' '') FROM goes_history(''order'', uuid_of(''a'')'
SELECT :of, from_version => 3);
SELECT :of, 3);
SELECT :of, to_version => 2);
SELECT :of, 2, 4);
SELECT :of, 4, 2);
SELECT :of, 6);
SELECT :of, -2147483648, 2147483647);
SELECT :of, NULL, NULL, NULL, NULL);
SELECT :of, max_events => 2);
SELECT :of, from_version => 4, max_events => 2);
SELECT :of, max_events => 0);
SELECT :of, max_events => 9223372036854775807);
-- Page by page: the next one begins behind the last version.
WITH RECURSIVE pages (page, last) AS (
    SELECT 1, (SELECT max(aggregate_version) FROM goes_history('order', uuid_of('a'), max_events => 2))
    UNION ALL
    SELECT page + 1, (SELECT max(aggregate_version) FROM goes_history('order', uuid_of('a'), last + 1, max_events => 2))
    FROM pages
    WHERE last IS NOT NULL)
TABLE pages;

-- In the list of SELECT, in a join, and by the columns' names.
SELECT (goes_history('cart', uuid_of('a'), max_events => 1)).name;
SELECT letter, count(*), min(h.aggregate_version), max(h.aggregate_version)
FROM unnest('{a,b,c}'::text[]) AS letter, goes_history('order', uuid_of(letter), from_version => 2) AS h
GROUP BY letter
ORDER BY letter;

-- Another store; it sees what its statement sees.
SELECT goes_create_store('others');
SELECT goes_append_json('order', uuid_of('a'), '[{"name": "x"}, {"name": "y"}]', store => 'others');
SELECT aggregate_version, name FROM goes_history('order', uuid_of('a'), store => 'others');
SELECT count(*) FROM goes_history('order', uuid_of('a'), NULL, NULL, NULL, 'others');
SELECT goes_append_json('order', uuid_of('a'), '{"name": "z"}', store => 'others'), (SELECT count(*) FROM goes_history('order', uuid_of('a'), store => 'others'));
SELECT count(*) FROM goes_history('order', uuid_of('a'), store => 'others');

-- The same events as goes_query returns, whatever the bounds.
SELECT count(*), count(*) FILTER (WHERE h IS DISTINCT FROM q) AS different
FROM generate_series(0, 6) AS low, generate_series(0, 6) AS high, generate_series(1, 6) AS most,
    LATERAL (SELECT array_agg(e) FROM goes_history('order', uuid_of('b'), low, high, most) AS e) AS histories (h),
    LATERAL (SELECT array_agg(e) FROM goes_query(aggregates => ARRAY[('order', uuid_of('b'))]::goes_aggregate_ref[],
        version_min => low, version_max => high, sort => '{aggregate_version}', max_events => most) AS e) AS queries (q);

-- It reads the index of aggregates, from the version on, and no more of it than it returns.
SELECT goes_append_json('large', uuid_of('a'), (SELECT jsonb_agg(jsonb_build_object('name', 'n', 'data', n) ORDER BY n) FROM generate_series(1, 20000) AS n));
ANALYZE events;
CREATE FUNCTION entries_read(call text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    before bigint = pg_stat_get_xact_tuples_returned('goes_aggregate'::regclass);
BEGIN
    EXECUTE 'SELECT count(*) FROM ' || call;
    RETURN pg_stat_get_xact_tuples_returned('goes_aggregate'::regclass) - before;
END
$$;
SELECT call, entries_read(format('goes_history(''large'', uuid_of(''a''), %s)', call)) AS entries
FROM unnest('{"NULL","19990","1, 10","from_version => 100, max_events => 5","max_events => 7"}'::text[]) AS call;

-- What cannot be asked.
SELECT * FROM goes_history(NULL, uuid_of('a'));
\echo :SQLSTATE
SELECT * FROM goes_history('order', NULL);
\echo :SQLSTATE
SELECT * FROM goes_history('order', uuid_of('a'), max_events => -1);
\echo :SQLSTATE
SELECT * FROM goes_history('order', uuid_of('a'), store => 'missing');
\echo :SQLSTATE
SELECT * FROM goes_history('order', uuid_of('a'), store => 'two words');
\echo :SQLSTATE
SELECT * FROM goes_history('order', 'a');
\echo :SQLSTATE

SET client_min_messages = warning;
DROP SCHEMA history CASCADE;
