/*
 * events.c
 *    goes_insert, goes_find, goes_count and goes_delete.
 */
#include "calls/ask.h"
#include "calls/query_parameters.h"
#include "calls/write.h"
#include "data/oids.h"

int
goes_insert(goes_store *store, const goes_event *events, size_t n, const goes_context *context,
			goes_error **err)
{
	Write write = {.request = REQUEST_INSERT, .events = events, .n = n};

	if (store == NULL || (events == NULL && n > 0))
		return fail(err, GOES_ERR_INVALID, "the store and the events must not be NULL");
	if (n == 0)
		return GOES_OK;
	return write_events(store, &write, context, err);
}

/* Events by their ids. */
typedef struct Ids
{
	const goes_uuid *ids;
	size_t			 n;
} Ids;

static int
run_find(Call *call, const Ask *ask, goes_error **err)
{
	const goes_uuid *id = ask->in;
	Buffer			 buffer = {0};
	Parameters		 parameters = {0};
	PGresult		*result = NULL;
	goes_event		 event;
	goes_event	   **out = ask->out;
	int				 status;

	buffer_append(&buffer, id->bytes, sizeof id->bytes);
	if (buffer.failed)
		return fail_memory(err);
	add_binary(&parameters, "id", UUID_TYPE, &buffer);
	add_text(&parameters, "store", TEXT_TYPE, call->store->table);
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
	Ask			find = {.run = run_find, .in = id, .out = &found, .is_read = true};
	int			status;

	if (store == NULL || id == NULL || out == NULL)
		return fail(err, GOES_ERR_INVALID, "store, id and out must not be NULL");
	status = ask(store, &find, context, err);
	if (status == GOES_OK)
		*out = found;
	return status;
}

static int
run_count(Call *call, const Ask *ask, goes_error **err)
{
	QueryRequest request;
	PGresult	*result = NULL;
	int status = request_make(&request, call, REQUEST_COUNT, ask->in, call->store->table, err);

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
	Ask		counting = {.run = run_count, .in = query, .out = &count, .is_read = true};
	int		status;

	if (store == NULL || out == NULL)
		return fail(err, GOES_ERR_INVALID, "store and out must not be NULL");
	status = ask(store, &counting, context, err);
	if (status == GOES_OK)
		*out = count;
	return status;
}

static int
run_delete(Call *call, const Ask *ask, goes_error **err)
{
	const Ids *events = ask->in;
	Buffer	   buffer = {0};
	Parameters parameters = {0};
	PGresult  *result = NULL;
	int		   status;

	encode_uuid_array(&buffer, events->ids, events->n);
	if (buffer.failed)
		return fail_memory(err);
	add_binary(&parameters, "ids", UUID_ARRAY_TYPE, &buffer);
	add_text(&parameters, "store", TEXT_TYPE, call->store->table);
	status = run_request(call, REQUEST_DELETE, &parameters, &result, err);
	PQclear(result);
	buffer_free(&buffer);
	return status;
}

int
goes_delete(goes_store *store, const goes_uuid *ids, size_t n, const goes_context *context,
			goes_error **err)
{
	Ids events = {ids, n};
	Ask delete = {.run = run_delete,
				  .in = &events,
				  .in_doubt = "the connection was lost while events were deleted, so they may be "
							  "deleted or not: deleting them again does no harm"};

	if (store == NULL || (ids == NULL && n > 0) || n > INT32_MAX / 32)
		return fail(err, GOES_ERR_INVALID,
					"store and ids must not be NULL, and n at most %d for one call",
					INT32_MAX / 32);
	if (n == 0)
		return GOES_OK;
	return ask(store, &delete, context, err);
}
