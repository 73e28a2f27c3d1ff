-- Thousands of generated queries find what a plain WHERE clause finds.
CREATE SCHEMA query_random;
SET search_path = query_random, public;
SELECT goes_create_store();
SELECT setseed(0.5);

CREATE FUNCTION pick(values_ anyarray) RETURNS anyelement LANGUAGE sql VOLATILE AS $$
SELECT values_[1 + floor(random() * cardinality(values_))]
$$;
CREATE FUNCTION uuid_of(integer) RETURNS uuid LANGUAGE sql IMMUTABLE
RETURN lpad($1::text, 32, '0')::uuid;

-- 400 events in which everything repeats; a fifth has no aggregate, some only parts of one.
INSERT INTO events
SELECT uuid_of(n), pick('{a,b,c}'::text[]), pick('{1,2,3,4,5,6,7,8}'::bigint[]),
       CASE WHEN random() < 0.8 THEN uuid_of(pick('{1001,1002,1003}'::integer[])) END,
       CASE WHEN random() < 0.8 THEN pick('{x,y,z}'::text[]) END,
       CASE WHEN random() < 0.9 THEN n END,
       to_jsonb(n)
FROM generate_series(1, 400) AS n;
UPDATE events SET aggregate_version = NULL WHERE aggregate_id IS NULL AND aggregate_name IS NULL;

-- A list of up to three values, or no filter.
CREATE FUNCTION maybe(values_ anyarray) RETURNS anyarray LANGUAGE sql VOLATILE AS $$
SELECT CASE WHEN random() < 0.75 THEN NULL
            ELSE ARRAY(SELECT pick(values_) FROM generate_series(0, floor(random() * 4)::integer - 1)) END
$$;

CREATE FUNCTION maybe_ranges(lowest integer, highest integer) RETURNS int8range[] LANGUAGE sql VOLATILE
RETURN CASE WHEN random() < 0.7 THEN NULL
            ELSE ARRAY(SELECT int8range(least(a, b), greatest(a, b), pick('{[],[),(],()}'::text[]))
                       FROM (SELECT n, CASE WHEN random() < 0.8 THEN floor(lowest + random() * highest) END::bigint AS a,
                                    CASE WHEN random() < 0.8 THEN floor(lowest + random() * highest) END::bigint AS b
                             FROM generate_series(1, floor(random() * 4)::integer) AS n) AS ends) END;

CREATE TEMPORARY TABLE answers (query integer, expected bigint, counted bigint, found bigint, same boolean, in_order boolean);

DO $$
DECLARE
    q_names text[]; q_ids uuid[]; q_times bigint[]; q_time_min bigint; q_time_max bigint; q_time_ranges int8range[];
    q_aggregate_names text[]; q_aggregate_ids uuid[]; q_versions integer[]; q_version_min integer; q_version_max integer;
    q_version_ranges int4range[]; q_aggregates goes_aggregate_ref[];
    key text; descending boolean; expected uuid[]; found uuid[]; in_order uuid[]; counted bigint;
