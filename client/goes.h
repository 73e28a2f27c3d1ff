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
 * Results. A function that can fail returns GOES_OK (0) or a negative goes_status. A last parameter
 * `goes_error **err` may be NULL. If it is not, the function sets *err on failure only and never
 * reads it, and the caller frees it with goes_error_free(). Other out-parameters are written on
 * success only. Accessors and functions that free accept NULL.
 *
 * Threads. A store, its pool and a goes_cancel may be used by any number of threads at once. Every
 * other object belongs to one thread at a time, unless its comment says otherwise.
 *
 * Ownership. Arguments are borrowed for the length of the call. The caller frees what a function
 * gives out, with the function that its comment names. Strings are UTF-8 and end with a zero byte.
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
 * goes_uuid_v7 makes a fresh UUID of version 7 (RFC 9562). Each is greater than all that the
 * process has made before, in whichever thread.
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
	GOES_ERR_NOMEM = -1,	   /* out of memory */
	GOES_ERR_INVALID = -2,	   /* an argument cannot be used */
	GOES_ERR_CONNECT = -3,	   /* no connection, or it was lost and nothing was done */
	GOES_ERR_TIMEOUT = -4,	   /* the deadline passed */
	GOES_ERR_CANCELLED = -5,   /* goes_cancel_trigger */
	GOES_ERR_NOT_FOUND = -6,   /* there is no such event, snapshot or model */
	GOES_ERR_CONFLICT = -7,	   /* the aggregate is at another version: read it again, and retry */
	GOES_ERR_DUPLICATE = -8,   /* there is another event with that id */
	GOES_ERR_IN_DOUBT = -9,	   /* lost connection or late commit: done or not is unknown */
	GOES_ERR_SCHEMA = -10,	   /* the table is missing or does not fit */
	GOES_ERR_PERMISSION = -11, /* wrong password, or a privilege is missing */
	GOES_ERR_SERVER = -12,	   /* another error of the server, or a trigger's: see the SQLSTATE */
	GOES_ERR_STATE = -13,	   /* misuse: not allowed now, or not here */
	GOES_ERR_HOOK = -14,	   /* a hook, or the function of goes_model_use, said no */
	GOES_ERR_READ_ONLY = -15,  /* the store is append-only; a standby gives GOES_ERR_SERVER */
	GOES_ERR_EXTENSION = -16,  /* the server lacks the extension, or has too old a version */
	GOES_ERR_LEASE_LOST = -17, /* others have the events that a worker was given */
	GOES_ERR_REWOUND = -18 /* the feed begins anew, or has lost events that readers have passed */
} goes_status;

/* Why a call failed. Immutable; any thread may read it. */
typedef struct goes_error goes_error;

/* goes_status_text returns a short English text for a status, never NULL. */
GOES_API const char *goes_status_text(int status);

/* The status, GOES_OK for NULL. */
GOES_API int goes_error_status(const goes_error *error);

/*
 * What happened and what to do, in English; "" for NULL. It never contains a password. What comes
 * from the server is in the server's language. For an error inside of a trigger it has several
 * lines, with all that the server reported; for a table that does not fit, the commands that mend it.
 */
GOES_API const char *goes_error_message(const goes_error *error);

/* The server's SQLSTATE, "" if it sent none. */
GOES_API const char *goes_error_sqlstate(const goes_error *error);

/*
 * The index, from 0, of the event that the error is about; -1 if it is about none of them, or that
 * is unknown. For GOES_ERR_DUPLICATE it is the first event whose id is taken.
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
	int32_t		event_version;	 /* of the event that was refused; -1: unknown */
} goes_conflict;

/*
 * goes_error_conflict fills in what is known about a GOES_ERR_CONFLICT, up to out->size, which the
 * caller sets. Everything is known if the server compared versions (SQLSTATE VE001, from
 * goes_append or a guard of the store). If the index over versions refused the events (23505),
 * libgoes asks the server for the current version. In a transaction it cannot ask, because the
 * error has ended the transaction; then only what all the events have in common is known. If a
 * trigger on the table stores events there, too, the aggregate may be one of the trigger's. A
 * conflict in another table that a trigger writes to is GOES_ERR_SERVER.
 *
 * It returns false if the error is no conflict, or if nothing is known.
 */
GOES_API bool goes_error_conflict(const goes_error *error, goes_conflict *out);

/*
 * goes_error_lost_deliveries returns for a GOES_ERR_LEASE_LOST how many deliveries were handed out
 * and are not done: others get these events again. 0 for any other error.
 */
GOES_API int64_t goes_error_lost_deliveries(const goes_error *error);

/* goes_error_free frees an error. */
GOES_API void goes_error_free(goes_error *error);

/* ---- Deadlines and cancellation --------------------------------------------------------- */

/*
 * Cancels calls. It works once: when it is triggered, every call that has it is cancelled, and so
 * is every later one.
 */
typedef struct goes_cancel goes_cancel;

/* goes_cancel_new returns NULL when memory or file descriptors are used up. */
GOES_API goes_cancel *goes_cancel_new(void);

/* goes_cancel_trigger may be called from any thread and from a signal handler. */
GOES_API void goes_cancel_trigger(goes_cancel *cancel);

/* goes_cancel_free frees it. No call that has it may be running. */
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

	/* What a read has to see, if the store has a read_url; NULL: whatever is there. */
	const struct goes_freshness *freshness;
} goes_context;

/*
 * What a read on a standby has to see at least: everything that a token stands for, an aggregate at a
 * version, or both. What the standby does not have in time is read from the primary.
 */
typedef struct goes_freshness
{
	size_t		size;			   /* sizeof(goes_freshness) */
	const char *token;			   /* of goes_store_write_token(); NULL: none */
	const char *aggregate_name;	   /* the aggregate, unless aggregate_version is 0 */
	goes_uuid	aggregate_id;	   /* likewise */
	int32_t		aggregate_version; /* that goes_append() gave the last event; 0: none */
} goes_freshness;

