-- goes_feed_page returns what goes_feed does, packed for libgoes. Here SQL unpacks it.
CREATE SCHEMA feed_page;
SET search_path = feed_page, public;
SET client_min_messages = warning;
SELECT goes_create_store();
SELECT goes_feed_page();
\echo :SQLSTATE
SELECT goes_alter_store(feed => true);

CREATE FUNCTION uuid_of(n bigint) RETURNS uuid LANGUAGE sql
RETURN format('00000000-0000-7000-8000-%s', lpad(n::text, 12, '0'))::uuid;
CREATE FUNCTION number_at(page bytea, at integer, bytes integer) RETURNS bigint LANGUAGE sql
RETURN CASE bytes
    WHEN 4 THEN ('x' || encode(substr(page, at + 1, 4), 'hex'))::bit(32)::integer
    ELSE ('x' || encode(substr(page, at + 1, 8), 'hex'))::bit(64)::bigint
END;
CREATE FUNCTION uuid_at(page bytea, at integer) RETURNS uuid LANGUAGE sql
RETURN encode(substr(page, at + 1, 16), 'hex')::uuid;
CREATE FUNCTION unpacked(page bytea)
RETURNS TABLE ("position" bigint, id uuid, name text, "time" bigint, aggregate_id uuid, aggregate_name text, aggregate_version integer, data jsonb)
LANGUAGE plpgsql AS $$
DECLARE
    at integer = 4;
    texts integer;
    lengths integer[];
    contents text[];
    nulls bigint;
BEGIN
    ASSERT number_at(page, 0, 4) = 1, 'another format';
    WHILE at < length(page) - 28 LOOP
        lengths = ARRAY(SELECT number_at(page, at + 56 + 4 * n, 4) FROM generate_series(0, 2) AS n);
        texts = at + 68;
        contents = '{}';
        FOR n IN 1 .. 3 LOOP
            contents = contents || convert_from(substr(page, texts + 1, lengths[n]), 'UTF8');
            texts = texts + lengths[n] + 1;
            ASSERT get_byte(page, texts - 1) = 0, 'no zero byte';
        END LOOP;
        nulls = number_at(page, at + 8, 4);
        "position" = number_at(page, at, 8);
        id = CASE WHEN nulls & 2 = 0 THEN uuid_at(page, at + 12) END;
        name = CASE WHEN nulls & 4 = 0 THEN contents[1] END;
        "time" = CASE WHEN nulls & 8 = 0 THEN number_at(page, at + 28, 8) END;
        aggregate_id = CASE WHEN nulls & 16 = 0 THEN uuid_at(page, at + 36) END;
        aggregate_name = CASE WHEN nulls & 32 = 0 THEN contents[2] END;
        aggregate_version = CASE WHEN nulls & 64 = 0 THEN number_at(page, at + 52, 4) END;
        data = CASE WHEN nulls & 128 = 0 THEN contents[3] END;
        RETURN NEXT;
        at = texts;
    END LOOP;
    ASSERT at = length(page) - 28, 'no cursor';
    nulls = number_at(page, at + 8, 4);
    ASSERT nulls & ~2 = 252, 'a cursor has a position, and may have an id';
    "position" = number_at(page, at, 8);
    id = CASE WHEN nulls & 2 = 0 THEN uuid_at(page, at + 12) END;
    name = NULL; "time" = NULL; aggregate_id = NULL; aggregate_name = NULL; aggregate_version = NULL; data = NULL;
    RETURN NEXT;
END$$;

