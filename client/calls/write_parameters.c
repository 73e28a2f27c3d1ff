/*
 * write_parameters.c
 *    Events that are written as the parameters of a statement.
 */
#include "data/oids.h"
#include "calls/appending.h"

/*
 * make_each_parameters makes those of many appends in one.
 */
static int
make_each_parameters(Call *call, const Write *write, Buffer *buffer, Parameters *parameters,
					 goes_error **err)
{
	const Session	 *session = &call->connection->session;
	const AppendTypes types = {session->append_type, session->event_type,
							   session->event_array_type};
	int				  status = GOES_OK;

	encode_append_start(buffer, &types, write->each_count);
	for (size_t i = 0; i < write->each_count && status == GOES_OK; i++)
	{
		const Write		*one = &write->each[i]->write;
		const AppendItem item = {one->aggregate_name, one->aggregate_id, one->events, one->n,
								 one->expected_version};

		status = encode_append_item(buffer, &types, &item, &call->deadline, err);
	}
	add_binary(parameters, "appends", session->append_array_type, buffer);
	add_text(parameters, "store", TEXT_TYPE, call->store->table);
	return status;
}

int
make_write_parameters(Call *call, const Write *write, Request request, Buffer *buffer,
					  Parameters *parameters, goes_error **err)
{
	const Session *session = &call->connection->session;
	int			   status;

	*parameters = (Parameters){0};
	if (request == REQUEST_APPEND_EACH)
		return make_each_parameters(call, write, buffer, parameters, err);
	status =
		encode_events(buffer, session->event_type, write->events, write->n, &call->deadline, err);
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
