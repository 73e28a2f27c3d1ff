/* goes_store 1.0: what CREATE EXTENSION goes_store runs, one subject after another. */

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION goes_store" to load this file. \quit

-- Types. They are frozen: a new fact gets a new type.

CREATE TYPE goes_event AS (
    id                uuid,
    name              text,
    "time"            bigint,
    aggregate_id      uuid,
    aggregate_name    text,
    aggregate_version integer,
    data              jsonb
);
COMMENT ON TYPE goes_event IS
'an event: what happened (name, data), when (nanoseconds since 1970) and to which aggregate; a nil or null aggregate_id and an empty or null aggregate_name mean none';

CREATE TYPE goes_aggregate_ref AS (
    name text,
    id   uuid
);
COMMENT ON TYPE goes_aggregate_ref IS
'a reference to the aggregate of that name and id; a nil or null id means every aggregate of that name';

-- Stores

CREATE FUNCTION goes_create_store(
    store text DEFAULT NULL
)
RETURNS regclass
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION goes_create_store(text) IS
'creates the events table and its indexes, or checks the one that is there and adds the indexes it lacks; idempotent, and safe when many sessions call it at once; the table belongs to the caller and never to the extension';

CREATE FUNCTION goes_check_store(
    store text DEFAULT NULL
)
RETURNS TABLE (problem text, remedy text)
LANGUAGE C VOLATILE PARALLEL RESTRICTED COST 1000
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION goes_check_store(text) IS
'lists the problems of a store, each with the SQL that mends it, or null where a person has to decide; no rows mean that the store is sound';

-- Guards: triggers that hold every writer of a store to a rule

CREATE FUNCTION goes_alter_store(
    store             text    DEFAULT NULL,
    validate_versions text    DEFAULT NULL,
    append_only       boolean DEFAULT NULL
)
RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION goes_alter_store(text, text, boolean) IS
'sets the guards of a store, which hold for every writer of its table; null leaves a guard as it is; validate_versions: off, increasing (the version of a new event must be above its aggregate''s newest) or sequential (it must be the next one), otherwise error VE001; append_only: UPDATE, DELETE and TRUNCATE raise error VE002 unless goes_store.allow_changes is on';

CREATE FUNCTION goes_validate_versions()
RETURNS trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION goes_validate_versions() IS
'the trigger of the guard validate_versions; goes_alter_store installs it';

CREATE FUNCTION goes_append_only()
RETURNS trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION goes_append_only() IS
'the trigger of the guard append_only; goes_alter_store installs it';

-- Events

CREATE FUNCTION goes_new_event(
    name              text,
    data              jsonb   DEFAULT NULL,
    aggregate_name    text    DEFAULT NULL,
    aggregate_id      uuid    DEFAULT NULL,
    aggregate_version integer DEFAULT NULL,
    id                uuid    DEFAULT NULL,
    "time"            bigint  DEFAULT NULL
)
RETURNS goes_event
LANGUAGE C VOLATILE PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION goes_new_event(text, jsonb, text, uuid, integer, uuid, bigint) IS
'makes an event: a null id becomes a fresh UUID of version 7, a null time the current time, null data JSON null; stores nothing';

CREATE FUNCTION goes_events_from_json(
    events jsonb
)
RETURNS goes_event[]
LANGUAGE C VOLATILE PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION goes_events_from_json(jsonb) IS
'makes events of a JSON array of objects keyed by the columns of goes_event, with the defaults of goes_new_event; time may be a string of digits; stores nothing';

CREATE FUNCTION goes_insert_batch(
    events goes_event[],
    store  text         DEFAULT NULL
)
RETURNS bigint
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION goes_insert_batch(goes_event[], text) IS
'stores events, all or nothing, and returns their number; a taken id or aggregate version is error 23505';

CREATE FUNCTION goes_append(
    aggregate_name   text,
    aggregate_id     uuid,
    events           goes_event[],
    expected_version integer      DEFAULT NULL,
    store            text         DEFAULT NULL
)
RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION goes_append(text, uuid, goes_event[], integer, text) IS
'stores events as the next versions of an aggregate, all or nothing, and returns the last version; expected_version: null accepts any version, 0 a new aggregate, -1 one that exists, N just version N, otherwise error VE001; repeating an append that is already stored changes nothing and returns the same version';

