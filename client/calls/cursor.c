/*
 * cursor.c
 *    Reading the rows of a result one at a time.
 *
 * Opening a cursor waits for the first rows. So an error in the query shows on opening, and a
 * connection that was lost before any event was delivered is replaced once.
 */
#include <stdlib.h>

#include "calls/cursor.h"
#include "store/read.h"
#include "store/tally.h"

/* How much a FETCH asks for: more would not fit into the processor's cache. */
#define BATCH_BYTES (128 * 1024)
#define MOST_ROWS 8192

int
rows_to_ask_for(int rows, size_t bytes)
{
	size_t fit;

	if (rows == 0)
		return 1;
	fit = BATCH_BYTES / (bytes / (size_t) rows + 1);
	if (fit < 1)
		return 1;
	return fit > MOST_ROWS ? MOST_ROWS : (int) fit;
}

size_t
bytes_of(const PGresult *result)
{
	int	   rows = PQntuples(result);
	int	   columns = PQnfields(result);
	size_t bytes = 0;

	for (int row = 0; row < rows; row++)
	{
		for (int column = 0; column < columns; column++)
			bytes += (size_t) PQgetlength(result, row, column);
	}
	return bytes;
}

/*
 * stop ends the reading. After a timeout or a cancellation a cancel request may still be in flight
 * and would hit the connection's next user: leave the connection as it is, and the pool closes it.
 * In a child process the connection is the parent's: leave it alone, too.
 */
static void
stop(goes_cursor *cursor, int status)
{
	if (status != GOES_ERR_TIMEOUT && status != GOES_ERR_CANCELLED &&
		check_owner(cursor->call.store, NULL) == GOES_OK)
		cursor->reading->stop(cursor);
}

/*
 * forget_rows frees the rows that are there.
 */
static void
forget_rows(goes_cursor *cursor)
{
	PQclear(cursor->batch);
	cursor->batch = NULL;
	cursor->row = 0;
}

/*
 * finish ends the reading and gives the connection back, unless that is done already.
 */
static void
finish(goes_cursor *cursor, int status)
{
	forget_rows(cursor);
	if (cursor->call.connection == NULL)
		return;
	stop(cursor, status);
	call_end(&cursor->call);
}

/*
 * start_reading sends the request and waits for the first rows.
 */
static int
start_reading(goes_cursor *cursor, const Source *source, goes_error **err)
{
	QueryRequest request = {0};
	int			 status = source->make(&request, &cursor->call, source, err);

	if (status == GOES_OK)
		status = cursor->reading->start(cursor, &request, err);
	if (status == GOES_OK)
		status = cursor->reading->fetch(cursor, err);
	request_free(&request);
	return status;
}

/*
 * run_once begins a call by one of the ways to begin it, and starts reading.
 */
static int
run_once(goes_store *store, const Source *source, goes_cursor *cursor, const goes_context *context,
		 CallBegin begin, bool *is_connection_lost, goes_error **err)
{
	Call	   *call = &cursor->call;
	goes_error *error = NULL;
	int			status = begin(call, store, context, err);

	*is_connection_lost = false;
	if (status != GOES_OK)
		return status;
	status = table_require(call, &source->table, &error);
	while (status == GOES_OK)
	{
		status = start_reading(cursor, source, &error);
		if (status == GOES_OK)
		{
			if (call->is_on_standby)
				(void) read_judge(call, status, &error);
			if (cursor->reading->is_whole)
				call_end(call);
			return GOES_OK;
		}
		forget_rows(cursor);
		stop(cursor, status);
		if (request_retry(call, &status, &error))
			continue;
		(void) table_retry(call, &source->table, &status, &error);
	}
	if (call->is_on_standby)
		status = read_judge(call, status, &error);
	*is_connection_lost = is_lost(call->connection->pg);
	if (store->tx != NULL)
		tx_fail(store->tx, error);
	call_end(&cursor->call);
	return pass_error(err, error, status);
}

int
cursor_open(goes_store *store, const Source *source, const Reading *reading, goes_cursor **out,
			const goes_context *context, goes_error **err)
{
	goes_cursor *cursor = calloc(1, sizeof *cursor);
	goes_error	*error = NULL;
	Deadline	 deadline = context_deadline(store, context);
	goes_cursor	 fresh = {.reading = reading,
						  .request = source->request,
						  .decode = source->decode,
						  .timeout_ms = deadline_left_ms(&deadline),
						  .status = GOES_EVENT};
	goes_context remaining;
	bool		 is_connection_lost;
	int			 status;

	if (cursor == NULL)
		return fail_memory(err);
	*cursor = fresh;
	status = ASK_PRIMARY;
	if (reads_elsewhere(store))
		status = run_once(store, source, cursor, context, read_begin, &is_connection_lost, &error);
	if (status == ASK_PRIMARY)
	{
		*cursor = fresh;
		remaining = context_until(&deadline);
		status =
			run_once(store, source, cursor, &remaining, call_begin, &is_connection_lost, &error);
	}
	if (status == GOES_ERR_CONNECT && is_connection_lost && store->tx == NULL)
	{
		count_reconnect(store, error);
		goes_error_free(error);
		error = NULL;
		*cursor = fresh;
		remaining = context_until(&deadline);
		status =
			run_once(store, source, cursor, &remaining, call_begin, &is_connection_lost, &error);
	}
	(void) count_call(store, status);
	if (status != GOES_OK)
	{
		free(cursor);
		return pass_error(err, error, status);
	}
	if (store->tx == NULL)
		store_hold(store);
	*out = cursor;
	return GOES_OK;
}

/*
 * next_row reads the next row, fetching when the batch is used up.
 */
static int
next_row(goes_cursor *cursor, goes_error **err)
{
	int status;

	/* a cancelled cursor ends even if rows are at hand */
	if (is_cancelled(cursor->call.deadline.cancel))
		return fail(err, GOES_ERR_CANCELLED, "the call was cancelled");
	if (cursor->batch != NULL && cursor->row >= PQntuples(cursor->batch))
	{
		forget_rows(cursor);
		cursor->call.deadline = deadline_in(cursor->timeout_ms < 0 ? 0 : cursor->timeout_ms,
											cursor->call.deadline.cancel);
		status = cursor->reading->fetch(cursor, err);
		if (status != GOES_OK)
			return status;
	}
	if (cursor->batch == NULL || PQntuples(cursor->batch) == 0)
		return GOES_END;
	status = cursor->decode(cursor, cursor->row++, err);
	return status == GOES_OK ? GOES_EVENT : status;
}

/*
 * repeat_error gives out the cursor's error once more.
 */
static int
repeat_error(const goes_cursor *cursor, goes_error **err)
{
	return fail_detailed(err, cursor->status, error_details(cursor->error), "%s",
						 goes_error_message(cursor->error));
}

int
cursor_advance(goes_cursor *cursor, goes_error **err)
{
	if (cursor->status == GOES_EVENT)
	{
		cursor->status = next_row(cursor, &cursor->error);
		if (cursor->status < 0 && cursor->call.store->tx != NULL)
			tx_fail(cursor->call.store->tx, cursor->error);
		count_error(cursor->call.store, cursor->status);
		if (cursor->status != GOES_EVENT)
			finish(cursor, cursor->status);
	}
	return cursor->status < 0 ? repeat_error(cursor, err) : cursor->status;
}

void
goes_cursor_close(goes_cursor *cursor)
{
	if (cursor == NULL)
		return;
	finish(cursor, GOES_OK);
	if (cursor->call.store->tx == NULL)
		store_release(cursor->call.store);
	goes_error_free(cursor->error);
	free(cursor);
}
