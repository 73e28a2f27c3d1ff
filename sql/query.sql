-- goes_query: every filter alone, combined, and every sort.
CREATE SCHEMA query;
SET search_path = query, public;
SELECT goes_create_store();

-- Two orders (a, b) and a cart (a again), events without an aggregate, and times that repeat.
CREATE FUNCTION uuid_of(text) RETURNS uuid LANGUAGE sql IMMUTABLE
RETURN lpad($1, 32, '0')::uuid;
SELECT goes_insert_batch(ARRAY[
    goes_new_event('placed', '1', 'order', uuid_of('a'), 1, uuid_of('1'), 100),
    goes_new_event('paid', '2', 'order', uuid_of('a'), 2, uuid_of('2'), 200),
    goes_new_event('sent', '3', 'order', uuid_of('a'), 3, uuid_of('3'), 200),
    goes_new_event('placed', '4', 'order', uuid_of('b'), 1, uuid_of('4'), 150),
    goes_new_event('paid', '5', 'order', uuid_of('b'), 2, uuid_of('5'), 300),
    goes_new_event('filled', '6', 'cart', uuid_of('a'), 1, uuid_of('6'), 50),
    goes_new_event('emptied', '7', 'cart', uuid_of('a'), 5, uuid_of('7'), 400),
    goes_new_event('tick', '8', id => uuid_of('8'), "time" => 250),
    goes_new_event('tick', '9', id => uuid_of('9'), "time" => -100)]);

SELECT * FROM goes_query(sort => '{time}');

-- What a query finds, as the numbers of its events.
CREATE FUNCTION found(VARIADIC arguments text[]) RETURNS TABLE (query text, events text) LANGUAGE plpgsql AS $$
BEGIN
    FOREACH query IN ARRAY arguments LOOP
        EXECUTE format('SELECT string_agg(data::text, '' '' ORDER BY data) FROM goes_query(%s)', query) INTO events;
        RETURN NEXT;
    END LOOP;
END
$$;

-- Values are ORed; none of them, or null, is no filter.
SELECT * FROM found(
    '',
    $$names => '{paid}'$$,
    $$names => '{paid,tick,unknown}'$$,
    $$names => '{unknown}'$$,
    $$names => '{}'$$,
    $$names => NULL$$,
    $$names => '{""}'$$,
    $$ids => ARRAY[uuid_of('3')]$$,
    $$ids => ARRAY[uuid_of('3'), uuid_of('8'), uuid_of('ff')]$$,
    $$times => '{200}'$$,
    $$times => '{200,-100,1}'$$,
    $$aggregate_names => '{order}'$$,
    $$aggregate_names => '{order,cart}'$$,
    $$aggregate_names => '{""}'$$,
    $$aggregate_ids => ARRAY[uuid_of('a')]$$,
    $$aggregate_ids => ARRAY[uuid_of('a'), uuid_of('b')]$$,
    $$aggregate_ids => ARRAY[uuid_of('0')]$$,
    $$aggregate_versions => '{2}'$$,
    $$aggregate_versions => '{2,5,0}'$$);

-- Bounds are inclusive, and one that is reversed leaves nothing.
SELECT * FROM found(
    $$time_min => 200$$,
    $$time_max => 200$$,
    $$time_min => 150, time_max => 250$$,
    $$time_min => 250, time_max => 150$$,
    $$time_min => -9223372036854775808, time_max => 9223372036854775807$$,
    $$version_min => 2$$,
    $$version_max => 2$$,
    $$version_min => 2, version_max => 4$$,
    $$version_min => 4, version_max => 2$$);

-- Ranges: closed, open, without bounds, empty.
SELECT * FROM found(
    $$time_ranges => ARRAY[int8range(150, 250, '[]')]$$,
    $$time_ranges => ARRAY[int8range(150, 250, '[)')]$$,
    $$time_ranges => ARRAY[int8range(150, 250, '()')]$$,
    $$time_ranges => ARRAY[int8range(NULL, 100)]$$,
    $$time_ranges => ARRAY[int8range(300, NULL)]$$,
    $$time_ranges => ARRAY[int8range(NULL, NULL)]$$,
    $$time_ranges => ARRAY['empty'::int8range]$$,
    $$time_ranges => ARRAY['empty', int8range(50, 50, '[]'), int8range(300, NULL)]$$,
    $$time_ranges => '{}'$$,
    $$version_ranges => ARRAY[int4range(2, 3, '[]')]$$,
    $$version_ranges => ARRAY[int4range(2, 3)]$$,
    $$version_ranges => ARRAY[int4range(NULL, 1, '[]'), int4range(5, 2147483646, '[]')]$$,
    $$version_ranges => ARRAY[int4range(NULL, NULL)]$$,
    $$version_ranges => ARRAY['empty'::int4range]$$,
    $$version_ranges => ARRAY['empty'::int4range], names => '{placed}'$$);

