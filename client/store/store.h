/*
 * store.h
 *    What a store is.
 */
#ifndef GOES_STORE_H
#define GOES_STORE_H

#include "base/queue.h"
#include "net/exec.h"
#include "net/pool.h"

#define HOOK_POINTS 2

typedef struct Hook
{
	goes_hook	 function;
	void		*user;
	struct Hook *next;
} Hook;

/* A table of snapshots or models that is known to exist. */
typedef struct KnownTable
{
	int				   create; /* the Request that makes it */
	struct KnownTable *next;
	char			   name[]; /* "" for the default */
} KnownTable;

/* A unique index of the events table. */
typedef struct UniqueIndex
{
	char name[64]; /* PostgreSQL's NAMEDATALEN */
	bool is_of_ids;
} UniqueIndex;

#define MOST_UNIQUE_INDEXES 8

/* The events table, as errors of the server name it (store/table_names.c). */
typedef struct TableNames
{
	bool		is_known;
	char		schema[64];
	char		table[64]; /* "": there is none */
	UniqueIndex indexes[MOST_UNIQUE_INDEXES];
	int			index_count;
} TableNames;

/* What is counted. */
typedef struct Tally
{
	atomic_llong calls;
	atomic_llong errors;
	atomic_llong retries;
	atomic_llong reconnects;
	atomic_llong in_doubt;
	atomic_llong standby_reads;
	atomic_llong standby_waits;
	atomic_llong standby_behind;
	atomic_llong standby_failures;
} Tally;

typedef enum StoreState
{
	STORE_NEW,
	STORE_CONNECTING,
	STORE_CONNECTED
} StoreState;

#define MOST_LEADERS 2

/* Appends of many threads that share commits (calls/coalesce.c). */
typedef struct Coalescing
{
	pthread_mutex_t lock;
	pthread_cond_t	unused; /* each caller has one of its own */
	Queue			waiting;
	bool			is_leading[MOST_LEADERS + 1]; /* by number, from 1 */
} Coalescing;

/* Where reads go (store/read_server.c). */
typedef struct ReadServer
{
	goes_pool	*pool;				  /* NULL: where everything goes */
	int64_t		 wait_ms;			  /* for what a read must see; below 0: not at all */
	atomic_llong pause_until;		  /* of the monotonic clock: it is left alone before */
	atomic_int	 failures;			  /* to reach it, in a row */
	char		 system[SYSTEM_SIZE]; /* of both servers; "": unknown; under the store's lock */
} ReadServer;

struct goes_store
{
	goes_tx	   *tx;			/* a transaction's store: its transaction; NULL otherwise */
	atomic_int	references; /* the program's, and one for each cursor and transaction */
	pid_t		owner;
	char	   *database;
	char	   *table;
	goes_pool  *pool;
	bool		is_own_pool;
	ReadServer	read_server;
	int64_t		connect_timeout_ms;	 /* until there is a connection */
	int64_t		creation_timeout_ms; /* until everything is created */
	int64_t		operation_timeout_ms;
	bool		no_create;
	bool		no_prepared_statements;
	Coalescing *coalescing;			/* NULL: each append is a call of its own */
	Hook	   *hooks[HOOK_POINTS]; /* fixed before the first call */
	atomic_bool is_used;
	Tally		tally;
	goes_log_fn log; /* NULL: none */
	void	   *log_user;

	pthread_mutex_t lock; /* for the state */
	pthread_cond_t	changed;
	StoreState		state;
	unsigned		failures; /* attempts to connect that failed for all the threads that waited */
	goes_error	   *failure;  /* of the last of them */
	KnownTable	   *tables;	  /* the tables of snapshots and models that are known to exist */
	TableNames		names;	  /* a transaction's store has those of the outer one */
};

int	 check_owner(const goes_store *store, goes_error **err);
void store_hold(goes_store *store);
void store_release(goes_store *store);
void store_forget_tables(goes_store *store);

#endif
