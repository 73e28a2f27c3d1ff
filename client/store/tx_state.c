/*
 * tx_state.c
 *    What a transaction is: its connection, its store, and whether something in it has failed.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/tx_state.h"

/* This savepoint does not exist, so that the statement fails the transaction. */
#define FAIL "ROLLBACK TO \"a call of libgoes failed\""

static _Thread_local goes_tx *tx_of_hook;

const goes_store *
hook_store(void)
{
	return tx_of_hook == NULL ? NULL : tx_of_hook->outer;
}

goes_tx *
tx_enter(goes_tx *tx)
{
	goes_tx *before = tx_of_hook;

	tx_of_hook = tx;
	return before;
}

Connection *
tx_connection(goes_tx *tx)
{
	return tx->connection;
}

/*
 * tx_forget_noted forgets an error that does not matter for what follows.
 */
void
tx_forget_noted(goes_tx *tx)
{
	goes_error_free(tx->noted);
	tx->noted = NULL;
}

void
tx_note(goes_tx *tx, const goes_error *error)
{
	/* GOES_ERR_STATE is a consequence of the noted error */
	if (tx->noted != NULL && goes_error_status(error) == GOES_ERR_STATE)
		return;
	tx_forget_noted(tx);
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
 * tx_fail makes the transaction fail on the server, too, if the call failed elsewhere. So the
 * server alone decides whether the transaction can go on: the program may undo the failure with a
 * savepoint.
 */
void
tx_fail(goes_tx *tx, const goes_error *error)
{
	Deadline deadline = deadline_in(CLEAN_UP_MS, NULL);

	if (tx->store.owner != getpid())
		return;
	tx_note(tx, error);
	store_forget_tables(&tx->store); /* a table that was created in it may be rolled back */
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
outer_store(goes_store *store)
{
	return store->tx == NULL ? store : store->tx->outer;
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
 * tx_has_failed tells whether the transaction can only be rolled back, because a call of ours or a
 * statement of the program has failed.
 */
bool
tx_has_failed(const goes_tx *tx)
{
	return tx->is_failed || !is_in_order(tx);
}

/*
 * failure_text says in brackets what failed: a call of ours, or else the last message of libpq. To
 * be freed; NULL when out of memory.
 */
char *
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
 * fail_failed makes the error for a transaction in which something failed. `end` is the end of its
 * message.
 */
int
fail_failed(const goes_tx *tx, const char *end, goes_error **err)
{
	char *failure = failure_text(tx);
	int	  status;

	if (failure == NULL)
		return fail_memory(err);
	status = fail(err, GOES_ERR_STATE,
				  "an earlier call or statement failed in the transaction or ended it, or its "
				  "connection is still busy%s: %s",
				  failure, end);
	free(failure);
	return status;
}

int
tx_check(goes_tx *tx, goes_error **err)
{
	if (check_owner(&tx->store, err) != GOES_OK)
		return GOES_ERR_STATE;
	if (tx_has_failed(tx))
		return fail_failed(tx, "roll it back, or back to a savepoint before that", err);
	tx_forget_noted(tx);
	if (!connection_is_utf8(tx->connection))
		return fail(err, GOES_ERR_STATE,
					"client_encoding was changed in the transaction, but the texts of libgoes are "
					"UTF-8: SET client_encoding = UTF8");
	return GOES_OK;
}