-- References: a nil or null id means any aggregate of the name.
SELECT * FROM found(
    $$aggregates => ARRAY[('order', uuid_of('a'))::goes_aggregate_ref]$$,
    $$aggregates => ARRAY[('order', uuid_of('0'))::goes_aggregate_ref]$$,
    $$aggregates => ARRAY[('order', NULL)::goes_aggregate_ref]$$,
    $$aggregates => ARRAY[('cart', uuid_of('a')), ('order', uuid_of('b'))]::goes_aggregate_ref[]$$,
    $$aggregates => ARRAY[('order', uuid_of('a')), ('order', uuid_of('b'))]::goes_aggregate_ref[]$$,
    $$aggregates => ARRAY[('order', uuid_of('a')), ('order', NULL), ('cart', uuid_of('b'))]::goes_aggregate_ref[]$$,
    $$aggregates => ARRAY[('cart', NULL), ('orde', NULL), ('orders', NULL)]::goes_aggregate_ref[]$$,
    $$aggregates => ARRAY[('', NULL)]::goes_aggregate_ref[]$$,
    $$aggregates => '{}'$$,
    $$aggregates => ARRAY[('order', uuid_of('a'))]::goes_aggregate_ref[], version_min => 2$$);

-- Many of them, of many names, and many ranges, in reasonable time.
SET statement_timeout = '20s';
SELECT goes_count(aggregates => ARRAY(SELECT ROW(n::text, uuid_of('a'))::goes_aggregate_ref FROM generate_series(1, 10000) AS n)
                                || ('cart', uuid_of('a'))::goes_aggregate_ref) AS pairs,
       goes_count(aggregates => ARRAY(SELECT ROW(n::text, NULL)::goes_aggregate_ref FROM generate_series(1, 10000) AS n)
                                || ('cart', NULL)::goes_aggregate_ref) AS names,
       goes_count(time_ranges => ARRAY(SELECT int8range(n * 100, n * 100 + 51) FROM generate_series(1, 10000) AS n)) AS times,
       goes_count(version_ranges => ARRAY(SELECT int4range(n * 2, n * 2 + 1) FROM generate_series(1, 10000) AS n)) AS even_versions,
       goes_count(time_ranges => ARRAY(SELECT 'empty'::int8range FROM generate_series(1, 100))) AS empty_times,
       goes_count(time_ranges => ARRAY(SELECT int8range(NULL, n) FROM generate_series(1, 100) AS n)) AS until_100,
       goes_count(version_ranges => ARRAY[int4range(NULL, 2), int4range(3, NULL)]) AS not_2,
       goes_count(ids => ARRAY(SELECT uuid_of(n::text) FROM generate_series(1, 100000) AS n)) AS ids;
RESET statement_timeout;

-- So are so many that mix aggregates with whole names, of which a few are written out and more are
-- not: the planner would take seconds, deaf to a timeout. An id and a name that read like another
-- aggregate's are not taken for it.
SELECT goes_insert_batch(ARRAY[
    goes_new_event('moved', '10', 'n3', uuid_of('a'), 1), goes_new_event('moved', '11', 'n3', uuid_of('b'), 1),
    goes_new_event('moved', '12', 'n4', uuid_of('a'), 1), goes_new_event('moved', '13', 'n4', uuid_of('b'), 1),
    goes_new_event('moved', '14', 'n4', uuid_of('c'), 1), goes_new_event('moved', '15', uuid_of('a') || 'n4', NULL, 1)], 'query.events');
SET statement_timeout = '30s';
CREATE FUNCTION mixture(names integer) RETURNS goes_aggregate_ref[] LANGUAGE sql
RETURN ARRAY(SELECT ROW('n' || n, id)::goes_aggregate_ref
             FROM generate_series(1, names) AS n
             CROSS JOIN LATERAL unnest(CASE n % 2 WHEN 0 THEN ARRAY[uuid_of('a'), uuid_of('b')] ELSE ARRAY[NULL::uuid] END) AS id);
