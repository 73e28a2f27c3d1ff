/*
 * write.c
 *    Storing events in one round trip, and finding out what became of them when it broke off.
 *
 * The ids answer that: a write whose connection was lost is sent again with the same ids. The
 * unique index over the ids waits for the old transaction if it is still running. Then the server
 * either stores the events or refuses them; if it refuses them, and the stored events are the ones
 * that were sent, the first write had succeeded. For an append, the server makes that comparison
 * itself.
 */
#include <poll.h>

#include "store/tx.h"
#include "calls/write.h"
#include "store/tally.h"

/*
 * send_events sends the events and waits for the result.
 */
static int
send_events(Call *call, const Write *write, PGresult **result, goes_error **err)
{
	Buffer	   buffer = {0};
	Parameters parameters;
	int status = make_write_parameters(call, write, write->request, &buffer, &parameters, err);

	PQclear(*result);
	*result = NULL;
	if (status == GOES_OK)
		status = run_request(call, write->request, &parameters, result, err);
	buffer_free(&buffer);
	return status;
}

void
write_number(Write *write, int32_t last)
{
	for (size_t i = 0; write->to_number != NULL && i < write->n; i++)
		write->to_number[i].aggregate_version = (int32_t) (last - (int64_t) (write->n - 1 - i));
}

/*
 * read_stored reads the transaction's number, and puts the versions into the events of an append.
 */
static int
read_stored(Write *write, const PGresult *result, goes_error **err)
{
	int32_t last = 0;

	if (write->request == REQUEST_APPEND_EACH)
		return read_outcomes(write, result, err);
	(void) decode_int64(PQgetvalue(result, 0, 1), PQgetlength(result, 0, 1), &write->transaction);
	(void) decode_int32(PQgetvalue(result, 0, 0), PQgetlength(result, 0, 0), &last);
	write->last = last;
	write_number(write, last);
	return GOES_OK;
}

/*
 * write_once stores the events; if the server refuses them, it finds out why.
 */
static int
write_once(Call *call, Write *write, goes_error **err)
{
	PGresult   *result = NULL;
	goes_error *error = NULL;
	int			status;

	do
		status = send_events(call, write, &result, &error);
	while (request_retry(call, &status, &error));
	write->was_sent |= call->is_sent;
	if (status == GOES_OK)
		status = read_stored(write, result, &error);
	else if (status == GOES_ERR_CONNECT && is_lost(call->connection->pg))
		write->may_be_done |= call->is_sent;
	else if (*goes_error_sqlstate(error) != '\0' && write->request != REQUEST_APPEND_EACH)
		status = refine_error(call, write, result, &error);
	PQclear(result);
	return pass_error(err, error, status);
}

/*
 * compare finds out whether all the events are stored exactly as they were sent.
 */
static int
compare(Call *call, const Write *write, bool *are_stored, goes_error **err)
{
	Buffer	   buffer = {0};
	Parameters parameters;
	PGresult  *result = NULL;
	int64_t	   count = -1;
	int status = make_write_parameters(call, write, REQUEST_COMPARE, &buffer, &parameters, err);

	if (status == GOES_OK)
		status = run_request(call, REQUEST_COMPARE, &parameters, &result, err);
	if (status == GOES_OK)
		(void) decode_int64(PQgetvalue(result, 0, 0), PQgetlength(result, 0, 0), &count);
	PQclear(result);
	buffer_free(&buffer);
	*are_stored = count == (int64_t) write->n;
	return status;
}

/*
 * forgive_own_events turns the refusal of a repeated insert into success if the events that are in
 * the way are its own, from an earlier attempt. If the comparison fails, its error replaces the
 * refusal.
 */
static void
forgive_own_events(Call *call, const Write *write, int *status, goes_error **error)
{
	goes_error *unknown = NULL;
	bool		are_stored;
	int			compared = compare(call, write, &are_stored, &unknown);

	if (compared == GOES_OK && !are_stored)
		return;
	goes_error_free(*error);
	*error = unknown;
	*status = compared;
}

/*
 * try_write makes one attempt to store the events. It succeeds, too, if an earlier attempt has
 * stored them.
 */
static int
try_write(goes_store *store, Write *write, const goes_context *context, bool *is_connection_lost,
		  goes_error **err)
{
	bool		may_have_come_through = write->may_be_done;
	goes_error *error = NULL;
	Call		call;
	int			status = call_begin(&call, store, context, &error);

	*is_connection_lost = status == GOES_ERR_CONNECT && write->may_be_done;
	if (status != GOES_OK)
		return pass_error(err, error, status);
	status = write_once(&call, write, &error);
	if (may_have_come_through && write->request == REQUEST_INSERT &&
		(status == GOES_ERR_DUPLICATE || status == GOES_ERR_CONFLICT))
		forgive_own_events(&call, write, &status, &error);
	if (may_have_come_through && status == GOES_OK)
		status = await_standbys(&call, &error);
	*is_connection_lost = status == GOES_ERR_CONNECT && is_lost(call.connection->pg);
	call_end(&call);
	return pass_error(err, error, status);
}

