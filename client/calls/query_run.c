/*
 * query_run.c
 *    Running a query and reading its events: whole if they are few, and otherwise as the program
 *    goes on. An aggregate may have any number of events, so a history is tried whole with a limit
 *    first.
 */
#include "calls/cursor.h"
#include "store/read.h"

/*
 * make_event_query makes the parameters of goes_query.
 */
static int
make_event_query(QueryRequest *request, const Call *call, const Source *source, goes_error **err)
{
	return request_make(request, call, REQUEST_QUERY, source->in, call->store->table, err);
}

/*
 * decode_queried makes an event of a row.
 */
static int
decode_queried(goes_cursor *cursor, int row, goes_error **err)
{
	return decode_event(cursor->batch, row, &cursor->event, err);
}

/*
 * run_query opens a cursor on a query that is read in a certain way.
 */
static int
run_query(goes_store *store, const goes_query *query, const Reading *reading, goes_cursor **out,
		  const goes_context *context, goes_error **err)
{
	Source source = {
		.request = REQUEST_QUERY, .make = make_event_query, .decode = decode_queried, .in = query};

	return cursor_open(store, &source, reading, out, context, err);
}

/*
 * can_be_tried tells whether trying a history with a limit is cheap. The index over aggregates
 * returns events by version. In another order, a limit may tempt the planner to read the whole
 * table in that order.
 */
static bool
can_be_tried(const goes_query *query)
{
	const SortKey *keys;

	if (!is_history(query))
		return false;
	keys = query->sorts.values;
	return query->sorts.count == 0 || keys->sort == GOES_SORT_AGGREGATE_VERSION;
}

/*
 * try_history reads a history whole. *out is NULL if it has more events than are read whole, which
 * shows only after asking for one more.
 */
static int
try_history(goes_store *store, const goes_query *query, goes_cursor **out,
			const goes_context *context, goes_error **err)
{
	SortKey	   by_version = {GOES_SORT_AGGREGATE_VERSION, GOES_ASC};
	goes_query first = *query;
	int		   status;

	first.limit = (Bound){.is_set = true, .value = MOST_WHOLE + 1};
	if (first.sorts.count == 0)
		first.sorts = (List){.values = &by_version, .count = 1};
	status = run_query(store, &first, &whole_reading, out, context, err);
	if (status != GOES_OK || PQntuples((*out)->batch) <= MOST_WHOLE)
		return status;
	goes_cursor_close(*out);
	*out = NULL;
	return GOES_OK;
}

/*
 * run_history reads a history whole unless it is long. A long one is read anew, as the program goes
 * on.
 */
static int
run_history(goes_store *store, const goes_query *query, goes_cursor **out,
			const goes_context *context, goes_error **err)
{
	Deadline	 deadline = context_deadline(store, context);
	int64_t		 timeout_ms = deadline_left_ms(&deadline);
	goes_cursor *cursor;
	goes_context remaining;
	int			 status = try_history(store, query, &cursor, context, err);

	if (status == GOES_OK && cursor == NULL)
	{
		remaining = context_until(&deadline);
		remaining.freshness = context_freshness(context);
		status = run_query(store, query, store->tx != NULL ? &portal_reading : &stream_reading,
						   &cursor, &remaining, err);
		if (status == GOES_OK)
			cursor->timeout_ms = timeout_ms;
	}
	if (status == GOES_OK)
		*out = cursor;
	return status;
}

int
goes_query_run(goes_store *store, const goes_query *query, goes_cursor **out,
			   const goes_context *context, goes_error **err)
{
	const Reading *reading = &stream_reading;

	if (store == NULL || out == NULL)
		return fail(err, GOES_ERR_INVALID, "store and out must not be NULL");
	if (is_bounded(query))
		reading = &whole_reading;
	else if (can_be_tried(query))
		return run_history(store, query, out, context, err);
	else if (store->tx != NULL)
		reading = &portal_reading;
	else if (is_history(query))
		reading = &direct_reading;
	return run_query(store, query, reading, out, context, err);
}

int
goes_cursor_next(goes_cursor *cursor, const goes_event **out, goes_error **err)
{
	int status;

	if (cursor == NULL || out == NULL)
		return fail(err, GOES_ERR_INVALID, "cursor and out must not be NULL");
	status = cursor_advance(cursor, err);
	if (status == GOES_EVENT)
		*out = &cursor->event;
	return status;
}
