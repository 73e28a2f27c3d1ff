/*
 * goes.h
 *    libgoes: the event store goes_store, from C.
 *
 *        goes_store_options options;
 *        goes_store *store;
 *        goes_event event;
 *
 *        goes_store_options_init(&options, sizeof options);
 *        options.url = "postgres://localhost";
 *        if (goes_store_open(&store, &options, NULL) == GOES_OK)
 *        {
 *            goes_event_init(&event, "order.placed", "{\"total\": 30}");
 *            goes_insert(store, &event, 1, NULL, NULL);
 *            goes_store_close(store);
 *        }
 *
 * Link with `pkg-config --cflags --libs libgoes`, or put libgoes into the program with
 * `-l:libgoes.a -lpq -luuid -pthread`. This header needs neither libpq's nor libuuid's.
 *
 * Results. A function that can fail returns GOES_OK (0) or a negative goes_status. If its last
 * parameter is `goes_error **err`, that may be NULL; otherwise *err is set on failure only, never
 * read, and freed by the caller with goes_error_free(). Other out-parameters are written on success
 * only. Accessors and functions that free accept NULL.
 *
 * Threads. A store, its pool and a goes_cancel may be used by any number of threads at once. Every
 * other object belongs to one thread at a time.
 *
 * Ownership. Arguments are borrowed for the length of the call. What a function gives out is freed
 * by the function that its comment names. Strings are UTF-8 and end with a zero byte.
 *
 * Time. Points in time are nanoseconds since 1970-01-01 UTC, from 1677 to 2262; lengths of time
 * are milliseconds.
 *
 * Fork. A child process that uses its parent's store or pool gets GOES_ERR_STATE; closing it there
 * leaves the parent's connections alone.
 *
 * ABI. The soname changes only when a program built with an older header would break. Structures
 * with a field `size` may grow at their end: fill them by their init function, or with zeros and
 * `.size = sizeof`. goes_event is frozen for this soname. New statuses may be added.
 */