/*
 * is_verdict tells whether this status also settles the earlier, unanswered attempts. Other errors
 * (a lock, a lack of memory, a revoked privilege) may have hit only the last attempt.
 */
static bool
is_verdict(int status)
{
	return status == GOES_OK || status == GOES_ERR_DUPLICATE || status == GOES_ERR_CONFLICT ||
		   status == GOES_ERR_INVALID;
}

int
write_surely(goes_store *store, Write *write, const goes_context *context, goes_error **err)
{
	Deadline	 whole = context_deadline(store, context);
	Deadline	 retrying = whole;
	goes_context remaining;
	goes_error	*error = NULL;
	bool		 is_connection_lost;
	int			 status;

	for (bool is_first = true;; is_first = false)
	{
		remaining = context_until(write->may_be_done ? &retrying : &whole);
		if (!is_first)
			count_reconnect(store, error);
		goes_error_free(error);
		error = NULL;
		status = try_write(store, write, &remaining, &is_connection_lost, &error);
		if (!is_connection_lost)
			break;
		if (is_first)
		{
			retrying = deadline_in(store->connect_timeout_ms, whole.cancel);
			if (whole.at < retrying.at)
				retrying.at = whole.at;
		}
		if (deadline_passed(&retrying) || is_cancelled(whole.cancel))
			break;
		if (!is_first)
			(void) poll(NULL, 0, RETRY_PAUSE_MS);
	}
	if (write->may_be_done && write->n > 0 && !is_verdict(status))
	{
		goes_error_free(error);
		return fail(err, GOES_ERR_IN_DOUBT,
					"the connection was lost while events were stored, and libgoes could not find "
					"out whether they are stored: look one of them up by its id");
	}
	return pass_error(err, error, status);
}

/*
 * write_in_transaction stores events in the store's transaction. An error fails the transaction.
 */
static int
write_in_transaction(goes_store *store, Write *write, const goes_context *context, goes_error **err)
{
	goes_error *error = NULL;
	Call		call;
	int			status = call_begin(&call, store, context, err);

	if (status != GOES_OK)
		return status;
	status = write_once(&call, write, &error);
	if (status == GOES_OK)
		tx_remember(store->tx, write->events, write->n, write->transaction);
	else
		tx_fail(store->tx, error);
	call_end(&call);
	return pass_error(err, error, status);
}

/*
 * write_with_hooks stores events in a transaction, between the hooks. It does not commit.
 */
static int
write_with_hooks(goes_store *store, goes_tx *tx, Write *write, const Deadline *deadline,
				 goes_error **err)
{
	goes_context remaining;
	int status = require_events(write->events, write->n, err); /* hooks may rely on valid names */

	if (status == GOES_OK)
		status = tx_run_hooks(tx, GOES_PRE_INSERT, write->events, write->n, err);
	if (status == GOES_OK)
		status = deadline_check(deadline, err);
	remaining = context_until(deadline);
	if (status == GOES_OK)
		status = write_in_transaction(store, write, &remaining, err);
	if (status == GOES_OK)
		status = tx_run_hooks(tx, GOES_POST_INSERT, write->events, write->n, err);
	if (status == GOES_OK)
		status = deadline_check(deadline, err);
	return status;
}

/*
 * write_in_own_transaction makes a transaction for events with hooks.
 */
static int
write_in_own_transaction(goes_store *store, Write *write, const goes_context *context,
						 goes_error **err)
{
	Deadline	 deadline = context_deadline(store, context);
	goes_context remaining;
	goes_tx		*tx;
	int			 status = goes_tx_begin(store, &tx, context, err);

	if (status != GOES_OK)
		return status;
	status = write_with_hooks(goes_tx_store(tx), tx, write, &deadline, err);
	remaining = context_until(&deadline);
	if (status == GOES_OK)
		return goes_tx_commit(tx, &remaining, err);
	goes_tx_rollback(tx);
	return status;
}

/*
 * write_in_any_way stores events in the way that hooks and transactions ask for.
 */
static int
write_in_any_way(goes_store *store, Write *write, const goes_context *context, goes_error **err)
{
	bool has_events = write->n > 0; /* hooks are not called for no events */

	if (has_events && store->tx != NULL && tx_has_hooks(store->tx))
	{
		Deadline	deadline = context_deadline(store, context);
		goes_error *error = NULL;
		int			status = write_with_hooks(store, store->tx, write, &deadline, &error);

		if (status != GOES_OK)
			tx_fail(store->tx, error);
		return pass_error(err, error, status);
	}
	if (store->tx != NULL)
		return write_in_transaction(store, write, context, err);
	if (has_events &&
		(store->hooks[GOES_PRE_INSERT] != NULL || store->hooks[GOES_POST_INSERT] != NULL))
		return write_in_own_transaction(store, write, context, err);
	return write_surely(store, write, context, err);
}

int
write_events(goes_store *store, Write *write, const goes_context *context, goes_error **err)
{
	return count_call(store, write_in_any_way(store, write, context, err));
}
