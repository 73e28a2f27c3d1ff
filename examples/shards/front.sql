-- The front of a store whose aggregates are spread over shards by PL/Proxy. Run it in a database of its own, as its
-- owner and a superuser:
--
--     psql -d front -v "shards=p0 'host=one dbname=goes', p1 'host=two dbname=goes'" -f front.sql
--
-- There are 1, 2, 4, 8 … shards, and shard.sql has made each of them.
-- Its functions have the names and the arguments of goes_store's, in a schema that comes first in search_path.
-- docs/scale.md says what they promise, and what is lost against one server.

CREATE EXTENSION goes_store;
CREATE EXTENSION plproxy;

CREATE SERVER goes_shards FOREIGN DATA WRAPPER plproxy OPTIONS (:shards);
CREATE USER MAPPING FOR PUBLIC SERVER goes_shards OPTIONS (user 'goes_front');

CREATE SCHEMA front;      -- what clients call
CREATE SCHEMA remote;     -- PL/Proxy's functions, which only those call
SELECT format('ALTER DATABASE %I SET search_path = front, public', current_database()) \gexec
SET search_path = front, public;

-- A null goes to some shard, which refuses it.
CREATE FUNCTION front.hash(key bytea) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce(('x' || encode(substr(sha256(key), 1, 4), 'hex'))::bit(32)::integer, 0);
CREATE FUNCTION front.hash(id uuid) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN front.hash(uuid_send(id));

-- ---- The gate: everybody passes it, and goes_double_shards() closes it.

CREATE TABLE front.gate (key bigint PRIMARY KEY);
INSERT INTO front.gate VALUES (7881689);

-- Waits while shards are added. Locking a table behind that lets the session notice that there are more of them.
CREATE FUNCTION front.enter() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(7881689);
    PERFORM FROM front.gate;
END
$$;

-- The same for a write. Its shard commits it at once, so nothing could undo it.
CREATE FUNCTION front.enter_to_write() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF goes_in_transaction_block() THEN
        RAISE EXCEPTION 'a shard cannot be written to in a transaction block' USING ERRCODE = '25001',
            DETAIL = 'Each write is committed on its shard at once, and ROLLBACK would not undo it.',
            HINT = 'Write outside of transaction blocks and of blocks that catch errors: one append is all or nothing by itself.';
    END IF;
    PERFORM front.enter();
END
$$;

