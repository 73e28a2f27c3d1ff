/*
 * call.c
 *    How a call on a store begins and ends.
 *
 * The first call connects, and calls of other threads wait for its attempt (setup.c).
 */
#include <unistd.h>

#include "store/call.h"
#include "store/tally.h"
#include "store/tx_state.h"

/*
 * context_deadline returns when a call has to be over.
 */
Deadline
context_deadline(const goes_store *store, const goes_context *context)
{
	int64_t timeout_ms = context == NULL ? 0 : context->timeout_ms;

	if (timeout_ms == 0)
		timeout_ms = store->operation_timeout_ms;
	return deadline_in(timeout_ms, context == NULL ? NULL : context->cancel);
}

/*
 * context_until returns a context for the rest of a call. No time left is 1 ms, since 0 would mean
 * the store's default.
 */
goes_context
context_until(const Deadline *deadline)
{
	int64_t left = deadline_left_ms(deadline);

	return (goes_context){.size = sizeof(goes_context),
						  .timeout_ms = left == 0 ? 1 : left,
						  .cancel = deadline->cancel};
}

/*
 * call_check fails if this thread must not use the store now.
 */
int
call_check(const goes_store *store, goes_error **err)
{
	if (store == NULL)
		return fail(err, GOES_ERR_INVALID, "the store must not be NULL");
	if (check_owner(store, err) != GOES_OK)
		return GOES_ERR_STATE;
	if (hook_store() == store)
		return fail_in_hook(err);
	return store->tx == NULL ? GOES_OK : tx_check(store->tx, err);
}

/*
 * look_up looks up what is not known yet of the connection's database and of the store's table.
 */
static int
look_up(Call *call, goes_error **err)
{
	int status = session_look_up(call, err);

	return status == GOES_OK ? table_names_look_up(call, err) : status;
}

/*
 * call_take takes a connection and looks up what it does not know yet. If the connection turns out
 * to be lost, it takes another one.
 */
int
call_take(Call *call, goes_pool *pool, goes_error **err)
{
	goes_error *error = NULL;
	int			status;

	call->pool = pool;
	status = pool_take(pool, &call->connection, &call->deadline, &error);
	if (status == GOES_OK)
		status = look_up(call, &error);
	if (status != GOES_OK && call->connection != NULL && is_lost(call->connection->pg))
	{
		count_reconnect(call->store, error);
		goes_error_free(error);
		error = NULL;
		call_end(call);
		status = pool_take(pool, &call->connection, &call->deadline, &error);
		if (status == GOES_OK)
			status = look_up(call, &error);
	}
	return pass_error(err, error, status);
}

int
call_begin(Call *call, goes_store *store, const goes_context *context, goes_error **err)
{
	int status = call_check(store, err);

	if (status != GOES_OK)
		return status;
	*call = (Call){.store = store, .deadline = context_deadline(store, context)};
	if (store->tx != NULL)
	{
		call->connection = tx_connection(store->tx);
		status = look_up(call, err);
	}
	else
	{
		atomic_store(&store->is_used, true);
		status = require_connected(store, &call->deadline, err);
		if (status == GOES_OK)
			status = call_take(call, store->pool, err);
	}
	/* a call that is late or cancelled already must not reach the server */
	if (status == GOES_OK)
		status = deadline_check(&call->deadline, err);
	if (status != GOES_OK)
		call_end(call);
	return status;
}

void
call_end(Call *call)
{
	if (call->store->tx == NULL)
		pool_give(call->pool, call->connection);
	call->connection = NULL;
}