/* ---- Events ----------------------------------------------------------------------------- */

/*
 * An event. A nil aggregate_id, a NULL or empty aggregate_name and version 0 together mean that it
 * has no aggregate. `data` is JSON text of data_len bytes; NULL is stored as JSON null. Events that
 * the library gives out contain no NULL; their data is the text in the server's normal form,
 * followed by a zero byte.
 */
typedef struct goes_event
{
	goes_uuid	id;				   /* no other event has it */
	const char *name;			   /* what happened: 1 to 255 characters */
	int64_t		time;			   /* when it happened */
	goes_uuid	aggregate_id;	   /* what it happened to */
	const char *aggregate_name;	   /* the kind of that thing: up to 255 characters */
	int32_t		aggregate_version; /* the event's number within its aggregate */
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
 * JSON into *value, whose kind and owner are the application's. Both return 0 for success. A
 * goes_status becomes the status of the call, and any other value makes it GOES_ERR_INVALID. If an
 * encoder fails, the text that it has set is freed.
 */
typedef int (*goes_encode_fn)(const void *value, char **json, void *user);
typedef int (*goes_decode_fn)(const char *json, size_t len, void **value, void *user);

/* goes_codec_new returns NULL when out of memory. */
GOES_API goes_codec *goes_codec_new(void);

/*
 * goes_codec_register sets the functions for an event name, and replaces those it had. Either may
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

/* How important a line of the log is. */
typedef enum goes_log_level
{
	GOES_LOG_INFO,
	GOES_LOG_WARNING
} goes_log_level;

/*
 * A function that is told what no status shows: connections that were lost and made again, what was done
 * once more, leases that were lost. It is called in the thread of the call, must not use the store, and
 * must not fail. The text has no newline, and never a password.
 */
typedef void (*goes_log_fn)(goes_log_level level, const char *text, void *user);

/* Which store to open, and how. */
typedef struct goes_store_options
{
	size_t size; /* sizeof(goes_store_options) */

	/*
	 * Where the server is, as a URI or as keywords of libpq; NULL means the environment variable
	 * POSTGRES_EVENTSTORE. A URL shared with a Go program may have pgx's parameters: pool_max_conns
	 * is used, other pool_* are ignored, search_path becomes a setting, and an unknown parameter is
	 * an error. libgoes connects to the database that the URL names only if it has to create the
	 * store's own. Several hosts are tried in turn; target_session_attrs=read-write finds the one
	 * that takes writes. GOES_ERR_INVALID if libpq refuses a parameter or an environment variable
	 * of its own.
	 */
	const char *url;
	const char *database; /* taken literally; NULL means "goes"; created if missing */
	const char *table; /* written as in SQL: events, shop.events, "Odd Name"; NULL means "events" */
	goes_pool  *pool;  /* use this one, borrowed; url and database are ignored, none is created */
	int			max_connections; /* 0: pool_max_conns, else the number of cores, at least 4 */

	/*
	 * How long the first call may take to set up the store: to connect, and to create what is missing.
	 * 0 means 3000 to connect and 30000 in all; below 0: no limit.
	 */
	int64_t connect_timeout_ms;

	int64_t operation_timeout_ms; /* of a call whose context names none; 0 and below: none */
	bool	no_create;			  /* fail instead of creating database, extension or table */

	/*
	 * Set this for a pooler that gives each transaction another session, such as pgbouncer with
	 * transaction pooling, unless it keeps track of prepared statements. If it is not set there, a
	 * transaction may fail with SQLSTATE 26000 and must be repeated; other calls recover by
	 * themselves. If it is set, connections that the program was given are closed and not reset,
	 * since what the program left behind may be in any session.
	 */
	bool no_prepared_statements;

	goes_log_fn log;	  /* NULL: nothing is told */
	void	   *log_user; /* for log */

	/*
	 * Appends that threads make at the same time share a commit: what waits goes out together, over at
	 * most two connections. A thread alone makes its append at once, as without this. The outcomes are
	 * those that goes_append() has by itself, but an append that was sent and is given up, by its timeout
	 * or its cancel, is GOES_ERR_IN_DOUBT. Stores with hooks, and appends of no events or in a
	 * transaction, do without.
	 */
	bool coalesce_appends;

	/*
	 * Where to read: a standby of the server that `url` leads to, or several; written like `url`. Finding,
	 * counting, queries, loading, snapshots, fetching a model, and feeds go there, over a pool of their
	 * own of as many connections. Everything else goes to `url`, and so does whatever is read in a
	 * transaction, what the standby does not have in time (see goes_freshness), and what it cannot
	 * answer: goes_store_stats() counts those. NULL: everything goes to `url`.
	 *
	 * A read without freshness sees what the standby has, which may be old. GOES_ERR_INVALID, from
	 * goes_store_connect() or the read, if it leads to another system: a server that is no copy of the
	 * first. With `pool` it has to name the database.
	 */
	const char *read_url;

	/*
	 * How long a read waits for a standby to have what it must see before it asks the primary: no more
	 * than half of the call's time. 0 means 100 ms; below 0: it does not wait.
	 */
	int64_t read_wait_ms;
} goes_store_options;

/* goes_store_options_init sets every field to its default; `size` is sizeof(goes_store_options). */
GOES_API void goes_store_options_init(goes_store_options *options, size_t size);

/*
 * goes_store_open makes a store, freed with goes_store_close(). It does no I/O: the first call
 * connects, creating the database, the extension and the table where they are missing. NULL options
 * are the defaults.
 *
 * GOES_ERR_INVALID if no URL is given, if it cannot be read, if database or table are empty, or if
 * a name of a database, a user, an application or a schema in search_path has more than the 63
 * bytes that PostgreSQL keeps of a name. The table's name, and names that libpq has from its
 * environment, are checked when the store connects.
 */
GOES_API int goes_store_open(goes_store **out, const goes_store_options *options, goes_error **err);

/*
 * goes_store_connect connects now. After a failure it may be called again and tries again. Once the
 * store is connected it does nothing.
 *
 * GOES_ERR_CONNECT, GOES_ERR_TIMEOUT, GOES_ERR_PERMISSION, GOES_ERR_EXTENSION, GOES_ERR_SCHEMA.
 * Every call that has to connect first may fail with these, too.
 */
GOES_API int goes_store_connect(goes_store *store, const goes_context *context, goes_error **err);

/* goes_store_pool returns the store's pool, which lives as long as the store; NULL until connected. */
GOES_API goes_pool *goes_store_pool(goes_store *store);

/* What a store has done since it was opened. */
typedef struct goes_store_statistics
{
	size_t	size;	 /* sizeof(goes_store_statistics) */
	int64_t calls;	 /* that have ended; the begin and the commit of a transaction are two */
	int64_t errors;	 /* of them, and of cursors, feeds and subscriptions; not GOES_ERR_NOT_FOUND */
	int64_t retries; /* requests that were made again, by libgoes or by goes_retry() */
	int64_t reconnects; /* connections that were made because one was lost in a call */
	int64_t pool_waits; /* calls that waited for a connection: see goes_pool_stats() */
	int64_t in_doubt;	/* calls that ended with GOES_ERR_IN_DOUBT */

	/* Of a store with a read_url: */
	int64_t standby_reads;	  /* reads that a standby has answered */
	int64_t standby_waits;	  /* reads that had to wait for what they must see */
	int64_t standby_behind;	  /* of these, asked of the primary because it was not there in time */
	int64_t standby_failures; /* reads asked of the primary because no standby could answer */
} goes_store_statistics;

/*
 * goes_store_stats fills in what a store has counted, up to out->size, which the caller sets. It does not
 * wait. GOES_ERR_INVALID, GOES_ERR_STATE in a child process.
 */
GOES_API int goes_store_stats(goes_store *store, goes_store_statistics *out);

/*
 * goes_store_write_token asks the primary for a token of everything that was committed before, by whomever.
 * A read on a standby that has it in its freshness sees all of that, in any process. Ask when there is
 * something to be read, after the write has returned. *token is text, to be freed with goes_free().
 *
 * GOES_ERR_STATE on a transaction's store: a token is taken after the commit. GOES_ERR_EXTENSION if the
 * database's extension is too old.
 */
GOES_API int goes_store_write_token(goes_store *store, char **token, const goes_context *context,
									goes_error **err);

/*
 * Does the program's work: returns GOES_OK, or the status and the error of the call that failed. Its calls
 * get `context`, which has the time that is left.
 */
typedef int (*goes_retry_fn)(goes_store *store, const goes_context *context, void *user,
							 goes_error **err);

/*
 * goes_retry calls a function until it does not fail with something that may pass: see
 * goes_error_is_retryable(). After a conflict the function has to load the aggregate again. Pauses grow
 * from 5 ms to a second. It gives up with the function's last error when the context's time is over, or
 * it is cancelled; without a timeout it goes on for ever. GOES_ERR_STATE on a transaction's store.
 */
GOES_API int goes_retry(goes_store *store, goes_retry_fn function, void *user,
						const goes_context *context, goes_error **err);

/*
 * goes_store_close closes a store. It never hangs. No other thread may be in a call on it. Cursors
 * and transactions may go on; the last of them to end frees the store.
 */
GOES_API void goes_store_close(goes_store *store);

/*
 * goes_insert stores events, all or nothing; n may be 0. If the connection is lost meanwhile, it
 * finds out whether they are stored. After GOES_ERR_TIMEOUT and GOES_ERR_CANCELLED they may be
 * stored or not. To find out, insert the same events again: GOES_ERR_DUPLICATE means that they are
 * stored.
 *
 * For GOES_ERR_INVALID the error has the event's index, and the message says what is wrong: text
 * that is not JSON, for example, or JSON that PostgreSQL cannot store (a number like 1e999999, an
 * escaped U+0000, a string over 256 MB, characters that the database's encoding lacks). In a
 * transaction, and with hooks, the index is known for a bad name, but not for bad data.
 * GOES_ERR_CONFLICT, GOES_ERR_DUPLICATE, GOES_ERR_IN_DOUBT, GOES_ERR_HOOK.
 */
GOES_API int goes_insert(goes_store *store, const goes_event *events, size_t n,
						 const goes_context *context, goes_error **err);

/* goes_append accepts any version. */
#define GOES_EXPECT_ANY (-2)

/* goes_append expects that the aggregate has events. */
#define GOES_EXPECT_EXISTS (-1)

/*
 * goes_append stores events as the next versions of an aggregate, all or nothing, if the aggregate
 * is at the expected version: a version, 0 if it has no events yet, or one of the constants above.
 * If n is 0, it only checks that against what is committed, and waits for nobody. On success it has
 * put the aggregate and the versions into the events; the name is borrowed. Events that have an
 * aggregate or a version before the call must agree with the append.
 *
 * Repeating an append that is stored already (the same events: ids, times, data, order) stores
 * nothing and succeeds, whatever version it expects. So repeat an append whose answer was lost or
 * late; libgoes does so by itself when the connection is lost. Several appends in a transaction are
 * one change to several aggregates.
 *
 * GOES_ERR_CONFLICT (see goes_error_conflict), GOES_ERR_DUPLICATE if only some of the events are
 * stored already, or other events have their ids, GOES_ERR_INVALID (the error has the event's
 * index), GOES_ERR_IN_DOUBT, GOES_ERR_HOOK.
 */
GOES_API int goes_append(goes_store *store, const char *aggregate_name,
						 const goes_uuid *aggregate_id, goes_event *events, size_t n,
						 int32_t expected_version, const goes_context *context, goes_error **err);

/* ---- Writer ----------------------------------------------------------------------------- */

/*
 * Many appends without waiting for each: what is accepted goes out together, over a few connections, in
 * one commit after the other, and each append has its own outcome. For a program that can go on
 * meanwhile, such as a service with an event loop, or one that imports.
 *
 * The appends of an aggregate take effect in the order of their calls. Any number of threads may append;
 * outcomes are taken by one at a time. Behind a writer there are as many threads as it has connections,
 * in which no function of the program is called but the store's log; signals go to others.
 */
typedef struct goes_writer goes_writer;

/* How a writer works. */
typedef struct goes_writer_options
{
	size_t	size;		 /* sizeof(goes_writer_options) */
	int		max_pending; /* appends that have no outcome yet; 0: 5,000 */
	bool	no_wait;	 /* with so many, goes_writer_append() fails and does not wait */
	int		connections; /* of the store's pool that are used at a time, up to 16; 0: 2 */
	int64_t timeout_ms;	 /* see goes_writer_append(); 0: operation_timeout_ms; below 0: none */
} goes_writer_options;

/* goes_writer_options_init sets every field to its default. */
GOES_API void goes_writer_options_init(goes_writer_options *options, size_t size);

/*
 * goes_writer_open makes a writer, freed with goes_writer_close(); the store may be closed before. NULL
 * options are the defaults. It does no I/O.
 *
 * GOES_ERR_STATE on a transaction's store, and on a store with hooks: they need a transaction for each
 * append. GOES_ERR_INVALID, GOES_ERR_NOMEM.
 */
GOES_API int goes_writer_open(goes_writer **out, goes_store *store,
							  const goes_writer_options *options, goes_error **err);

/*
 * goes_writer_append accepts an append with the arguments of goes_append(), which it copies, and returns
 * before it is made. What it has accepted has exactly one outcome, which has the tag. The events do not
 * get their versions; the outcome has the last one.
 *
 * If max_pending appends have no outcome yet, it waits for one, or fails with GOES_ERR_STATE if the options
 * say so. The context is for this wait only. GOES_ERR_INVALID, GOES_ERR_TIMEOUT, GOES_ERR_CANCELLED and
 * GOES_ERR_NOMEM say that it was not accepted.
 *
 * An append that cannot be sent for timeout_ms has the outcome GOES_ERR_TIMEOUT, and is not stored. One
 * that was sent and gets no answer for timeout_ms, also over a new connection, is GOES_ERR_IN_DOUBT.
 */
GOES_API int goes_writer_append(goes_writer *writer, const char *aggregate_name,
								const goes_uuid *aggregate_id, const goes_event *events, size_t n,
								int32_t expected_version, void *tag, const goes_context *context,
								goes_error **err);

/* What became of an append. May grow at its end. */
typedef struct goes_outcome
{
	void			 *tag;	   /* that goes_writer_append() was given */
	int				  status;  /* GOES_OK or what goes_append() would have returned */
	int32_t			  version; /* of its last event, if it is stored */
	const goes_error *error;   /* NULL if it is stored */
} goes_outcome;

/* goes_writer_next has an outcome. */
#define GOES_OUTCOME 1

/*
 * goes_writer_next returns GOES_OUTCOME with an outcome in *out that is good until the next call of it or
 * of goes_writer_process(), GOES_END if everything that was accepted has had its outcome taken, or a
 * negative status: GOES_ERR_TIMEOUT and GOES_ERR_CANCELLED are about the context. Outcomes come as they
 * are found, those of an aggregate in the order of the calls. They take memory until they are taken.
 */
GOES_API int goes_writer_next(goes_writer *writer, const goes_outcome **out,
							  const goes_context *context, goes_error **err);

/*
 * goes_writer_flush waits until everything that was accepted has an outcome, taken or not.
 * GOES_ERR_TIMEOUT and GOES_ERR_CANCELLED are about the context.
 */
GOES_API int goes_writer_flush(goes_writer *writer, const goes_context *context, goes_error **err);

/*
 * goes_writer_process is goes_writer_next() for an event loop: it never waits. GOES_OUTCOME, GOES_END if
 * there is no outcome now, or a negative status. The program calls it until it returns GOES_END. A loop
 * that must not wait in goes_writer_append() either sets no_wait.
 */
GOES_API int goes_writer_process(goes_writer *writer, const goes_outcome **out, goes_error **err);

/*
 * The same three as for a feed: a descriptor to poll for goes_writer_events(), which stays the same, and
 * after how many milliseconds to call goes_writer_process() in any case: 0 if an outcome is at hand.
 */
GOES_API int	 goes_writer_fd(const goes_writer *writer);
GOES_API int	 goes_writer_events(const goes_writer *writer);
GOES_API int64_t goes_writer_timeout_ms(const goes_writer *writer);

/* Is told an outcome, which is good until it returns. */
typedef void (*goes_outcome_fn)(const goes_outcome *outcome, void *user);

/*
 * goes_writer_close ends and frees a writer, within about a second. Nothing more is sent: what is not sent
 * by then has the outcome GOES_ERR_CANCELLED, and what was sent and is not answered GOES_ERR_IN_DOUBT. All
 * outcomes that were not taken are given to the function, in the calling thread; NULL: nobody wants them.
 * To have everything made, call goes_writer_flush() before. No other thread may be in a call on it.
 */
GOES_API void goes_writer_close(goes_writer *writer, goes_outcome_fn function, void *user);

/* ---- Single events ---------------------------------------------------------------------- */

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
 * What to look for. A query returns the events that match, for each kind of filter it has, one of
 * the values; an empty query returns every event. It can be used any number of times.
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

/* goes_query_time_max: events up to and including this time. The last call wins. */
GOES_API int goes_query_time_max(goes_query *query, int64_t time);

/* goes_query_time_after: events after this time: goes_query_time_min with the next nanosecond. */
GOES_API int goes_query_time_after(goes_query *query, int64_t time);

/* goes_query_time_before: events before this time: goes_query_time_max with the one before. */
GOES_API int goes_query_time_before(goes_query *query, int64_t time);

/* goes_query_time_range: events from `first` to `last`, both included. */
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

/*
 * goes_query_version_min: events from this version on. Of several calls the least version counts.
 */
GOES_API int goes_query_version_min(goes_query *query, int32_t version);

/*
 * goes_query_version_max: events up to and including this version. The greatest of several counts.
 */
GOES_API int goes_query_version_max(goes_query *query, int32_t version);

/* goes_query_version_range: events from version `first` to `last`, both included. */
GOES_API int goes_query_version_range(goes_query *query, int32_t first, int32_t last);

/*
 * goes_query_sort sorts the events. The first call decides, and each further call breaks the ties
 * that are left. Without any call the order is undefined.
 */
GOES_API int goes_query_sort(goes_query *query, goes_sort sort, goes_direction direction);

/* goes_query_limit ends the result after max_events events. Up to 1,000 are in memory at a time. */
GOES_API int goes_query_limit(goes_query *query, int64_t max_events);

/*
 * goes_query_merge adds all steps of `from` to `into`. Time bounds and a limit of `from` replace
 * those of `into`.
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
 * goes_query_run starts a query (NULL: every event). The cursor is freed with goes_cursor_close();
 * it does not need the query any more. The context's timeout bounds the start, and then each wait
 * in goes_cursor_next() anew. Its cancel has to live as long as the cursor.
 *
 * A result of at most 1,000 events is read whole at the start if the query has such a limit, asks
 * for so few ids, or asks for one aggregate, unsorted or sorted by version. It then takes memory,
 * but no connection, until the cursor is closed or at its end. Any other result is read as the
 * program goes on, in little memory, however long it is.
 *
 * The cursor of such a result occupies a connection of the store until it has reached its end or an
 * error, or is closed; so do those of goes_snapshot_query() and goes_load(). While unfinished
 * cursors occupy all connections, other calls wait. A thread that has to finish one of these
 * cursors itself then waits for ever, unless its call has a timeout. In a transaction, cursors and
 * calls share its one connection.
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

/* goes_tx_store returns a store whose calls run inside the transaction, and which ends with it. */
GOES_API goes_store *goes_tx_store(goes_tx *tx);

/*
 * goes_tx_conn returns the transaction's connection, for the application's own statements. The
 * application must leave no result on it, must not use it after the transaction, and must leave
 * COMMIT and ROLLBACK to the functions below. Afterwards the connection is reset, as
 * goes_pool_release() says.
 *
 * After an error of a call (except GOES_ERR_NOT_FOUND) or of the application's own statement, the
 * transaction can only be rolled back: calls on its store return GOES_ERR_STATE and say what
 * failed. An application that wants to go on sets a SAVEPOINT before, and runs ROLLBACK TO after
 * the error.
 */
GOES_API struct pg_conn *goes_tx_conn(goes_tx *tx);

/*
 * goes_tx_commit commits. It ends and frees the transaction whatever it returns. GOES_ERR_STATE if
 * a statement had failed: nothing is committed. GOES_ERR_IN_DOUBT if the connection was lost and
 * the outcome cannot be determined, or if the call was late or cancelled while the commit was under
 * way: the message says which. Close the cursors of the transaction before.
 */
GOES_API int goes_tx_commit(goes_tx *tx, const goes_context *context, goes_error **err);

/* goes_tx_rollback undoes and frees a transaction. Close its cursors before. */
GOES_API void goes_tx_rollback(goes_tx *tx);

/* When a hook is called: before the events are stored, or after. */
typedef enum goes_hook_point
{
	GOES_PRE_INSERT,
	GOES_POST_INSERT
} goes_hook_point;

/*
 * A function that goes_insert and goes_append call in their transaction, before or after the events
 * are stored; those of an append have their versions only after it. If it returns 0, the call goes
 * on. A goes_status undoes the call and becomes its status; any other value makes that
 * GOES_ERR_HOOK. If the hook returns the status of a call that failed on the transaction's store,
 * the error has the message, the SQLSTATE and the conflict of that call. The hook must not end
 * `tx`, and must not use the store that it was added to (GOES_ERR_STATE). What it stores through
 * goes_tx_store(tx) calls no hooks. A repeated append calls the hooks again, even if it is stored
 * already.
 */
typedef int (*goes_hook)(goes_tx *tx, const goes_event *events, size_t n, void *user);

/*
 * goes_store_add_hook adds a hook, which runs after the hooks of its kind that were added before.
 * Add hooks before the store's first call: later, and on a transaction's store, it is
 * GOES_ERR_STATE. GOES_ERR_NOMEM.
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
	 * Sets a connection up: its settings, prepared statements, and so on. It runs again each time
	 * that a connection was reset. Any value but 0 refuses the connection. GOES_ERR_STATE if it
	 * leaves the connection in a transaction, in pipeline mode, with an unread result, or with a
	 * client_encoding other than UTF8.
	 */
	int (*on_connect)(struct pg_conn *connection, void *user);
	void *user; /* for on_connect */
} goes_pool_options;