-- Raises the error of a shard as that raised it, and names a shard that cannot be reached.
CREATE FUNCTION front.raise(state text, message text, detail text, hint text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF message ~ '\] REMOTE [A-Z]+: ' THEN
        message := regexp_replace(message, '^.*?\] REMOTE [A-Z]+: ', '');
        detail := regexp_replace(detail, '^Remote detail: ', '');
        hint := regexp_replace(hint, '^Remote hint: ', '');
    ELSIF state LIKE '08%' OR message ~ 'connection' THEN
        message := 'a shard cannot be reached: ' || regexp_replace(message, '^.*?\] ', '');
        state := '08006';
        hint := 'The other shards serve. Try again when it is back: an append may have been stored, and is repeated safely with the same events.';
    END IF;
    RAISE EXCEPTION USING MESSAGE = message, ERRCODE = state, DETAIL = coalesce(detail, ''), HINT = coalesce(hint, '');
END
$$;

-- ---- One function for each call: PL/Proxy's, and one that raises its errors anew.

-- Makes both. `place` says on which shards; `is_write` whether a transaction block is refused; `around` what is made of
-- the rows of several shards, %s being the call.
CREATE PROCEDURE front.add(name text, arguments text, result text, place text, is_write boolean, around text DEFAULT 'SELECT * FROM %s AS e')
LANGUAGE plpgsql AS $$
DECLARE
    parts text[] := regexp_split_to_array(arguments, ',\s*');
    names text := (SELECT string_agg((regexp_match(part, '^("[^"]*"|\w+)'))[1], ', ') FROM unnest(parts) AS part);
    plain text := (SELECT string_agg(regexp_replace(part, ' DEFAULT .*$', ''), ', ') FROM unnest(parts) AS part);
    qualified text := (SELECT string_agg(format('%I.%s', name, (regexp_match(part, '^("[^"]*"|\w+)'))[1]), ', ') FROM unnest(parts) AS part);
    is_set boolean := result ~* '^(setof|table)';
BEGIN
    EXECUTE format('CREATE FUNCTION remote.%I(%s) RETURNS %s LANGUAGE plproxy AS %L', name, plain, CASE WHEN place = 'ALL' AND NOT is_set THEN 'SETOF ' ELSE '' END || result,
                   format('CLUSTER ''goes_shards''; RUN ON %s; TARGET public.%I;', place, name));
    EXECUTE format('CREATE FUNCTION front.%I(%s) RETURNS %s LANGUAGE plpgsql VOLATILE AS %L', name, arguments, result, format($body$
#variable_conflict use_column
DECLARE
    state text; message text; detail text; hint text;
BEGIN
    PERFORM front.%s();
    BEGIN
        %s;
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    END;
    IF state IS NOT NULL THEN
        PERFORM front.raise(state, message, detail, hint);
    END IF;
END
$body$, CASE WHEN is_write THEN 'enter_to_write' ELSE 'enter' END,
        CASE WHEN is_set THEN 'RETURN QUERY ' || format(around, format('remote.%I(%s)', name, qualified))
             WHEN result = 'void' THEN format('PERFORM remote.%I(%s)', name, qualified)
             WHEN place = 'ALL' THEN format('RETURN (SELECT sum(part)::bigint FROM remote.%I(%s) AS part)', name, qualified)
             ELSE format('RETURN remote.%I(%s)', name, qualified) END));
END
$$;

-- By the aggregate, whose shard has everything about it.
CALL front.add('goes_append', 'aggregate_name text, aggregate_id uuid, events goes_event[], expected_version integer DEFAULT NULL, store text DEFAULT NULL',
               'integer', 'front.hash(aggregate_id)', true);
CALL front.add('goes_append_json', 'aggregate_name text, aggregate_id uuid, events jsonb, expected_version integer DEFAULT NULL, store text DEFAULT NULL',
               'integer', 'front.hash(aggregate_id)', true);
CALL front.add('goes_aggregate_version', 'aggregate_name text, aggregate_id uuid, store text DEFAULT NULL', 'integer', 'front.hash(aggregate_id)', false);
CALL front.add('goes_history', 'aggregate_name text, aggregate_id uuid, from_version integer DEFAULT NULL, to_version integer DEFAULT NULL, max_events bigint DEFAULT NULL, store text DEFAULT NULL',
               'SETOF goes_event', 'front.hash(aggregate_id)', false);
CALL front.add('goes_load', 'aggregate_name text, aggregate_id uuid, snapshots text DEFAULT NULL, store text DEFAULT NULL',
               'TABLE (aggregate_version integer, "time" bigint, state bytea, id uuid, name text, data jsonb)', 'front.hash(aggregate_id)', false);
CALL front.add('goes_snapshot_save', 'aggregate_name text, aggregate_id uuid, aggregate_version integer, state bytea, "time" bigint DEFAULT NULL, store text DEFAULT NULL',
               'void', 'front.hash(aggregate_id)', true);
CALL front.add('goes_snapshot_latest', 'aggregate_name text, aggregate_id uuid, store text DEFAULT NULL', 'SETOF goes_snapshot', 'front.hash(aggregate_id)', false);
CALL front.add('goes_snapshot_version', 'aggregate_name text, aggregate_id uuid, version integer, store text DEFAULT NULL', 'SETOF goes_snapshot', 'front.hash(aggregate_id)', false);
CALL front.add('goes_snapshot_limit', 'aggregate_name text, aggregate_id uuid, version integer, store text DEFAULT NULL', 'SETOF goes_snapshot', 'front.hash(aggregate_id)', false);
CALL front.add('goes_snapshot_delete', 'aggregate_name text, aggregate_id uuid, aggregate_version integer, store text DEFAULT NULL', 'boolean', 'front.hash(aggregate_id)', true);

-- Models by their id. There is no goes_model_lock: it would hold nothing once the call is over.
CALL front.add('goes_model_save', 'id text, model jsonb, store text DEFAULT NULL', 'void', 'front.hash(convert_to(id, ''UTF8''))', true);
CALL front.add('goes_model_fetch', 'id text, store text DEFAULT NULL', 'jsonb', 'front.hash(convert_to(id, ''UTF8''))', false);
CALL front.add('goes_model_delete', 'id text, store text DEFAULT NULL', 'boolean', 'front.hash(convert_to(id, ''UTF8''))', true);

-- On all shards. An id is unique on its shard only, so goes_find may return several events.
CALL front.add('goes_find', 'id uuid, store text DEFAULT NULL', 'SETOF goes_event', 'ALL', false);
CALL front.add('goes_delete', 'ids uuid[], store text DEFAULT NULL', 'bigint', 'ALL', true);
CALL front.add('goes_count', 'names text[] DEFAULT NULL, ids uuid[] DEFAULT NULL, times bigint[] DEFAULT NULL, time_min bigint DEFAULT NULL, time_max bigint DEFAULT NULL, time_ranges int8range[] DEFAULT NULL, aggregate_names text[] DEFAULT NULL, aggregate_ids uuid[] DEFAULT NULL, aggregate_versions integer[] DEFAULT NULL, version_min integer DEFAULT NULL, version_max integer DEFAULT NULL, version_ranges int4range[] DEFAULT NULL, aggregates goes_aggregate_ref[] DEFAULT NULL, store text DEFAULT NULL',
               'bigint', 'ALL', false);

-- Each shard sorts and returns at most max_events; what comes is sorted again, and cut. The order of sort's keys is written
-- into the statement, after the shards have refused what is none.
CREATE FUNCTION front.order_by(sort text[]) RETURNS text LANGUAGE sql IMMUTABLE
RETURN coalesce((SELECT string_agg(format('%I %s', part[1], coalesce(part[2], 'asc')), ', ' ORDER BY n) || ', id'
                 FROM unnest(sort) WITH ORDINALITY AS keys (key, n), regexp_match(key, '^(\w+)(?: (asc|desc))?$', 'i') AS part), 'id');
CALL front.add('goes_query', 'names text[] DEFAULT NULL, ids uuid[] DEFAULT NULL, times bigint[] DEFAULT NULL, time_min bigint DEFAULT NULL, time_max bigint DEFAULT NULL, time_ranges int8range[] DEFAULT NULL, aggregate_names text[] DEFAULT NULL, aggregate_ids uuid[] DEFAULT NULL, aggregate_versions integer[] DEFAULT NULL, version_min integer DEFAULT NULL, version_max integer DEFAULT NULL, version_ranges int4range[] DEFAULT NULL, aggregates goes_aggregate_ref[] DEFAULT NULL, sort text[] DEFAULT NULL, max_events bigint DEFAULT NULL, store text DEFAULT NULL',
               'SETOF goes_event', 'ALL', false,
               'EXECUTE format(''SELECT e.* FROM unnest($1) AS e ORDER BY %%s LIMIT $2'', front.order_by(sort)) USING ARRAY(SELECT e::goes_event FROM %s AS e), max_events');

-- A batch is all or nothing on one shard. One for several is refused unless it may be split: then each shard's part is
-- committed by itself, and after an error the parts before it are stored.
CREATE FUNCTION remote.insert_part(part integer, events goes_event[], store text) RETURNS bigint LANGUAGE plproxy AS $$
    CLUSTER 'goes_shards'; RUN ON part;
    SELECT public.goes_insert_batch(events, store);
$$;
CREATE FUNCTION front.shards() RETURNS integer LANGUAGE sql STABLE
RETURN (SELECT count(*) FROM pg_foreign_server, unnest(srvoptions) AS option WHERE srvname = 'goes_shards' AND option ~ '^p\d+=');

CREATE FUNCTION front.goes_insert_batch(events goes_event[], split boolean DEFAULT false, store text DEFAULT NULL) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    parts integer[]; part integer; stored bigint := 0;
    state text; message text; detail text; hint text;
BEGIN
    PERFORM front.enter_to_write();
    parts := ARRAY(SELECT DISTINCT front.hash(coalesce(aggregate_id, id)) & (front.shards() - 1) FROM unnest(events) ORDER BY 1);
    IF cardinality(parts) > 1 AND NOT split THEN
        RAISE EXCEPTION 'the batch has events of % shards', cardinality(parts) USING ERRCODE = '0A000',
            HINT = 'Insert the events of one aggregate at a time, or give split => true: then each shard''s part is stored by itself.';
    END IF;
    BEGIN
        FOREACH part IN ARRAY parts LOOP
            stored := stored + remote.insert_part(part, ARRAY(SELECT e FROM unnest(events) AS e WHERE front.hash(coalesce(e.aggregate_id, e.id)) & (front.shards() - 1) = part), store);
        END LOOP;
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    END;
    IF state IS NOT NULL THEN
        PERFORM front.raise(state, message, detail, hint);
    END IF;
    RETURN stored;
END
$$;

-- What is not here is refused, rather than done on a table of the front's own.
DO $$
DECLARE
    missing pg_proc;
BEGIN
    FOR missing IN SELECT p.* FROM pg_proc AS p
        WHERE pronamespace = 'public'::regnamespace AND proname LIKE 'goes\_%' AND 'store' = ANY (proargnames)
          AND NOT EXISTS (SELECT FROM pg_proc AS f WHERE f.pronamespace = 'front'::regnamespace AND f.proname = p.proname) LOOP
        EXECUTE format('CREATE %s front.%I(%s) %s LANGUAGE plpgsql AS %L', CASE missing.prokind WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END,
                       missing.proname, pg_get_function_arguments(missing.oid), coalesce('RETURNS ' || pg_get_function_result(missing.oid), ''),
                       format('BEGIN RAISE EXCEPTION USING ERRCODE = ''0A000'', MESSAGE = %L, HINT = ''Connect to the shard.''; END', 'shards have no ' || missing.proname));
    END LOOP;
END
$$;

-- ---- Twice as many shards: the standby of each, which the server goes_standbys names in the same order, becomes a shard, and
-- each of both keeps one half.

CREATE FUNCTION remote.become(part integer, shards integer) RETURNS void LANGUAGE plproxy AS $$
    CLUSTER 'goes_shards'; RUN ON part;
    SELECT public.goes_shard_become(part, shards);
$$;
CREATE FUNCTION remote.token(part integer) RETURNS text LANGUAGE plproxy AS $$
    CLUSTER 'goes_shards'; RUN ON part;
    SELECT public.goes_write_token();
$$;
CREATE FUNCTION remote.system(part integer) RETURNS text LANGUAGE plproxy AS $$
    CLUSTER 'goes_shards'; RUN ON part;
    SELECT public.goes_shard_system();
$$;
CREATE FUNCTION remote.clean(known_shards integer) RETURNS SETOF bigint LANGUAGE plproxy AS $$
    CLUSTER 'goes_shards'; RUN ON ALL; TARGET public.goes_shard_clean;
$$;
CREATE FUNCTION remote.standby_system(part integer) RETURNS text LANGUAGE plproxy AS $$
    CLUSTER 'goes_standbys'; RUN ON part;
    SELECT public.goes_shard_system();
$$;
CREATE FUNCTION remote.standby_wait(part integer, token text) RETURNS boolean LANGUAGE plproxy AS $$
    CLUSTER 'goes_standbys'; RUN ON part;
    SELECT public.goes_shard_wait(token);
$$;
CREATE FUNCTION remote.standby_promote(part integer) RETURNS boolean LANGUAGE plproxy AS $$
    CLUSTER 'goes_standbys'; RUN ON part;
    SELECT public.goes_shard_promote();
$$;
CREATE FUNCTION remote.standby_become(part integer, number integer, shards integer) RETURNS void LANGUAGE plproxy AS $$
    CLUSTER 'goes_standbys'; RUN ON part;
    SELECT public.goes_shard_become(number, shards);
$$;

-- Nobody reads or writes meanwhile; who comes waits at the gate. If it fails it can be called again: from the first step on
-- the old shards refuse what is about to move, so nothing is stored that the standbys would lack.
CREATE PROCEDURE front.goes_double_shards() LANGUAGE plpgsql AS $$
DECLARE
    shards integer := front.shards();
    places text[] := ARRAY(SELECT regexp_replace(option, '^p\d+=', '') FROM pg_foreign_server, unnest(srvoptions) AS option
                           WHERE srvname = 'goes_standbys' AND option ~ '^p\d+=' ORDER BY (regexp_match(option, '^p(\d+)='))[1]::integer);
    changes text;
BEGIN
    IF goes_in_transaction_block() THEN
        RAISE EXCEPTION 'shards cannot be added in a transaction block' USING ERRCODE = '25001', HINT = 'Call goes_double_shards() by itself.';
    END IF;
    IF cardinality(places) <> shards THEN
        RAISE EXCEPTION 'there are % shards and % standbys', shards, cardinality(places) USING ERRCODE = '55000',
            HINT = 'Name a standby of each shard, in their order: CREATE SERVER goes_standbys FOREIGN DATA WRAPPER plproxy OPTIONS (p0 ''host=...'', p1 ''host=...''); CREATE USER MAPPING FOR PUBLIC SERVER goes_standbys OPTIONS (user ''goes_front'').';
    END IF;
    IF EXISTS (SELECT FROM pg_foreign_server, unnest(srvoptions) AS option WHERE srvname = 'goes_shards' AND regexp_replace(option, '^p\d+=', '') = ANY (places)) THEN
        RAISE EXCEPTION 'a shard is named as a standby' USING ERRCODE = '55000', HINT = 'Name other servers in goes_standbys than in goes_shards.';
    END IF;
    PERFORM pg_advisory_xact_lock(7881689);
    FOR part IN 0 .. shards - 1 LOOP
        IF remote.system(part) <> remote.standby_system(part) THEN
            RAISE EXCEPTION 'standby % is no standby of shard %', part, part USING ERRCODE = '55000', HINT = 'Name the standbys in the order of their shards.';
        END IF;
    END LOOP;
    FOR part IN 0 .. shards - 1 LOOP
        PERFORM remote.become(part, 2 * shards);
    END LOOP;
    FOR part IN 0 .. shards - 1 LOOP
        IF NOT remote.standby_wait(part, remote.token(part)) THEN
            RAISE EXCEPTION 'standby % does not catch up with its shard', part USING ERRCODE = '55000', HINT = 'Look why its replay stands still, and call goes_double_shards() again.';
        END IF;
    END LOOP;
    FOR part IN 0 .. shards - 1 LOOP
        IF NOT remote.standby_promote(part) THEN
            RAISE EXCEPTION 'standby % was not promoted in time', part USING ERRCODE = '55000', HINT = 'Look at its log, and call goes_double_shards() again.';
        END IF;
        PERFORM remote.standby_become(part, shards + part, 2 * shards);
    END LOOP;
    changes := (SELECT string_agg(format('ADD p%s %L', shards + n - 1, place), ', ' ORDER BY n) FROM unnest(places) WITH ORDINALITY AS standbys (place, n));
    EXECUTE format('ALTER SERVER goes_shards OPTIONS (%s)', changes);
    DROP USER MAPPING IF EXISTS FOR PUBLIC SERVER goes_standbys;
    DROP SERVER goes_standbys;
END
$$;

-- Removes from every shard what moved away. Until then it only takes room: the shards do not show it.
CREATE FUNCTION front.goes_clean_shards() RETURNS bigint LANGUAGE sql VOLATILE
RETURN (SELECT sum(removed)::bigint FROM remote.clean(front.shards()) AS removed);
