/*
 * insert.c
 *	  Storing events.
 *
 * A batch is one INSERT, whatever its size: all of it is stored or nothing.
 */
#include "postgres.h"

#include "executor/spi.h"
#include "utils/lsyscache.h"

#include "write/write.h"

PG_FUNCTION_INFO_V1(goes_insert_batch);

static const char insert_text[] =
	"INSERT INTO %s (" EVENT_LIST ") SELECT " EVENT_LIST " FROM pg_catalog.unnest($1)";

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