/*
 * goes_pool_new makes a pool of connections, freed with goes_pool_free(). It does no I/O. The URL's
 * connect_timeout, in seconds, bounds how long connecting may take; without one the timeout of the
 * call that needs the connection does. GOES_ERR_INVALID as for goes_store_open.
 */
GOES_API int goes_pool_new(goes_pool **out, const goes_pool_options *options, goes_error **err);

/*
 * goes_pool_acquire takes a connection, and waits for one if all are in use. Unless the context has
 * a timeout or a cancel it waits for ever, even on the pool of a store. Give the connection back
 * with goes_pool_release(). GOES_ERR_TIMEOUT, GOES_ERR_CANCELLED, GOES_ERR_CONNECT.
 */
GOES_API int goes_pool_acquire(goes_pool *pool, struct pg_conn **out, const goes_context *context,
							   goes_error **err);

/*
 * goes_pool_try_acquire is goes_pool_acquire(), but does not wait for a connection that is in use:
 * GOES_ERR_TIMEOUT if all are. It may have to connect.
 */
GOES_API int goes_pool_try_acquire(goes_pool *pool, struct pg_conn **out,
								   const goes_context *context, goes_error **err);

/* How a pool is used. */
typedef struct goes_pool_statistics
{
	size_t	size;			 /* sizeof(goes_pool_statistics) */
	int		max_connections; /* that it may have */
	int		idle;			 /* connections that nobody uses now */
	int		in_use;			 /* or being made */
	int64_t waits;			 /* that all were in use, and somebody waited, so far */
	int64_t made;			 /* connections, so far */
} goes_pool_statistics;

