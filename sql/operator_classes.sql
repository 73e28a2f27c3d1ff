-- An index serves only if it takes the same values for equal as the columns do: no operator class of another
-- type, nor one of a user's own.
CREATE SCHEMA operator_classes;
SET search_path = operator_classes, public;
\set SHOW_CONTEXT never
\set order '''019a0000-0000-7000-8000-00000000000a'''
SELECT goes_create_store();
SELECT goes_append('order', :order, ARRAY[goes_new_event('a'), goes_new_event('b'), goes_new_event('c')]);

-- Versions as numbers without a sign: an index that says the aggregate has none.
DROP INDEX goes_aggregate;
CREATE UNIQUE INDEX goes_aggregate ON events (aggregate_id, aggregate_name, aggregate_version oid_ops DESC);
SELECT * FROM goes_check_store();
SELECT goes_aggregate_version('order', :order);
SELECT goes_append('order', :order, ARRAY[goes_new_event('d')]), goes_append('order', :order, ARRAY[goes_new_event('e')], 4);
SELECT goes_alter_store(validate_versions => 'sequential');
\echo :SQLSTATE
SELECT remedy FROM goes_check_store() \gexec
SELECT * FROM goes_check_store();
SELECT goes_aggregate_version('order', :order), goes_append('order', :order, ARRAY[goes_new_event('f')], 5);
DROP INDEX goes_aggregate;
TRUNCATE events;

-- Which classes serve as which index, to goes_check_store, an append and a guard.
CREATE FUNCTION compare_no_case(text, text) RETURNS integer LANGUAGE sql IMMUTABLE STRICT AS 'SELECT bttextcmp(lower($1), lower($2))';
CREATE FUNCTION equal_no_case(text, text) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT AS 'SELECT lower($1) = lower($2)';
CREATE OPERATOR =~~ (FUNCTION = equal_no_case, LEFTARG = text, RIGHTARG = text);
CREATE OPERATOR CLASS no_case_ops FOR TYPE text USING btree AS OPERATOR 3 =~~, FUNCTION 1 compare_no_case(text, text);
CREATE FUNCTION hash_no_case(text) RETURNS integer LANGUAGE sql IMMUTABLE STRICT AS 'SELECT hashtext(lower($1))';
CREATE OPERATOR CLASS no_case_hash_ops FOR TYPE text USING hash AS OPERATOR 1 =~~, FUNCTION 1 hash_no_case(text);
CREATE FUNCTION compare_half(uuid, uuid) RETURNS integer LANGUAGE sql IMMUTABLE STRICT AS 'SELECT bttextcmp(left($1::text, 18), left($2::text, 18))';
CREATE FUNCTION equal_half(uuid, uuid) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT AS 'SELECT compare_half($1, $2) = 0';
CREATE OPERATOR =~~ (FUNCTION = equal_half, LEFTARG = uuid, RIGHTARG = uuid);
CREATE OPERATOR CLASS half_ops FOR TYPE uuid USING btree AS OPERATOR 3 =~~, FUNCTION 1 compare_half(uuid, uuid);
CREATE FUNCTION compare_backwards(integer, integer) RETURNS integer LANGUAGE sql IMMUTABLE STRICT AS 'SELECT btint4cmp($2, $1)';
CREATE OPERATOR CLASS backwards_ops FOR TYPE integer USING btree AS OPERATOR 3 =, FUNCTION 1 compare_backwards(integer, integer);
CREATE FUNCTION compare_days(bigint, bigint) RETURNS integer LANGUAGE sql IMMUTABLE STRICT AS 'SELECT btint8cmp($1 / 86400000000000, $2 / 86400000000000)';
CREATE OPERATOR CLASS day_ops FOR TYPE bigint USING btree AS OPERATOR 3 =, FUNCTION 1 compare_days(bigint, bigint);
-- A class that has the operators of the type's own, and another comparison.
CREATE OPERATOR FAMILY folded USING btree;
CREATE OPERATOR CLASS text_ops FOR TYPE text USING btree FAMILY folded AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =,
    OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 compare_no_case(text, text);
