/*
 * refusal.c
 *    Why the server refused events: whose JSON it cannot read, which version is taken, and whether it
 *    refused these events at all, or others that a trigger stores with them.
 */
#include <stdlib.h>
#include <string.h>

#include "types.h"
#include "write.h"

#define UNIQUE_VIOLATION "23505"
#define DATA_EXCEPTION "22" /* a class of them */
#define STORE_ERROR "VE"	/* another */
#define JSONB_ARRAY_TYPE 3807

/*
 * is_json_readable asks the server to read the data of some events, and nothing else. Only what the
 * server refuses as data cannot be read.
 */
static bool
is_json_readable(Call *call, const goes_event *events, size_t n)
{
	Buffer		buffer = {0};
	Parameters	parameters = {0};
	PGresult   *result = NULL;
	goes_error *error = NULL;
	bool		is_readable;
	Statement	statement = {.text = "SELECT pg_catalog.cardinality($1)",
							 .count = 1,
							 .types = parameters.types,
							 .values = parameters.values,
							 .lengths = parameters.lengths,
							 .formats = parameters.formats};

	if (encode_data_array(&buffer, events, n, &call->deadline, NULL) != GOES_OK)
	{
		buffer_free(&buffer);
		return true;
	}
	add_binary(&parameters, JSONB_ARRAY_TYPE, &buffer);
	(void) exec_statement(call->connection->pg, &statement, &result, &call->deadline, &error);
	is_readable = strncmp(goes_error_sqlstate(error), DATA_EXCEPTION, 2) != 0;
	goes_error_free(error);
	PQclear(result);
	buffer_free(&buffer);
	return is_readable;
}

/*
 * find_bad_json returns the first event whose data the server cannot read, by bisection; n if it
 * can read all.
 */
static size_t
find_bad_json(Call *call, const goes_event *events, size_t n)
{
	size_t good = 0; /* so many from the start can be read */
	size_t bad = n;	 /* so many cannot */

	if (is_json_readable(call, events, n))
		return n;
	while (bad - good > 1)
	{
		size_t middle = good + (bad - good) / 2;

		if (is_json_readable(call, events + good, middle - good))
			good = middle;
		else
			bad = middle;
	}
	/* the connection may have been lost on the way */
	return is_json_readable(call, events + good, 1) ? n : good;
}

/*
 * replace_error puts an error in the place of the one that it was made from.
 */
static int
replace_error(goes_error **error, goes_error *refined, int status)
{
	goes_error_free(*error);
	*error = refined;
	return status;
}

/*
 * replace_details gives an error another status and other details.
 */
static int
replace_details(goes_error **error, int status, ErrorDetails details)
{
	goes_error *refined = NULL;

	status = fail_detailed(&refined, status, details, "%s", goes_error_message(*error));
	return replace_error(error, refined, status);
}

/*
 * refine_bad_data names the event whose data is no JSON, if that is what is wrong.
 */
static int
refine_bad_data(Call *call, const Write *write, goes_error **error)
{
	int			 status = goes_error_status(*error);
	size_t		 bad = find_bad_json(call, write->events, write->n);
	ErrorDetails details = error_details(*error);
	goes_error	*refined = NULL;

	if (bad == write->n)
		return status;
	details.event_index = (int64_t) bad;
	status = fail_detailed(&refined, status, details, "the data of event %zu is no JSON: %s", bad,
						   goes_error_message(*error));
	return replace_error(error, refined, status);
}

/*
 * is_same_aggregate tells whether two aggregates are the same. The first name may be NULL: there is
 * none.
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
 * find_taken asks the server which of the events has a version that is taken, and which one is the
 * newest of its aggregate. It sends the events without their data.
 */
static bool
find_taken(Call *call, const Write *write, int64_t *place, int32_t *newest)
{
	Write		bare = *write;
	goes_event *events = malloc(write->n * sizeof *events);
	Buffer		buffer = {0};
	Parameters	parameters;
	PGresult   *result = NULL;
	bool		is_found = false;

	if (events == NULL)
		return false;
	memcpy(events, write->events, write->n * sizeof *events);
	for (size_t i = 0; i < write->n; i++)
		events[i].data = NULL;
	bare.events = events;
	if (make_write_parameters(call, &bare, REQUEST_TAKEN, &buffer, &parameters, NULL) == GOES_OK &&
		run_request(call, REQUEST_TAKEN, &parameters, &result, NULL) == GOES_OK)
		is_found =
			PQntuples(result) == 1 &&
			decode_int64(PQgetvalue(result, 0, 0), PQgetlength(result, 0, 0), place) == GOES_OK &&
			decode_int32(PQgetvalue(result, 0, 1), PQgetlength(result, 0, 1), newest) == GOES_OK;
	PQclear(result);
	buffer_free(&buffer);
	free(events);
	return is_found;
}

/*
 * describe_taken finds out what is known of a taken version. In a transaction, which is over, nothing
 * can be asked.
 */
static bool
describe_taken(Call *call, const Write *write, goes_conflict *conflict, int64_t *event_index)
{
	size_t	event = 0;
	int64_t place;

	*conflict =
		(goes_conflict){.size = sizeof *conflict, .current_version = -1, .event_version = -1};
	if (call->store->tx == NULL && find_taken(call, write, &place, &conflict->current_version))
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
 * refine_taken tells a taken id from a taken version, and adds the details of the latter.
 */
static int
refine_taken(Call *call, const Write *write, const PGresult *result, goes_error **error)
{
	int			  status = status_of_taken(call, result);
	ErrorDetails  details = error_details(*error);
	goes_conflict conflict;

	if (status == GOES_ERR_CONFLICT && describe_taken(call, write, &conflict, &details.event_index))
		details.conflict = &conflict;
	return replace_details(error, status, details);
}

/*
 * refine_other_table says that a store refused something, but not this one.
 */
static int
refine_other_table(const PGresult *result, goes_error **error)
{
	goes_error *refined = NULL;
	int			status =
		fail_sqlstate(&refined, GOES_ERR_SERVER, goes_error_sqlstate(*error),
					  "a trigger failed to write to table \"%s\": %s",
					  PQresultErrorField(result, PG_DIAG_TABLE_NAME), goes_error_message(*error));

	return replace_error(error, refined, status);
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

/*
 * refine_conflict forgets the place of an event among those that a trigger stores.
 */
static int
refine_conflict(const Write *write, goes_error **error)
{
	int			 status = goes_error_status(*error);
	ErrorDetails details = error_details(*error);

	if (details.conflict == NULL || details.event_index < 0 || is_of_write(write, &details))
		return status;
	details.event_index = -1;
	return replace_details(error, status, details);
}

int
refine_error(Call *call, const Write *write, const PGresult *result, goes_error **error)
{
	const char *sqlstate = goes_error_sqlstate(*error);

	if (strcmp(sqlstate, UNIQUE_VIOLATION) == 0)
		return refine_taken(call, write, result, error);
	if (strncmp(sqlstate, STORE_ERROR, 2) == 0)
		return is_about_other_table(call, result) ? refine_other_table(result, error)
												  : refine_conflict(write, error);
	if (strncmp(sqlstate, DATA_EXCEPTION, 2) == 0 && call->store->tx == NULL)
		return refine_bad_data(call, write, error);
	return goes_error_status(*error);
}