/*
 * goes_pool_stats fills in how a pool is used, up to out->size, which the caller sets.
 * GOES_ERR_INVALID, GOES_ERR_STATE in a child process.
 */
GOES_API int goes_pool_stats(goes_pool *pool, goes_pool_statistics *out);

/*
 * goes_pool_release gives a connection back. One that is not fit for reuse (broken, in a transaction,
 * in pipeline mode) is closed.
 *
 * Any other connection that the program was given, here, by goes_tx_conn(), or in a hook, is reset
 * before its next use, as by DISCARD ALL. Settings and role are those of the connection string
 * again; temporary tables, session locks, LISTEN, cursors and prepared statements are gone. So are
 * libpq's notice processors, tracing, verbosity, and notifications that have come. Then on_connect
 * runs. Giving back does not wait for the reset. The next call that takes the connection waits for
 * it, within its deadline, and gets another connection if the reset fails. A connection that the
 * program was not given is not reset. libpq cannot remove an event procedure (PQregisterEventProc):
 * do not register one.
 */
GOES_API void goes_pool_release(goes_pool *pool, struct pg_conn *connection);

/*
 * goes_pool_free closes a pool. Give its connections back, and close its stores, their feeds and
 * subscriptions before.
 */
GOES_API void goes_pool_free(goes_pool *pool);