CREATE COLLATION no_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE FUNCTION problems(definition text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    found text;
BEGIN
    DROP TABLE IF EXISTS classed;
    CREATE TABLE classed (LIKE events);
    ALTER TABLE classed ADD PRIMARY KEY (id);
    EXECUTE replace(definition, 'INDEX ON', 'INDEX ON classed');
    SELECT string_agg(replace(replace(problem, 'missing unique index on', '-'), 'missing index on', '-'), ' ')
    INTO found FROM goes_check_store('classed');
    RETURN coalesce(found, 'none');
END
$$;
SET client_min_messages = warning;
SELECT definition, problems(definition)
FROM unnest(ARRAY[
    'CREATE INDEX ON (name)',
    'CREATE INDEX ON (name text_pattern_ops)',
    'CREATE INDEX ON (name varchar_pattern_ops DESC, data)',
    'CREATE INDEX ON (name bpchar_ops)',
    'CREATE INDEX ON (name bpchar_pattern_ops)',
    'CREATE INDEX ON (name no_case_ops)',
    'CREATE INDEX ON (name operator_classes.text_ops)',
    'CREATE INDEX ON (name COLLATE no_case)',
    'CREATE INDEX ON USING hash (name)',
    'CREATE INDEX ON USING hash (name no_case_hash_ops)',
    'CREATE INDEX ON USING brin (name)',
    'CREATE INDEX ON ("time")',
    'CREATE INDEX ON ("time", id half_ops)',
    'CREATE INDEX ON ("time" day_ops)',
    'CREATE INDEX ON USING hash ("time")',
    'CREATE INDEX ON USING brin ("time")',
    'CREATE UNIQUE INDEX ON (aggregate_id, aggregate_name, aggregate_version)',
    'CREATE UNIQUE INDEX ON (aggregate_name varchar_pattern_ops, aggregate_id, aggregate_version DESC)',
    'CREATE UNIQUE INDEX ON (aggregate_version, aggregate_name text_pattern_ops, aggregate_id)',
    'CREATE UNIQUE INDEX ON (aggregate_id, aggregate_name, aggregate_version oid_ops)',
    'CREATE UNIQUE INDEX ON (aggregate_id, aggregate_name, aggregate_version backwards_ops)',
    'CREATE UNIQUE INDEX ON (aggregate_id half_ops, aggregate_name, aggregate_version)',
    'CREATE UNIQUE INDEX ON (aggregate_name bpchar_ops, aggregate_id, aggregate_version)',
    'CREATE UNIQUE INDEX ON (aggregate_name bpchar_pattern_ops, aggregate_id, aggregate_version)',
    'CREATE UNIQUE INDEX ON (aggregate_name operator_classes.text_ops, aggregate_id, aggregate_version)',
    'CREATE UNIQUE INDEX ON (aggregate_name COLLATE no_case, aggregate_id, aggregate_version)',
    'ALTER TABLE classed DROP CONSTRAINT classed_pkey; CREATE UNIQUE INDEX ON (id half_ops)',
    'CREATE UNIQUE INDEX ON (id half_ops)']) AS definition;
RESET client_min_messages;

-- What a session knows of a table ends with its index.
DROP TABLE classed;
CREATE TABLE classed (LIKE events INCLUDING INDEXES);
SELECT goes_append('order', :order, ARRAY[goes_new_event('a'), goes_new_event('b')], store => 'classed');
DROP INDEX classed_aggregate_id_aggregate_name_aggregate_version_idx;
CREATE UNIQUE INDEX ON classed (aggregate_id, aggregate_name, aggregate_version oid_ops DESC);
SELECT goes_aggregate_version('order', :order, 'classed'), goes_append('order', :order, ARRAY[goes_new_event('c')], store => 'classed');
INSERT INTO classed SELECT gen_random_uuid(), 'x', 0, gen_random_uuid(), name, 1 FROM unnest('{b,B,"b "}'::text[]) AS name;
CREATE UNIQUE INDEX ON classed (aggregate_id, aggregate_name text_pattern_ops, aggregate_version);
SELECT goes_aggregate_version('order', :order, 'classed'), goes_append('order', :order, ARRAY[goes_new_event('d')], store => 'classed');

-- Snapshots and models: the key serves, and no other unique index over it takes two keys for one, since a model
-- would be stored in place of another.
SELECT goes_create_model_store(), goes_create_snapshot_store();
CREATE UNIQUE INDEX models_padded ON models (id bpchar_ops);
SELECT goes_model_save('a', '1');
\echo :SQLSTATE
SELECT goes_model_lock('a', '1');
\echo :SQLSTATE
SELECT goes_create_model_store();
DROP INDEX models_padded;
SELECT goes_model_save('a', '1'), goes_model_save('a ', '2');
SELECT goes_model_fetch('a'), goes_model_fetch('a '), goes_model_lock('a  ', '3');
CREATE UNIQUE INDEX models_pattern ON models (id text_pattern_ops);
SELECT goes_model_save('a', '4');
ALTER TABLE models DROP CONSTRAINT models_pkey;
SELECT goes_model_save('a ', '5');
SELECT id, model FROM models ORDER BY id;
DROP INDEX models_pattern;
TRUNCATE models;
CREATE UNIQUE INDEX models_no_case ON models (id no_case_ops);
SELECT goes_model_save('a', '1');
\echo :SQLSTATE

CREATE UNIQUE INDEX snapshots_unsigned ON snapshots (aggregate_version oid_ops, aggregate_id, aggregate_name bpchar_ops);
SELECT goes_snapshot_save('a', :order, 1, '');
\echo :SQLSTATE
SELECT goes_create_snapshot_store();
DROP INDEX snapshots_unsigned;
SELECT goes_snapshot_save('a', :order, 1, ''), goes_snapshot_save('a ', :order, 1, '');
SELECT count(*) FROM goes_snapshot_query();
ALTER TABLE snapshots DROP CONSTRAINT snapshots_pkey;
CREATE UNIQUE INDEX ON snapshots (aggregate_name, aggregate_id half_ops, aggregate_version);
SELECT goes_snapshot_save('a', :order, 2, '');
\echo :SQLSTATE

SET client_min_messages = warning;
DROP SCHEMA operator_classes CASCADE;