-- Queries

CREATE FUNCTION goes_find(
    id    uuid,
    store text DEFAULT NULL
)
RETURNS SETOF goes_event
LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 1
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION goes_find(uuid, text) IS
'returns the event with that id: one row or none';

CREATE FUNCTION goes_query_support(internal)
RETURNS internal
LANGUAGE C STABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION goes_query_support(internal) IS
'tells the planner how many rows goes_query returns';

CREATE FUNCTION goes_query(
    names              text[]               DEFAULT NULL,
    ids                uuid[]               DEFAULT NULL,
    times              bigint[]             DEFAULT NULL,
    time_min           bigint               DEFAULT NULL,
    time_max           bigint               DEFAULT NULL,
    time_ranges        int8range[]          DEFAULT NULL,
    aggregate_names    text[]               DEFAULT NULL,
    aggregate_ids      uuid[]               DEFAULT NULL,
    aggregate_versions integer[]            DEFAULT NULL,
    version_min        integer              DEFAULT NULL,
    version_max        integer              DEFAULT NULL,
    version_ranges     int4range[]          DEFAULT NULL,
    aggregates         goes_aggregate_ref[] DEFAULT NULL,
    sort               text[]               DEFAULT NULL,
    max_events         bigint               DEFAULT NULL,
    store              text                 DEFAULT NULL
)
RETURNS SETOF goes_event
LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 SUPPORT goes_query_support
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION goes_query(text[], uuid[], bigint[], bigint, bigint, int8range[], text[], uuid[], integer[], integer, integer, int4range[], goes_aggregate_ref[], text[], bigint, text) IS
'returns the events that the filters leave, in the order of sort (time, aggregate_name, aggregate_id, aggregate_version, each with an optional asc or desc; ties go by id), at most max_events of them; values of one argument are ORed, arguments are ANDed; a null or empty argument filters nothing; _min and _max are inclusive, and a range includes its bounds as it is written';

CREATE FUNCTION goes_query_cursor(
    names              text[]               DEFAULT NULL,
    ids                uuid[]               DEFAULT NULL,
    times              bigint[]             DEFAULT NULL,
    time_min           bigint               DEFAULT NULL,
    time_max           bigint               DEFAULT NULL,
    time_ranges        int8range[]          DEFAULT NULL,
    aggregate_names    text[]               DEFAULT NULL,
    aggregate_ids      uuid[]               DEFAULT NULL,
    aggregate_versions integer[]            DEFAULT NULL,
    version_min        integer              DEFAULT NULL,
    version_max        integer              DEFAULT NULL,
    version_ranges     int4range[]          DEFAULT NULL,
    aggregates         goes_aggregate_ref[] DEFAULT NULL,
    sort               text[]               DEFAULT NULL,
    max_events         bigint               DEFAULT NULL,
    portal             refcursor            DEFAULT NULL,
    store              text                 DEFAULT NULL
)
RETURNS refcursor
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION goes_query_cursor(text[], uuid[], bigint[], bigint, bigint, int8range[], text[], uuid[], integer[], integer, integer, int4range[], goes_aggregate_ref[], text[], bigint, refcursor, text) IS
'opens a cursor on what goes_query would return and returns its name: for results of any size, read by FETCH in the same transaction, forward only; portal: the name to use, null for a free one';

CREATE FUNCTION goes_count(
    names              text[]               DEFAULT NULL,
    ids                uuid[]               DEFAULT NULL,
    times              bigint[]             DEFAULT NULL,
    time_min           bigint               DEFAULT NULL,
    time_max           bigint               DEFAULT NULL,
    time_ranges        int8range[]          DEFAULT NULL,
    aggregate_names    text[]               DEFAULT NULL,
    aggregate_ids      uuid[]               DEFAULT NULL,
    aggregate_versions integer[]            DEFAULT NULL,
    version_min        integer              DEFAULT NULL,
    version_max        integer              DEFAULT NULL,
    version_ranges     int4range[]          DEFAULT NULL,
    aggregates         goes_aggregate_ref[] DEFAULT NULL,
    store              text                 DEFAULT NULL
)
RETURNS bigint
LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION goes_count(text[], uuid[], bigint[], bigint, bigint, int8range[], text[], uuid[], integer[], integer, integer, int4range[], goes_aggregate_ref[], text) IS
'returns how many events the filters leave; values of one argument are ORed, arguments are ANDed; a null or empty argument filters nothing; _min and _max are inclusive, and a range includes its bounds as it is written';

