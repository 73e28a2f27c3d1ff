/*
 * snapshot_query.c
 *    Snapshots that a query finds, one at a time.
 *
 * The cursor is a goes_cursor under another name, whose rows are snapshots.
 */
#include "calls/cursor.h"
#include "data/query.h"

/*
 * make_snapshot_query makes the parameters of goes_snapshot_query.
 */
static int
make_snapshot_query(QueryRequest *request, const Call *call, const Source *source, goes_error **err)
{
	return request_make(request, call, REQUEST_SNAPSHOT_QUERY, source->in, source->table.name, err);
}

/*
 * decode_queried_snapshot makes a snapshot of a row.
 */
static int
decode_queried_snapshot(goes_cursor *cursor, int row, goes_error **err)
{
	return decode_snapshot(cursor->batch, row, snapshot_columns, &cursor->snapshot, err);
}

int
goes_snapshot_query(goes_store *store, const char *table, const goes_query *query,
					goes_snapshot_cursor **out, const goes_context *context, goes_error **err)
{
	Source		 source = {.request = REQUEST_SNAPSHOT_QUERY,
						   .make = make_snapshot_query,
						   .decode = decode_queried_snapshot,
						   .in = query,
						   .table = {REQUEST_CREATE_SNAPSHOTS, table}};
	goes_cursor *cursor;
	int			 status;

	if (store == NULL || out == NULL)
		return fail(err, GOES_ERR_INVALID, "store and out must not be NULL");
	if (query != NULL && (query->names.count > 0 || query->ids.count > 0))
		return fail(
			err, GOES_ERR_INVALID,
			"a snapshot has neither the name nor the id of an event: query it by aggregate, "
			"version and time");
	status = table_check(table, err);
	if (status == GOES_OK)
		status =
			cursor_open(store, &source,
						store->tx != NULL || is_bounded(query) ? &whole_reading : &direct_reading,
						&cursor, context, err);
	if (status == GOES_OK)
		*out = (goes_snapshot_cursor *) cursor;
	return status;
}

int
goes_snapshot_cursor_next(goes_snapshot_cursor *cursor, const goes_snapshot **out, goes_error **err)
{
	goes_cursor *rows = (goes_cursor *) cursor;
	int			 status;

	if (cursor == NULL || out == NULL)
		return fail(err, GOES_ERR_INVALID, "cursor and out must not be NULL");
	status = cursor_advance(rows, err);
	if (status == GOES_EVENT)
		*out = &rows->snapshot;
	return status;
}

void
goes_snapshot_cursor_close(goes_snapshot_cursor *cursor)
{
	goes_cursor_close((goes_cursor *) cursor);
}
