-- What is no ordinary table is no store, and goes_check_store says what it is.
CREATE SCHEMA kinds;
SET search_path = kinds, public;
CREATE TABLE split (id uuid) PARTITION BY LIST (id);
CREATE VIEW shown AS SELECT gen_random_uuid() AS id;
CREATE MATERIALIZED VIEW kept AS SELECT gen_random_uuid() AS id;
CREATE FOREIGN DATA WRAPPER nothing;
CREATE SERVER nowhere FOREIGN DATA WRAPPER nothing;
CREATE FOREIGN TABLE far (id uuid) SERVER nowhere;
CREATE SEQUENCE counted;
SELECT name, problem, remedy FROM unnest('{split,shown,kept,far,counted}'::text[]) AS name, goes_check_store(name);
DROP SERVER nowhere CASCADE;
DROP FOREIGN DATA WRAPPER nothing;
