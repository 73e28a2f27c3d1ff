/* goes_store 1.0: what CREATE EXTENSION goes_store runs, one subject after another. */

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION goes_store" to load this file. \quit

-- Types. They are frozen: a new fact gets a new type.

CREATE TYPE @extschema@.goes_event AS (
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

CREATE TYPE @extschema@.goes_aggregate_ref AS (
    name text,
    id   uuid
);
COMMENT ON TYPE goes_aggregate_ref IS
'a reference to the aggregate of that name and id; a nil or null id means every aggregate of that name';

CREATE TYPE @extschema@.goes_append_item AS (
    aggregate_name   text,
    aggregate_id     uuid,
    events           goes_event[],
    expected_version integer
);
COMMENT ON TYPE goes_append_item IS
'one of the appends of goes_append_each, with the arguments of goes_append';

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
    store      text    DEFAULT NULL,
    table_only boolean DEFAULT false
)
RETURNS TABLE (problem text, remedy text)
LANGUAGE C VOLATILE PARALLEL RESTRICTED COST 1000
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION goes_check_store(text, boolean) IS
'lists the problems of a store, each with the SQL that mends it, or null where a person has to decide; no rows mean that the store is sound; table_only: true leaves out its guards and its feed, without which events can be stored and read as well';

CREATE FUNCTION goes_alter_store(
    store             text    DEFAULT NULL,
    validate_versions text    DEFAULT NULL,
    append_only       boolean DEFAULT NULL,
    feed              boolean DEFAULT NULL
)
RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION goes_alter_store(text, text, boolean, boolean) IS
'sets the guards of a store, which hold for every writer of its table, and its feed; null leaves each as it is; validate_versions: off, increasing (the version of a new event must be above its aggregate''s newest) or sequential (it must be the next one), otherwise error VE001; append_only: UPDATE, DELETE and TRUNCATE raise error VE002 unless goes_store.allow_changes is on; feed: true adds a column position that numbers the events for readers who follow the store (goes_feed), or lets a feed that was rewound start anew, false takes all of it away';

CREATE PROCEDURE goes_create_index(
    kind  text,
    store text DEFAULT NULL
)
LANGUAGE C
AS 'MODULE_PATHNAME';
COMMENT ON PROCEDURE goes_create_index(text, text) IS
'makes an index that answers what those of every store cannot: name_time (the events of a name by time), aggregate_name_time (those of an aggregate name, by time) or aggregate_version; nothing if there is one; CONCURRENTLY if it is called outside of a transaction block and of functions, otherwise writers wait until it is built';

-- Guards: triggers that hold every writer of a store to a rule

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
'makes events of JSON, of one object or an array of them, keyed by the columns of goes_event, with the defaults of goes_new_event; time may be a string of digits or a time in ISO 8601 with its zone; stores nothing';

CREATE FUNCTION goes_insert_batch(
    events goes_event[],
    store  text         DEFAULT NULL
)
RETURNS bigint
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION goes_insert_batch(goes_event[], text) IS
'stores events, all or nothing, and returns their number; a taken id or aggregate version is error 23505';

CREATE FUNCTION goes_insert_json(
    events jsonb,
    store  text  DEFAULT NULL
)
RETURNS bigint
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION goes_insert_json(jsonb, text) IS
'stores the events that goes_events_from_json makes of JSON, as goes_insert_batch does, and returns their number';

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

CREATE FUNCTION goes_append_json(
    aggregate_name   text,
    aggregate_id     uuid,
    events           jsonb,
    expected_version integer DEFAULT NULL,
    store            text    DEFAULT NULL
)
RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION goes_append_json(text, uuid, jsonb, integer, text) IS
'appends the events that goes_events_from_json makes of JSON, as goes_append does, and returns the last version';