/* ---- Snapshots -------------------------------------------------------------------------- */

/*
 * The state of an aggregate after its event of that version, as bytes in the program's own format.
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
 * "snapshots". If it is missing, its first use creates it; a store that was opened with no_create
 * returns GOES_ERR_SCHEMA instead. The functions work on a transaction's store, too. If somebody
 * drops the table after the store has used it, the next transaction that needs it fails with
 * GOES_ERR_SCHEMA, and the one after that creates it.
 */

/*
 * goes_snapshot_save stores a snapshot, and replaces one of the same aggregate and version.
 * GOES_ERR_IN_DOUBT if the connection was lost: save it again.
 */
GOES_API int goes_snapshot_save(goes_store *store, const char *table, const goes_snapshot *snapshot,
								const goes_context *context, goes_error **err);

/*
 * goes_snapshot_latest looks up the newest snapshot of an aggregate. *out is freed with
 * goes_snapshot_free(). GOES_ERR_NOT_FOUND if there is none; a transaction can go on after that.
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

/* goes_snapshot_delete removes a snapshot. It is no error if there is none. */
GOES_API int goes_snapshot_delete(goes_store *store, const char *table, const char *name,
								  const goes_uuid *id, int32_t version, const goes_context *context,
								  goes_error **err);

/*
 * goes_snapshot_query finds snapshots by aggregate, version and time, in the query's order; NULL
 * finds all. A query by the names or ids of events is GOES_ERR_INVALID. The cursor is closed with
 * goes_snapshot_cursor_close(). In a transaction the whole result is read at once.
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
 * goes_load reads an aggregate in one round trip and as of one moment: its newest snapshot (NULL if
 * there is none, or no such table) and a cursor on every later event, by version. Free the snapshot
 * with goes_snapshot_free(), and close the cursor with goes_cursor_close(). In a transaction all
 * the events are read at once.
 */
