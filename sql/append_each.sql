-- Many appends in one call: each has an outcome of its own, the one that goes_append would have had.
CREATE SCHEMA append_each;
SET search_path = append_each, public;
\set SHOW_CONTEXT never
SELECT goes_create_store();
\set a '''019a0000-0000-7000-8000-00000000000a'''
\set b '''019a0000-0000-7000-8000-00000000000b'''
\set c '''019a0000-0000-7000-8000-00000000000c'''
-- Events of these names. If they have ids, an id follows from the name.
CREATE FUNCTION events(names text, have_ids boolean = false) RETURNS goes_event[] LANGUAGE sql
RETURN ARRAY(SELECT goes_new_event(name, id => CASE WHEN have_ids THEN md5(name)::uuid END, "time" => n)
             FROM unnest(string_to_array(names, ' ')) WITH ORDINALITY AS n (name, n) ORDER BY n);
CREATE FUNCTION item(id uuid, names text, expected integer = NULL, have_ids boolean = false) RETURNS goes_append_item LANGUAGE sql
RETURN ROW('order', id, events(names, have_ids), expected)::goes_append_item;
CREATE VIEW stored AS
SELECT aggregate_name, right(aggregate_id::text, 1) AS id, string_agg(name, ' ' ORDER BY aggregate_version) AS names,
       count(*), max(aggregate_version) AS newest
FROM events GROUP BY 1, 2, aggregate_id ORDER BY 1, 2;

-- One of each kind. Neighbours of what fails are stored.
SELECT * FROM goes_append_each(ARRAY[
    item(:a, 'a1 a2', 0), item(:b, 'b1'), item(:a, 'late', 0), item(:a, 'a3', 2), item(:c, 'never', 7),
    item(:b, 'b2', -1), item(:c, 'never', -1), item(:a, 'a4'), item(:c, 'c1')]);
TABLE stored;
-- The order within an aggregate is that of the items: what comes later builds on what comes first.
SELECT * FROM goes_append_each(ARRAY[item(:a, 'never', 6), item(:a, 'a5', 4), item(:a, 'a6', 5), item(:a, 'a7', 6), item(:a, 'never', 6)]);
-- No items, no events, no aggregate of that name.
SELECT * FROM goes_append_each('{}');
SELECT * FROM goes_append_each(ARRAY[item(:a, '', 7), item(:a, '', 6), item(:c, '', -1), item(:c, '', 0), item(:a, 'a8'), item(:a, '')]);
SELECT * FROM goes_append_each(ARRAY[ROW('cart', :a, events('x'), 0)::goes_append_item]);

-- An item that cannot be read is its own outcome.
SELECT item, aggregate_version, sqlstate, message FROM goes_append_each(ARRAY[
    item(:b, 'b3'), NULL, ROW(NULL, :b, events('x'), NULL)::goes_append_item, ROW('', :b, events('x'), NULL)::goes_append_item,
    ROW(repeat('x', 256), :b, events('x'), NULL)::goes_append_item, ROW('order', NULL, events('x'), NULL)::goes_append_item,
    ROW('order', '00000000-0000-0000-0000-000000000000', events('x'), NULL)::goes_append_item,
    ROW('order', :b, NULL, NULL)::goes_append_item, item(:b, 'b4'), ROW('order', :b, events('x'), -2)::goes_append_item,
    ROW('order', :b, ARRAY[NULL]::goes_event[], NULL)::goes_append_item,
    ROW('order', :b, ARRAY[goes_new_event('')], NULL)::goes_append_item,
    ROW('order', :b, ARRAY[goes_new_event('x'), ROW(NULL, 'x', 0, NULL, NULL, NULL, NULL)::goes_event], NULL)::goes_append_item,
    ROW('order', :b, ARRAY[goes_new_event('x', aggregate_name => 'cart')], NULL)::goes_append_item,
    ROW('order', :b, ARRAY[goes_new_event('x', aggregate_version => 9), goes_new_event('x', aggregate_version => 9)], NULL)::goes_append_item,
    ROW('order', :b, ARRAY[events('x'), events('y')], NULL)::goes_append_item,
    item(:b, 'b5')]);
SELECT sqlstate, message, detail FROM goes_append_each(ARRAY[
    ROW('order', :b, ARRAY[goes_new_event('x', aggregate_version => 9)], NULL)::goes_append_item]);
TABLE stored;

