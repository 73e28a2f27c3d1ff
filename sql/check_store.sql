-- A table made by hand is accepted, completed, or refused with everything that is wrong.
CREATE SCHEMA check_store;
SET search_path = check_store, public;
\set VERBOSITY default

-- A missing store is a problem with a remedy.
SELECT * FROM goes_check_store();
SELECT goes_create_store();
SELECT * FROM goes_check_store();

-- goes' own table without its indexes: they are added.
CREATE TABLE by_hand (
    id uuid PRIMARY KEY NOT NULL,
    name varchar(255) NOT NULL,
    time bigint NOT NULL,
    aggregate_id uuid,
    aggregate_name varchar(255),
    aggregate_version integer,
    data jsonb
);
SELECT * FROM goes_check_store('by_hand');
SELECT goes_create_store('by_hand');
SELECT * FROM goes_check_store('by_hand');
\d by_hand

-- text serves for varchar, columns may come in any order, more of them are fine, and so are
-- better indexes under other names.
CREATE TABLE other_order (
    tenant text,
    data jsonb,
    aggregate_version integer,
    aggregate_name text,
    aggregate_id uuid,
    gone text,
    time bigint,
    name text,
    id uuid UNIQUE
);
ALTER TABLE other_order DROP COLUMN gone;
CREATE INDEX by_name ON other_order USING hash (name);
CREATE INDEX by_time ON other_order (time, id);
CREATE UNIQUE INDEX by_aggregate ON other_order (aggregate_name, aggregate_id, aggregate_version) INCLUDE (name);
SELECT goes_create_store('other_order');
SELECT goes_insert_batch(ARRAY[goes_new_event('moved', '{"by": 1}', 'cart', '00000000-0000-7000-8000-000000000001', 1)], 'other_order');
SELECT tenant, data, aggregate_version, aggregate_name, name FROM other_order;
SELECT name, aggregate_id, data FROM goes_query(aggregate_names => '{cart}', store => 'other_order');

-- Indexes that look right and are not: partial, deferrable, NULLS NOT DISTINCT, invalid, too wide.
CREATE TABLE lookalike (LIKE events);
ALTER TABLE lookalike ADD UNIQUE (id) DEFERRABLE;
CREATE INDEX ON lookalike (name) WHERE name <> '';
CREATE INDEX ON lookalike (id, time);
CREATE INDEX ON lookalike ((time + 1));
CREATE UNIQUE INDEX ON lookalike (aggregate_id, aggregate_name, aggregate_version) NULLS NOT DISTINCT;
CREATE UNIQUE INDEX ON lookalike (aggregate_id, aggregate_name, aggregate_version) WHERE name = 'a';
CREATE UNIQUE INDEX ON lookalike (aggregate_id, aggregate_name, aggregate_version, name);
CREATE INDEX ON lookalike (aggregate_id, aggregate_name, aggregate_version);
SELECT goes_create_store('lookalike');
\echo :SQLSTATE
SELECT * FROM goes_check_store('lookalike');

CREATE TABLE broken (LIKE events INCLUDING INDEXES);
UPDATE pg_index SET indisvalid = false
WHERE indrelid = 'broken'::regclass AND indnatts = 3;
SELECT goes_create_store('broken');

-- Everything that is wrong is in one message, with the DDL that mends it.
CREATE TABLE wrong (
    id bigserial PRIMARY KEY,
    name bytea,
    time timestamptz DEFAULT now(),
    aggregate_id bigint GENERATED ALWAYS AS IDENTITY,
    aggregate_version text,
    "Data" jsonb
);
SELECT goes_create_store('wrong');
\echo :SQLSTATE

-- So are calls on it.
SELECT goes_insert_batch(ARRAY[goes_new_event('a')], 'wrong');
\echo :SQLSTATE

-- The remedies do mend it.
SELECT remedy FROM goes_check_store('wrong') \gexec
SELECT * FROM goes_check_store('wrong');
SELECT remedy FROM goes_check_store('lookalike') \gexec
SELECT * FROM goes_check_store('lookalike');

-- Timestamps that are there become nanoseconds.
CREATE TABLE stamped (LIKE events INCLUDING INDEXES);
ALTER TABLE stamped ALTER COLUMN time TYPE timestamptz USING goes_timestamp(time);
INSERT INTO stamped VALUES ('00000000-0000-7000-8000-000000000001', 'a', '2026-01-02 03:04:05.678901+00');
SELECT remedy FROM goes_check_store('stamped') \gexec
SELECT time, time = goes_time('2026-01-02 03:04:05.678901+00') AS kept FROM stamped;

-- Who may only read and write cannot add an index; a complete store is theirs to open.
CREATE ROLE check_store_writer;
GRANT USAGE ON SCHEMA check_store TO check_store_writer;
CREATE TABLE incomplete (LIKE events INCLUDING INDEXES);
SELECT string_agg(format('DROP INDEX %s', indexrelid::regclass), ';')
FROM pg_index
WHERE indrelid = 'incomplete'::regclass AND indkey::text = '3' \gexec
GRANT SELECT, INSERT ON incomplete, events TO check_store_writer;
SET ROLE check_store_writer;
SELECT goes_create_store('incomplete');
\echo :SQLSTATE
SELECT goes_create_store();
RESET ROLE;
ALTER TABLE incomplete OWNER TO check_store_writer;
SET ROLE check_store_writer;
SELECT goes_create_store('incomplete');
\echo :SQLSTATE
RESET ROLE;
GRANT CREATE ON SCHEMA check_store TO check_store_writer;
SET ROLE check_store_writer;
SELECT goes_create_store('incomplete');
RESET ROLE;

-- Versions that are there twice keep the unique index away: PostgreSQL says which.
CREATE TABLE twice (LIKE events);
ALTER TABLE twice ADD PRIMARY KEY (id);
INSERT INTO twice
SELECT goes_uuid_v7(), 'a', 0, '00000000-0000-7000-8000-000000000001', 'a', 1
FROM generate_series(1, 2);
SET client_min_messages = warning;
SELECT goes_create_store('twice');
\echo :SQLSTATE
SELECT problem FROM goes_check_store('twice');

SET client_min_messages = warning;
DROP SCHEMA check_store CASCADE;
DROP ROLE check_store_writer;
