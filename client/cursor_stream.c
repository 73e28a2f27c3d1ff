/*
 * cursor_stream.c
 *    Large results: a portal in a transaction of its own, and FETCHes that are sent before their turn,
 *    so that the server always has one to work on.
 *
 * Each FETCH is a group of its own in libpq's pipeline: its rows, and the mark that follows a sync.
 */
#include <stdio.h>
#include <string.h>

#include "cursor.h"
#include "types.h"

#define PORTAL "goes_cursor"
#define FIRST_ROWS 4
#define MOST_AHEAD 8
#define DRAIN_MS 200
#define MOST_DRAINED_BYTES (64 * 1024)

_Static_assert(MOST_AHEAD <= sizeof((goes_cursor *) 0)->sizes / sizeof(int),
			   "the ring is large enough");

/*
 * send_text sends a statement without parameters into the pipeline.
 */
static int
send_text(goes_cursor *cursor, const char *text, goes_error **err)
{
	if (PQsendQueryParams(cursor->call.connection->pg, text, 0, NULL, NULL, NULL, NULL, 1))
		return GOES_OK;
	return fail(err, GOES_ERR_CONNECT, "the connection to the server was lost");
}

/*
 * send_fetch sends a FETCH and the sync behind it.
 */
static int
send_fetch(goes_cursor *cursor, goes_error **err)
{
	PGconn *pg = cursor->call.connection->pg;
	char	text[64];
	int		status;

	snprintf(text, sizeof text, "FETCH %d FROM " PORTAL, cursor->asked);
	status = send_text(cursor, text, err);
	if (status == GOES_OK && !PQpipelineSync(pg))
		status = fail(err, GOES_ERR_CONNECT, "the connection to the server was lost");
	if (status == GOES_OK)
		status = flush_to_server(pg, &cursor->call.deadline, err);
	if (status != GOES_OK)
		return status;
	cursor->sizes[(cursor->first_size + cursor->ahead) % MOST_AHEAD] = cursor->asked;
	cursor->ahead++;
	return GOES_OK;
}

static int
stream_start(goes_cursor *cursor, const QueryRequest *request, goes_error **err)
{
	PGconn	  *pg = cursor->call.connection->pg;
	Parameters parameters = request->parameters;
	Statement  statement;
	int		   status;

	strcpy(cursor->portal, PORTAL);
	add_text(&parameters, REFCURSOR_TYPE, cursor->portal);
	status = make_statement(&cursor->call, REQUEST_CURSOR, &parameters, &statement, err);
	if (status != GOES_OK)
		return status;
	if (PQsetnonblocking(pg, 1) != 0 || !PQenterPipelineMode(pg))
		status = fail(err, GOES_ERR_CONNECT, "the connection to the server was lost");
	if (status == GOES_OK)
		status = send_text(cursor, "BEGIN READ ONLY", err);
	if (status == GOES_OK)
		status = send_statement(pg, &statement, &cursor->call.deadline, err);
	free_statement(&statement);
	cursor->asked = FIRST_ROWS;
	return status == GOES_OK ? send_fetch(cursor, err) : status;
}

/*
 * read_group reads up to the mark of a sync, and keeps the rows of the FETCH. One that came whole, be
 * it with an error, is not on its way any more.
 */
static int
read_group(goes_cursor *cursor, PGresult **rows, goes_error **err)
{
	PGconn *pg = cursor->call.connection->pg;
	int		status = GOES_OK;

	*rows = NULL;
	for (;;)
	{
		PGresult	  *result = NULL;
		ExecStatusType kind;
		int			   waited =
			next_result(pg, &result, &cursor->call.deadline, status == GOES_OK ? err : NULL);

		if (waited != GOES_OK)
			return status == GOES_OK ? waited : status;
		if (result == NULL && is_lost(pg))
			return status == GOES_OK
					   ? fail(err, GOES_ERR_CONNECT, "the connection to the server was lost")
					   : status;
		kind = PQresultStatus(result);
		if (result != NULL && kind == PGRES_TUPLES_OK && PQnfields(result) == EVENT_COLUMNS)
		{
			*rows = result;
			continue;
		}
		if (result != NULL && kind == PGRES_FATAL_ERROR && status == GOES_OK)
			status = fail_result(pg, result, err);
		PQclear(result);
		if (result != NULL && kind == PGRES_PIPELINE_SYNC)
		{
			cursor->ahead--;
			return status;
		}
	}
}

static int
stream_fetch(goes_cursor *cursor, goes_error **err)
{
	PGresult *rows = NULL;
	int		  status;
	int		  size;

	if (cursor->is_complete)
		return GOES_OK;
	status = read_group(cursor, &rows, err);
	if (status != GOES_OK)
	{
		PQclear(rows);
		return status;
	}
	size = cursor->sizes[cursor->first_size];
	cursor->first_size = (cursor->first_size + 1) % MOST_AHEAD;
	cursor->batch = rows;
	cursor->is_complete = rows == NULL || PQntuples(rows) < size;
	if (cursor->is_complete)
		return GOES_OK;
	cursor->asked = rows_of_batch(rows);
	while (status == GOES_OK && cursor->ahead < MOST_AHEAD)
		status = send_fetch(cursor, err);
	return status;
}

/*
 * drain reads the groups that are on their way, and tells whether it got to their end. It stops early
 * when they are long.
 */
static bool
drain(goes_cursor *cursor)
{
	size_t bytes = 0;

	while (cursor->ahead > 0 && bytes < MOST_DRAINED_BYTES)
	{
		int		  ahead = cursor->ahead;
		PGresult *rows;

		(void) read_group(cursor, &rows, NULL);
		bytes += PQresultMemorySize(rows);
		PQclear(rows);
		if (cursor->ahead == ahead)
			return false;
	}
	return cursor->ahead == 0;
}

/*
 * stream_stop ends the transaction and the pipeline, if that is quick. Otherwise the connection stays
 * as it is, and the pool closes it.
 */
static void
stream_stop(goes_cursor *cursor)
{
	PGconn	*pg = cursor->call.connection->pg;
	Deadline whole = cursor->call.deadline;

	cursor->call.deadline = deadline_in(DRAIN_MS, NULL);
	if (drain(cursor) && PQexitPipelineMode(pg) == 1 && PQtransactionStatus(pg) != PQTRANS_IDLE)
		(void) exec_discard(pg, "COMMIT", &cursor->call.deadline, NULL);
	cursor->call.deadline = whole;
}

const Reading stream_reading = {stream_start, stream_fetch, stream_stop};