-- What is wrong with the call itself is its error.
SELECT * FROM goes_append_each(NULL);
\echo :SQLSTATE
SELECT * FROM goes_append_each(ARRAY[ARRAY[item(:a, 'x')]]);
\echo :SQLSTATE
SELECT * FROM goes_append_each(ARRAY[item(:a, 'x')], 'missing');
\echo :SQLSTATE
SELECT goes_append_each(ARRAY[item(:a, 'a9')]);
BEGIN READ ONLY;
SELECT * FROM goes_append_each(ARRAY[item(:a, 'x')]);
\echo :SQLSTATE
ROLLBACK;

-- Repeats: of an item, of a part of it, of the whole call, within the call.
TRUNCATE events;
CREATE VIEW whole AS
SELECT * FROM goes_append_each(ARRAY[
    item('019a0000-0000-7000-8000-00000000000a', 'a1 a2', 0, true), item('019a0000-0000-7000-8000-00000000000b', 'b1', NULL, true),
    item('019a0000-0000-7000-8000-00000000000c', 'c0', 5, true), item('019a0000-0000-7000-8000-00000000000a', 'a3', 2, true),
    item('019a0000-0000-7000-8000-00000000000b', 'b1 b2', NULL, true), item('019a0000-0000-7000-8000-00000000000b', 'b1', 0, true),
    item('019a0000-0000-7000-8000-00000000000c', 'a1', 0, true), item('019a0000-0000-7000-8000-00000000000c', 'c1', 0, true),
    ROW('', NULL, NULL, NULL)::goes_append_item]);
SELECT item, aggregate_version, sqlstate, message FROM whole;
TABLE stored;
SELECT item, aggregate_version, sqlstate, message FROM whole;
TABLE stored;
-- Others have come since.
SELECT goes_append('order', :a, events('a4')), goes_append('order', :b, events('b2'));
SELECT * FROM whole;
TABLE stored;

-- The aggregate may be in the events, too.
SELECT * FROM goes_append_each(ARRAY[
    ROW('order', :a, ARRAY[goes_new_event('a5', NULL, 'order', :a, 5), goes_new_event('a6')], NULL)::goes_append_item,
    ROW('order', :a, ARRAY[goes_new_event('never', NULL, 'order', :a, 5)], NULL)::goes_append_item,
    ROW('order', :a, ARRAY[goes_new_event('a7', NULL, 'order', :a, 7)], 6)::goes_append_item]);
SELECT string_agg(data::text, ' ') FROM events;

-- A guard's error belongs to the item that breaks it: here a trigger lets the guard see another event.
SELECT goes_alter_store(validate_versions => 'sequential');
SELECT item, aggregate_version, sqlstate FROM goes_append_each(ARRAY[item(:a, 'a8'), item(:b, 'b3'), item(:c, 'c2 c3 c4')]);
CREATE FUNCTION skip() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    new.aggregate_version := new.aggregate_version + 1;
    RETURN new;
END
$$;
CREATE TRIGGER skip BEFORE INSERT ON events FOR EACH ROW WHEN (new.name = 'skips') EXECUTE FUNCTION skip();
SELECT * FROM goes_append_each(ARRAY[item(:a, 'a9'), item(:b, 'b4 skips'), item(:c, 'c5'), item(:b, 'b4', 3)]);
DROP TRIGGER skip ON events;
SELECT goes_alter_store(validate_versions => 'increasing');
SELECT item, aggregate_version, sqlstate FROM goes_append_each(ARRAY[item(:a, 'a10'), item(:b, 'b5'), item(:c, 'c6')]);
SELECT goes_alter_store(validate_versions => 'off');
TABLE stored;

-- So does that of a constraint, or of a trigger; and events that a trigger keeps out are an error.
ALTER TABLE events ADD CONSTRAINT no_bad CHECK (name <> 'bad');
CREATE FUNCTION judge() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF new.name = 'lost' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'not %', new.name USING ERRCODE = 'ZZ001', DETAIL = 'It is "refused".';
END
$$;
CREATE TRIGGER judge BEFORE INSERT ON events FOR EACH ROW WHEN (new.name IN ('lost', 'refused')) EXECUTE FUNCTION judge();
SELECT item, aggregate_version, sqlstate, message FROM goes_append_each(ARRAY[
    item(:a, 'a11 bad'), item(:a, 'a11'), item(:b, 'refused'), item(:b, 'b6'), item(:c, 'lost'), item(:c, 'c7 lost'), item(:c, 'c7')]);
