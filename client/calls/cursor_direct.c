/*
 * cursor_direct.c
 *    Results of one statement, in one round trip: row by row, however long they are, or whole.
 *    Reading whole costs the program a third of the time, and frees the connection at once.
 */
#include "calls/cursor.h"

static int
direct_start(goes_cursor *cursor, const QueryRequest *request, goes_error **err)
{
	PGconn *pg = cursor->call.connection->pg;
	int		status = send_request(&cursor->call, cursor->request, &request->parameters, err);

	if (status == GOES_OK && !PQsetSingleRowMode(pg))
		status = fail(err, GOES_ERR_STATE, "libpq refuses to send rows one at a time");
	return status;
}

static int
direct_fetch(goes_cursor *cursor, goes_error **err)
{
	PGconn	 *pg = cursor->call.connection->pg;
	PGresult *result = NULL;
	int		  status = check_owner(cursor->call.store, err);

	if (status == GOES_OK)
		status = next_result(pg, &result, &cursor->call.deadline, err);
	if (status != GOES_OK)
		return status;
	if (result == NULL)
		return fail_lost(pg, err);
	if (PQresultStatus(result) == PGRES_SINGLE_TUPLE)
		cursor->batch = result;
	else
	{
		status = PQresultStatus(result) == PGRES_TUPLES_OK ? GOES_OK : fail_result(pg, result, err);
		PQclear(result);
		cursor->is_complete = true;
	}
	return status;
}

/*
 * direct_stop reads the rest of the result if that is little. Otherwise the connection stays busy,
 * and the pool closes it.
 */
static void
direct_stop(goes_cursor *cursor)
{
	PGconn	 *pg = cursor->call.connection->pg;
	Deadline  deadline = deadline_in(DRAIN_MS, NULL);
	size_t	  bytes = 0;
	PGresult *result;

	while (bytes < MOST_DRAINED_BYTES && next_result(pg, &result, &deadline, NULL) == GOES_OK &&
		   result != NULL)
	{
		bytes += bytes_of(result);
		PQclear(result);
	}
	(void) PQsetnonblocking(pg, 0);
}

const Reading direct_reading = {direct_start, direct_fetch, direct_stop, false};

static int
whole_start(goes_cursor *cursor, const QueryRequest *request, goes_error **err)
{
	PGresult *result = NULL;
	int status = run_request(&cursor->call, cursor->request, &request->parameters, &result, err);

	if (status == GOES_OK)
		cursor->batch = result;
	else
		PQclear(result);
	return status;
}

/*
 * whole_fetch has nothing to fetch: start has read all the rows.
 */
static int
whole_fetch(goes_cursor *cursor, goes_error **err)
{
	return check_owner(cursor->call.store, err);
}

static void
whole_stop(goes_cursor *cursor)
{
	cursor->is_complete = true;
}

const Reading whole_reading = {whole_start, whole_fetch, whole_stop, true};
