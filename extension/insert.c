/*
 * insert.c
 *	  Storing events.
 *
 * A batch is one INSERT, whatever its size: all of it is stored or nothing.
 */
#include "postgres.h"

#include "executor/spi.h"
#include "utils/lsyscache.h"

#include "goes_store.h"

PG_FUNCTION_INFO_V1(goes_insert_batch);

static const char insert_text[] =
	"INSERT INTO %s "
	"(id, name, \"time\", aggregate_id, aggregate_name, aggregate_version, data) "
	"SELECT id, name, \"time\", aggregate_id, aggregate_name, aggregate_version, data "
	"FROM pg_catalog.unnest($1)";

/*
 * require_stored raises an error if some of the events were not stored: an event that is
 * acknowledged must be there.
 */
void
require_stored(Store *store, uint64 stored, int count)
{
	if (stored == (uint64) count)
		return;
	ereport(ERROR, (errcode(ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION),
					errmsg("only " UINT64_FORMAT " of %d events were stored in table \"%s\"",
						   stored, count, RelationGetRelationName(store->relation)),
					errdetail("A trigger on the table kept the others out."),
					errhint("Have the trigger raise an error, or disable it.")));
}

/*
 * goes_insert_batch stores events and returns their number.
 */
Datum
goes_insert_batch(PG_FUNCTION_ARGS)
{
	ArrayType *events = DatumGetArrayTypeP(required_argument(fcinfo, 0, "events"));
	Store	  *store = store_open(fcinfo, 1, RowExclusiveLock);
	int		   count = prepare_batch(&events);
	Parameter  parameter = {get_array_type(ARR_ELEMTYPE(events)), PointerGetDatum(events)};
	Statement  statement = kept_statement(insert_text, &parameter, 1);

	if (count == 0)
	{
		store_leave(store);
		PG_RETURN_INT64(0);
	}
	require_stored(store, execute_statement(store, &statement, SPI_OK_INSERT, NULL), count);
	store_close(store);
	PG_RETURN_INT64(count);
}
