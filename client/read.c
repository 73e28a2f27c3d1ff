/*
 * read.c
 *    The calls that need one answer: goes_find, goes_count and goes_delete.
 *
 * What did nothing when its connection was lost is repeated once: a read, or what was not sent whole.
 */
#include "request.h"
#include "types.h"

/*
 * What a call sends and what it makes of the answer.
 */
typedef struct Ask
{
	int (*run)(Call *call, const struct Ask *ask, goes_error **err);
	const goes_uuid	 *ids;
	size_t			  n;
	const goes_query *query;
	void			 *out;
} Ask;

/*
 * ask_once begins a call, runs it and ends it.
 */
static int
ask_once(goes_store *store, const Ask *ask, const goes_context *context, bool *is_connection_lost,
		 goes_error **err)
{
	goes_error *error = NULL;
	Call		call;
	int			status = call_begin(&call, store, context, err);

	*is_connection_lost = false;
	if (status != GOES_OK)
		return status;
	do
		status = ask->run(&call, ask, &error);
	while (session_retry(&call, &status, &error));
	*is_connection_lost = is_lost(call.connection->pg);
	if (status != GOES_OK && status != GOES_ERR_NOT_FOUND && store->tx != NULL)
		tx_mark_failed(store->tx);
	call_end(&call);
	return pass_error(err, error, status);
}

/*
 * ask_twice runs a call, and once more when its connection was lost and that did nothing.
 */
static int
ask_twice(goes_store *store, const Ask *ask, const goes_context *context, goes_error **err)
{
	Deadline	 deadline = context_deadline(store, context);
	goes_context remaining;
	goes_error	*error = NULL;
	bool		 is_connection_lost;
	int			 status = ask_once(store, ask, context, &is_connection_lost, &error);

	if (status == GOES_ERR_CONNECT && is_connection_lost && store->tx == NULL)
	{
		goes_error_free(error);
		error = NULL;
		remaining = context_until(&deadline);
		status = ask_once(store, ask, &remaining, &is_connection_lost, &error);
	}
	return pass_error(err, error, status);
}

static int
run_find(Call *call, const Ask *ask, goes_error **err)
{
	Buffer		 buffer = {0};
	Parameters	 parameters = {0};
	PGresult	*result = NULL;
	goes_event	 event;
	goes_event **out = ask->out;
	int			 status;

	buffer_append(&buffer, ask->ids->bytes, sizeof ask->ids->bytes);
	if (buffer.failed)
		return fail_memory(err);
	add_binary(&parameters, UUID_TYPE, &buffer);
	add_text(&parameters, TEXT_TYPE, call->store->table);
	status = run_request(call, REQUEST_FIND, &parameters, &result, err);
	if (status == GOES_OK && PQntuples(result) == 0)
		status = fail(err, GOES_ERR_NOT_FOUND, "there is no event with that id");
	else if (status == GOES_OK)
		status = decode_event(result, 0, &event, err);
	if (status == GOES_OK && (*out = goes_event_copy(&event)) == NULL)
		status = fail_memory(err);
	PQclear(result);
	buffer_free(&buffer);
	return status;
}

int
goes_find(goes_store *store, const goes_uuid *id, goes_event **out, const goes_context *context,
		  goes_error **err)
{
	goes_event *found = NULL;
	Ask			ask = {.run = run_find, .ids = id, .n = 1, .out = &found};
	int			status;

	if (store == NULL || id == NULL || out == NULL)
		return fail(err, GOES_ERR_INVALID, "store, id and out must not be NULL");
	status = ask_twice(store, &ask, context, err);
	if (status == GOES_OK)
		*out = found;
	return status;
}

static int
run_count(Call *call, const Ask *ask, goes_error **err)
{
	QueryRequest request;
	PGresult	*result = NULL;
	int			 status = request_make(&request, call, ask->query, false, err);

	if (status == GOES_OK)
		status = run_request(call, REQUEST_COUNT, &request.parameters, &result, err);
	if (status == GOES_OK &&
		(PQntuples(result) != 1 ||
		 decode_int64(PQgetvalue(result, 0, 0), PQgetlength(result, 0, 0), ask->out) != GOES_OK))
		status = fail(err, GOES_ERR_SERVER, "the server sent a number that cannot be read");
	PQclear(result);
	request_free(&request);
	return status;
}

int
goes_count(goes_store *store, const goes_query *query, int64_t *out, const goes_context *context,
		   goes_error **err)
{
	int64_t count = 0;
	Ask		ask = {.run = run_count, .query = query, .out = &count};
	int		status;

	if (store == NULL || out == NULL)
		return fail(err, GOES_ERR_INVALID, "store and out must not be NULL");
	status = ask_twice(store, &ask, context, err);
	if (status == GOES_OK)
		*out = count;
	return status;
}

static int
run_delete(Call *call, const Ask *ask, goes_error **err)
{
	Buffer		buffer = {0};
	Parameters	parameters = {0};
	PGresult   *result = NULL;
	goes_error *error = NULL;
	int			status;

	encode_uuid_array(&buffer, ask->ids, ask->n);
	if (buffer.failed)
		return fail_memory(err);
	add_binary(&parameters, UUID_ARRAY_TYPE, &buffer);
	add_text(&parameters, TEXT_TYPE, call->store->table);
	status = run_request(call, REQUEST_DELETE, &parameters, &result, &error);
	if (status == GOES_ERR_CONNECT && is_lost(call->connection->pg) && call->is_sent &&
		call->store->tx == NULL)
	{
		goes_error_free(error);
		error = NULL;
		status = fail(&error, GOES_ERR_IN_DOUBT,
					  "the connection was lost while events were deleted, and whether they are is "
					  "unknown: deleting them again does no harm");
	}
	PQclear(result);
	buffer_free(&buffer);
	return pass_error(err, error, status);
}

int
goes_delete(goes_store *store, const goes_uuid *ids, size_t n, const goes_context *context,
			goes_error **err)
{
	Ask ask = {.run = run_delete, .ids = ids, .n = n};

	if (store == NULL || (ids == NULL && n > 0) || n > INT32_MAX / 32)
		return fail(err, GOES_ERR_INVALID,
					"store and ids must not be NULL, and n at most %d for one call",
					INT32_MAX / 32);
	if (n == 0)
		return GOES_OK;
	return ask_twice(store, &ask, context, err);
}
