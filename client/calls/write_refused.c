/*
 * write_refused.c
 *    Why the server refused events: an id or a version is taken, or an event has a value that
 *    PostgreSQL cannot store. Or the error is about other events, which a trigger stores with them.
 */
#include <string.h>

#include "base/sqlstate.h"
#include "data/oids.h"
#include "calls/write.h"

/* The text is not JSON, or not UTF-8, which is as bad. */
#define NO_JSON INVALID_TEXT_REPRESENTATION " " CHARACTER_NOT_IN_REPERTOIRE

/* A request that only reads events, or their data, and stores nothing. */
typedef struct Reading
{
	Call			 *call;
	const goes_event *events;
	bool			  is_of_data;
} Reading;

/*
 * is_of_value_class tells whether an SQLSTATE is of a class that is about values: data exceptions,
 * and limits of PostgreSQL.
 */
static bool
is_of_value_class(const goes_error *error)
{
	const char *sqlstate = goes_error_sqlstate(error);

	return is_in_class(sqlstate, DATA_EXCEPTION_CLASS) ||
		   is_in_class(sqlstate, PROGRAM_LIMIT_CLASS);
}

/*
 * encode_range encodes some of the events, or only their data.
 */
static int
encode_range(Buffer *buffer, const Reading *reading, size_t first, size_t n)
{
	const goes_event *events = reading->events + first;
	const Deadline	 *deadline = &reading->call->deadline;

	if (reading->is_of_data)
		return encode_data_array(buffer, events, n, deadline, NULL);
	return encode_events(buffer, reading->call->connection->session.event_type, events, n, deadline,
						 NULL);
}

/*
 * is_readable asks the server only to read some events. They are unreadable only if the server
 * refuses a value.
 */
static bool
is_readable(const Reading *reading, size_t first, size_t n)
{
	const Session *session = &reading->call->connection->session;
	Buffer		   buffer = {0};
	Parameters	   parameters = {0};
	PGresult	  *result = NULL;
	goes_error	  *error = NULL;
	bool		   is_readable;
	Statement	   statement = {.text = "SELECT pg_catalog.cardinality($1)",
								.count = 1,
								.types = parameters.types,
								.values = parameters.values,
								.lengths = parameters.lengths,
								.formats = parameters.formats};

	if (encode_range(&buffer, reading, first, n) != GOES_OK)
	{
		buffer_free(&buffer);
		return true;
	}
	add_binary(&parameters, NULL,
			   reading->is_of_data ? JSONB_ARRAY_TYPE : session->event_array_type, &buffer);
	(void) exec_statement(reading->call->connection->pg, &statement, &result,
						  &reading->call->deadline, &error);
	is_readable = !is_of_value_class(error);
	goes_error_free(error);
	PQclear(result);
	buffer_free(&buffer);
	return is_readable;
}

/*
 * find_unreadable returns the first event that the server cannot read, by bisection; n if it can read
 * all.
 */
static size_t
find_unreadable(const Reading *reading, size_t n)
{
	size_t good = 0; /* the first `good` events can be read */
	size_t bad = n;	 /* the first `bad` events cannot */

	if (is_readable(reading, 0, n))
		return n;
	while (bad - good > 1)
	{
		size_t middle = good + (bad - good) / 2;

		if (is_readable(reading, good, middle - good))
			good = middle;
		else
			bad = middle;
	}
	/* if the connection was lost meanwhile, nothing is known */
	return is_readable(reading, good, 1) ? n : good;
}

/*
 * refine_unreadable names the event that PostgreSQL cannot read. Even valid JSON may be unreadable:
 * it has numbers that are too large, characters that the database's encoding lacks, or U+0000.
 */
static int
refine_unreadable(Call *call, const Write *write, size_t bad, goes_error **error)
{
	Reading		 reading = {call, write->events, true};
	bool		 is_data = !is_readable(&reading, bad, 1);
	ErrorDetails details = error_details(*error);
	goes_error	*refined = NULL;
	const char	*format = "PostgreSQL cannot store the name or the aggregate name of event %zu: %s";
	int			 status;

	details.event_index = (int64_t) bad;
	if (is_data)
		format = has_sqlstate(*error, NO_JSON)
					 ? "the data of event %zu is not JSON: %s"
					 : "PostgreSQL cannot store the data of event %zu: %s";
	status =
		fail_detailed(&refined, GOES_ERR_INVALID, details, format, bad, goes_error_message(*error));
	goes_error_free(*error);
	*error = refined;
	return status;
}

/*
 * refine_bad_value looks for an event with a value that the server refuses, and names it.
 */
static int
refine_bad_value(Call *call, const Write *write, goes_error **error)
{
	Reading reading = {call, write->events, false};
	size_t	bad = find_unreadable(&reading, write->n);

	if (bad < write->n)
		return refine_unreadable(call, write, bad, error);
	return goes_error_status(*error);
}

int
refine_error(Call *call, const Write *write, const PGresult *result, goes_error **error)
{
	const char *sqlstate = goes_error_sqlstate(*error);

	if (strcmp(sqlstate, UNIQUE_VIOLATION) == 0)
		return refine_taken(call, write, result, error);
	if (has_own_sqlstate(*error, EVENT_MISMATCH))
		return refine_duplicate(call, write, result, error);
	if (is_in_class(sqlstate, STORE_ERROR_CLASS))
		return refine_conflict(write, error);
	if (is_of_value_class(*error) && !error_details(*error).is_foreign && call->store->tx == NULL)
		return refine_bad_value(call, write, error);
	return goes_error_status(*error);
}
