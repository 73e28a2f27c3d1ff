-- goes_snapshot_query: every filter alone, combined, and every sort.
CREATE SCHEMA snapshot_query;
SET search_path = snapshot_query, public;
SELECT goes_create_snapshot_store();

CREATE FUNCTION uuid_of(text) RETURNS uuid LANGUAGE sql IMMUTABLE
RETURN lpad($1, 32, '0')::uuid;
INSERT INTO snapshots (state, aggregate_name, aggregate_id, aggregate_version, "time")
VALUES ('1', 'order', uuid_of('a'), 10, 100),
       ('2', 'order', uuid_of('a'), 20, 200),
       ('3', 'order', uuid_of('a'), 30, 200),
       ('4', 'order', uuid_of('b'), 10, 150),
       ('5', 'order', uuid_of('b'), 20, 300),
       ('6', 'cart', uuid_of('a'), 10, 50),
       ('7', 'cart', uuid_of('a'), 50, 400),
       ('8', 'cart', uuid_of('c'), 0, -100);

SELECT aggregate_id, aggregate_name, aggregate_version, "time", state FROM goes_snapshot_query(sort => '{time}');

-- What a query finds, as the numbers of its snapshots.
CREATE FUNCTION found(VARIADIC arguments text[]) RETURNS TABLE (query text, snapshots text) LANGUAGE plpgsql AS $$
BEGIN
    FOREACH query IN ARRAY arguments LOOP
        EXECUTE format('SELECT string_agg(convert_from(state, ''UTF8''), '' '' ORDER BY state) FROM goes_snapshot_query(%s)', query)
        INTO snapshots;
        RETURN NEXT;
    END LOOP;
END
$$;

-- Values are ORed; none of them, or null, is no filter.
SELECT * FROM found(
    '',
    $$times => '{200}'$$,
    $$times => '{200,-100,1}'$$,
    $$times => '{}'$$,
    $$aggregate_names => '{order}'$$,
    $$aggregate_names => '{order,cart}'$$,
    $$aggregate_names => '{""}'$$,
    $$aggregate_names => NULL$$,
    $$aggregate_ids => ARRAY[uuid_of('a')]$$,
    $$aggregate_ids => ARRAY[uuid_of('a'), uuid_of('b')]$$,
    $$aggregate_ids => ARRAY[uuid_of('0')]$$,
    $$aggregate_versions => '{20}'$$,
    $$aggregate_versions => '{20,50,1}'$$);

-- Bounds are inclusive, ranges are as written.
SELECT * FROM found(
    $$time_min => 200$$,
    $$time_max => 200$$,
    $$time_min => 150, time_max => 250$$,
    $$time_min => 250, time_max => 150$$,
    $$time_ranges => '{"[100,200]"}'$$,
    $$time_ranges => '{"[100,200)","(300,)"}'$$,
    $$time_ranges => '{empty}'$$,
    $$version_min => 30$$,
    $$version_max => 10$$,
    $$version_min => 11, version_max => 49$$,
    $$version_ranges => '{"[10,20)"}'$$,
    $$version_ranges => '{"(,0]","(20,50]"}'$$);

-- References are a name with an id; a nil or null id means all of the name.
SELECT * FROM found(
    $$aggregates => ARRAY[('order', uuid_of('a'))]::goes_aggregate_ref[]$$,
    $$aggregates => ARRAY[('order', uuid_of('a')), ('cart', uuid_of('c'))]::goes_aggregate_ref[]$$,
    $$aggregates => ARRAY[('order', NULL)]::goes_aggregate_ref[]$$,
    $$aggregates => ARRAY[('cart', uuid_of('0')), ('order', uuid_of('b'))]::goes_aggregate_ref[]$$,
    $$aggregates => ARRAY[('order', uuid_of('a')), ('order', uuid_of('b'))]::goes_aggregate_ref[], version_max => 10$$,
    $$aggregates => '{}'$$);

-- All arguments add up.
SELECT * FROM found(
    $$times => '{100,150,200}', time_min => 100, time_max => 200, time_ranges => '{"[0,500]"}', aggregate_names => '{order}',
      aggregate_ids => ARRAY[uuid_of('a')], aggregate_versions => '{10,20,30}', version_min => 10, version_max => 20,
      version_ranges => '{"[0,100]"}', aggregates => ARRAY[('order', uuid_of('a'))]::goes_aggregate_ref[]$$);

-- Sorting; what is equal in all keys comes by the key of the table.
CREATE FUNCTION sorted(VARIADIC keys text[]) RETURNS TABLE (sort text, snapshots text) LANGUAGE plpgsql AS $$
BEGIN
    FOREACH sort IN ARRAY keys LOOP
        SELECT string_agg(convert_from(state, 'UTF8'), ' ' ORDER BY ordinality) INTO snapshots
        FROM goes_snapshot_query(sort => sorted.sort::text[]) WITH ORDINALITY;
        RETURN NEXT;
    END LOOP;
END
$$;
SELECT * FROM sorted('{time}', '{time desc}', '{aggregate_name}', '{aggregate_name desc}', '{aggregate_id}', '{aggregate_id desc}',
                     '{aggregate_version}', '{aggregate_version desc}', '{aggregate_version desc, time desc}',
                     '{aggregate_name, aggregate_id desc, aggregate_version desc}', '{ TIME  ASC}', '{time, time desc}');
SELECT convert_from(state, 'UTF8') FROM goes_snapshot_query(sort => '{time}', max_snapshots => 3);
SELECT count(*) FROM goes_snapshot_query(max_snapshots => 0);
SELECT count(*) FROM goes_snapshot_query(max_snapshots => 5);

-- One aggregate after the other, by the plan that was kept.
SELECT convert_from(state, 'UTF8')
FROM goes_snapshot_query(aggregate_names => '{order}', aggregate_ids => ARRAY[uuid_of('a')], sort => '{aggregate_version desc}',
                         max_snapshots => 1);
SELECT convert_from(state, 'UTF8')
FROM goes_snapshot_query(aggregate_names => '{cart}', aggregate_ids => ARRAY[uuid_of('a')], sort => '{aggregate_version desc}',
                         max_snapshots => 1);

-- What cannot be used; the error names the argument.
SELECT * FROM goes_snapshot_query(sort => '{state}');
\echo :SQLSTATE
SELECT * FROM goes_snapshot_query(sort => '{time,NULL}');
\echo :SQLSTATE
SELECT * FROM goes_snapshot_query(max_snapshots => -1);
\echo :SQLSTATE
SELECT * FROM goes_snapshot_query(times => '{1,NULL}');
\echo :SQLSTATE
SELECT * FROM goes_snapshot_query(aggregates => ARRAY[(NULL, uuid_of('a'))]::goes_aggregate_ref[]);
\echo :SQLSTATE
SELECT * FROM goes_snapshot_query(version_ranges => ARRAY[NULL]::int4range[]);
\echo :SQLSTATE
SELECT * FROM goes_snapshot_query(aggregate_names => '{{a},{b}}');
\echo :SQLSTATE

SET client_min_messages = warning;
DROP SCHEMA snapshot_query CASCADE;