CREATE FUNCTION goes_append_each(
    appends goes_append_item[],
    store   text              DEFAULT NULL
)
RETURNS TABLE (item integer, aggregate_version integer, sqlstate text, message text, detail jsonb)
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION goes_append_each(goes_append_item[], text) IS
'makes many appends in one transaction, each as goes_append does, and returns a row for each, numbered from 1: the last version, or the error that goes_append would have raised, which undoes that append only; detail is the JSON object of VE001, a string otherwise; repeating the call changes nothing and returns the same';

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

CREATE FUNCTION goes_history_support(internal)
RETURNS internal
LANGUAGE C STABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION goes_history_support(internal) IS
'tells the planner how many rows goes_history returns';

CREATE FUNCTION goes_history(
    aggregate_name text,
    aggregate_id   uuid,
    from_version   integer DEFAULT NULL,
    to_version     integer DEFAULT NULL,
    max_events     bigint  DEFAULT NULL,
    store          text    DEFAULT NULL
)
RETURNS SETOF goes_event
LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 SUPPORT goes_history_support
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION goes_history(text, uuid, integer, integer, bigint, text) IS
'returns the events of an aggregate in the order of their versions, from from_version to to_version, both inclusive, at most max_events of them; null means no bound';

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

-- Versions

CREATE FUNCTION goes_library_version(
    at_least text DEFAULT NULL
)
RETURNS text
LANGUAGE C STABLE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION goes_library_version(text) IS
'returns the version of the library that this session has loaded; error 55000 if it is older than at_least, as where the new package is not installed yet, or the session began before it was';

-- Snapshots