SELECT names, string_agg(data::text, ' ' ORDER BY data) AS events
FROM (VALUES (5), (64), (65), (100000)) AS mixed (names)
CROSS JOIN LATERAL goes_query(aggregates => mixture(names))
GROUP BY names ORDER BY names;
-- An error shows how long the statement is.
CREATE FUNCTION wall() RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE 'no entry'; END$$;
CREATE POLICY wall ON events USING (wall());
ALTER TABLE events ENABLE ROW LEVEL SECURITY;
CREATE ROLE query_reader;
GRANT USAGE ON SCHEMA query TO query_reader;
GRANT SELECT ON events TO query_reader;
SET ROLE query_reader;
DO $$
DECLARE
    statement text;
BEGIN
    PERFORM goes_count(aggregates => mixture(1000));
EXCEPTION WHEN raise_exception THEN
    GET STACKED DIAGNOSTICS statement = PG_EXCEPTION_CONTEXT;
    RAISE NOTICE '% is short: %', substring(statement FROM 'SELECT pg_catalog.count.*FROM query.events'), length(statement) < 1000;
END
$$;
RESET ROLE;
RESET statement_timeout;
DROP OWNED BY query_reader;
DROP ROLE query_reader;
ALTER TABLE events DISABLE ROW LEVEL SECURITY;
DROP POLICY wall ON events;
SELECT goes_delete(ARRAY(SELECT id FROM goes_query(names => '{moved}')));

-- Arguments are ANDed.
SELECT * FROM found(
    $$names => '{paid,placed}', time_min => 150$$,
    $$aggregate_names => '{order}', aggregate_ids => ARRAY[uuid_of('a')], version_min => 2$$,
    $$aggregate_names => '{cart}', aggregate_ids => ARRAY[uuid_of('a')], version_max => 4$$,
    $$aggregate_versions => '{1,2}', version_min => 2, version_ranges => ARRAY[int4range(1, 9)]$$,
    $$times => '{200,300}', time_max => 250, time_ranges => ARRAY[int8range(100, 300)]$$,
    $$names => '{tick}', aggregate_names => '{order}'$$,
    $$names => '{placed}', ids => ARRAY[uuid_of('1'), uuid_of('2'), uuid_of('4')], times => '{100,150}', time_min => 0,
      time_max => 1000, time_ranges => ARRAY[int8range(0, 1000)], aggregate_names => '{order}',
      aggregate_ids => ARRAY[uuid_of('a'), uuid_of('b')], aggregate_versions => '{1}', version_min => 1, version_max => 1,
      version_ranges => ARRAY[int4range(1, 2)], aggregates => ARRAY[('order', uuid_of('b'))::goes_aggregate_ref],
      sort => '{time}', max_events => 5$$);

-- goes_count counts what goes_query finds.
SELECT goes_count(), goes_count(names => '{paid}'), goes_count(time_ranges => ARRAY[int8range(150, 250)], aggregates => ARRAY[('order', NULL)::goes_aggregate_ref]);

-- Sorting: by every key, both ways; ties go by id.
CREATE FUNCTION sorted(VARIADIC sorts text[]) RETURNS TABLE (sort text, events text) LANGUAGE plpgsql AS $$
BEGIN
    FOREACH sort IN ARRAY sorts LOOP
        SELECT string_agg(data::text, ' ' ORDER BY n) INTO events
        FROM (SELECT data, row_number() OVER () AS n FROM goes_query(sort => sorted.sort::text[])) AS numbered;
        RETURN NEXT;
    END LOOP;
END
$$;
SELECT * FROM sorted(
    '{time}', '{time asc}', '{time desc}',
    '{aggregate_name}', '{aggregate_name desc}',
    '{aggregate_id}', '{aggregate_id desc}',
    '{aggregate_version}', '{aggregate_version desc}',
    '{aggregate_name,aggregate_id desc,aggregate_version}',
    '{aggregate_version desc,time desc}',
    '{TIME   Desc}',
    '{time,time desc}');
SELECT data FROM goes_query(sort => '{time desc}', max_events => 3);
SELECT data FROM goes_query(max_events => 0);
SELECT count(*) FROM goes_query(max_events => 9223372036854775807);

