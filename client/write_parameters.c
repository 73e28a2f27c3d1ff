/*
 * write_parameters.c
 *    Events that are written as the parameters of a statement.
 */
#include "types.h"
#include "write.h"

/*
 * add_aggregate adds the aggregate that an append names.
 */
static void
add_aggregate(Parameters *parameters, const Write *write)
{
	Buffer id = {.data = (char *) write->aggregate_id->bytes, .length = sizeof(goes_uuid)};

	add_text(parameters, TEXT_TYPE, write->aggregate_name);
	add_binary(parameters, UUID_TYPE, &id);
}

int
make_write_parameters(Call *call, const Write *write, Request request, Buffer *buffer,
					  Parameters *parameters, goes_error **err)
{
	const Session *session = &call->connection->session;
	int status = encode_events(buffer, session->event_type, write->events, write->n, err);

	*parameters = (Parameters){0};
	if (status != GOES_OK)
		return status;
	if (request == REQUEST_APPEND)
		add_aggregate(parameters, write);
	add_binary(parameters, session->event_array_type, buffer);
	if (request == REQUEST_APPEND)
		add_text(parameters, INT4_TYPE, write->expected);
	add_text(parameters, TEXT_TYPE, call->store->table);
	return GOES_OK;
}