#ifndef GOES_H
#define GOES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define GOES_DECLARATIONS_BEGIN \
	extern "C"                  \
	{
#define GOES_DECLARATIONS_END }
#else
#define GOES_DECLARATIONS_BEGIN
#define GOES_DECLARATIONS_END
#endif

#if defined(__GNUC__) || defined(__clang__)
#define GOES_API __attribute__((visibility("default")))
#else
#define GOES_API
#endif

GOES_DECLARATIONS_BEGIN

/* ---- Version ---------------------------------------------------------------------------- */

/* The version of this header: 0xMMmmpp, major, minor and patch. */
#define GOES_VERSION 0x010000

/* goes_version returns the version of the library at run time, as GOES_VERSION. */
GOES_API uint32_t goes_version(void);

/* ---- UUIDs and time --------------------------------------------------------------------- */

/* A UUID; `bytes` is what libuuid calls uuid_t. All zeros is nil and stands for "none". */
typedef struct goes_uuid
{
	unsigned char bytes[16]; /* in the order in which they are written */
} goes_uuid;

/*
 * goes_uuid_v7 makes a fresh UUID of version 7 (RFC 9562). Those that one process makes increase,
 * whichever thread makes them.
 */
GOES_API void goes_uuid_v7(goes_uuid *out);

/*
 * goes_uuid_parse reads the usual form, 8-4-4-4-12 digits in either case. GOES_ERR_INVALID for
 * anything else, and for NULL.
 */
GOES_API int goes_uuid_parse(const char *text, goes_uuid *out);

/* goes_uuid_format writes the usual form in lower case, with its zero byte. */
GOES_API void goes_uuid_format(const goes_uuid *id, char out[37]);

/* goes_uuid_is_nil tells whether a UUID is nil; NULL is. */
GOES_API bool goes_uuid_is_nil(const goes_uuid *id);

/* goes_now returns the time of the system's clock. */
GOES_API int64_t goes_now(void);

/* ---- Errors ----------------------------------------------------------------------------- */

/* What a function that can fail returns. */
typedef enum goes_status
{
	GOES_OK = 0,
	GOES_ERR_NOMEM = -1,	 /* out of memory */
	GOES_ERR_INVALID = -2,	 /* an argument cannot be used */
	GOES_ERR_CONNECT = -3,	 /* no connection, or it was lost and nothing was done */
	GOES_ERR_TIMEOUT = -4,	 /* the deadline passed */
	GOES_ERR_CANCELLED = -5, /* goes_cancel_trigger */
	GOES_ERR_NOT_FOUND = -6, /* there is no such event, snapshot or model */
	GOES_ERR_CONFLICT = -7,	 /* the aggregate is at another version: read it again, and retry */
	GOES_ERR_DUPLICATE = -8, /* there is another event with that id */
	GOES_ERR_IN_DOUBT = -9,	 /* the connection was lost, or a commit late: done or not is unknown */
	GOES_ERR_SCHEMA = -10,	 /* the table is missing or does not fit */
	GOES_ERR_PERMISSION = -11, /* wrong password, or a privilege is missing */
	GOES_ERR_SERVER = -12,	   /* another error of the server, or a trigger's: see the SQLSTATE */
	GOES_ERR_STATE = -13,	   /* misuse: not now, not here */
	GOES_ERR_HOOK = -14,	   /* a hook, or the function of goes_model_use, said no */
	GOES_ERR_READ_ONLY = -15,  /* the store is append-only; of a standby it is GOES_ERR_SERVER */
	GOES_ERR_EXTENSION = -16   /* the server lacks the extension, or has too old a version */
} goes_status;

/* Why a call failed. Immutable; any thread may read it. */
typedef struct goes_error goes_error;

/* goes_status_text returns a short English text for a status, never NULL. */
GOES_API const char *goes_status_text(int status);

/* The status, GOES_OK for NULL. */
GOES_API int goes_error_status(const goes_error *error);

/*
 * What happened and what to do, in English; "" for NULL. Never holds a password. What the server says is
 * in its own language, and of what a trigger ran into it is all there, in several lines.
 */
GOES_API const char *goes_error_message(const goes_error *error);

/* The server's SQLSTATE, "" if it sent none. */
GOES_API const char *goes_error_sqlstate(const goes_error *error);

/*
 * Which event of the batch the error is about, from 0; -1 if that is unknown, or none of them. Of a
 * GOES_ERR_DUPLICATE it is the first one whose id is taken.
 */
GOES_API int64_t goes_error_event_index(const goes_error *error);

/*
 * goes_error_is_retryable tells whether the same work may succeed when it is done again from its
 * start: after GOES_ERR_CONFLICT (read the aggregate again first), GOES_ERR_CONNECT, and when
 * transactions got in each other's way (SQLSTATE 40001, 40P01, 55P03). Never after GOES_ERR_IN_DOUBT,
 * and not after a GOES_ERR_CONNECT that waiting does not mend: a database that is gone, a server
 * without the TLS that is required, a certificate that does not match, an unknown setting.
 */
GOES_API bool goes_error_is_retryable(const goes_error *error);

/* What a version conflict is about. */
typedef struct goes_conflict
{
	size_t		size;			 /* sizeof(goes_conflict) */
	const char *aggregate_name;	 /* lives as long as the error */
	goes_uuid	aggregate_id;	 /* the aggregate's */
	int32_t		current_version; /* of the aggregate, 0 if it has no events; -1: unknown */
	int32_t		event_version;	 /* of the event that could not have it; -1: unknown */
} goes_conflict;

/*
 * goes_error_conflict fills in what is known of a GOES_ERR_CONFLICT, up to out->size, which the caller
 * sets. All is known if the server compared versions (goes_append, or a guard of the store; SQLSTATE
 * VE001). If the index over versions refused them (23505), libgoes asks the server what is there
 * now; in a transaction, which is over then, it cannot, and knows what is the same in all the events.
 * The aggregate is another one than the caller's if a trigger on the table stores events, too; what a
 * trigger stores in another table is GOES_ERR_SERVER.
 *
 * false: the error is another one, or nothing is known.
 */
GOES_API bool goes_error_conflict(const goes_error *error, goes_conflict *out);

/* goes_error_free frees an error. */
GOES_API void goes_error_free(goes_error *error);

/* ---- Deadlines and cancellation --------------------------------------------------------- */

/* Cancels calls. One-shot: once triggered, every call that has it is cancelled, now and later. */
typedef struct goes_cancel goes_cancel;

/* goes_cancel_new returns NULL when memory or file descriptors are used up. */
GOES_API goes_cancel *goes_cancel_new(void);

/* goes_cancel_trigger may be called from any thread and from a signal handler. */
GOES_API void goes_cancel_trigger(goes_cancel *cancel);

/* goes_cancel_free: no call that has it may be running. */
GOES_API void goes_cancel_free(goes_cancel *cancel);

/*
 * What bounds a call. Every call that may block takes one; NULL means the store's defaults. The
 * time covers waiting for a connection, and connecting. A call that is late or cancelled returns
 * within a second.
 */
typedef struct goes_context
{
	size_t		 size;		 /* sizeof(goes_context) */
	int64_t		 timeout_ms; /* 0: the store's operation_timeout_ms, or none for
								goes_pool_acquire(); below 0: none */
	goes_cancel *cancel;	 /* or NULL */
} goes_context;

/* ---- Events ----------------------------------------------------------------------------- */

/*
 * An event. A nil aggregate_id, a NULL or empty aggregate_name and version 0 together mean that it
 * has no aggregate. `data` is JSON text of data_len bytes; NULL is stored as JSON null. Events that
 * the library gives out have no NULL in them: data is what the server makes of the text, with a zero
 * byte behind it.
 */
typedef struct goes_event
{
	goes_uuid	id;				   /* no other event has it */
	const char *name;			   /* what happened: 1 to 255 characters */
	int64_t		time;			   /* when it happened */
	goes_uuid	aggregate_id;	   /* what it happened to */
	const char *aggregate_name;	   /* the kind of thing that is: up to 255 characters */
	int32_t		aggregate_version; /* its number among that one's events */
	const char *data;			   /* JSON text */
	size_t		data_len;		   /* the text's length in bytes */
} goes_event;

/*
 * goes_event_init makes an event without an aggregate: a fresh id, the current time, and a name and
 * JSON text (NULL: none) that are borrowed as long as the event is used.
 */
GOES_API void goes_event_init(goes_event *event, const char *name, const char *json);

/* goes_event_copy copies an event and all it refers to; NULL when out of memory. */
GOES_API goes_event *goes_event_copy(const goes_event *event);

/* goes_event_free frees what goes_event_copy and goes_find gave out. */
GOES_API void goes_event_free(goes_event *event);

/* ---- Codec ------------------------------------------------------------------------------ */

/*
 * Turns an application's values into JSON and back, by the event's name. Optional: events hold JSON
 * text either way. Register everything before threads share a codec; from then on it is read only.
 */
typedef struct goes_codec goes_codec;

/*
 * Encodes `value` into *json, allocated by malloc and ended by a zero byte. Decodes `len` bytes of
 * JSON into *value, whose kind and owner are the application's. Both return 0 for success; a
 * goes_status gives the call that status, any other value GOES_ERR_INVALID, and text that an encoder
 * had set is freed.
 */
typedef int (*goes_encode_fn)(const void *value, char **json, void *user);
typedef int (*goes_decode_fn)(const char *json, size_t len, void **value, void *user);

/* goes_codec_new returns NULL when out of memory. */
GOES_API goes_codec *goes_codec_new(void);

/*
 * goes_codec_register names the functions for an event name, in place of those it had. Either may
 * be NULL if it is never needed. GOES_ERR_INVALID for an empty name, GOES_ERR_NOMEM.
 */
GOES_API int goes_codec_register(goes_codec *codec, const char *event_name, goes_encode_fn encode,
								 goes_decode_fn decode, void *user);

/*
 * goes_codec_encode turns a value into JSON text, freed with goes_free(). GOES_ERR_NOT_FOUND if the
 * name has no such function.
 */
GOES_API int goes_codec_encode(const goes_codec *codec, const char *event_name, const void *value,
							   char **json, goes_error **err);

/* goes_codec_decode turns an event's data into a value. GOES_ERR_NOT_FOUND as above. */
GOES_API int goes_codec_decode(const goes_codec *codec, const goes_event *event, void **value,
							   goes_error **err);

/* goes_codec_free frees a codec. */
GOES_API void goes_codec_free(goes_codec *codec);

/* goes_free frees a char * that the library gave out. */
GOES_API void goes_free(void *memory);

/* ---- Store ------------------------------------------------------------------------------ */

/* A table of events in a database, and the connections to it. */
typedef struct goes_store goes_store;

/* Connections that threads share. */
typedef struct goes_pool goes_pool;

/* A transaction. */
typedef struct goes_tx goes_tx;

struct pg_conn; /* libpq's PGconn */

/* Which store to open, and how. */
typedef struct goes_store_options
{
	size_t size; /* sizeof(goes_store_options) */

	/*
	 * Where the server is, as a URI or as keywords of libpq; NULL means the environment variable
	 * POSTGRES_EVENTSTORE. A URL shared with a Go program may have pgx's parameters: pool_max_conns
	 * counts, other pool_* do not, search_path becomes a setting, an unknown one is an error. The
	 * database that it names is only connected to where the store's own has to be created. Several
	 * hosts are tried in turn; target_session_attrs=read-write finds the one that takes writes.
	 * A parameter, or an environment variable of libpq's, that libpq refuses is GOES_ERR_INVALID.
	 */
	const char *url;
	const char *database; /* taken literally; NULL means "goes"; created if missing */
	const char *table; /* written as in SQL: events, shop.events, "Odd Name"; NULL means "events" */
	goes_pool  *pool;  /* use this one, borrowed; url and database are ignored, none is created */
	int			max_connections;	  /* 0: pool_max_conns, else the number of cores, at least 4 */
	int64_t		connect_timeout_ms;	  /* for all of the set-up; 0: 3000; below 0: none */
	int64_t		operation_timeout_ms; /* of a call whose context names none; 0 and below: none */
	bool		no_create;			  /* fail instead of creating database, extension or table */

	/*
	 * For a pooler that gives each transaction another session, such as pgbouncer with transaction
	 * pooling, unless it keeps track of prepared statements. Without this a transaction may fail there
	 * with SQLSTATE 26000 and has to be repeated; other calls go on. With it the connections that the
	 * program was given are closed, not reset: what it left behind there may be in any session.
	 */
	bool no_prepared_statements;
} goes_store_options;

/* goes_store_options_init sets every field to its default; `size` is sizeof(goes_store_options). */
GOES_API void goes_store_options_init(goes_store_options *options, size_t size);

/*
 * goes_store_open makes a store, freed with goes_store_close(). It does no I/O: the first call
 * connects, creating the database, the extension and the table where they are missing. NULL options
 * are the defaults.
 *
 * GOES_ERR_INVALID if no URL is given, if it cannot be read, if database or table are empty, or if a
 * name of a database, a user, an application or a schema in search_path has more than the 63 bytes
 * that PostgreSQL keeps of a name. If libpq has such a name from its environment, or the table has it,
 * that shows on connecting.
 */
GOES_API int goes_store_open(goes_store **out, const goes_store_options *options, goes_error **err);

/*
 * goes_store_connect connects now. After a failure it may be called again, and tries again; once
 * connected it does nothing.
 *
 * GOES_ERR_CONNECT, GOES_ERR_TIMEOUT, GOES_ERR_PERMISSION, GOES_ERR_EXTENSION, GOES_ERR_SCHEMA. So
 * does every call that connects first.
 */
GOES_API int goes_store_connect(goes_store *store, const goes_context *context, goes_error **err);

/* goes_store_pool returns the store's pool, which lives as long as the store; NULL until connected. */
GOES_API goes_pool *goes_store_pool(goes_store *store);

/*
 * goes_store_close closes a store. It never hangs. Calls of other threads have to be over; cursors
 * and transactions may go on, and the last of them frees the store.
 */
GOES_API void goes_store_close(goes_store *store);

/*
 * goes_insert stores events, all or nothing; none is fine. When the connection is lost meanwhile, it
 * finds out what became of them. After GOES_ERR_TIMEOUT and GOES_ERR_CANCELLED they may be stored or
 * not: inserting the same ones again tells (GOES_ERR_DUPLICATE: they are).
 *
 * GOES_ERR_INVALID: the event's index says which, and the message what is wrong: no JSON, or JSON that
 * PostgreSQL cannot store (a number like 1e999999, an escaped U+0000, a string over 256 MB, characters
 * that the database's encoding lacks). In a transaction, and with hooks, the index is that of a bad
 * name, not of bad data. GOES_ERR_CONFLICT, GOES_ERR_DUPLICATE, GOES_ERR_IN_DOUBT, GOES_ERR_HOOK.
 */
GOES_API int goes_insert(goes_store *store, const goes_event *events, size_t n,
						 const goes_context *context, goes_error **err);

/* goes_append accepts any version. */
#define GOES_EXPECT_ANY (-2)

/* goes_append expects that the aggregate has events. */
#define GOES_EXPECT_EXISTS (-1)

/*
 * goes_append stores events as the next versions of an aggregate, all or nothing, provided that it is
 * at the expected version: just that one, 0 for no events yet, or one of the above. No events are fine:
 * then only that is checked, against what was committed, and nobody waits. On success the events have
 * the aggregate and their versions; the name is borrowed. An event may have them before, and then they
 * must agree.
 *
 * An append that is stored already (the same events: ids, times, data, order) stores nothing and
 * succeeds. So it may be repeated, with any expectation, when its answer was lost or did not come in
 * time; libgoes does so by itself when the connection is lost. Several appends in a transaction are one
 * change to several aggregates.
 *
 * GOES_ERR_CONFLICT (see goes_error_conflict), GOES_ERR_DUPLICATE if some of the events are stored
 * already, but not all, or others under their ids, GOES_ERR_INVALID (the event's index says which),
 * GOES_ERR_IN_DOUBT, GOES_ERR_HOOK.
 */
GOES_API int goes_append(goes_store *store, const char *aggregate_name,
						 const goes_uuid *aggregate_id, goes_event *events, size_t n,
						 int32_t expected_version, const goes_context *context, goes_error **err);

/*
 * goes_find looks up one event by its id. On success *out is a copy, freed with goes_event_free().
 * GOES_ERR_NOT_FOUND if there is none.
 */
GOES_API int goes_find(goes_store *store, const goes_uuid *id, goes_event **out,
					   const goes_context *context, goes_error **err);

/*
 * goes_delete removes the events with these ids, all or nothing. Unknown ids are no error.
 * GOES_ERR_READ_ONLY if the store is append-only.
 */
GOES_API int goes_delete(goes_store *store, const goes_uuid *ids, size_t n,
						 const goes_context *context, goes_error **err);

/* ---- Queries ---------------------------------------------------------------------------- */

/*
 * What to look for. Values of one kind are alternatives, kinds add up; an empty query returns every
 * event. It can be used any number of times.
 */
typedef struct goes_query goes_query;

/* What goes_query_sort sorts by. */
typedef enum goes_sort
{
	GOES_SORT_TIME,
	GOES_SORT_AGGREGATE_NAME,
	GOES_SORT_AGGREGATE_ID,
	GOES_SORT_AGGREGATE_VERSION
} goes_sort;

/* Which way goes_query_sort sorts. */
typedef enum goes_direction
{
	GOES_ASC,
	GOES_DESC
} goes_direction;

/*
 * goes_query_new makes a query; NULL when out of memory, and the steps below then return
 * GOES_ERR_NOMEM.
 *
 * Each step returns GOES_OK, GOES_ERR_NOMEM or GOES_ERR_INVALID, and copies what it is given. A step
 * that failed makes the run fail with its status, so the steps need no checks of their own.
 */
GOES_API goes_query *goes_query_new(void);

/* goes_query_free frees a query. */
GOES_API void goes_query_free(goes_query *query);

/* goes_query_name: events of this name. */
GOES_API int goes_query_name(goes_query *query, const char *name);

/* goes_query_id: the event with this id. */
GOES_API int goes_query_id(goes_query *query, const goes_uuid *id);

/* goes_query_time: events of exactly this time. */
GOES_API int goes_query_time(goes_query *query, int64_t time);

/* goes_query_time_min: events from this time on. The last call wins. */
GOES_API int goes_query_time_min(goes_query *query, int64_t time);

/* goes_query_time_max: events up to this time, and of it. The last call wins. */
GOES_API int goes_query_time_max(goes_query *query, int64_t time);

/* goes_query_time_after: events after this time: goes_query_time_min with the next nanosecond. */
GOES_API int goes_query_time_after(goes_query *query, int64_t time);

/* goes_query_time_before: events before this time: goes_query_time_max with the one before. */
GOES_API int goes_query_time_before(goes_query *query, int64_t time);

/* goes_query_time_range: events from `first` to `last`, and of both. */
GOES_API int goes_query_time_range(goes_query *query, int64_t first, int64_t last);

/* goes_query_aggregate_name: events of aggregates with this name. */
GOES_API int goes_query_aggregate_name(goes_query *query, const char *name);

/* goes_query_aggregate_id: events of aggregates with this id. */
GOES_API int goes_query_aggregate_id(goes_query *query, const goes_uuid *id);

/*
 * goes_query_aggregate: events of the aggregate of that name and id; a NULL or nil id means every
 * aggregate of the name.
 */
GOES_API int goes_query_aggregate(goes_query *query, const char *name, const goes_uuid *id);

/* goes_query_version: events of exactly this version of their aggregate. */
GOES_API int goes_query_version(goes_query *query, int32_t version);

/* goes_query_version_min: events from this version on. Of several, reaching one is enough. */
GOES_API int goes_query_version_min(goes_query *query, int32_t version);

/* goes_query_version_max: events up to this version, and of it. Of several, one is enough. */
GOES_API int goes_query_version_max(goes_query *query, int32_t version);

/* goes_query_version_range: events from version `first` to `last`, and of both. */
GOES_API int goes_query_version_range(goes_query *query, int32_t first, int32_t last);

/*
 * goes_query_sort sorts the events. The first call decides, the next ones break its ties. Without
 * one the order is any.
 */
GOES_API int goes_query_sort(goes_query *query, goes_sort sort, goes_direction direction);

/* goes_query_limit ends the result after so many events. Up to 1,000 are in memory at a time. */
GOES_API int goes_query_limit(goes_query *query, int64_t max_events);

/*
 * goes_query_merge adds all of a query's steps to another. Its time bounds and limit win, if it has
 * them.
 */
GOES_API int goes_query_merge(goes_query *into, const goes_query *from);

/*
 * goes_query_test tells whether a query would return an event once it is stored. Sorting and the
 * limit do not matter. false for a query with a failed step.
 */
GOES_API bool goes_query_test(const goes_query *query, const goes_event *event);

/* The events that a query found, one at a time. */
typedef struct goes_cursor goes_cursor;

/*
 * goes_query_run starts a query (NULL: every event). The cursor is freed with goes_cursor_close() and
 * needs the query no more. The context's timeout bounds the start and, anew, each wait in
 * goes_cursor_next(); its cancel has to live as long as the cursor.
 *
 * At most 1,000 events are read whole by the start, if that follows from the query: by its limit, by
 * ids, or as all that an aggregate has, in any order or that of its versions. They take memory until the
 * cursor is closed or at its end, and no connection. Everything else is read as the program goes on,
 * in little memory, however long it is.
 *
 * Such a cursor occupies a connection of the store until it has reached its end or an error, or is
 * closed; so do those of goes_snapshot_query() and goes_load(). While there are as many of them
 * unfinished as connections, other calls wait, and without a timeout they wait for ever if one of them
 * is to finish a cursor. In a transaction there is only its own connection, which cursors and calls share.
 */
GOES_API int goes_query_run(goes_store *store, const goes_query *query, goes_cursor **out,
							const goes_context *context, goes_error **err);

/* goes_cursor_next has an event. */
#define GOES_EVENT 1

/* goes_cursor_next has no more events. */
#define GOES_END 0

/*
 * goes_cursor_next returns GOES_EVENT with an event in *out that is good until the next call on the
 * cursor, GOES_END when there are no more, or a negative status. After an error or the end it
 * returns the same again.
 */
GOES_API int goes_cursor_next(goes_cursor *cursor, const goes_event **out, goes_error **err);

/* goes_cursor_close ends a query at any point, within a second. */
GOES_API void goes_cursor_close(goes_cursor *cursor);

/* goes_count counts what a query would return; sorting and the limit do not matter. */
GOES_API int goes_count(goes_store *store, const goes_query *query, int64_t *out,
						const goes_context *context, goes_error **err);

/* ---- Transactions ----------------------------------------------------------------------- */

/*
 * goes_tx_begin starts a transaction, which has a connection of its own. It ends with
 * goes_tx_commit() or goes_tx_rollback(). GOES_ERR_STATE on a transaction's store.
 */
GOES_API int goes_tx_begin(goes_store *store, goes_tx **out, const goes_context *context,
						   goes_error **err);

/* goes_tx_store returns a store whose calls run inside the transaction; it ends with it. */
GOES_API goes_store *goes_tx_store(goes_tx *tx);

/*
 * goes_tx_conn returns the transaction's connection, for the application's own statements. No result
 * may be left on it, it is not to be used after the transaction, and COMMIT and ROLLBACK are for the
 * functions below. Afterwards it is reset, as goes_pool_release() says.
 *
 * After an error, the application's own or that of a call (but for GOES_ERR_NOT_FOUND), the transaction can
 * only be rolled back: calls on its store are GOES_ERR_STATE, and say what had failed. With a SAVEPOINT and
 * ROLLBACK TO of its own the application undoes what failed, and goes on.
 */
GOES_API struct pg_conn *goes_tx_conn(goes_tx *tx);

/*
 * goes_tx_commit commits. It ends and frees the transaction whatever it returns. GOES_ERR_STATE if a
 * statement had failed, so that there was nothing to commit; GOES_ERR_IN_DOUBT if the connection was
 * lost and the outcome cannot be found out, or if the commit was under way when its time was over or it
 * was cancelled: the message says which. Cursors in it are to be closed before.
 */
GOES_API int goes_tx_commit(goes_tx *tx, const goes_context *context, goes_error **err);

/* goes_tx_rollback undoes and frees a transaction. Cursors in it are to be closed before. */
GOES_API void goes_tx_rollback(goes_tx *tx);

/* When a hook is called: before the events are stored, or after. */
typedef enum goes_hook_point
{
	GOES_PRE_INSERT,
	GOES_POST_INSERT
} goes_hook_point;

/*
 * A function that goes_insert and goes_append call in their transaction, before or after the events
 * are stored; those of an append have their versions only after it. Zero goes on; a goes_status
 * undoes the call and becomes its status, another value GOES_ERR_HOOK. If a call on the transaction's
 * store failed in it, with that status, the message, the SQLSTATE and the conflict are those of that call.
 * `tx` must not be ended in it, and the store it was added to not be used (GOES_ERR_STATE); what the
 * hook itself stores through goes_tx_store(tx) calls no hooks. An append that is repeated calls them
 * again, also if it is stored already.
 */
typedef int (*goes_hook)(goes_tx *tx, const goes_event *events, size_t n, void *user);

/*
 * goes_store_add_hook adds a hook, to be run after those of its kind that the store has. Before the
 * store's first call; GOES_ERR_STATE later and on a transaction's store, GOES_ERR_NOMEM.
 */
GOES_API int goes_store_add_hook(goes_store *store, goes_hook_point point, goes_hook hook,
								 void *user);

/* ---- Pool ------------------------------------------------------------------------------- */

/* Where a pool connects to, and how. */
typedef struct goes_pool_options
{
	size_t		size;			 /* sizeof(goes_pool_options) */
	const char *url;			 /* as in goes_store_options; its own database is used */
	int			max_connections; /* 0: pool_max_conns, else the number of cores, at least 4 */
	int64_t		max_lifetime_ms; /* older connections are replaced; 0: an hour; below 0: never */
	int64_t		max_idle_ms;	 /* so are idle ones; 0: half an hour; below 0: never */

	/*
	 * Sets a connection up: its settings, prepared statements, and so on. It runs again each time that a
	 * connection was reset. Not 0: the connection is no good. One that is left in a transaction, in pipeline
	 * mode, with a result, or with a client_encoding other than UTF8 is GOES_ERR_STATE.
	 */
	int (*on_connect)(struct pg_conn *connection, void *user);
	void *user; /* for on_connect */
} goes_pool_options;

/*
 * goes_pool_new makes a pool of connections, freed with goes_pool_free(). It does no I/O.
 * Connecting may take the connect_timeout of the URL, in seconds; without one it takes as long as the
 * call that needs the connection may. GOES_ERR_INVALID as for goes_store_open.
 */
GOES_API int goes_pool_new(goes_pool **out, const goes_pool_options *options, goes_error **err);

/*
 * goes_pool_acquire takes a connection, waiting for one if all are in use: for ever, unless the
 * context has a timeout or a cancel, also on the pool of a store. It goes back with
 * goes_pool_release(). GOES_ERR_TIMEOUT, GOES_ERR_CANCELLED, GOES_ERR_CONNECT.
 */
GOES_API int goes_pool_acquire(goes_pool *pool, struct pg_conn **out, const goes_context *context,
							   goes_error **err);

/*
 * goes_pool_release gives a connection back. One that is not fit for reuse (broken, in a transaction,
 * in pipeline mode) is closed.
 *
 * Every other one that the program was given, here, by goes_tx_conn(), or in a hook, is reset before it
 * serves again, as by DISCARD ALL: settings and role are those of the connection string again; temporary
 * tables, session locks, LISTEN, cursors and prepared statements are gone; so are, in libpq, notice
 * processors, tracing, verbosity, and notifications that have come. Then on_connect runs. Giving back does
 * not wait for that; the next who takes the connection does, within its deadline, and if it fails gets
 * another. Connections that the program was not given cost nothing. libpq cannot take back an event
 * procedure (PQregisterEventProc): do not register one.
 */
GOES_API void goes_pool_release(goes_pool *pool, struct pg_conn *connection);

/* goes_pool_free closes a pool; its connections have to be back, and its stores closed. */
GOES_API void goes_pool_free(goes_pool *pool);

/* ---- Snapshots -------------------------------------------------------------------------- */

/*
 * The state of an aggregate after its event of that version, as bytes of the program's own making.
 * Frozen for this soname.
 */
typedef struct goes_snapshot
{
	goes_uuid	aggregate_id;	   /* of which aggregate */
	const char *aggregate_name;	   /* 1 to 255 characters */
	int32_t		aggregate_version; /* the last event that is in it */
	int64_t		time;			   /* when it was taken; 0: when it is saved */
	const void *state;			   /* any bytes; NULL if there are none */
	size_t		state_len;		   /* how many */
} goes_snapshot;

/* The result of goes_snapshot_query. */
typedef struct goes_snapshot_cursor goes_snapshot_cursor;

/*
 * In the functions below `table` is the table of the snapshots, written as in SQL; NULL means
 * "snapshots". It is made when it is first used and missing, unless the store was opened with
 * no_create: then that is GOES_ERR_SCHEMA. They work on a transaction's store, too; if somebody dropped
 * the table after the store had used it, that transaction fails with GOES_ERR_SCHEMA, and the next one
 * makes it.
 */

/*
 * goes_snapshot_save stores a snapshot, in place of the one of the same aggregate and version if there
 * is one. GOES_ERR_IN_DOUBT if the connection was lost: save it again.
 */
GOES_API int goes_snapshot_save(goes_store *store, const char *table, const goes_snapshot *snapshot,
								const goes_context *context, goes_error **err);

/*
 * goes_snapshot_latest looks up the newest snapshot of an aggregate. *out is freed with
 * goes_snapshot_free(). GOES_ERR_NOT_FOUND if there is none; in a transaction, that leaves it as it
 * was.
 */
GOES_API int goes_snapshot_latest(goes_store *store, const char *table, const char *name,
								  const goes_uuid *id, goes_snapshot **out,
								  const goes_context *context, goes_error **err);

/* goes_snapshot_version looks up the one of just that version, in the same way. */
GOES_API int goes_snapshot_version(goes_store *store, const char *table, const char *name,
								   const goes_uuid *id, int32_t version, goes_snapshot **out,
								   const goes_context *context, goes_error **err);

/* goes_snapshot_limit looks up the newest at or below that version, in the same way. */
GOES_API int goes_snapshot_limit(goes_store *store, const char *table, const char *name,
								 const goes_uuid *id, int32_t version, goes_snapshot **out,
								 const goes_context *context, goes_error **err);

/* goes_snapshot_delete removes a snapshot. That there is none is no error. */
GOES_API int goes_snapshot_delete(goes_store *store, const char *table, const char *name,
								  const goes_uuid *id, int32_t version, const goes_context *context,
								  goes_error **err);

/*
 * goes_snapshot_query finds snapshots by aggregate, version and time, in the query's order; NULL finds
 * all. A query by the names or ids of events is GOES_ERR_INVALID. The cursor is closed with
 * goes_snapshot_cursor_close(). In a transaction all of the result is read at once.
 */
GOES_API int goes_snapshot_query(goes_store *store, const char *table, const goes_query *query,
								 goes_snapshot_cursor **out, const goes_context *context,
								 goes_error **err);

/* goes_snapshot_cursor_next reads the next snapshot, as goes_cursor_next() reads events. */
GOES_API int goes_snapshot_cursor_next(goes_snapshot_cursor *cursor, const goes_snapshot **out,
									   goes_error **err);

/* goes_snapshot_cursor_close ends the reading, at any point. */
GOES_API void goes_snapshot_cursor_close(goes_snapshot_cursor *cursor);

/* goes_snapshot_free frees a snapshot. */
GOES_API void goes_snapshot_free(goes_snapshot *snapshot);

/*
 * goes_load reads what an aggregate is made of, in one round trip and of one moment: its newest
 * snapshot, NULL if there is none or no such table, and a cursor on every later event, by version. The
 * two are freed and closed by their own functions. In a transaction the events are read at once.
 */
GOES_API int goes_load(goes_store *store, const char *snapshot_table, const char *name,
					   const goes_uuid *id, goes_snapshot **snapshot, goes_cursor **later_events,
					   const goes_context *context, goes_error **err);

/* ---- Read models ------------------------------------------------------------------------ */

/*
 * A model is a JSON document under an id. `table` is the table of the models, NULL means "models", and
 * it is made as that of the snapshots is. To change a model together with events, call these on a
 * transaction's store.
 */

/*
 * goes_model_save stores a model, in place of the one with that id if there is one.
 * GOES_ERR_INVALID if it is no JSON; GOES_ERR_IN_DOUBT.
 */
GOES_API int goes_model_save(goes_store *store, const char *table, const char *id, const char *json,
							 const goes_context *context, goes_error **err);

/* goes_model_fetch reads a model; *json is freed with goes_free(). GOES_ERR_NOT_FOUND. */
GOES_API int goes_model_fetch(goes_store *store, const char *table, const char *id, char **json,
							  const goes_context *context, goes_error **err);

/* goes_model_delete removes a model. That there is none is no error. */
GOES_API int goes_model_delete(goes_store *store, const char *table, const char *id,
							   const goes_context *context, goes_error **err);

/*
 * What is to be made of a model: *new_json is from malloc, and freed by libgoes; left NULL the model
 * stays as it is. 0 goes on; a goes_status undoes everything and becomes the status of
 * goes_model_use, another value GOES_ERR_HOOK. Calls on goes_tx_store(tx) belong to the same
 * transaction, which must not be ended here; the store that goes_model_use was called on must not be
 * used (GOES_ERR_STATE).
 */
typedef int (*goes_model_fn)(goes_tx *tx, const char *json, char **new_json, void *user);

/*
 * goes_model_use calls a function on a model while nobody else can change it, and saves what the
 * function makes of it. A missing model begins as initial_json, made by one of those who find it
 * missing at the same time; NULL: GOES_ERR_NOT_FOUND. It is a transaction of its own, or part of the
 * transaction whose store is given, and then the model stays locked until that ends. After an error
 * the model is as it was.
 */
GOES_API int goes_model_use(goes_store *store, const char *table, const char *id,
							const char *initial_json, goes_model_fn function, void *user,
							const goes_context *context, goes_error **err);

GOES_DECLARATIONS_END

#endif
