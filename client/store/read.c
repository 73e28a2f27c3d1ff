/*
 * read.c
 *    Where a read is done: on the standby, if that has what the read must see, or on the primary.
 *
 * Reaching the standby and waiting for it take three quarters of the call's time at the most, so
 * that there is time for the primary.
 */
#include "store/read.h"
#include "store/tally.h"

bool
reads_elsewhere(const goes_store *store)
{
	return store->tx == NULL && store->read_server.pool != NULL;
}

/*
 * says_something tells whether a status of the standby is an answer, or about the call itself.
 */
static bool
says_something(int status)
{
	switch (status)
	{
		case GOES_OK:
		case GOES_ERR_NOT_FOUND:
		case GOES_ERR_INVALID:
		case GOES_ERR_NOMEM:
		case GOES_ERR_CANCELLED:
			return true;
		default:
			return false;
	}
}

int
read_judge(Call *call, int status, goes_error **error)
{
	goes_store *store = call->store;

	if (status == GOES_OK || status == GOES_ERR_NOT_FOUND)
		atomic_fetch_add(&store->tally.standby_reads, 1);
	if (says_something(status) || deadline_passed(&call->deadline))
		return status;
	atomic_fetch_add(&store->tally.standby_failures, 1);
	if (call->connection == NULL)
		read_server_failed(store, *error);
	else
	{
		session_forget(&call->connection->session);
		tell_log(store, GOES_LOG_WARNING, "reading from the primary, since the standby failed: %s",
				 goes_error_message(*error));
	}
	goes_error_free(*error);
	*error = NULL;
	return ASK_PRIMARY;
}

/*
 * prepare takes a connection to the standby, and waits for what the read must see.
 */
static int
prepare(Call *call, const goes_freshness *freshness, goes_error **err)
{
	Deadline whole = call->deadline;
	int		 status;

	call->deadline = read_server_deadline(&whole);
	status = read_server_take(call, err);
	if (status == GOES_OK)
		status = freshness_await(call, freshness, err);
	call->deadline = whole;
	return status == GOES_OK ? deadline_check(&call->deadline, err) : status;
}

int
read_begin(Call *call, goes_store *store, const goes_context *context, goes_error **err)
{
	const goes_freshness *freshness = context_freshness(context);
	goes_error			 *error = NULL;
	int					  status = call_check(store, err);

	if (status == GOES_OK)
		status = freshness_check(freshness, err);
	if (status != GOES_OK)
		return status;
	*call =
		(Call){.store = store, .deadline = context_deadline(store, context), .is_on_standby = true};
	atomic_store(&store->is_used, true);
	status = require_connected(store, &call->deadline, err);
	if (status != GOES_OK)
		return status;
	if (read_server_is_paused(store))
	{
		atomic_fetch_add(&store->tally.standby_failures, 1);
		return ASK_PRIMARY;
	}
	status = prepare(call, freshness, &error);
	if (status != GOES_OK && status != ASK_PRIMARY)
		status = read_judge(call, status, &error);
	if (status != GOES_OK)
		call_end(call);
	return pass_error(err, error, status);
}