CREATE FUNCTION goes_aggregate_version(
    aggregate_name text,
    aggregate_id   uuid,
    store          text DEFAULT NULL
)
RETURNS integer
LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION goes_aggregate_version(text, uuid, text) IS
'returns the newest version of an aggregate, 0 if it has no events';

-- Removal

CREATE FUNCTION goes_delete(
    ids   uuid[],
    store text   DEFAULT NULL
)
RETURNS bigint
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION goes_delete(uuid[], text) IS
'removes the events with these ids, all or nothing, and returns how many there were; unknown ids are no error';

-- Time and ids

CREATE FUNCTION goes_now()
RETURNS bigint
LANGUAGE C VOLATILE PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION goes_now() IS
'returns the current time in nanoseconds since 1970-01-01 UTC';

CREATE FUNCTION goes_time(
    "timestamp" timestamptz
)
RETURNS bigint
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION goes_time(timestamptz) IS
'converts a timestamp into the time of an event: nanoseconds since 1970-01-01 UTC';

CREATE FUNCTION goes_timestamp(
    nanoseconds bigint
)
RETURNS timestamptz
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION goes_timestamp(bigint) IS
'converts the time of an event into a timestamp, rounding down to microseconds';

CREATE FUNCTION goes_uuid_v7()
RETURNS uuid
LANGUAGE C VOLATILE PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION goes_uuid_v7() IS
'returns a fresh UUID of version 7 (RFC 9562), greater than all that the same session got before';

-- Snapshots

CREATE TYPE goes_snapshot AS (
    aggregate_id      uuid,
    aggregate_name    text,
    aggregate_version integer,
    "time"            bigint,
    state             bytea
);
COMMENT ON TYPE goes_snapshot IS
'a snapshot: the state of an aggregate, as bytes, after its event of that version, and when it was taken (nanoseconds since 1970)';

CREATE FUNCTION goes_create_snapshot_store(
    store text DEFAULT NULL
)
RETURNS regclass
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION goes_create_snapshot_store(text) IS
'creates the table for snapshots, or checks the one that is there; a null store is the table snapshots; idempotent, and safe when many sessions call it at once; the table belongs to the caller and never to the extension';

CREATE FUNCTION goes_snapshot_save(
    aggregate_name    text,
    aggregate_id      uuid,
    aggregate_version integer,
    state             bytea,
    "time"            bigint DEFAULT NULL,
    store             text   DEFAULT NULL
)
RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION goes_snapshot_save(text, uuid, integer, bytea, bigint, text) IS
'stores a snapshot: the state of an aggregate after its event of that version; replaces state and time of an existing one of that version; a null time is the current time, in nanoseconds since 1970';

CREATE FUNCTION goes_snapshot_latest(
    aggregate_name text,
    aggregate_id   uuid,
    store          text DEFAULT NULL
)
RETURNS SETOF goes_snapshot
LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 1
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION goes_snapshot_latest(text, uuid, text) IS
'returns the newest snapshot of an aggregate: one row or none';

CREATE FUNCTION goes_snapshot_version(
    aggregate_name text,
    aggregate_id   uuid,
    version        integer,
    store          text DEFAULT NULL
)
RETURNS SETOF goes_snapshot
LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 1
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION goes_snapshot_version(text, uuid, integer, text) IS
'returns the snapshot of an aggregate of exactly that version: one row or none';

CREATE FUNCTION goes_snapshot_limit(
    aggregate_name text,
    aggregate_id   uuid,
    version        integer,
    store          text DEFAULT NULL
)
RETURNS SETOF goes_snapshot
LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 1
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION goes_snapshot_limit(text, uuid, integer, text) IS
'returns the newest snapshot of an aggregate at or below that version: one row or none';

CREATE FUNCTION goes_snapshot_query_support(internal)
RETURNS internal
LANGUAGE C STABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION goes_snapshot_query_support(internal) IS
'tells the planner how many rows goes_snapshot_query returns';

