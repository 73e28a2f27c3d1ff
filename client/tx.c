/*
 * tx.c
 *    Transactions and hooks.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "table.h"
#include "tx.h"

struct goes_tx
{
	goes_store	store; /* what goes_tx_store gives out: the outer one's names, pool and hooks */
	goes_store *outer; /* held */
	Connection *connection;
	bool		is_failed;
	bool		is_in_hook;
	bool		is_lent; /* to a function of the program's that must not end it */
	unsigned	cursors;
	goes_uuid	event;	/* one that was inserted; nil: none was */
	int64_t		number; /* the transaction's, on the server, if one was */
};

static _Thread_local const goes_store *store_of_hook;

const goes_store *
hook_store(void)
{
	return store_of_hook;
}

Connection *
tx_connection(goes_tx *tx)
{
	return tx->connection;
}

void
tx_mark_failed(goes_tx *tx)
{
	tx->is_failed = true;
}

goes_store *
tx_outer_store(goes_tx *tx)
{
	return tx->outer;
}

unsigned
tx_next_cursor(goes_tx *tx)
{
	return ++tx->cursors;
}

void
tx_remember(goes_tx *tx, const goes_event *events, size_t n, int64_t number)
{
	if (n > 0 && goes_uuid_is_nil(&tx->event))
		tx->event = events[0].id;
	tx->number = number;
}

/*
 * has_failed tells whether only a rollback is left: by a call of ours, or by a statement of the
 * program's own.
 */
static bool
has_failed(const goes_tx *tx)
{
	return tx->is_failed || PQtransactionStatus(tx->connection->pg) != PQTRANS_INTRANS;
}

int
tx_check(goes_tx *tx, goes_error **err)
{
	if (check_owner(&tx->store, err) != GOES_OK)
		return GOES_ERR_STATE;
	if (has_failed(tx))
		return fail(
			err, GOES_ERR_STATE,
			"an earlier call or statement failed in the transaction or ended it, or a result "
			"is left on its connection: roll it back");
	return GOES_OK;
}

/*
 * make_inner_store fills the transaction's store.
 */
static void
make_inner_store(goes_tx *tx)
{
	const goes_store *outer = tx->outer;
	goes_store		 *inner = &tx->store;

	inner->tx = tx;
	inner->owner = outer->owner;
	inner->database = outer->database;
	inner->table = outer->table;
	inner->pool = outer->pool;
	inner->connect_timeout_ms = outer->connect_timeout_ms;
	inner->operation_timeout_ms = outer->operation_timeout_ms;
	inner->no_create = outer->no_create;
	inner->no_prepared_statements = outer->no_prepared_statements;
	memcpy(inner->hooks, outer->hooks, sizeof inner->hooks);
	atomic_init(&inner->references, 1);
}

/*
 * begin_call takes a connection and begins a transaction on it, on another one if the first turns out
 * to be lost.
 */
static int
begin_call(Call *call, goes_store *store, const goes_context *context, goes_error **err)
{
	Deadline	deadline = context_deadline(store, context);
	goes_error *error = NULL;
	int			status = GOES_ERR_CONNECT;

	for (int tries = 0; tries < 2; tries++)
	{
		goes_context remaining = context_until(&deadline);
		bool		 is_connection_lost;

		goes_error_free(error);
		error = NULL;
		status = call_begin(call, store, &remaining, &error);
		if (status != GOES_OK)
			break;
		status = exec_discard(call->connection->pg, "BEGIN", &call->deadline, &error);
		if (status == GOES_OK)
			break;
		is_connection_lost = is_lost(call->connection->pg);
		call_end(call);
		if (!is_connection_lost)
			break;
	}
	return pass_error(err, error, status);
}

int
goes_tx_begin(goes_store *store, goes_tx **out, const goes_context *context, goes_error **err)
{
	goes_tx *tx;
	Call	 call;
	int		 status;

	if (store == NULL || out == NULL)
		return fail(err, GOES_ERR_INVALID, "store and out must not be NULL");
	if (store->tx != NULL)
		return fail(err, GOES_ERR_STATE, "a transaction cannot begin inside a transaction");
	tx = calloc(1, sizeof *tx);
	if (tx == NULL)
		return fail_memory(err);
	status = begin_call(&call, store, context, err);
	if (status != GOES_OK)
	{
		free(tx);
		return status;
	}
	tx->outer = store;
	tx->connection = call.connection;
	store_hold(store);
	make_inner_store(tx);
	*out = tx;
	return GOES_OK;
}

goes_store *
goes_tx_store(goes_tx *tx)
{
	return tx == NULL ? NULL : &tx->store;
}

struct pg_conn *
goes_tx_conn(goes_tx *tx)
{
	return tx == NULL || tx->store.owner != getpid() ? NULL : tx->connection->pg;
}

/*
 * end gives the connection back and frees the transaction.
 */
