/*
 * append_outcome.c
 *    What the server says of each of many appends in one.
 */
#include <stdlib.h>

#include "base/sqlstate.h"
#include "calls/appending.h"

/* What goes_append() says behind its message; outcomes have no hints. */
#define CONFLICT_HINT "Load the aggregate again, decide anew, and try again."

enum OutcomeColumn
{
	OUTCOME_VERSION,
	OUTCOME_SQLSTATE,
	OUTCOME_MESSAGE,
	OUTCOME_AGGREGATE_NAME,
	OUTCOME_AGGREGATE_ID,
	OUTCOME_CURRENT_VERSION,
	OUTCOME_EVENT_VERSION,
	OUTCOME_EVENT_INDEX,
	OUTCOME_COLUMNS
};

/*
 * number_at reads a number that was sent as text; null is `null`.
 */
static int64_t
number_at(const PGresult *result, int row, int column, int64_t null)
{
	if (PQgetisnull(result, row, column))
		return null;
	return strtoll(PQgetvalue(result, row, column), NULL, 10);
}

/*
 * version_at reads a version; -1, unknown, if no event can have it.
 */
static int32_t
version_at(const PGresult *result, int row, int column)
{
	int64_t number = number_at(result, row, column, -1);

	return number < 0 || number > INT32_MAX ? -1 : (int32_t) number;
}

/*
 * is_own_conflict tells whether a row is about a version of the append's own aggregate. Anything else
 * is found out by making the append alone.
 */
static bool
is_own_conflict(const PGresult *result, int row, const Write *write)
{
	goes_uuid id;

	return strcmp(PQgetvalue(result, row, OUTCOME_SQLSTATE), VERSION_CONFLICT) == 0 &&
		   strcmp(PQgetvalue(result, row, OUTCOME_AGGREGATE_NAME), write->aggregate_name) == 0 &&
		   goes_uuid_parse(PQgetvalue(result, row, OUTCOME_AGGREGATE_ID), &id) == GOES_OK &&
		   memcmp(&id, write->aggregate_id, sizeof id) == 0;
}

/*
 * fail_own_conflict makes the error of such a row. The server counts events from 1.
 */
static int
fail_own_conflict(const PGresult *result, int row, const Write *write, goes_error **err)
{
	const goes_conflict conflict = {
		.size = sizeof conflict,
		.aggregate_name = write->aggregate_name,
		.aggregate_id = *write->aggregate_id,
		.current_version = version_at(result, row, OUTCOME_CURRENT_VERSION),
		.event_version = version_at(result, row, OUTCOME_EVENT_VERSION)};
	const ErrorDetails details = {.sqlstate = VERSION_CONFLICT,
								  .event_index = number_at(result, row, OUTCOME_EVENT_INDEX, 0) - 1,
								  .conflict = &conflict};

	return fail_detailed(err, GOES_ERR_CONFLICT, details, "%s. " CONFLICT_HINT,
						 PQgetvalue(result, row, OUTCOME_MESSAGE));
}

/*
 * read_outcome reads one of them.
 */
static void
read_outcome(const PGresult *result, int row, Appending *appending)
{
	appending_begin(appending);
	if (PQgetisnull(result, row, OUTCOME_SQLSTATE))
		(void) decode_int32(PQgetvalue(result, row, OUTCOME_VERSION),
							PQgetlength(result, row, OUTCOME_VERSION), &appending->last);
	else if (is_own_conflict(result, row, &appending->write))
		appending->status = fail_own_conflict(result, row, &appending->write, &appending->error);
	else
		appending->is_open = true;
}

int
read_outcomes(const Write *write, const PGresult *result, goes_error **err)
{
	if (PQnfields(result) != OUTCOME_COLUMNS || (size_t) PQntuples(result) != write->each_count)
		return fail(err, GOES_ERR_SERVER, "the server sent outcomes that cannot be read");
	for (size_t i = 0; i < write->each_count; i++)
		read_outcome(result, (int) i, write->each[i]);
	return GOES_OK;
}
