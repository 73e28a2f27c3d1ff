/*
 * query_run.c
 *    Running a query and reading its events.
 */
#include "cursor.h"

/*
 * choose_reading decides how the result is read.
 */
static const Reading *
choose_reading(const goes_store *store, const goes_query *query)
{
	if (store->tx != NULL)
		return &portal_reading;
	return is_small(query) ? &direct_reading : &stream_reading;
}

/*
 * make_query makes the parameters of goes_query.
 */
static int
make_query(QueryRequest *request, const Call *call, const Source *source, goes_error **err)
{
	return request_make(request, call, source->in, true, call->store->table, err);
}

/*
 * decode_row makes an event of a row.
 */
static int
decode_row(goes_cursor *cursor, int row, goes_error **err)
{
	return decode_event(cursor->batch, row, &cursor->event, err);
}

int
goes_query_run(goes_store *store, const goes_query *query, goes_cursor **out,
			   const goes_context *context, goes_error **err)
{
	Source source = {
		.request = REQUEST_QUERY, .make = make_query, .decode = decode_row, .in = query};

	if (store == NULL || out == NULL)
		return fail(err, GOES_ERR_INVALID, "store and out must not be NULL");
	return cursor_open(store, &source, choose_reading(store, query), out, context, err);
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
