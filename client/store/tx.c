/*
 * tx.c
 *    Transactions and hooks.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/side_table.h"
#include "store/tally.h"
#include "store/tx.h"

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
	inner->creation_timeout_ms = outer->creation_timeout_ms;
	inner->operation_timeout_ms = outer->operation_timeout_ms;
	inner->no_create = outer->no_create;
	inner->no_prepared_statements = outer->no_prepared_statements;
	memcpy(inner->hooks, outer->hooks, sizeof inner->hooks);
	atomic_init(&inner->references, 1);
}

/*
 * begin_call takes a connection and begins a transaction on it. If the connection turns out to be
 * lost, it takes another one.
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

		if (tries > 0)
			count_reconnect(store, error);
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
	status = count_call(store, begin_call(&call, store, context, err));
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
	if (tx == NULL || tx->store.owner != getpid())
		return NULL;
	tx->connection->is_lent = true;
	if (!tx_has_failed(tx))
		tx_forget_noted(tx);
	return tx->connection->pg;
}

/*
 * end gives the connection back and frees the transaction.
 */
static void
end(goes_tx *tx)
{
	pool_give(tx->outer->pool, tx->connection);
	store_forget_tables(&tx->store);
	tx_forget_noted(tx);
	store_release(tx->outer);
	free(tx);
}

void
goes_tx_rollback(goes_tx *tx)
{
	Deadline deadline;

	if (tx == NULL || tx->is_in_hook || tx->is_lent)
		return;
	if (tx->store.owner == getpid() && PQtransactionStatus(tx->connection->pg) != PQTRANS_ACTIVE &&
		PQpipelineStatus(tx->connection->pg) == PQ_PIPELINE_OFF)
	{
		deadline = deadline_in(CLEAN_UP_MS, NULL);
		/* if ROLLBACK fails, the pool closes the connection, and the server rolls back */
		(void) exec_discard(tx->connection->pg, "ROLLBACK", &deadline, NULL);
	}
	end(tx);
}

/*
 * commit sends COMMIT. In a failed transaction the server answers ROLLBACK.
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
		goes_error *cause = error;

		error = NULL;
		/* give it back first: the pool may not be allowed another one */
		pool_give(tx->outer->pool, tx->connection);
		tx->connection = NULL;
		status = find_lost_commit(tx->outer, &tx->traces, cause, deadline, &error);
		goes_error_free(cause);
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
	if (tx_has_failed(tx))
		status = fail_failed(tx, "nothing was committed", err);
	if (status == GOES_OK)
		status = deadline_check(&deadline, err);
	if (status != GOES_OK)
	{
		(void) count_call(tx->outer, status);
		goes_tx_rollback(tx);
		return status;
	}
	status = count_call(tx->outer, commit(tx, &deadline, err));
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
 * status_of_returned turns the value that the program's function returned into a status. If it is
 * the status of the last call that failed in the function, the error gets the details of that call,
 * but not its index, since the function may have stored other events.
 */
static int
status_of_returned(const goes_tx *tx, int returned, const char *function, goes_error **err)
{
	ErrorDetails details = error_details(tx->noted);
	char		*failure;
	int			 status;

	if (returned == 0)
		return GOES_OK;
	details.event_index = -1;
	if (returned == goes_error_status(tx->noted))
		return fail_detailed(err, returned, details, "%s failed: %s", function,
							 goes_error_message(tx->noted));
	failure = failure_text(tx);
	if (failure == NULL)
		return fail_memory(err);
	if (is_status(returned))
		status =
			fail(err, returned, "%s failed: %s%s", function, goes_status_text(returned), failure);
	else
		status =
			fail(err, GOES_ERR_HOOK, "%s refused: it returned %d%s", function, returned, failure);
	free(failure);
	return status;
}

int
tx_call(goes_tx *tx, goes_model_fn function, const char *json, char **new_json, void *user,
		goes_error **err)
{
	goes_tx *before;
	bool	 was_lent = tx->is_lent;
	int		 returned;

	tx->is_lent = true;
	before = tx_enter(tx);
	tx_forget_noted(tx);
	returned = function(tx, json, new_json, user);
	(void) tx_enter(before);
	tx->is_lent = was_lent;
	return status_of_returned(tx, returned, "the function on the model", err);
}

int
tx_run_hooks(goes_tx *tx, goes_hook_point point, const goes_event *events, size_t n,
			 goes_error **err)
{
	goes_tx *before;
	int		 status = tx_check(tx, err);

	tx->is_in_hook = true;
	before = tx_enter(tx);
	for (const Hook *hook = tx->store.hooks[point]; status == GOES_OK && hook != NULL;
		 hook = hook->next)
	{
		tx_forget_noted(tx);
		status = status_of_returned(tx, hook->function(tx, events, n, hook->user), "a hook", err);
		if (status == GOES_OK)
			status = tx_check(tx, err); /* the hook may have ignored a failed call */
	}
	(void) tx_enter(before);
	tx->is_in_hook = false;
	return status;
}