CREATE TYPE @extschema@.goes_snapshot AS (
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

-- The feed: every event of a store once, in the order of its position

CREATE FUNCTION goes_feed(
    after              bigint               DEFAULT 0,
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
    max_events         bigint               DEFAULT NULL,
    max_bytes          bigint               DEFAULT NULL,
    wait_ms            integer              DEFAULT 0,
    after_id           uuid                 DEFAULT NULL,
    store              text                 DEFAULT NULL
)
RETURNS TABLE (
    "position"        bigint,
    id                uuid,
    name              text,
    "time"            bigint,
    aggregate_id      uuid,
    aggregate_name    text,
    aggregate_version integer,
    data              jsonb
)
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION goes_feed(bigint, text[], uuid[], bigint[], bigint, bigint, int8range[], text[], uuid[], integer[], integer, integer, int4range[], goes_aggregate_ref[], bigint, bigint, integer, uuid, text) IS
'returns the next events after a position in the order of their positions, at most max_events (null: 1000) and no further than the one with which their data has max_bytes bytes (null: any number), and then one row without a name: the position to go on after, and the id of the newest event at or below it, which can be given as after_id; that row comes also where no event is left by the filters, which are those of goes_count; a call looks at 100000 positions at the most, and waits up to wait_ms milliseconds for news; error VE006 if the feed was rewound';

CREATE FUNCTION goes_feed_page(
    after              bigint               DEFAULT 0,
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
    max_events         bigint               DEFAULT NULL,
    max_bytes          bigint               DEFAULT NULL,
    wait_ms            integer              DEFAULT 0,
    after_id           uuid                 DEFAULT NULL,
    store              text                 DEFAULT NULL
)
RETURNS SETOF bytea
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000 ROWS 30
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION goes_feed_page(bigint, text[], uuid[], bigint[], bigint, bigint, int8range[], text[], uuid[], integer[], integer, integer, int4range[], goes_aggregate_ref[], bigint, bigint, integer, uuid, text) IS
'returns what goes_feed does, with the same arguments and errors, packed into a few values for libgoes; their format is libgoes'' own and may change with the version: for anything else there is goes_feed';

CREATE FUNCTION goes_feed_number()
RETURNS bigint
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION goes_feed_number() IS
'numbers the events that are there when a feed is switched on; only goes_alter_store can call it';

CREATE FUNCTION goes_feed_truncate()
RETURNS trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION goes_feed_truncate() IS
'the trigger of a feed that notes when TRUNCATE RESTART IDENTITY has rewound it; goes_alter_store installs it';

CREATE FUNCTION goes_feed_wake()
RETURNS trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION goes_feed_wake() IS
'the trigger of a feed that wakes waiting readers when a transaction that has stored events commits; goes_alter_store installs it';

CREATE FUNCTION goes_feed_position(
    after   bigint  DEFAULT 0,
    wait_ms integer DEFAULT 0,
    store   text    DEFAULT NULL
)
RETURNS bigint
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION goes_feed_position(bigint, integer, text) IS
'returns up to which position the feed of a store is settled, at least after: no event will be stored at or below it any more, and the next statement sees all of them; waits up to wait_ms milliseconds until that is above after; error VE006 if the feed was rewound';

CREATE FUNCTION goes_feed_settle(
    store text DEFAULT NULL
)
RETURNS bigint
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION goes_feed_settle(text) IS
'lets standbys and new sessions know up to which position the feed is settled, and returns it; readers on the primary do that by themselves';

CREATE FUNCTION goes_feed_writers(
    store text DEFAULT NULL
)
RETURNS TABLE (pid integer, gid text, low bigint, since timestamptz, state text)
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION goes_feed_writers(text) IS
'lists the transactions that hold the feed of a store back: the process or the name of the prepared transaction, a position below all that it may have stored, since when it runs or is prepared, and its state (pg_stat_activity, or prepared); those of other roles have no time and state without the privileges of pg_read_all_stats';

-- Subscriptions

CREATE FUNCTION goes_create_subscription_store(
    store text DEFAULT NULL
)
RETURNS regclass
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION goes_create_subscription_store(text) IS
'creates the tables for subscriptions, or checks those that are there: store (null: subscriptions) and two beside it, whose names end in _partitions and _retries; idempotent, and safe when many sessions call it at once; the tables belong to the caller and never to the extension';

CREATE FUNCTION goes_subscribe(
    subscription       text,
    partitions         integer              DEFAULT 16,
    start              bigint               DEFAULT 0,
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
    max_attempts       integer              DEFAULT 5,
    backoff_ms         integer              DEFAULT 1000,
    backoff_max_ms     integer              DEFAULT 600000,
    events             text                 DEFAULT NULL,
    store              text                 DEFAULT NULL
)
RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION goes_subscribe(text, integer, bigint, text[], uuid[], bigint[], bigint, bigint, int8range[], text[], uuid[], integer[], integer, integer, int4range[], goes_aggregate_ref[], integer, integer, integer, text, text) IS
'makes a subscription to the feed of events (null: the default store), which workers share by goes_claim; start: the position behind which it begins, 0 for all events, -1 for those that are not settled yet; the filters are those of goes_query; an event that has failed max_attempts times is parked, and waits backoff_ms before its second attempt, twice as long before each further one, but never longer than backoff_max_ms; idempotent, but other arguments for a subscription that is there are an error';

CREATE FUNCTION goes_unsubscribe(
    subscription text,
    store        text DEFAULT NULL
)
RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION goes_unsubscribe(text, text) IS
'removes a subscription, with its partitions and what it holds';

CREATE FUNCTION goes_claim(
    subscription text,
    worker       text,
    max_events   bigint,
    lease_ms     integer DEFAULT 30000,
    wait_ms      integer DEFAULT 0,
    store        text    DEFAULT NULL
)
RETURNS TABLE ("partition" integer, epoch bigint, "position" bigint, attempts integer, id uuid, name text, "time" bigint, aggregate_id uuid, aggregate_name text, aggregate_version integer, data jsonb)
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION goes_claim(text, text, bigint, integer, integer, text) IS
'gives a worker free partitions of a subscription for lease_ms milliseconds, and returns their next events in the order of position, at most max_events; attempts: how often the event has failed, or was handed out to workers that died; the lease holds once the caller commits; if there is nothing to do, waits up to wait_ms milliseconds for it (60,000 at the most)';

CREATE FUNCTION goes_done(
    subscription text,
    "partition"  integer,
    epoch        bigint,
    done         bigint[] DEFAULT NULL,
    failed       bigint[] DEFAULT NULL,
    errors       text[]   DEFAULT NULL,
    store        text     DEFAULT NULL
)
RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION goes_done(text, integer, bigint, bigint[], bigint[], text[], text) IS
'says which events of a claimed partition are done and which failed, with a text for each of these; in the transaction of the effects these are stored exactly once; error VE005 if the lease is lost; behind a failed event the later ones of its aggregate are held, and come again after it; an event before whose turn it is named is error 22023';

CREATE FUNCTION goes_renew(
    subscription text,
    "partition"  integer,
    epoch        bigint,
    lease_ms     integer DEFAULT 30000,
    store        text    DEFAULT NULL
)
RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION goes_renew(text, integer, bigint, integer, text) IS
'lets the lease of a claimed partition end lease_ms milliseconds from now; error VE005 if it is lost';

CREATE FUNCTION goes_release(
    subscription text,
    "partition"  integer,
    epoch        bigint,
    store        text DEFAULT NULL
)
RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION goes_release(text, integer, bigint, text) IS
'gives a claimed partition back before its lease ends; events that are not done come again at once, and no attempt is counted; error VE005 if the lease is lost';

CREATE FUNCTION goes_unpark(
    subscription text,
    positions    bigint[] DEFAULT NULL,
    store        text     DEFAULT NULL
)
RETURNS bigint
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION goes_unpark(text, bigint[], text) IS
'lets parked events be tried again, as if they had not failed yet (null: all of the subscription), those that wait behind them after them, and returns how many; an event that waits for its next attempt is tried at once';

CREATE FUNCTION goes_skip(
    subscription text,
    positions    bigint[],
    store        text     DEFAULT NULL
)
RETURNS bigint
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION goes_skip(text, bigint[], text) IS
'gives up events that are held, or that workers die of: no worker gets them any more, and those behind them go on; returns how many; error 55006 for one that a worker has right now';

CREATE FUNCTION goes_rewind(
    subscription text,
    after        bigint,
    store        text   DEFAULT NULL
)
RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION goes_rewind(text, bigint, text) IS
'lets a subscription go on behind a position, back or forth (0: from the beginning, -1: from where the feed is settled); ends all leases, forgets what is held, and follows a feed that began anew';

CREATE FUNCTION goes_subscription_lag(
    store text DEFAULT NULL
)
RETURNS TABLE (subscription text, "partition" integer, "position" bigint, behind bigint, worker text, lease_until timestamptz, retrying bigint, parked bigint, waiting bigint)
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION goes_subscription_lag(text) IS
'returns how far each partition of each subscription is: its checkpoint, how many positions are not done (null: the feed began anew), who has it until when, and how many events are tried again, are parked, and wait behind those';

CREATE FUNCTION goes_parked(
    subscription text,
    store        text DEFAULT NULL
)
RETURNS TABLE ("partition" integer, "position" bigint, attempts integer, failed_at timestamptz, error text, waiting bigint, id uuid, name text, aggregate_name text, aggregate_id uuid)
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION goes_parked(text, text) IS
'returns the parked events of a subscription: how often and when each has failed, with which error, and how many events of its aggregate wait behind it';

CREATE FUNCTION goes_write_token(
    store text DEFAULT NULL
)
RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION goes_write_token(text) IS
'returns a token of everything that was committed before this call, for goes_wait_for on a standby; call it on the primary, after the commit';

CREATE FUNCTION goes_wait_for(
    token   text,
    wait_ms integer DEFAULT 1000
)
RETURNS boolean
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION goes_wait_for(text, integer) IS
'waits up to wait_ms milliseconds until the next statement on this server sees everything that a token of goes_write_token stands for, and returns true; false: not in time; null: the token is of another timeline, as after a promotion, so ask the primary';

CREATE FUNCTION goes_in_transaction_block()
RETURNS boolean
LANGUAGE C STABLE PARALLEL UNSAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION goes_in_transaction_block() IS
'tells whether the statement is part of a transaction block, or of a subtransaction, so that a rollback may follow; functions that write on other servers ask this, and refuse what they could not undo';