BEGIN
    FOR i IN 1..3000 LOOP
        q_names := maybe('{a,b,c,d}'::text[]);
        q_ids := CASE WHEN random() < 0.8 THEN NULL ELSE ARRAY(SELECT uuid_of(floor(random() * 500)::integer) FROM generate_series(1, 200)) END;
        q_times := maybe('{1,2,3,4,5,9}'::bigint[]);
        q_time_min := CASE WHEN random() < 0.2 THEN floor(random() * 9) END;
        q_time_max := CASE WHEN random() < 0.2 THEN floor(random() * 9) END;
        q_time_ranges := maybe_ranges(0, 9);
        q_aggregate_names := maybe('{x,y,z,w}'::text[]);
        q_aggregate_ids := maybe(ARRAY[uuid_of(1001), uuid_of(1002), uuid_of(1003), uuid_of(0)]);
        q_versions := CASE WHEN random() < 0.1 THEN ARRAY(SELECT floor(random() * 400)::integer FROM generate_series(1, 100)) END;
        q_version_min := CASE WHEN random() < 0.2 THEN floor(random() * 400) END;
        q_version_max := CASE WHEN random() < 0.2 THEN floor(random() * 400) END;
        q_version_ranges := ARRAY(SELECT int4range(lower(r)::integer, upper(r)::integer) FROM unnest(maybe_ranges(0, 400)) AS r WHERE NOT isempty(r));
        q_aggregates := CASE WHEN random() < 0.7 THEN NULL ELSE ARRAY(
            SELECT ROW(pick('{x,y,z,w}'::text[]), uuid_of(pick('{0,1001,1002,1003,1004}'::integer[])))::goes_aggregate_ref
            FROM generate_series(1, floor(random() * 5)::integer)) END;
        key := pick('{time,aggregate_name,aggregate_id,aggregate_version}'::text[]);
        descending := random() < 0.5;

        SELECT array_agg(e.id ORDER BY e.id) INTO expected
        FROM events AS e
        WHERE (coalesce(cardinality(q_names), 0) = 0 OR e.name = ANY (q_names))
          AND (coalesce(cardinality(q_ids), 0) = 0 OR e.id = ANY (q_ids))
          AND (coalesce(cardinality(q_times), 0) = 0 OR e."time" = ANY (q_times))
          AND (q_time_min IS NULL OR e."time" >= q_time_min)
          AND (q_time_max IS NULL OR e."time" <= q_time_max)
          AND (coalesce(cardinality(q_time_ranges), 0) = 0 OR EXISTS (SELECT FROM unnest(q_time_ranges) AS r WHERE e."time" <@ r))
          AND (coalesce(cardinality(q_aggregate_names), 0) = 0 OR e.aggregate_name = ANY (q_aggregate_names))
          AND (coalesce(cardinality(q_aggregate_ids), 0) = 0 OR e.aggregate_id = ANY (q_aggregate_ids))
          AND (coalesce(cardinality(q_versions), 0) = 0 OR e.aggregate_version = ANY (q_versions))
          AND (q_version_min IS NULL OR e.aggregate_version >= q_version_min)
          AND (q_version_max IS NULL OR e.aggregate_version <= q_version_max)
          AND (cardinality(q_version_ranges) = 0 OR EXISTS (SELECT FROM unnest(q_version_ranges) AS r WHERE e.aggregate_version <@ r))
          AND (coalesce(cardinality(q_aggregates), 0) = 0 OR EXISTS (
                SELECT FROM unnest(q_aggregates) AS r WHERE e.aggregate_name = r.name AND (r.id = uuid_of(0) OR e.aggregate_id = r.id)));

        -- Not found in the same SELECT: from 16 on, the planner would sort the rows for both.
        SELECT array_agg(g.id) INTO in_order
        FROM goes_query(q_names, q_ids, q_times, q_time_min, q_time_max, q_time_ranges, q_aggregate_names, q_aggregate_ids,
                        q_versions, q_version_min, q_version_max, q_version_ranges, q_aggregates,
                        sort => ARRAY[key || CASE WHEN descending THEN ' desc' ELSE '' END]) AS g;
        found := ARRAY(SELECT unnest(in_order) ORDER BY 1);
        counted := goes_count(q_names, q_ids, q_times, q_time_min, q_time_max, q_time_ranges, q_aggregate_names, q_aggregate_ids,
                              q_versions, q_version_min, q_version_max, q_version_ranges, q_aggregates);
        EXECUTE format('SELECT array_agg(id ORDER BY %I %s, id) FROM events WHERE id = ANY ($1)', key, CASE WHEN descending THEN 'DESC' ELSE 'ASC' END)
        INTO expected USING expected;
        INSERT INTO answers
        VALUES (i, coalesce(cardinality(expected), 0), counted, coalesce(cardinality(found), 0),
                ARRAY(SELECT unnest(expected) ORDER BY 1) = found, in_order IS NOT DISTINCT FROM expected);
    END LOOP;
END
$$;

SELECT count(*) AS queries,
       count(*) FILTER (WHERE NOT same) AS wrong,
       count(*) FILTER (WHERE NOT in_order) AS out_of_order,
       count(*) FILTER (WHERE counted <> expected) AS miscounted,
       count(*) FILTER (WHERE expected > 0) > 500 AS many_find_something
FROM answers;

SET client_min_messages = warning;
DROP SCHEMA query_random CASCADE;
