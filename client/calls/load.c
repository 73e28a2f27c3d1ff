/*
 * load.c
 *    goes_load: the newest snapshot of an aggregate and the events since, in one round trip.
 *
 * The snapshot is the first row of the result; the other rows are read like those of a query.
 */
#include "calls/cursor.h"
#include "data/oids.h"

#define STATE_COLUMN EVENT_COLUMNS /* behind those of an event */

typedef struct Load
{
	const char		*snapshots;
	const char		*aggregate_name;
	const goes_uuid *aggregate_id;
} Load;

/*
 * make_load makes the parameters of goes_load.
 */
static int
make_load(QueryRequest *request, const Call *call, const Source *source, goes_error **err)
{
	const Load *load = source->in;

	(void) err;
	add_aggregate(&request->parameters, load->aggregate_name, load->aggregate_id);
	add_text(&request->parameters, "snapshots", TEXT_TYPE, load->snapshots);
	add_text(&request->parameters, "store", TEXT_TYPE, call->store->table);
	return GOES_OK;
}

/*
 * decode_loaded makes an event of a row.
 */
static int
decode_loaded(goes_cursor *cursor, int row, goes_error **err)
{
	return decode_event(cursor->batch, row, &cursor->event, err);
}

/*
 * take_snapshot copies the snapshot if the first row is one, and skips that row.
 */
static int
take_snapshot(goes_cursor *cursor, goes_snapshot **out, goes_error **err)
{
	static const int columns[SNAPSHOT_COLUMNS] = {3, 4, 5, 2, STATE_COLUMN};
	goes_snapshot	 found;
	int				 status;

	*out = NULL;
	if (cursor->batch == NULL || PQntuples(cursor->batch) == 0 ||
		PQgetisnull(cursor->batch, 0, STATE_COLUMN))
		return GOES_OK;
	status = decode_snapshot(cursor->batch, 0, columns, &found, err);
	if (status == GOES_OK && (*out = snapshot_copy(&found)) == NULL)
		status = fail_memory(err);
	cursor->row = 1;
	return status;
}

int
goes_load(goes_store *store, const char *snapshot_table, const char *name, const goes_uuid *id,
		  goes_snapshot **snapshot, goes_cursor **later_events, const goes_context *context,
		  goes_error **err)
{
	Load   load = {snapshot_table, name, id};
	Source source = {
		.request = REQUEST_LOAD, .make = make_load, .decode = decode_loaded, .in = &load};
	goes_snapshot *found = NULL;
	goes_cursor	  *cursor = NULL;
	int			   status;

	if (store == NULL || snapshot == NULL || later_events == NULL)
		return fail(err, GOES_ERR_INVALID, "store, snapshot and later_events must not be NULL");
	if (name == NULL || *name == '\0' || goes_uuid_is_nil(id))
		return fail(err, GOES_ERR_INVALID, "loading needs the aggregate's name and id");
	status = table_check(snapshot_table, err);
	if (status == GOES_OK)
		status = cursor_open(store, &source, store->tx != NULL ? &whole_reading : &direct_reading,
							 &cursor, context, err);
	if (status != GOES_OK)
		return status;
	status = take_snapshot(cursor, &found, err);
	if (status != GOES_OK)
	{
		goes_cursor_close(cursor);
		return status;
	}
	*snapshot = found;
	*later_events = cursor;
	return GOES_OK;
}