GOES_API int goes_load(goes_store *store, const char *snapshot_table, const char *name,
					   const goes_uuid *id, goes_snapshot **snapshot, goes_cursor **later_events,
					   const goes_context *context, goes_error **err);

/* ---- Read models ------------------------------------------------------------------------ */

/*
 * A model is a JSON document under an id. `table` is the table of the models; NULL means "models".
 * It is created on first use, like that of the snapshots. To change a model together with events,
 * call these on a transaction's store.
 */

/*
 * goes_model_save stores a model, and replaces one with the same id. GOES_ERR_INVALID if the text
 * is not JSON; GOES_ERR_IN_DOUBT.
 */
GOES_API int goes_model_save(goes_store *store, const char *table, const char *id, const char *json,
							 const goes_context *context, goes_error **err);

/* goes_model_fetch reads a model; *json is freed with goes_free(). GOES_ERR_NOT_FOUND. */
GOES_API int goes_model_fetch(goes_store *store, const char *table, const char *id, char **json,
							  const goes_context *context, goes_error **err);

/* goes_model_delete removes a model. It is no error if there is none. */
GOES_API int goes_model_delete(goes_store *store, const char *table, const char *id,
							   const goes_context *context, goes_error **err);

/*
 * Changes a model: it sets *new_json to text from malloc, which libgoes frees, or leaves it NULL,
 * and then the model stays as it is. If it returns 0, goes_model_use goes on. A goes_status undoes
 * everything and becomes the status of goes_model_use; any other value makes that GOES_ERR_HOOK.
 * Calls on goes_tx_store(tx) belong to the same transaction. The function must not end that
 * transaction, and must not use the store that goes_model_use was called on (GOES_ERR_STATE).
 */
typedef int (*goes_model_fn)(goes_tx *tx, const char *json, char **new_json, void *user);

