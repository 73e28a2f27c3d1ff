/*
 * cursor_stream.c
 *    Large results: a portal in a transaction of its own, and FETCHes that are sent ahead, so that
 *    the server always has one to work on.
 *
 * Each FETCH is a group of its own in libpq's pipeline: its rows, and the result of a sync. The
 * rows come one at a time, so that only one is in memory, even if wide rows follow narrow ones.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "calls/cursor.h"
#include "data/oids.h"

#define PORTAL "goes_cursor"
#define PAUSE_NANOSECONDS (100 * 1000)

/*
 * send_text sends a statement without parameters into the pipeline.
 */
static int
send_text(goes_cursor *cursor, const char *text, goes_error **err)
{
	if (PQsendQueryParams(cursor->call.connection->pg, text, 0, NULL, NULL, NULL, NULL, 1))
		return GOES_OK;
	return fail_lost(cursor->call.connection->pg, err);
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
		status = fail_lost(pg, err);
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
	add_text(&parameters, "portal", REFCURSOR_TYPE, cursor->portal);
	status = make_statement(&cursor->call, REQUEST_CURSOR, &parameters, &statement, err);
	if (status != GOES_OK)
		return status;
	if (PQsetnonblocking(pg, 1) != 0 || !PQenterPipelineMode(pg))
		status = fail_lost(pg, err);
	if (status == GOES_OK)
		status = send_text(cursor, "BEGIN READ ONLY", err);
	if (status == GOES_OK)
		status = send_statement(pg, &statement, &cursor->call.deadline, err);
	free_statement(&statement);
	cursor->asked = FIRST_ROWS;
	return status == GOES_OK ? send_fetch(cursor, err) : status;
}

/*
 * let_rows_gather pauses for a moment when there is nothing to read. A server has to wake a program
 * that sleeps in poll() for every 8 kB, which costs the server up to a third of its time. It does
 * not wake a program that only pauses.
 */
static int
let_rows_gather(PGconn *pg, goes_error **err)
{
	static const struct timespec pause = {0, PAUSE_NANOSECONDS};

	if (PQconsumeInput(pg) == 0)
		return fail_lost(pg, err);
	if (PQisBusy(pg))
		(void) nanosleep(&pause, NULL);
	return GOES_OK;
}

/*
 * next_in_pipeline reads the next result from the pipeline, or NULL between those of two statements.
 */
static int
next_in_pipeline(goes_cursor *cursor, PGresult **out, goes_error **err)
{
	PGconn *pg = cursor->call.connection->pg;
	int		status = GOES_OK;

	/* it must be set anew for each statement, before the first of its results */
	(void) PQsetSingleRowMode(pg);
	if (PQisBusy(pg))
	{
		status = check_owner(cursor->call.store, err);
		if (status == GOES_OK && cursor->ahead > 1)
			status = let_rows_gather(pg, err);
	}
	if (status == GOES_OK)
		status = next_result(pg, out, &cursor->call.deadline, err);
	if (status == GOES_OK && *out == NULL && is_lost(pg))
		status = fail_lost(pg, err);
	return status;
}

/*
 * read_rows reads the next rows of the first FETCH on its way. NULL: it has come whole, up to the
 * result of its sync, even if it ended in an error.
 */
static int
read_rows(goes_cursor *cursor, PGresult **rows, goes_error **err)
{
	int status = GOES_OK;

	*rows = NULL;
	for (;;)
	{
		PGresult	  *result = NULL;
		int			   waited = next_in_pipeline(cursor, &result, status == GOES_OK ? err : NULL);
		ExecStatusType kind = PQresultStatus(result);

		if (waited != GOES_OK)
			return status == GOES_OK ? waited : status;
		if (PQntuples(result) > 0 && PQnfields(result) == EVENT_COLUMNS)
		{
			*rows = result;
			return status;
		}
		if (result != NULL && kind == PGRES_FATAL_ERROR && status == GOES_OK)
			status = fail_result(cursor->call.connection->pg, result, err);
		PQclear(result);
		if (result != NULL && kind == PGRES_PIPELINE_SYNC)
		{
			cursor->ahead--;
			return status;
		}
	}
}

/*
 * end_fetch finds out from a complete FETCH whether more rows are to come, and asks for them.
 */
static int
end_fetch(goes_cursor *cursor, goes_error **err)
{
	int status = check_owner(cursor->call.store, err);

	cursor->is_complete = cursor->received < cursor->sizes[cursor->first_size];
	cursor->first_size = (cursor->first_size + 1) % MOST_AHEAD;
	cursor->asked = rows_to_ask_for(cursor->received, cursor->received_bytes);
	cursor->received = 0;
	cursor->received_bytes = 0;
	while (!cursor->is_complete && status == GOES_OK && cursor->ahead < MOST_AHEAD)
		status = send_fetch(cursor, err);
	return status;
}

static int
stream_fetch(goes_cursor *cursor, goes_error **err)
{
	PGresult *rows = NULL;
	int		  status = GOES_OK;

	while (!cursor->is_complete && rows == NULL && status == GOES_OK)
	{
		status = read_rows(cursor, &rows, err);
		if (status == GOES_OK && rows == NULL)
			status = end_fetch(cursor, err);
	}
	if (rows != NULL)
	{
		cursor->received += PQntuples(rows);
		cursor->received_bytes += bytes_of(rows);
	}
	cursor->batch = rows;
	return status;
}

/*
 * drain reads the FETCHes that are on their way, and tells whether it has read all of them. It
 * gives up if they are long.
 */
static bool
drain(goes_cursor *cursor)
{
	size_t bytes = 0;

	while (cursor->ahead > 0 && bytes < MOST_DRAINED_BYTES)
	{
		int		  ahead = cursor->ahead;
		PGresult *rows;

		(void) read_rows(cursor, &rows, NULL);
		if (rows == NULL && cursor->ahead == ahead)
			return false;
		bytes += bytes_of(rows);
		PQclear(rows);
	}
	return cursor->ahead == 0;
}

/*
 * stream_stop ends the transaction and the pipeline if that is quick. Otherwise it leaves the
 * connection as it is, and the pool closes it.
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

const Reading stream_reading = {stream_start, stream_fetch, stream_stop, false};