CREATE FUNCTION goes_snapshot_query(
    times              bigint[]             DEFAULT NULL,
    time_min           bigint               DEFAULT NULL,
    time_max           bigint               DEFAULT NULL,
    time_ranges        int8range[]          DEFAULT NULL,
    aggregate_names    text[]               DEFAULT NULL,
    aggregate_ids      uuid[]               DEFAULT NULL,
    aggregate_versions integer[]            DEFAULT NULL,
    version_min        integer              DEFAULT NULL,
    version_max        integer              DEFAULT NULL,
    version_ranges     int4range[]          DEFAULT NULL,
    aggregates         goes_aggregate_ref[] DEFAULT NULL,
    sort               text[]               DEFAULT NULL,
    max_snapshots      bigint               DEFAULT NULL,
    store              text                 DEFAULT NULL
)
RETURNS SETOF goes_snapshot
LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 SUPPORT goes_snapshot_query_support
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION goes_snapshot_query(bigint[], bigint, bigint, int8range[], text[], uuid[], integer[], integer, integer, int4range[], goes_aggregate_ref[], text[], bigint, text) IS
'returns the snapshots that the filters leave, in the order of sort (time, aggregate_name, aggregate_id, aggregate_version, each with an optional asc or desc; ties go by name, id and version), at most max_snapshots of them; values of one argument are ORed, arguments are ANDed; a null or empty argument filters nothing; _min and _max are inclusive, and a range includes its bounds as it is written';

CREATE FUNCTION goes_snapshot_delete(
    aggregate_name    text,
    aggregate_id      uuid,
    aggregate_version integer,
    store             text DEFAULT NULL
)
RETURNS boolean
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION goes_snapshot_delete(text, uuid, integer, text) IS
'removes the snapshot of an aggregate of that version, and tells whether there was one';

CREATE FUNCTION goes_snapshot_prune(
    keep  integer,
    store text DEFAULT NULL
)
RETURNS bigint
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION goes_snapshot_prune(integer, text) IS
'removes all snapshots but the newest of every aggregate, of which it keeps as many as keep says (0 removes all), and returns how many it removed; never waits: snapshots that another transaction has locked stay until the next call';

-- Models

CREATE FUNCTION goes_create_model_store(
    store text DEFAULT NULL
)
RETURNS regclass
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION goes_create_model_store(text) IS
'creates the table for models, or checks the one that is there; a null store is the table models; idempotent, and safe when many sessions call it at once; the table belongs to the caller and never to the extension';

CREATE FUNCTION goes_model_save(
    id    text,
    model jsonb,
    store text DEFAULT NULL
)
RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION goes_model_save(text, jsonb, text) IS
'stores a model, or replaces the one with that id';

CREATE FUNCTION goes_model_fetch(
    id    text,
    store text DEFAULT NULL
)
RETURNS jsonb
LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION goes_model_fetch(text, text) IS
'returns the model with that id, or null if there is none';

CREATE FUNCTION goes_model_lock(
    id      text,
    initial jsonb DEFAULT NULL,
    store   text  DEFAULT NULL
)
RETURNS jsonb
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION goes_model_lock(text, jsonb, text) IS
'returns the model with that id, as last committed, and locks it until the transaction ends; if it is missing, creates it from initial; of several sessions that try this at once one creates it, and the others wait and then get what it has become; returns null if it is missing and initial is null';

CREATE FUNCTION goes_model_delete(
    id    text,
    store text DEFAULT NULL
)
RETURNS boolean
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION goes_model_delete(text, text) IS
'removes the model with that id, and tells whether there was one';

-- Loading

CREATE FUNCTION goes_load_support(internal)
RETURNS internal
LANGUAGE C STABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION goes_load_support(internal) IS
'tells the planner how many rows goes_load returns';

CREATE FUNCTION goes_load(
    aggregate_name text,
    aggregate_id   uuid,
    snapshots      text DEFAULT NULL,
    store          text DEFAULT NULL
)
RETURNS TABLE (aggregate_version integer, "time" bigint, state bytea, id uuid, name text, data jsonb)
LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 SUPPORT goes_load_support
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION goes_load(text, uuid, text, text) IS
'returns what an aggregate is rebuilt from: its newest snapshot (the row with a state; none if there is no snapshot, or no table of snapshots), then every later event in the order of versions, all read at the same moment; snapshots: the table of snapshots, null for the table snapshots';