/*
 * goes_model_use calls a function on a model while nobody else can change it, and saves what the
 * function makes of it. A missing model begins as initial_json; if several callers find it missing
 * at the same time, one of them creates it. If initial_json is NULL, a missing model is
 * GOES_ERR_NOT_FOUND. The call is a transaction of its own; on a transaction's store it is part of
 * that transaction, and the model stays locked until that ends. After an error the model is
 * unchanged.
 */
GOES_API int goes_model_use(goes_store *store, const char *table, const char *id,
							const char *initial_json, goes_model_fn function, void *user,
							const goes_context *context, goes_error **err);

/* ---- Following -------------------------------------------------------------------------- */

/*
 * Every event of a store once, in one order that never changes, whoever stored it. The store needs a
 * feed: its owner calls goes_alter_store(feed => true) in SQL once.
 *
 * A feed belongs to one thread at a time, but any thread may close it. It has a connection of its
 * own, beside those of the pool. A connection that is lost is made again, and the feed goes on
 * behind the last event that it has given out. It takes memory for three pages of events; the data of
 * a page have 1 MB, and those of one more event.
 */
typedef struct goes_feed goes_feed;

/* How to follow a store. */
typedef struct goes_feed_options
{
	size_t			  size;		/* sizeof(goes_feed_options) */
	int64_t			  after;	/* the position to go on after; 0: from the first event on */
	goes_uuid		  after_id; /* that goes_feed_position() gave with it; nil: not known */
	const goes_query *filter;	/* copied; NULL: every event; without sorting and limit */
	int				  page;		/* most events that come together; 0: 4,000 */
	int64_t			  wait_ms;	/* how long goes_feed_next() waits; 0: 10 s; below 0: not at all */
} goes_feed_options;

/* goes_feed_options_init sets every field to its default; `size` is sizeof(goes_feed_options). */
GOES_API void goes_feed_options_init(goes_feed_options *options, size_t size);

/*
 * goes_feed_open begins to follow a store; NULL options are the defaults. It connects, and waits for
 * the answer to its first question. The feed is freed with goes_feed_close(); the store may be closed
 * before.
 *
 * GOES_ERR_SCHEMA if the store has no feed, GOES_ERR_REWOUND, GOES_ERR_INVALID, GOES_ERR_CONNECT,
 * GOES_ERR_STATE on a transaction's store.
 */
GOES_API int goes_feed_open(goes_store *store, const goes_feed_options *options, goes_feed **out,
							goes_error **err);

/*
 * goes_feed_next returns GOES_EVENT with an event in *out that is good until the next call on the
 * feed, GOES_END if wait_ms went by without news, or a negative status. Ask again after each of
 * them: the feed goes on where it is.
 *
 * GOES_ERR_TIMEOUT and GOES_ERR_CANCELLED are about the context, and GOES_ERR_CANCELLED also says
 * that another thread has closed the feed, which then must not be used any more. GOES_ERR_CONNECT if
 * no server could be reached for the store's connect_timeout_ms. GOES_ERR_REWOUND if positions that
 * the feed has passed stand for other events now: open a new feed where the program wants to go on.
 */
GOES_API int goes_feed_next(goes_feed *feed, const goes_event **out, const goes_context *context,
							goes_error **err);

/*
 * goes_feed_position returns the position behind which the feed goes on, and in *id, unless that is
 * NULL, the id to be given with it as after_id. Before the next call on the feed it is that of the
 * event given out last. Keep both when what the event caused is stored.
 */
GOES_API int64_t goes_feed_position(const goes_feed *feed, goes_uuid *id);

/*
 * goes_feed_process is goes_feed_next() for an event loop: it never waits, neither for the server
 * nor for the name of a host. GOES_EVENT, GOES_END if there is no event now, or a negative status,
 * after which the program calls it again when it is due. wait_ms does not matter. The program calls
 * it until it returns GOES_END, or does something else in between and comes back.
 */
GOES_API int goes_feed_process(goes_feed *feed, const goes_event **out, goes_error **err);

/*
 * goes_feed_fd returns a descriptor to poll for goes_feed_events(). It stays the same as long as the
 * feed, also when connections are lost and made again. The program must not read from it.
 */
GOES_API int goes_feed_fd(const goes_feed *feed);

/* goes_feed_events returns what to poll the descriptor for: POLLIN, which is EPOLLIN, too. */
GOES_API int goes_feed_events(const goes_feed *feed);

/*
 * goes_feed_timeout_ms returns after how many milliseconds to call goes_feed_process() even if
 * nothing comes: 0 if events are at hand, -1 if there is no hurry. Ask after each call of it.
 */
GOES_API int64_t goes_feed_timeout_ms(const goes_feed *feed);

/*
 * goes_feed_close ends and frees a feed, within a second, also while another thread waits in
 * goes_feed_next(), which then returns GOES_ERR_CANCELLED.
 */
GOES_API void goes_feed_close(goes_feed *feed);

/* ---- Subscriptions ---------------------------------------------------------------------- */

/*
 * A worker of a subscription: the server hands out the events of a store to any number of workers,
 * those of an aggregate in their order, until each is done or has failed for good. docs/subscriptions.md
 * says what workers can rely on.
 *
 * It belongs to one thread at a time, but any thread may close it while another one waits. Each
 * thread that works opens its own. It has a connection of its own, beside those of the pool, which is
 * made again when it is lost. There is no thread behind it: leases are renewed in the calls on it.
 */
typedef struct goes_subscription goes_subscription;

/*
 * An event that a worker has to handle. It is good until it is answered by goes_delivery_done() or
 * goes_delivery_failed(), or the subscription is closed. May grow at its end.
 */
typedef struct goes_delivery
{
	goes_event event;	 /* what happened */
	int64_t	   position; /* in the feed */
	int32_t	   attempts; /* how often it has failed, or was given to a worker that died */
} goes_delivery;

