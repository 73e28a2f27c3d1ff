/*
 * write_parameters.c
 *    Events that are written as the parameters of a statement.
 */
#include "data/oids.h"
#include "calls/write.h"

int
make_write_parameters(Call *call, const Write *write, Request request, Buffer *buffer,
					  Parameters *parameters, goes_error **err)
{
	const Session *session = &call->connection->session;
	int			   status =
		encode_events(buffer, session->event_type, write->events, write->n, &call->deadline, err);

	*parameters = (Parameters){0};
	if (status != GOES_OK)
		return status;
	if (request == REQUEST_APPEND)
		add_aggregate(parameters, write->aggregate_name, write->aggregate_id);
	add_binary(parameters, "events", session->event_array_type, buffer);
	if (request == REQUEST_APPEND)
		add_text(parameters, "expected_version", INT4_TYPE, write->expected);
	add_text(parameters, "store", TEXT_TYPE, call->store->table);
	return GOES_OK;
}