SELECT item, sqlstate, detail FROM goes_append_each(ARRAY[item(:b, 'refused'), item(:c, 'lost')]);
DROP TRIGGER judge ON events;
ALTER TABLE events DROP CONSTRAINT no_bad;
TABLE stored;

-- The end of the versions.
INSERT INTO events VALUES (gen_random_uuid(), 'high', 0, :c, 'cart', 2147483646);
SELECT * FROM goes_append_each(ARRAY[ROW('cart', :c, events('x y'), NULL)::goes_append_item, ROW('cart', :c, events('last'), NULL)::goes_append_item,
    ROW('cart', :c, events('x'), NULL)::goes_append_item]);

-- An error of the transaction ends the call: nothing of it is stored.
CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = 'serialization_failure'; END $$;
CREATE TRIGGER fail BEFORE INSERT ON events FOR EACH ROW WHEN (new.name = 'again') EXECUTE FUNCTION fail();
SELECT * FROM goes_append_each(ARRAY[item(:a, 'x'), item(:b, 'again')]);
\echo :SQLSTATE
DROP TRIGGER fail ON events;
TABLE stored;

-- A table whose rule makes ON CONFLICT an error has one for all of them.
CREATE TABLE elsewhere AS TABLE events WITH NO DATA;
CREATE RULE too AS ON INSERT TO events DO ALSO INSERT INTO elsewhere VALUES (new.*);
SELECT * FROM goes_append_each(ARRAY[item(:a, 'x'), item(:b, 'x')]);
\echo :SQLSTATE
DROP RULE too ON events;

-- Privileges are those of goes_append, and asked before anybody has to wait.
CREATE ROLE append_each_writer;
GRANT USAGE ON SCHEMA append_each TO append_each_writer;
GRANT INSERT ON events TO append_each_writer;
SET ROLE append_each_writer;
SELECT * FROM goes_append_each(ARRAY[item(:a, 'x')]);
\echo :SQLSTATE
RESET ROLE;
GRANT SELECT ON events TO append_each_writer;
REVOKE INSERT ON events FROM append_each_writer;
SET ROLE append_each_writer;
SELECT * FROM goes_append_each(ARRAY[item(:a, 'x')]);
\echo :SQLSTATE
RESET ROLE;
GRANT INSERT ON events TO append_each_writer;
-- Row security: what a policy refuses is an item's outcome, and what it hides is for the unique index.
ALTER TABLE events ENABLE ROW LEVEL SECURITY;
CREATE POLICY write ON events FOR INSERT TO append_each_writer WITH CHECK (name <> 'forbidden');
CREATE POLICY read ON events FOR SELECT TO append_each_writer USING (aggregate_id = '019a0000-0000-7000-8000-00000000000b');
SET ROLE append_each_writer;
SELECT item, aggregate_version, sqlstate, message FROM goes_append_each(ARRAY[item(:b, 'seen'), item(:b, 'forbidden'), item(:a, 'hidden'), item(:b, 'seen')]);
RESET ROLE;
ALTER TABLE events DISABLE ROW LEVEL SECURITY;

-- A large call, of more aggregates than it may lock, some of them more than once.
TRUNCATE events;
CREATE VIEW many AS
SELECT * FROM goes_append_each(ARRAY(
    SELECT ROW('many', lpad((n % 600)::text, 32, '0')::uuid, events('x' || n || CASE n % 3 WHEN 0 THEN ' y' || n ELSE '' END, true),
               CASE WHEN n % 7 = 0 THEN 3 END)::goes_append_item
    FROM generate_series(1, 1500) AS n WHERE n % 600 > 0 ORDER BY n));
CREATE TEMPORARY TABLE outcomes AS TABLE many;
SELECT sqlstate, count(*) FROM outcomes GROUP BY 1 ORDER BY 1;
SELECT count(*), bool_and(is_whole) AS are_without_gaps
FROM (SELECT max(aggregate_version) = count(*) AND min(aggregate_version) = 1 AS is_whole FROM events GROUP BY aggregate_id) AS aggregates;
SELECT count(*) AS differ FROM (TABLE many EXCEPT TABLE outcomes) AS others WHERE sqlstate IS NULL;

SET client_min_messages = warning;
DROP OWNED BY append_each_writer;
DROP ROLE append_each_writer;
DROP SCHEMA append_each CASCADE;
