/*
 * write_taken.c
 *    Which event's id is taken, or which event's version, and at what version its aggregate is.
 */
#include <stdlib.h>
#include <string.h>

#include "calls/write.h"

#define UUID_DIGITS 36

/*
 * is_same_aggregate tells whether two aggregates are the same. A first name that is NULL means no
 * aggregate.
 */
static bool
is_same_aggregate(const char *name, const goes_uuid *id, const char *other_name,
				  const goes_uuid *other_id)
{
	return name != NULL && strcmp(name, other_name) == 0 && memcmp(id, other_id, sizeof *id) == 0;
}

/*
 * is_one_aggregate tells whether all the events are of the same aggregate.
 */
static bool
is_one_aggregate(const Write *write)
{
	const goes_event *first = &write->events[0];

	if (first->aggregate_name == NULL)
		return false;
	for (size_t i = 1; i < write->n; i++)
	{
		const goes_event *event = &write->events[i];

		if (!is_same_aggregate(event->aggregate_name, &event->aggregate_id, first->aggregate_name,
							   &first->aggregate_id))
			return false;
	}
	return true;
}

/*
 * ask_server asks the server about the events, and sends them without their data. In a transaction
 * it cannot ask, because the error has ended the transaction.
 */
static bool
ask_server(Call *call, const Write *write, Request request, PGresult **result)
{
	Write		bare = *write;
	goes_event *events = call->store->tx == NULL ? malloc(write->n * sizeof *events) : NULL;
	Buffer		buffer = {0};
	Parameters	parameters;
	bool		is_answered;

	if (events == NULL)
		return false;
	memcpy(events, write->events, write->n * sizeof *events);
	for (size_t i = 0; i < write->n; i++)
		events[i].data = NULL;
	bare.events = events;
	is_answered =
		make_write_parameters(call, &bare, request, &buffer, &parameters, NULL) == GOES_OK &&
		run_request(call, request, &parameters, result, NULL) == GOES_OK && PQntuples(*result) == 1;
	buffer_free(&buffer);
	free(events);
	return is_answered;
}

/*
 * find_taken_version asks for the first event whose version is taken, and for the newest version of
 * its aggregate.
 */
static bool
find_taken_version(Call *call, const Write *write, int64_t *place, int32_t *newest)
{
	PGresult *result = NULL;
	bool	  is_found =
		ask_server(call, write, REQUEST_TAKEN, &result) &&
		decode_int64(PQgetvalue(result, 0, 0), PQgetlength(result, 0, 0), place) == GOES_OK &&
		decode_int32(PQgetvalue(result, 0, 1), PQgetlength(result, 0, 1), newest) == GOES_OK;

	PQclear(result);
	return is_found;
}

/*
 * find_taken_id asks for the first event whose id is taken; -1 if there is none, or that cannot be
 * found out.
 */
static int64_t
find_taken_id(Call *call, const Write *write)
{
	PGresult *result = NULL;
	int64_t	  place = 0;

	if (ask_server(call, write, REQUEST_TAKEN_ID, &result))
		(void) decode_int64(PQgetvalue(result, 0, 0), PQgetlength(result, 0, 0), &place);
	PQclear(result);
	return place - 1;
}

/*
 * find_named_id returns the event whose id the error names; if two events have it, the second. It
 * returns -1 if the error names none, as for a role that may not read the table.
 */
static int64_t
find_named_id(const Write *write, const PGresult *result)
{
	const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
	int64_t		found = -1;

	for (size_t i = 0; detail != NULL && i < write->n; i++)
	{
		char id[UUID_DIGITS + 1];

		goes_uuid_format(&write->events[i].id, id);
		if (strstr(detail, id) == NULL)
			continue;
		if (found >= 0)
			return (int64_t) i;
		found = (int64_t) i;
	}
	return found;
}

/*
 * place_of_duplicate returns the index of the event whose id is taken; -1 if that cannot be found
 * out, or if it is an event of a trigger.
 */
static int64_t
place_of_duplicate(Call *call, const Write *write, const PGresult *result, bool is_foreign)
{
	int64_t place = find_named_id(write, result);

	if (place >= 0 || is_foreign)
		return place;
	return write->n == 1 ? 0 : find_taken_id(call, write);
}

/*
 * describe_taken finds out what can be known about a taken version.
 */
static bool
describe_taken(Call *call, const Write *write, goes_conflict *conflict, int64_t *event_index)
{
	size_t	event = 0;
	int64_t place;

	*conflict =
		(goes_conflict){.size = sizeof *conflict, .current_version = -1, .event_version = -1};
	if (find_taken_version(call, write, &place, &conflict->current_version))
	{
		event = (size_t) place - 1;
		*event_index = place - 1;
		conflict->event_version = write->events[event].aggregate_version;
	}
	else if (!is_one_aggregate(write))
		return false;
	else if (write->n == 1)
	{
		*event_index = 0;
		conflict->event_version = write->events[0].aggregate_version;
	}
	conflict->aggregate_name = write->events[event].aggregate_name;
	conflict->aggregate_id = write->events[event].aggregate_id;
	return true;
}

/*
 * replace_details gives an error another status and other details.
 */
static int
replace_details(goes_error **error, int status, ErrorDetails details)
{
	goes_error *refined = NULL;

	status = fail_detailed(&refined, status, details, "%s", goes_error_message(*error));
	goes_error_free(*error);
	*error = refined;
	return status;
}

int
refine_duplicate(Call *call, const Write *write, const PGresult *result, goes_error **error)
{
	ErrorDetails details = error_details(*error);

	details.event_index = place_of_duplicate(call, write, result, details.is_foreign);
	return replace_details(error, GOES_ERR_DUPLICATE, details);
}

int
refine_taken(Call *call, const Write *write, const PGresult *result, goes_error **error)
{
	int			  status = status_of_taken(call, result);
	ErrorDetails  details = error_details(*error);
	goes_conflict conflict;

	if (status == GOES_ERR_DUPLICATE)
		return refine_duplicate(call, write, result, error);
	if (status == GOES_ERR_CONFLICT && describe_taken(call, write, &conflict, &details.event_index))
		details.conflict = &conflict;
	return replace_details(error, status, details);
}

/*
 * is_of_write tells whether a conflict is about one of the events.
 */
static bool
is_of_write(const Write *write, const ErrorDetails *details)
{
	const goes_conflict *conflict = details->conflict;
	const char			*name = write->aggregate_name;
	const goes_uuid		*id = write->aggregate_id;

	if (details->event_index >= (int64_t) write->n)
		return false;
	if (write->request == REQUEST_INSERT)
	{
		name = write->events[details->event_index].aggregate_name;
		id = &write->events[details->event_index].aggregate_id;
	}
	return is_same_aggregate(name, id, conflict->aggregate_name, &conflict->aggregate_id);
}

int
refine_conflict(const Write *write, goes_error **error)
{
	int			 status = goes_error_status(*error);
	ErrorDetails details = error_details(*error);

	if (details.conflict == NULL || details.event_index < 0 || is_of_write(write, &details))
		return status;
	details.event_index = -1;
	return replace_details(error, status, details);
}