static void
end(goes_tx *tx)
{
	pool_give(tx->outer->pool, tx->connection);
	table_free_known(&tx->store);
	store_release(tx->outer);
	free(tx);
}

void
goes_tx_rollback(goes_tx *tx)
{
	Deadline deadline;

	if (tx == NULL || tx->is_in_hook || tx->is_lent)
		return;
	if (tx->store.owner == getpid() && PQtransactionStatus(tx->connection->pg) != PQTRANS_ACTIVE)
	{
		deadline = deadline_in(MILLISECONDS_PER_SECOND / 2, NULL);
		/* a connection that cannot be rolled back is closed, and that rolls it back */
		(void) exec_discard(tx->connection->pg, "ROLLBACK", &deadline, NULL);
	}
	end(tx);
}

/*
 * commit sends COMMIT. To that of a failed transaction the server answers ROLLBACK.
 */
static int
commit(goes_tx *tx, const Deadline *deadline, goes_error **err)
{
	Statement	statement = {.text = "COMMIT"};
	PGresult   *result = NULL;
	goes_error *error = NULL;
	int			status = exec_statement(tx->connection->pg, &statement, &result, deadline, &error);

	if (status == GOES_OK && strcmp(PQcmdStatus(result), "COMMIT") != 0)
		status = fail(&error, GOES_ERR_STATE,
					  "a statement in the transaction had failed: it was rolled back");
	else if (status != GOES_OK && (is_lost(tx->connection->pg) || status == GOES_ERR_TIMEOUT ||
								   status == GOES_ERR_CANCELLED))
	{
		goes_error_free(error);
		error = NULL;
		/* it goes back first: it may be the only one that the pool may have */
		pool_give(tx->outer->pool, tx->connection);
		tx->connection = NULL;
		status = find_lost_commit(tx->outer, tx->number, &tx->event, deadline, &error);
	}
	PQclear(result);
	return pass_error(err, error, status);
}

int
goes_tx_commit(goes_tx *tx, const goes_context *context, goes_error **err)
{
	Deadline deadline;
	int		 status;

	if (tx == NULL)
		return fail(err, GOES_ERR_INVALID, "tx must not be NULL");
	if (tx->is_in_hook || tx->is_lent)
		return fail(err, GOES_ERR_STATE,
					"a hook, or the function of goes_model_use, must not end its transaction");
	if (tx->store.owner != getpid())
	{
		end(tx);
		return fail(err, GOES_ERR_STATE, "the transaction belongs to the parent process");
	}
	deadline = context_deadline(tx->outer, context);
	status = GOES_OK;
	if (has_failed(tx))
		status = fail(err, GOES_ERR_STATE,
					  "an earlier call or statement failed in the transaction or ended it, or a "
					  "result is left on its connection: nothing was committed");
	if (status == GOES_OK)
		status = deadline_check(&deadline, err);
	if (status != GOES_OK)
	{
		goes_tx_rollback(tx);
		return status;
	}
	status = commit(tx, &deadline, err);
	if (status == GOES_OK)
		table_learn(tx->outer, &tx->store);
	end(tx);
	return status;
}

bool
tx_has_hooks(const goes_tx *tx)
{
	return !tx->is_in_hook &&
		   (tx->store.hooks[GOES_PRE_INSERT] != NULL || tx->store.hooks[GOES_POST_INSERT] != NULL);
}

/*
 * status_of_returned turns what a function of the program's returned into a status.
 */
static int
status_of_returned(int returned, const char *function, goes_error **err)
{
	if (returned == 0)
		return GOES_OK;
	if (is_status(returned))
		return fail(err, returned, "%s failed: %s", function, goes_status_text(returned));
	return fail(err, GOES_ERR_HOOK, "%s refused: it returned %d", function, returned);
}

int
tx_call(goes_tx *tx, goes_model_fn function, const char *json, char **new_json, void *user,
		goes_error **err)
{
	const goes_store *before = store_of_hook;
	bool			  was_lent = tx->is_lent;
	int				  returned;

	tx->is_lent = true;
	store_of_hook = tx->outer;
	returned = function(tx, json, new_json, user);
	store_of_hook = before;
	tx->is_lent = was_lent;
	return status_of_returned(returned, "the function on the model", err);
}

int
tx_run_hooks(goes_tx *tx, goes_hook_point point, const goes_event *events, size_t n,
			 goes_error **err)
{
	const goes_store *before = store_of_hook;
	int				  status = tx_check(tx, err);

	tx->is_in_hook = true;
	store_of_hook = tx->outer;
	for (const Hook *hook = tx->store.hooks[point]; status == GOES_OK && hook != NULL;
		 hook = hook->next)
		status = status_of_returned(hook->function(tx, events, n, hook->user), "a hook", err);
	store_of_hook = before;
	tx->is_in_hook = false;
	return status;
}