-- What it refuses.
SELECT * FROM goes_query(names => ARRAY['a', NULL]);
\echo :SQLSTATE
SELECT * FROM goes_query(ids => ARRAY[NULL]::uuid[]);
\echo :SQLSTATE
SELECT * FROM goes_query(times => ARRAY[1, 2, NULL]);
\echo :SQLSTATE
SELECT * FROM goes_query(time_ranges => ARRAY[NULL]::int8range[]);
\echo :SQLSTATE
SELECT * FROM goes_query(version_ranges => ARRAY[NULL]::int4range[]);
\echo :SQLSTATE
SELECT * FROM goes_query(aggregate_names => ARRAY[NULL]);
\echo :SQLSTATE
SELECT * FROM goes_query(aggregate_ids => ARRAY[NULL]::uuid[]);
\echo :SQLSTATE
SELECT * FROM goes_query(aggregate_versions => ARRAY[NULL]::integer[]);
\echo :SQLSTATE
SELECT * FROM goes_query(aggregates => ARRAY[NULL]::goes_aggregate_ref[]);
\echo :SQLSTATE
SELECT * FROM goes_query(aggregates => ARRAY[('a', NULL), (NULL, uuid_of('a'))]::goes_aggregate_ref[]);
\echo :SQLSTATE
SELECT * FROM goes_query(names => '{{a},{b}}');
\echo :SQLSTATE
SELECT * FROM goes_query(sort => ARRAY['time', NULL]);
\echo :SQLSTATE
SELECT * FROM goes_query(sort => '{time,name}');
\echo :SQLSTATE
SELECT * FROM goes_query(sort => '{time down}');
\echo :SQLSTATE
SELECT * FROM goes_query(sort => ARRAY['time; DROP TABLE events']);
\echo :SQLSTATE
SELECT * FROM goes_query(sort => '{""}');
\echo :SQLSTATE
SELECT * FROM goes_query(max_events => -1);
\echo :SQLSTATE

-- Anywhere a table can be: joined, in a select list, prepared, in a view, in a function.
SELECT wanted, count(e.id)
FROM unnest('{order,cart,none}'::text[]) AS wanted
LEFT JOIN LATERAL goes_query(aggregate_names => ARRAY[wanted]) AS e ON true
GROUP BY wanted
ORDER BY wanted;
SELECT (goes_query(names => '{tick}', sort => '{time}')).name;
CREATE VIEW orders AS SELECT data FROM goes_query(aggregate_names => '{order}', sort => '{time}');
SELECT * FROM orders;
PREPARE by_name(text[]) AS SELECT data FROM goes_query(names => $1, sort => '{time}');
EXECUTE by_name('{placed}');
EXECUTE by_name('{paid}');

-- Many calls in one statement, results that go to disk and come back, rows that are joined twice.
SELECT goes_create_store('large');
SELECT goes_insert_batch(ARRAY(
    SELECT goes_new_event('large', to_jsonb(repeat(n::text, 2000)), 'large', uuid_of((n % 10)::text), n)
    FROM generate_series(1, 3000) AS n), 'large');
SET work_mem = '64kB';
SELECT count(*), count(DISTINCT l.id), sum(length(l.data::text)) = sum(length(r.data::text)) AS same
FROM goes_query(sort => '{time}', store => 'large') AS l
JOIN goes_query(sort => '{time desc}', store => 'large') AS r ON r.id = l.id;
SELECT count(*), sum(e.aggregate_version)
FROM generate_series(1, 2000) AS n
CROSS JOIN LATERAL goes_query(aggregate_names => '{large}', aggregate_ids => ARRAY[uuid_of((n % 10)::text)],
                              sort => '{aggregate_version}', max_events => 3, store => 'large') AS e;
SELECT count(*)
FROM (SELECT goes_query(aggregate_names => '{large}', version_max => n, store => 'large') FROM generate_series(1, 30) AS n) AS made;
RESET work_mem;
ALTER TABLE large ADD COLUMN tenant text DEFAULT 'none';
ALTER TABLE large DROP COLUMN data;
ALTER TABLE large ADD COLUMN data jsonb DEFAULT '"new"';
SELECT name, aggregate_name, data FROM goes_query(version_max => 2, sort => '{aggregate_version}', store => 'large');

-- It sees what its statement sees, and in a function what was done before it.
BEGIN;
SELECT goes_insert_batch(ARRAY[goes_new_event('tick', '10')]);
SELECT goes_count(names => '{tick}');
ROLLBACK;
DO $$
BEGIN
    PERFORM goes_insert_batch(ARRAY[goes_new_event('tock')]);
    RAISE NOTICE 'tocks: %', goes_count(names => '{tock}');
END
$$;

SET client_min_messages = warning;
DROP SCHEMA query CASCADE;
