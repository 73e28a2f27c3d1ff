-- Tables for snapshots and for models are made, and checked, as those for events are.
CREATE SCHEMA other_stores;
SET search_path = other_stores, public;

SELECT goes_create_snapshot_store(), goes_create_model_store();
\d snapshots
\d models

-- What a table that we make says of itself. One that is there already is not talked about.
CREATE FUNCTION comments(store regclass) RETURNS TABLE ("column" name, "comment" text) LANGUAGE sql
BEGIN ATOMIC
    (SELECT attname, col_description(attrelid, attnum) FROM pg_attribute WHERE attrelid = store AND attnum > 0 ORDER BY attnum)
    UNION ALL
    SELECT NULL, obj_description(store, 'pg_class');
END;
SELECT goes_create_store('other_stores."it''s"');
SELECT * FROM comments('"it''s"');
SELECT * FROM comments('snapshots');
SELECT * FROM comments('models');
DROP TABLE "it's";
CREATE TABLE silent (LIKE goes_event);
ALTER TABLE silent ADD PRIMARY KEY (id);
SET client_min_messages = warning;
SELECT goes_create_store('silent');
RESET client_min_messages;
SELECT count("comment") FROM comments('silent');
DROP TABLE silent;

-- Again: nothing to do. Names are read like a regclass literal, and each kind has its own default.
SELECT goes_create_snapshot_store('Other_Stores.SNAPSHOTS'), goes_create_model_store('models');
SELECT goes_create_snapshot_store('"Odd ""Name"" %s"'), goes_create_model_store('"Odd ""Model"" %s"');
SELECT goes_create_snapshot_store('order_snapshots'), goes_create_model_store('order_models');
\d
SET goes_store.default_store = 'elsewhere';
SELECT goes_create_snapshot_store(), goes_create_model_store();
RESET goes_store.default_store;

-- The tables belong to the caller, and not to the extension.
SELECT d.*
FROM pg_depend d
WHERE d.refclassid = 'pg_extension'::regclass
  AND d.classid = 'pg_class'::regclass
  AND d.objid IN ('snapshots'::regclass, 'models'::regclass);

-- What is not a name, or not an ordinary table, or a table of another kind.
SELECT goes_create_snapshot_store('two words');
\echo :SQLSTATE
SELECT goes_create_model_store(repeat('a', 64));
\echo :SQLSTATE
CREATE VIEW seen AS SELECT * FROM models;
SELECT goes_create_model_store('seen');
\echo :SQLSTATE
SELECT goes_create_snapshot_store('models');
\echo :SQLSTATE
SELECT goes_create_model_store('snapshots');
\echo :SQLSTATE
SELECT goes_create_store('models');
\echo :SQLSTATE

-- text is as good as varchar, columns may come in any order, and more of them are fine.
CREATE TABLE by_hand (
    state bytea NOT NULL,
    tenant text,
    "time" bigint NOT NULL,
    aggregate_version integer NOT NULL,
    aggregate_id uuid NOT NULL,
    aggregate_name text NOT NULL,
    UNIQUE (aggregate_name, aggregate_id, aggregate_version)
);
SELECT goes_create_snapshot_store('by_hand');
CREATE TABLE models_by_hand (number serial PRIMARY KEY, model jsonb NOT NULL, id text NOT NULL UNIQUE);
SELECT goes_create_model_store('models_by_hand');