-- Compares both for some arguments: the rows, or the errors.
CREATE FUNCTION compared(arguments text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    statements text[] = ARRAY[
        'SELECT array_agg(row::text ORDER BY n) FROM goes_feed(%s) WITH ORDINALITY AS row ("position", id, name, "time", aggregate_id, aggregate_name, aggregate_version, data, n)',
        'SELECT array_agg(row::text ORDER BY n) FROM unpacked((SELECT string_agg(value, NULL) FROM goes_feed_page(%s) AS value)) '
        'WITH ORDINALITY AS row ("position", id, name, "time", aggregate_id, aggregate_name, aggregate_version, data, n)'];
    found text[] = '{}';
    said text[];
    state text;
    message text;
    detail text;
    hint text;
    about text;
    rows text[];
BEGIN
    FOR i IN 1 .. 2 LOOP
        BEGIN
            rows = NULL;
            EXECUTE format(statements[i], arguments) INTO STRICT rows;
            said[i] = format('%s rows', array_length(rows, 1));
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT, about = TABLE_NAME;
            rows = ARRAY[state, message, detail, hint, about];
            said[i] = format('error %s', state);
        END;
        found[i] = rows::text;
    END LOOP;
    RETURN CASE WHEN found[1] = found[2] THEN said[1] ELSE format('different: %s and %s', found[1], found[2]) END;
END$$;

-- An empty store: the version of the format, and the cursor.
SELECT goes_feed_page();
SELECT * FROM unpacked((SELECT goes_feed_page()));

-- Two events, byte by byte.
SELECT goes_insert_batch(ARRAY[
    goes_new_event('order.placed', '{"total": 30}', 'order', uuid_of(9), 1, uuid_of(1), 5),
    goes_new_event('shop.opened', NULL, NULL, NULL, NULL, uuid_of(2), -6)]);
SELECT what, encode(substr(page, at, length), 'hex') AS bytes
FROM goes_feed_page() AS page, (VALUES
    (1, 4, 'version'),
    (5, 8, 'position'), (13, 4, 'nulls'), (17, 16, 'id'), (33, 8, 'time'), (41, 16, 'aggregate_id'), (57, 4, 'aggregate_version'),
    (61, 12, 'lengths'), (73, 33, 'texts'),
    (106, 8, 'position'), (114, 4, 'nulls'), (118, 16, 'id'), (134, 8, 'time'), (142, 16, 'aggregate_id'), (158, 4, 'aggregate_version'),
    (162, 12, 'lengths'), (174, 18, 'texts'),
    (192, 8, 'position'), (200, 4, 'nulls'), (204, 16, 'id'), (220, 100, 'more')) AS field (at, length, what);
SELECT * FROM unpacked((SELECT goes_feed_page()));
-- A null is not JSON's null.
INSERT INTO events (id, name, time) VALUES (uuid_of(3), '', 7);
SELECT id, name, data FROM unpacked((SELECT goes_feed_page(1)));

-- Data of all kinds.
INSERT INTO events (id, name, time, aggregate_id, aggregate_name, data) VALUES
    (uuid_of(4), U&'Gr\00FC\00DFe \+01F418', 8, uuid_of(1), U&'K\00E4ufer', U&'"\00FC \+01F418 \005C" \005Cn \005Cu0001"'),
    (uuid_of(5), repeat('n', 255), 9, uuid_of(2), repeat(U&'\+01F418', 255), '{"a": [1, 2.50, -1e20, true, null, {"b": {}}], "": []}'),
    (uuid_of(6), 'wide', 10, NULL, 'a', to_jsonb(repeat('wide ', 100000))),
    (uuid_of(7), 'long', 11, NULL, NULL, '1e100000'),
    (uuid_of(8), 'stored outside', 12, NULL, NULL, (SELECT jsonb_agg(md5(n::text)) FROM generate_series(1, 1000) AS n));
SELECT compared('');

-- Many events are spread over values, and none is in two.
INSERT INTO events (id, name, time, aggregate_id, aggregate_name, aggregate_version, data)
SELECT uuid_of(n), 'e' || n % 3, n, uuid_of(n % 2), 'order', n, jsonb_build_object('n', n, 'text', repeat('x', n % 300))
FROM generate_series(11, 2010) AS n;
SELECT count(*) > 5 AS many, count(*) FILTER (WHERE length(value) < 32768 - 4) AS rest, max(length(value)) <= 32768 - 4 + 500 AS none_longer
FROM goes_feed_page(8, max_events => 5000) AS value;
SELECT compared('8, max_events => 5000');

-- All filters and limits, and all errors.
SELECT arguments, compared(arguments) FROM (VALUES
    ($$0$$), ($$2008$$), ($$7, after_id => uuid_of(7)$$), ($$max_events => 1$$), ($$max_events => 3, max_bytes => 10$$), ($$5, max_bytes => 1$$), ($$20, max_bytes => 100000$$),
    ($$names => '{e1}'$$), ($$names => '{e1,e2}', max_events => 7$$), ($$names => '{other}'$$), ($$ids => ARRAY[uuid_of(3), uuid_of(50)]$$), ($$times => '{5,500}'$$),
    ($$time_min => 1990$$), ($$time_max => 20$$), ($$time_min => 100, time_max => 110$$), ($$time_ranges => ARRAY[int8range(6, 9), int8range(2000, NULL)]$$),
    ($$aggregate_names => '{order}', max_events => 5000$$), ($$aggregate_ids => ARRAY[uuid_of(1)]$$), ($$aggregate_versions => '{1,77}'$$), ($$version_min => 2000$$), ($$version_max => 12$$),
    ($$version_ranges => ARRAY[int4range(1, 30)]$$), ($$aggregates => ARRAY[('order', uuid_of(0))]::goes_aggregate_ref[]$$), ($$store => 'feed_page.events', max_events => 2$$),
    ($$2008, wait_ms => 10$$), ($$-1$$), ($$NULL$$), ($$max_events => 0$$), ($$max_bytes => -5$$), ($$wait_ms => -1$$), ($$wait_ms => NULL$$), ($$names => '{NULL}'$$), ($$names => '{{a}}'$$),
    ($$2, after_id => uuid_of(9)$$), ($$5000$$), ($$store => 'missing'$$), ($$store => 'not a name'$$), ($$store => 'pg_class'$$)) AS calls (arguments);
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT compared('');
ROLLBACK;
-- A call looks at 100000 positions.
SELECT setval('events_position_seq', 250000);
INSERT INTO events (id, name, time) VALUES (uuid_of(3000), 'far', 3000);
SELECT compared('2008'), compared('102008'), compared('202008');

-- In the client's encoding.
INSERT INTO events (id, name, time, aggregate_name, data) VALUES (uuid_of(3001), U&'Stra\00DFe', 3001, U&'\00C4', U&'{"\00FC": "\00DF"}');
SET client_encoding = latin1;
SELECT substr(page, 61, length(page) - 60 - 28) = '\x00000006000000010000000a'::bytea || convert_to(U&'Stra\00DFe', 'latin1') || '\x00' || convert_to(U&'\00C4', 'latin1') || '\x00'
       || convert_to(U&'{"\00FC": "\00DF"}', 'latin1') || '\x00' AS is_converted
FROM goes_feed_page(250001) AS page;
\set SHOW_CONTEXT never
SELECT goes_feed_page(3, max_events => 1);
\echo :SQLSTATE
\set SHOW_CONTEXT errors
RESET client_encoding;

-- Twice in a query, beside goes_feed, cut short, in a loop, read from a cursor.
SELECT a = b AS same FROM (SELECT goes_feed_page(2000) AS a, goes_feed_page(2000) AS b) AS pages;
SELECT count(DISTINCT value) AS pages FROM generate_series(2001, 2003) AS n, goes_feed_page(n, max_events => 1) AS value;
SELECT count(*), count(DISTINCT value) FROM goes_feed(2000), goes_feed_page(2000) AS value;
SELECT length(goes_feed_page(8, max_events => 2000)) > 32000 AS whole LIMIT 2;
BEGIN READ ONLY;
DECLARE pages CURSOR FOR SELECT length(goes_feed_page(8, max_events => 2000)) > 32000 AS whole;
FETCH 2 FROM pages;
SELECT count(*) FROM goes_feed(2000);
FETCH 1 FROM pages;
COMMIT;

-- What a session keeps for pages does not grow, and is there again after an error.
SELECT sum(length(value)) > 8000000 AS is_much
FROM generate_series(1, 20) AS n, goes_feed_page(8, max_events => 2000) AS value;
SELECT sum(total_bytes) AS all, sum(total_bytes) FILTER (WHERE name = 'goes_store rows') AS kept FROM pg_backend_memory_contexts \gset
DO $$
BEGIN
    FOR n IN 1 .. 20 LOOP
        PERFORM goes_feed_page(8, max_events => 2000), goes_feed_page(5, max_events => 1);
        BEGIN
            PERFORM length(value) / (n - n) FROM goes_feed_page(8) AS value;
        EXCEPTION WHEN division_by_zero THEN
            NULL;
        END;
    END LOOP;
END$$;
SELECT sum(total_bytes) FILTER (WHERE name ~ '^goes_store (rows|event)') = :kept AS is_as_before, sum(total_bytes) < :all + 1000000 AS all_are
FROM pg_backend_memory_contexts;

-- Privileges and row security, as with goes_feed.
CREATE ROLE feed_page_reader;
GRANT USAGE ON SCHEMA feed_page TO feed_page_reader;
SET ROLE feed_page_reader;
SELECT compared('');
RESET ROLE;
GRANT SELECT ON events TO feed_page_reader;
ALTER TABLE events ENABLE ROW LEVEL SECURITY;
CREATE POLICY few ON events TO feed_page_reader USING (name LIKE 'e%');
SET ROLE feed_page_reader;
SELECT compared('0'), compared('2000'), compared('250001, after_id => uuid_of(3000)');
SELECT "position", id FROM unpacked((SELECT goes_feed_page(250001)));
RESET ROLE;
ALTER TABLE events DISABLE ROW LEVEL SECURITY;

-- A table of somebody's own may have other types of text, and nulls.
CREATE TABLE loose (data jsonb, id uuid UNIQUE, name text, "time" bigint, aggregate_version integer, aggregate_name varchar(300), aggregate_id uuid);
SELECT remedy FROM goes_check_store('loose') WHERE remedy IS NOT NULL \gexec
SELECT goes_alter_store('loose', feed => true);
INSERT INTO loose (name) VALUES ('a'), (NULL);
INSERT INTO loose (id, aggregate_name, data) VALUES (uuid_of(1), 'b', 'null'), (NULL, NULL, NULL);
SELECT compared($$store => 'loose'$$);
SELECT * FROM unpacked((SELECT goes_feed_page(store => 'loose')));

-- The feed was rewound.
TRUNCATE events RESTART IDENTITY;
INSERT INTO events (id, name, time) VALUES (uuid_of(1), 'again', 1);
SELECT compared('');

DROP SCHEMA feed_page CASCADE;
DROP ROLE feed_page_reader;
