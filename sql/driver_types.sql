-- The types that drivers send where nobody says otherwise, for every argument of every function: which
-- work as they are, and that a cast makes all others work. docs/languages.md says so for each driver.
CREATE SCHEMA driver_types;
SET search_path = driver_types, public;
\set SHOW_CONTEXT never

-- The state of a PREPARE with parameters of these types, none for one that works.
CREATE FUNCTION state_of(call text, VARIADIC types text[]) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('PREPARE driver_call (%s) AS SELECT %s', array_to_string(types, ', '), call);
    DEALLOCATE driver_call;
    RETURN 'works';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END
$$;

-- A call for every argument of every function; the others that have to be given are null.
CREATE VIEW arguments AS
SELECT format_type(arguments.type, NULL) AS type,
       format('%I(%s)', proname, (
           SELECT string_agg(format('%I => %s', proargnames[k], CASE WHEN k = arguments.n THEN '$1' ELSE 'NULL' END), ', ' ORDER BY k)
           FROM generate_series(1, pronargs) AS k WHERE k = arguments.n OR k <= pronargs - pronargdefaults)) AS call
FROM pg_proc, unnest(proargtypes) WITH ORDINALITY AS arguments (type, n)
WHERE proname LIKE 'goes\_%' AND prokind = 'f' AND prorettype NOT IN ('internal'::regtype, 'trigger'::regtype);

-- A parameter that has no type gets the argument's: from pg, postgres, psycopg for a str, JDBC with
-- stringtype=unspecified, and all that ask the server first (asyncpg, pgx, tokio-postgres).
SELECT type, string_agg(DISTINCT state_of(call, 'unknown'), ', ') AS untyped
FROM arguments GROUP BY type ORDER BY type;

-- No name stands for two functions, so nothing is ambiguous.
SELECT proname FROM pg_proc WHERE proname LIKE 'goes\_%' GROUP BY proname HAVING count(*) > 1;

-- Parameters with a type: JDBC sends varchar for a String, integer for an int and bigint for a long; psycopg
-- the smallest type that holds a number, and json for Json; postgres bigint for a BigInt. A program may send
-- text for everything.
SELECT a.type AS argument, sent, string_agg(DISTINCT state_of(call, sent), ', ') AS as_it_is,
       string_agg(DISTINCT state_of(replace(call, '$1', '$1::' || a.type), sent), ', ') AS with_cast
FROM arguments AS a
JOIN (VALUES ('uuid', '{uuid,text,varchar}'::text[]),
             ('text', '{text,varchar}'),
             ('integer', '{smallint,integer,bigint,numeric}'),
             ('bigint', '{smallint,integer,bigint,numeric}'),
             ('jsonb', '{jsonb,json,text,varchar}'),
             ('bytea', '{bytea}'),
             ('boolean', '{boolean}'),
             ('refcursor', '{text,varchar}'),
             ('timestamp with time zone', '{timestamptz,timestamp,text}'),
             ('uuid[]', '{uuid[],text[],varchar[]}'),
             ('text[]', '{text[],varchar[]}'),
             ('integer[]', '{smallint[],integer[],bigint[],text[]}'),
             ('bigint[]', '{smallint[],integer[],bigint[],text[]}')) AS types (argument, sends) ON a.type = argument,
     unnest(sends) WITH ORDINALITY AS s (sent, nth)
GROUP BY a.type, sent, nth
ORDER BY a.type, nth;
-- Only composites and ranges are left, for which no driver has a type of its own.
SELECT DISTINCT type FROM arguments
WHERE type NOT IN ('uuid', 'text', 'integer', 'bigint', 'jsonb', 'bytea', 'boolean', 'refcursor', 'timestamp with time zone',
                   'uuid[]', 'text[]', 'integer[]', 'bigint[]')
ORDER BY type;

-- A number too large for the argument is an error of its own after the cast.
PREPARE cast_long (bigint) AS SELECT goes_append_json('order', gen_random_uuid(), '{"name": "a"}', expected_version => $1::integer);

-- In ARRAY[$1] a parameter without a type is text; a cast inside or outside helps.
SELECT state_of('goes_delete(ARRAY[$1])', 'unknown') AS delete, state_of('goes_delete(ARRAY[$1::uuid])', 'unknown') AS with_cast,
       state_of('goes_done(NULL, NULL, NULL, done => ARRAY[$1])', 'unknown') AS done,
       state_of('goes_done(NULL, NULL, NULL, done => ARRAY[$1]::bigint[])', 'unknown') AS with_cast;

-- Calls with such types store and find what they should.
SELECT goes_create_store();
PREPARE jdbc_append (varchar, uuid, varchar, integer) AS SELECT goes_append_json($1, $2, $3::jsonb, expected_version => $4);
PREPARE jdbc_append_long (varchar, varchar, varchar, bigint) AS SELECT goes_append_json($1, $2::uuid, $3::jsonb, expected_version => $4::integer);
PREPARE jdbc_history (varchar, uuid) AS SELECT aggregate_version, name, data FROM goes_history($1, $2);
PREPARE text_append (text, text, text, bigint) AS SELECT goes_append_json($1, $2::uuid, $3::jsonb, expected_version => $4::integer);
PREPARE text_history (text, text, bigint) AS SELECT aggregate_version, name, data FROM goes_history($1, $2::uuid, from_version => $3::integer);
PREPARE psycopg_append (unknown, uuid, jsonb, smallint) AS SELECT goes_append_json($1, $2, $3, expected_version => $4);
PREPARE psycopg_history (unknown, uuid, smallint) AS SELECT aggregate_version, name, data FROM goes_history($1, $2, from_version => $3);
EXECUTE jdbc_append('order', '019a0000-0000-7000-8000-00000000000a', '{"name": "by JDBC"}', 0);
EXECUTE jdbc_append_long('order', '019a0000-0000-7000-8000-00000000000a', '{"name": "by a long"}', 1);
EXECUTE text_append('order', '019a0000-0000-7000-8000-00000000000a', '{"name": "by text"}', 2);
EXECUTE psycopg_append('order', '019a0000-0000-7000-8000-00000000000a', '{"name": "by psycopg"}', 3::smallint);
EXECUTE jdbc_history('order', '019a0000-0000-7000-8000-00000000000a');
EXECUTE text_history('order', '019a0000-0000-7000-8000-00000000000a', 3);
EXECUTE psycopg_history('order', '019a0000-0000-7000-8000-00000000000a', 4::smallint);
EXECUTE cast_long(4294967296);
\echo :SQLSTATE
DEALLOCATE ALL;

SET client_min_messages = warning;
DROP SCHEMA driver_types CASCADE;