/* Which subscription, and how to work. */
typedef struct goes_subscription_options
{
	size_t size; /* sizeof(goes_subscription_options) */

	/*
	 * The subscription is made if it is missing; one that is there must have been made with the same
	 * values, or GOES_ERR_INVALID. With `join` it has to be there, however it was made.
	 */
	bool			  join;
	int				  partitions;	  /* 0: 16 */
	int64_t			  start;		  /* begin behind this position; 0: all events; -1: new ones */
	const goes_query *filter;		  /* as in goes_feed_options */
	int				  max_attempts;	  /* before an event is parked; 0: 5 */
	int				  backoff_ms;	  /* before the second attempt, then twice as long; 0: 1,000 */
	int				  backoff_max_ms; /* 0: 600,000, or backoff_ms if that is longer */

	const char *worker;		   /* a name to be shown; NULL: host and process */
	int			batch;		   /* most events that come together, up to 1,000; 0: 100 */
	int			lease_ms;	   /* how long the server waits for a silent worker; 0: 30,000 */
	int64_t		wait_ms;	   /* as in goes_feed_options */
	bool		manual_commit; /* only goes_subscription_commit() tells the server what is done */
} goes_subscription_options;

/* goes_subscription_options_init sets every field to its default. */
GOES_API void goes_subscription_options_init(goes_subscription_options *options, size_t size);

/*
 * goes_subscription_open begins to work for a subscription. `table` is the table of subscriptions,
 * written as in SQL; NULL means "subscriptions". It is created on first use, unless the store was
 * opened with no_create. *out is freed with goes_subscription_close(); the store may be closed before.
 *
 * GOES_ERR_SCHEMA if the store has no feed, or the table is missing; GOES_ERR_INVALID if the subscription
 * is there with other values; GOES_ERR_PERMISSION; GOES_ERR_STATE on a transaction's store.
 */
GOES_API int goes_subscription_open(goes_store *store, const char *table, const char *name,
									const goes_subscription_options *options,
									goes_subscription **out, goes_error **err);

/*
 * goes_subscription_next returns GOES_EVENT with a delivery in *out, GOES_END, or a negative status.
 * GOES_END means that there was nothing to do for wait_ms, or, with manual_commit, that all events that
 * came together are handed out: commit, and ask again.
 *
 * GOES_ERR_LEASE_LOST if others have events that this worker was given: it took longer than lease_ms
 * between two calls, or the subscription was rewound. They come again, to whoever has them now; see
 * goes_error_lost_deliveries(). Answer those that are not answered yet all the same, and ask for the
 * next. GOES_ERR_STATE if everything is handed out and not answered. GOES_ERR_NOT_FOUND if there is no
 * such subscription (any more). GOES_ERR_TIMEOUT, GOES_ERR_CANCELLED, GOES_ERR_CONNECT and
 * GOES_ERR_REWOUND as for goes_feed_next().
 */
GOES_API int goes_subscription_next(goes_subscription *subscription, const goes_delivery **out,
									const goes_context *context, goes_error **err);

/*
 * goes_delivery_done says that an event is handled. It does not wait: the server is told by one of the
 * next calls on the subscription, when all events of a partition are answered, or by closing it. Until
 * then a worker that dies has the event handed out again. GOES_ERR_LEASE_LOST if the event is somebody
 * else's by now; GOES_ERR_STATE if it is answered already.
 */
GOES_API int goes_delivery_done(goes_subscription *subscription, const goes_delivery *delivery,
								goes_error **err);

/*
 * goes_delivery_failed says that an event could not be handled, and why (NULL: no reason). It comes
 * again later, and the later events of its aggregate behind it, also those that are handed out already.
 */
GOES_API int goes_delivery_failed(goes_subscription *subscription, const goes_delivery *delivery,
								  const char *text, goes_error **err);

/*
 * goes_subscription_commit tells the server what was answered, in the transaction of the effects, and
 * commits that: both or neither, so that each event counts exactly once. It takes manual_commit. It
 * ends and frees the transaction whatever it returns, as goes_tx_commit() does. After an error nothing is
 * committed (unless it is GOES_ERR_IN_DOUBT), and what was answered comes again. GOES_ERR_LEASE_LOST
 * says how many deliveries to drop.
 *
 * Without a transaction (NULL) it tells the server at once, and waits for that.
 */
GOES_API int goes_subscription_commit(goes_subscription *subscription, goes_tx *tx,
									  const goes_context *context, goes_error **err);

/*
 * goes_subscription_rollback undoes and frees a transaction, which may be NULL if it is over. What was
 * answered since the last commit comes again. Whoever works with manual_commit ends a transaction by
 * this or by goes_subscription_commit(), never by goes_tx_rollback().
 */
GOES_API void goes_subscription_rollback(goes_subscription *subscription, goes_tx *tx);

/*
 * goes_subscription_renew begins the leases of all events in hand anew, and waits for that. Other calls
 * do so by themselves after a third of lease_ms; a handler that takes longer than lease_ms calls this in
 * between. Whoever never does so is taken for dead.
 */
GOES_API int goes_subscription_renew(goes_subscription *subscription, const goes_context *context,
									 goes_error **err);

/* The same for an event loop, as for a feed. What is answered is sent by goes_subscription_process(). */
GOES_API int goes_subscription_process(goes_subscription *subscription, const goes_delivery **out,
									   goes_error **err);
GOES_API int goes_subscription_fd(const goes_subscription *subscription);
GOES_API int goes_subscription_events(const goes_subscription *subscription);
GOES_API int64_t goes_subscription_timeout_ms(const goes_subscription *subscription);

/*
 * goes_subscription_close tells the server what is done, gives the rest back, so that others have it at
 * once, and frees the subscription with all its deliveries. It takes a second at the most.
 */
GOES_API void goes_subscription_close(goes_subscription *subscription);

GOES_DECLARATIONS_END

#endif
