/*
 * ask.c
 *    Calls that send one request and wait for its answer.
 */
#include "calls/ask.h"
#include "store/read.h"
#include "store/tally.h"
#include "store/tx.h"

/*
 * is_unknown tells whether a change may have been made although its answer was lost.
 */
static bool
is_unknown(const Call *call, const Ask *ask, int status)
{
	return ask->in_doubt != NULL && call->store->tx == NULL && status == GOES_ERR_CONNECT &&
		   is_lost(call->connection->pg) && call->is_sent;
}

/*
 * run_until_done runs a call's request, and repeats it if what the connection knew was outdated or
 * a table was missing.
 */
static int
run_until_done(Call *call, const Ask *ask, goes_error **error)
{
	int	 status = table_require(call, &ask->table, error);
	bool is_in_doubt = false;

	if (status != GOES_OK)
		return status;
	do
	{
		status = ask->run(call, ask, error);
		is_in_doubt = is_unknown(
			call, ask, status); /* a connection that is lost later leaves nothing in doubt */
	} while (request_retry(call, &status, error) || table_retry(call, &ask->table, &status, error));
	if (is_in_doubt)
	{
		goes_error_free(*error);
		*error = NULL;
		status = fail(error, GOES_ERR_IN_DOUBT, "%s", ask->in_doubt);
	}
	return status;
}

/*
 * ask_once begins a call by one of the ways to begin it, runs it and ends it.
 */
static int
ask_once(goes_store *store, const Ask *ask, const goes_context *context, CallBegin begin,
		 bool *is_connection_lost, goes_error **err)
{
	goes_error *error = NULL;
	Call		call;
	int			status = begin(&call, store, context, err);

	*is_connection_lost = false;
	if (status != GOES_OK)
		return status;
	status = run_until_done(&call, ask, &error);
	if (call.is_on_standby)
		status = read_judge(&call, status, &error);
	*is_connection_lost = is_lost(call.connection->pg);
	if (status == GOES_ERR_NOT_FOUND && store->tx != NULL)
		tx_note(store->tx, error);
	else if (status != GOES_OK && store->tx != NULL)
		tx_fail(store->tx, error);
	call_end(&call);
	return pass_error(err, error, status);
}

int
ask(goes_store *store, const Ask *ask, const goes_context *context, goes_error **err)
{
	Deadline	 deadline = context_deadline(store, context);
	goes_context remaining;
	goes_error	*error = NULL;
	bool		 is_connection_lost;
	int			 status = ASK_PRIMARY;

	if (ask->is_read && reads_elsewhere(store))
		status = ask_once(store, ask, context, read_begin, &is_connection_lost, &error);
	if (status == ASK_PRIMARY)
	{
		remaining = context_until(&deadline);
		status = ask_once(store, ask, &remaining, call_begin, &is_connection_lost, &error);
	}
	if (status == GOES_ERR_CONNECT && is_connection_lost && store->tx == NULL)
	{
		count_reconnect(store, error);
		goes_error_free(error);
		error = NULL;
		remaining = context_until(&deadline);
		status = ask_once(store, ask, &remaining, call_begin, &is_connection_lost, &error);
	}
	return count_call(store, pass_error(err, error, status));
}
