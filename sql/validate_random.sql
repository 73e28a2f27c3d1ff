-- Thousands of random statements, and each is stored or refused as the versions in the table say.
CREATE SCHEMA validate_random;
SET search_path = validate_random, public;
SET client_min_messages = warning;
SELECT goes_create_store();
SELECT setseed(0.5);

CREATE FUNCTION below(n integer) RETURNS integer LANGUAGE sql VOLATILE
RETURN floor(random() * n)::integer;

-- 40 aggregates. Every fourth has a name that the index compresses.
CREATE FUNCTION id_of(aggregate integer) RETURNS uuid LANGUAGE sql IMMUTABLE
RETURN md5((aggregate / 4)::text)::uuid;
CREATE FUNCTION name_of(aggregate integer) RETURNS text LANGUAGE sql IMMUTABLE
RETURN CASE aggregate % 4 WHEN 0 THEN repeat('名', 255) ELSE 'order' || aggregate % 4 END;

CREATE FUNCTION newest(aggregate integer) RETURNS integer LANGUAGE sql STABLE
RETURN coalesce((SELECT max(aggregate_version)
                 FROM events
                 WHERE aggregate_id = id_of(aggregate) AND aggregate_name = name_of(aggregate)), 0);

-- What a statement is to add, in the order of places, and what the aggregates have before.
CREATE TABLE attempt (aggregate integer, newest integer, version integer, place double precision DEFAULT random());

-- Some aggregates go on, one in six of them from a wrong version.
CREATE FUNCTION make_attempt() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    chosen integer;
    version_before integer;
    distance integer;
BEGIN
    DELETE FROM attempt;
    FOR chosen IN SELECT DISTINCT below(40) FROM generate_series(0, below(8)) LOOP
        version_before = newest(chosen);
        distance = CASE below(12) WHEN 0 THEN below(8) - 3 WHEN 1 THEN below(40) - 20 ELSE 1 END;
        INSERT INTO attempt
        SELECT chosen, version_before, version_before + distance + n
        FROM generate_series(0, below(2) * below(30)) AS n;
    END LOOP;
END
$$;

-- What has to come of it. The few rows are looked up one by one: all events would be hashed for them.
CREATE FUNCTION expected(mode text) RETURNS text LANGUAGE sql STABLE SET enable_hashjoin = off SET enable_mergejoin = off AS $$
SELECT CASE WHEN EXISTS (SELECT FROM attempt
                         JOIN events ON aggregate_id = id_of(aggregate) AND aggregate_name = name_of(aggregate) AND aggregate_version = version)
            THEN 'taken'
            WHEN EXISTS (SELECT FROM attempt
                         GROUP BY aggregate, newest
                         HAVING min(version) <= newest OR mode = 'sequential' AND max(version) <> newest + count(*))
            THEN 'refused'
            ELSE 'stored' END
$$;

-- What comes of it. The details have to name a row and the newest version before it.
CREATE FUNCTION insert_attempt() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    detail text;
BEGIN
    INSERT INTO events (id, name, "time", aggregate_id, aggregate_name, aggregate_version)
    SELECT gen_random_uuid(), 'x', 0, id_of(aggregate), name_of(aggregate), version
    FROM attempt
    ORDER BY place;
    RETURN 'stored';
EXCEPTION
    WHEN unique_violation THEN
        RETURN 'taken';
    WHEN SQLSTATE 'VE001' THEN
        GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
        PERFORM FROM (SELECT *, row_number() OVER (ORDER BY place) AS index FROM attempt) AS numbered
        WHERE detail::jsonb @> jsonb_build_object('aggregate_id', id_of(aggregate), 'aggregate_name', name_of(aggregate), 'event_index', index,
                                                  'event_version', version, 'current_version', newest);
        RETURN CASE WHEN FOUND THEN 'refused' ELSE detail END;
END
$$;

-- Rows that change, go or were never there leave entries in the index behind.
CREATE FUNCTION disturb(aggregate integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    version_before integer = newest(aggregate);
BEGIN
    CASE below(4)
        WHEN 0 THEN
            DELETE FROM events
            WHERE aggregate_id = id_of(aggregate) AND aggregate_name = name_of(aggregate)
              AND aggregate_version BETWEEN version_before - below(4) AND version_before - below(2);
        WHEN 1 THEN
            UPDATE events SET "time" = "time" + 1
            WHERE aggregate_id = id_of(aggregate) AND aggregate_name = name_of(aggregate)
              AND aggregate_version > version_before - below(30);
        WHEN 2 THEN
            INSERT INTO events SELECT gen_random_uuid(), 'x', 0, id_of(aggregate), name_of(aggregate), NULL FROM generate_series(1, 5);
        ELSE
            INSERT INTO events SELECT gen_random_uuid(), 'x', 0, id_of(aggregate), name_of(aggregate), version_before + n
            FROM generate_series(1, 5) AS n;
            RAISE EXCEPTION 'never stored';
    END CASE;
EXCEPTION
    WHEN raise_exception THEN
        NULL;
END
$$;

CREATE TABLE answers (mode text, expected text, actual text);
CREATE PROCEDURE try(mode text, attempts integer) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM goes_alter_store(validate_versions => mode);
    FOR i IN 1..attempts LOOP
        PERFORM make_attempt();
        INSERT INTO answers VALUES (mode, expected(mode), insert_attempt());
        IF i % 3 = 0 THEN
            PERFORM disturb(below(40));
        END IF;
        IF i % 50 = 0 THEN
            COMMIT;
        END IF;
    END LOOP;
END
$$;

CALL try('sequential', 1000);
CALL try('increasing', 500);
VACUUM events;
CALL try('sequential', 300);
SELECT DISTINCT mode, expected, actual FROM answers ORDER BY 1, 2, 3;

-- The same with the index in its other order, downwards and with nulls in it, and newest first.
DROP INDEX goes_aggregate;
CREATE UNIQUE INDEX goes_aggregate ON events (aggregate_name DESC, aggregate_id, aggregate_version NULLS FIRST) INCLUDE (data);
TRUNCATE answers, events;
CALL try('sequential', 300);
SELECT DISTINCT mode, expected, actual FROM answers ORDER BY 1, 2, 3;
DROP INDEX goes_aggregate;
CREATE UNIQUE INDEX goes_aggregate ON events (aggregate_id, aggregate_name, aggregate_version DESC);
TRUNCATE answers, events;
CALL try('sequential', 300);
SELECT DISTINCT mode, expected, actual FROM answers ORDER BY 1, 2, 3;
DROP SCHEMA validate_random CASCADE;
