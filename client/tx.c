/*
 * tx.c
 *    Transactions and hooks.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "table.h"
#include "tx.h"

/* There is no such savepoint, which fails the transaction. */
#define FAIL "ROLLBACK TO \"a call of libgoes failed\""

struct goes_tx
{
	goes_store	store; /* what goes_tx_store gives out: the outer one's names, pool and hooks */
	goes_store *outer; /* held */
	Connection *connection;
	bool		is_failed; /* and the server could not be told */
	bool		is_in_hook;
	bool		is_lent; /* to a function of the program's that must not end it */
	unsigned	cursors;
	Traces		traces;
	goes_error *noted; /* the last call's that failed; NULL: none did */
};

static _Thread_local goes_tx *tx_of_hook;

const goes_store *
hook_store(void)
{
	return tx_of_hook == NULL ? NULL : tx_of_hook->outer;
}

Connection *
tx_connection(goes_tx *tx)
{
	return tx->connection;
}

/*
 * forget_noted forgets an error that is none of what follows.
 */
static void
forget_noted(goes_tx *tx)
{
	goes_error_free(tx->noted);
	tx->noted = NULL;
}

void
tx_note(goes_tx *tx, const goes_error *error)
{
	/* that a call is not possible now is a consequence, not the cause */
	if (tx->noted != NULL && goes_error_status(error) == GOES_ERR_STATE)
		return;
	forget_noted(tx);
	if (error != NULL)
		(void) copy_error(&tx->noted, error);
}

/*
 * is_in_order tells whether statements can be run in the transaction.
 */
static bool
is_in_order(const goes_tx *tx)
{
	const PGconn *pg = tx->connection->pg;

	return PQtransactionStatus(pg) == PQTRANS_INTRANS && PQpipelineStatus(pg) == PQ_PIPELINE_OFF;
}

/*
 * tx_fail makes the transaction a failed one on the server, too, if the call failed elsewhere. So it is the
 * server that knows whether the transaction can go on: the program may undo the failure with a savepoint
 * of its own.
 */
void
tx_fail(goes_tx *tx, const goes_error *error)
{
	Deadline deadline = deadline_in(MILLISECONDS_PER_SECOND / 2, NULL);

	if (tx->store.owner != getpid())
		return;
	tx_note(tx, error);
	table_free_known(&tx->store); /* a table that was made in it may be undone with it */
	if (is_in_order(tx))
		(void) exec_discard(tx->connection->pg, FAIL, &deadline, NULL);
	tx->is_failed = PQtransactionStatus(tx->connection->pg) != PQTRANS_INERROR;
}

int
fail_in_hook(goes_error **err)
{
	goes_error *error = NULL;
	int			status = fail(&error, GOES_ERR_STATE,
							  "a hook, or the function of goes_model_use, must not use the store that "
									  "called it: use goes_tx_store(tx)");

	tx_note(tx_of_hook, error);
	return pass_error(err, error, status);
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
	if (n > 0 && goes_uuid_is_nil(&tx->traces.events[0]))
		tx->traces.events[0] = events[0].id;
	if (n > 0)
		tx->traces.events[1] = events[n - 1].id;
	tx->traces.number = number;
}

/*
 * has_failed tells whether nothing can be done in the transaction: after a call of ours, or a statement
 * of the program's own, that failed.
 */
static bool
has_failed(const goes_tx *tx)
{
	return tx->is_failed || !is_in_order(tx);
}

/*
 * failure_text tells what failed, in brackets: a call of ours, or else what libpq says last of a failed
 * transaction. To be freed; NULL when out of memory.
 */
static char *
failure_text(const goes_tx *tx)
{
	const PGconn *pg = tx->connection->pg;
	const char	 *text = goes_error_message(tx->noted);
	Buffer		  buffer = {0};

	if (tx->noted == NULL && PQtransactionStatus(pg) == PQTRANS_INERROR)
		text = PQerrorMessage(pg);
	if (*text != '\0')
		buffer_format(&buffer, " (%.*s)", (int) strcspn(text, "\n"), text);
	if (buffer_string(&buffer) == NULL)
		buffer_free(&buffer);
	return buffer.data;
}

/*
 * fail_failed makes the error for a transaction in which something failed; the end of the text says what
 * that means.
 */
static int
fail_failed(const goes_tx *tx, const char *end, goes_error **err)
{
	char *failure = failure_text(tx);
	int	  status;

	if (failure == NULL)
		return fail_memory(err);
	status = fail(err, GOES_ERR_STATE,
				  "an earlier call or statement failed in the transaction or ended it, or its "
				  "connection is in the midst of something%s: %s",
				  failure, end);
	free(failure);
	return status;
}

int
tx_check(goes_tx *tx, goes_error **err)
{
	if (check_owner(&tx->store, err) != GOES_OK)
		return GOES_ERR_STATE;
	if (has_failed(tx))
		return fail_failed(tx, "roll it back, or back to a savepoint before that", err);
	forget_noted(tx);
	if (!connection_is_utf8(tx->connection))
		return fail(err, GOES_ERR_STATE,
					"client_encoding was changed in the transaction, but the texts of libgoes are "
					"UTF-8: SET client_encoding = UTF8");
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
	if (tx == NULL || tx->store.owner != getpid())
		return NULL;
	tx->connection->is_lent = true;
	if (!has_failed(tx))
		forget_noted(tx);
	return tx->connection->pg;
}

/*
 * end gives the connection back and frees the transaction.
 */
static void
end(goes_tx *tx)
{
	pool_give(tx->outer->pool, tx->connection);
	table_free_known(&tx->store);
	forget_noted(tx);
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
		goes_error *cause = error;

		error = NULL;
		/* it goes back first: it may be the only one that the pool may have */
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
	if (has_failed(tx))
		status = fail_failed(tx, "nothing was committed", err);
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
 * status_of_returned turns what a function of the program's returned into a status. If that is the status
 * of the last call that failed in it, its details are the error's; the index is not, since the function may
 * have stored other events.
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
	goes_tx *before = tx_of_hook;
	bool	 was_lent = tx->is_lent;
	int		 returned;

	tx->is_lent = true;
	tx_of_hook = tx;
	forget_noted(tx);
	returned = function(tx, json, new_json, user);
	tx_of_hook = before;
	tx->is_lent = was_lent;
	return status_of_returned(tx, returned, "the function on the model", err);
}

int
tx_run_hooks(goes_tx *tx, goes_hook_point point, const goes_event *events, size_t n,
			 goes_error **err)
{
	goes_tx *before = tx_of_hook;
	int		 status = tx_check(tx, err);

	tx->is_in_hook = true;
	tx_of_hook = tx;
	for (const Hook *hook = tx->store.hooks[point]; status == GOES_OK && hook != NULL;
		 hook = hook->next)
	{
		forget_noted(tx);
		status = status_of_returned(tx, hook->function(tx, events, n, hook->user), "a hook", err);
		if (status == GOES_OK)
			status = tx_check(tx, err); /* it may not tell of a failed call */
	}
	tx_of_hook = before;
	tx->is_in_hook = false;
	return status;
}