-- The key has to be what the table of our own has: whole, at once, and in that order.
CREATE TABLE lookalike (LIKE snapshots);
CREATE INDEX ON lookalike (aggregate_name, aggregate_id, aggregate_version);
CREATE UNIQUE INDEX ON lookalike (aggregate_id, aggregate_name, aggregate_version);
CREATE UNIQUE INDEX ON lookalike (aggregate_name, aggregate_id, aggregate_version, "time");
CREATE UNIQUE INDEX ON lookalike (aggregate_name, aggregate_id, aggregate_version) WHERE "time" > 0;
ALTER TABLE lookalike ADD UNIQUE (aggregate_name, aggregate_id, aggregate_version) DEFERRABLE;
SELECT goes_create_snapshot_store('lookalike');
\echo :SQLSTATE
ALTER TABLE lookalike DROP CONSTRAINT lookalike_aggregate_name_aggregate_id_aggregate_version_key;
SELECT goes_create_snapshot_store('lookalike');
\echo :SQLSTATE
ALTER TABLE other_stores.lookalike ADD PRIMARY KEY (aggregate_name, aggregate_id, aggregate_version);
SELECT goes_create_snapshot_store('lookalike');
CREATE TABLE twice (id text NOT NULL, model jsonb NOT NULL, number serial PRIMARY KEY);
SELECT goes_create_model_store('twice');
CREATE UNIQUE INDEX ON other_stores.twice (id);
SELECT goes_create_model_store('twice');

-- Everything that is wrong is in one message, and the commands in DETAIL mend it.
CREATE TABLE wrong (
    aggregate_name varchar(40),
    aggregate_id text NOT NULL,
    aggregate_version bigint GENERATED ALWAYS AS IDENTITY,
    state text
);
INSERT INTO wrong (aggregate_name, aggregate_id, state)
VALUES ('order', '00000000-0000-7000-8000-00000000000a', E'a\\b ä');
SELECT goes_create_snapshot_store('wrong');
\echo :SQLSTATE
ALTER TABLE other_stores.wrong ADD COLUMN "time" bigint NOT NULL DEFAULT 0;
DO $$
DECLARE
    remedies text;
BEGIN
    PERFORM goes_create_snapshot_store('wrong');
EXCEPTION WHEN SQLSTATE 'VE004' THEN
    GET STACKED DIAGNOSTICS remedies = PG_EXCEPTION_DETAIL;
    EXECUTE remedies;
END
$$;
SELECT goes_create_snapshot_store('wrong');
\d wrong
SELECT aggregate_name, aggregate_id, aggregate_version, convert_from(state, 'UTF8') FROM wrong;
CREATE TABLE wrong_models (id varchar(10), model text);
INSERT INTO wrong_models VALUES ('a', '{"n": 1}');
SELECT goes_create_model_store('wrong_models');
DO $$
DECLARE
    remedies text;
BEGIN
    PERFORM goes_create_model_store('wrong_models');
EXCEPTION WHEN SQLSTATE 'VE004' THEN
    GET STACKED DIAGNOSTICS remedies = PG_EXCEPTION_DETAIL;
    EXECUTE remedies;
END
$$;
SELECT goes_create_model_store('wrong_models');
\d wrong_models
TABLE wrong_models;

-- In a read-only transaction a sound store passes, a missing one cannot be made.
BEGIN READ ONLY;
SELECT goes_create_snapshot_store(), goes_create_model_store();
SAVEPOINT before;
SELECT goes_create_snapshot_store('missing');
\echo :SQLSTATE
ROLLBACK TO before;
SELECT goes_create_model_store('missing');
\echo :SQLSTATE
ROLLBACK;

-- A role that may only use the tables passes, too, and one that may create has its own.
CREATE ROLE other_stores_user;
GRANT USAGE, CREATE ON SCHEMA other_stores TO other_stores_user;
GRANT SELECT ON snapshots, models TO other_stores_user;
SET ROLE other_stores_user;
SELECT goes_create_snapshot_store(), goes_create_model_store();
SELECT goes_create_model_store('mine');
RESET ROLE;
SELECT relowner::regrole FROM pg_class WHERE oid = 'mine'::regclass;

-- In a transaction that is rolled back nothing stays.
BEGIN;
SELECT goes_create_snapshot_store('passing'), goes_create_model_store('passing_models');
ROLLBACK;
SELECT to_regclass('passing'), to_regclass('passing_models');

SET client_min_messages = warning;
DROP SCHEMA other_stores CASCADE;
DROP ROLE other_stores_user;
