/*
 * store.h
 *    What a store is, and how a call on it begins and ends.
 */
#ifndef GOES_STORE_H
#define GOES_STORE_H

#include "exec.h"
#include "pool.h"

#define HOOK_POINTS 2

typedef struct Hook
{
	goes_hook	 function;
	void		*user;
	struct Hook *next;
} Hook;

typedef struct KnownTable KnownTable; /* table.c */

typedef enum StoreState
{
	STORE_NEW,
	STORE_CONNECTING,
	STORE_CONNECTED
} StoreState;

struct goes_store
{
	goes_tx	   *tx;			/* a transaction's store: its transaction; NULL otherwise */
	atomic_int	references; /* the program's, and one for each cursor and transaction */
	pid_t		owner;
	char	   *database;
	char	   *table;
	goes_pool  *pool;
	bool		is_own_pool;
	int64_t		connect_timeout_ms;
	int64_t		operation_timeout_ms;
	bool		no_create;
	bool		no_prepared_statements;
	Hook	   *hooks[HOOK_POINTS]; /* fixed before the first call */
	atomic_bool is_used;

	pthread_mutex_t lock; /* for the state */
	pthread_cond_t	changed;
	StoreState		state;
	unsigned		failures; /* attempts to connect that failed for all who waited */
	goes_error	   *failure;  /* of the last of them */
	KnownTable	   *tables;	  /* those besides the events that are there */
};

/* A call under way. */
typedef struct Call
{
	goes_store *store;
	Deadline	deadline;
	Connection *connection;
	bool		is_sent;	 /* the last request reached the network whole: it may be done */
	bool		is_renewed;	 /* what the connection knew was outdated, and is looked up anew */
	bool		has_created; /* a missing table was made */
} Call;

/* store.c */
Deadline	 context_deadline(const goes_store *store, const goes_context *context);
goes_context context_until(const Deadline *deadline); /* for a part of a call */
int	 call_begin(Call *call, goes_store *store, const goes_context *context, goes_error **err);
int	 check_owner(const goes_store *store, goes_error **err);
void call_end(Call *call);
void store_hold(goes_store *store);
void store_release(goes_store *store);

/* setup.c: database, extension and table are there after it */
int set_up(goes_store *store, const Deadline *deadline, goes_error **err);

/*
 * standby.c: what was committed before is not lost when a synchronous standby takes over. A standby
 * cannot say that, and fails.
 */
int await_standbys(Call *call, goes_error **err);

/* statement.c */
typedef enum Request
{
	REQUEST_INSERT,
	REQUEST_FIND,
	REQUEST_DELETE,
	REQUEST_QUERY,
	REQUEST_CURSOR,
	REQUEST_COUNT,
	REQUEST_COMPARE,
	REQUEST_APPEND,
	REQUEST_TAKEN,
	REQUEST_TAKEN_ID,
	REQUEST_LOAD,
	REQUEST_CREATE_SNAPSHOTS,
	REQUEST_SNAPSHOT_SAVE,
	REQUEST_SNAPSHOT_LATEST,
	REQUEST_SNAPSHOT_VERSION,
	REQUEST_SNAPSHOT_LIMIT,
	REQUEST_SNAPSHOT_QUERY,
	REQUEST_SNAPSHOT_DELETE,
	REQUEST_CREATE_MODELS,
	REQUEST_MODEL_SAVE,
	REQUEST_MODEL_FETCH,
	REQUEST_MODEL_LOCK,
	REQUEST_MODEL_DELETE,
	REQUESTS
} Request;

/* The parameters of a request. */
#define MOST_PARAMETERS 17

typedef struct Parameters
{
	int			count;
	const char *values[MOST_PARAMETERS];
	int			lengths[MOST_PARAMETERS];
	Oid			types[MOST_PARAMETERS];
	int			formats[MOST_PARAMETERS];
} Parameters;

void add_binary(Parameters *parameters, Oid type, const Buffer *value);
void add_text(Parameters *parameters, Oid type, const char *value);
void add_aggregate(Parameters *parameters, const char *name, const goes_uuid *id);
int	 make_statement(Call *call, Request request, const Parameters *parameters, Statement *statement,
					goes_error **err);
void free_statement(Statement *statement);
int	 send_request(Call *call, Request request, const Parameters *parameters, goes_error **err);
int	 run_request(Call *call, Request request, const Parameters *parameters, PGresult **out,
				 goes_error **err);
bool request_retry(Call *call, int *status, goes_error **error); /* after a failed request */

/* session.c: what a connection knows */
int session_look_up(Call *call, goes_error **err);
int status_of_taken(Call *call, const PGresult *result); /* of a 23505 */
int refine_other_store(Call *call, const PGresult *result,
					   goes_error **error); /* of what a trigger writes to */

/* tx.c */
Connection		 *tx_connection(goes_tx *tx);
int				  tx_check(goes_tx *tx, goes_error **err);
void			  tx_fail(goes_tx *tx, const goes_error *error); /* by a call that failed */
void			  tx_note(goes_tx *tx, const goes_error *error); /* one that it survives */
const goes_store *hook_store(void); /* whose hook this thread is in; NULL: none */
int				  fail_in_hook(goes_error **err);

#endif
