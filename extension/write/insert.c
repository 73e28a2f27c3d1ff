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
PG_FUNCTION_INFO_V1(goes_insert_json);

#define INSERT_ARRAY \
	"INSERT INTO %s (" EVENT_LIST ") SELECT " EVENT_LIST " FROM pg_catalog.unnest($1)"

static const char insert_text[] = INSERT_ARRAY;
static const char insert_sent_whole[] = INSERT_ARRAY " WHERE " SENT_WHOLE EACH_STORED;
static const char insert_sent_rows[] = INSERT_ARRAY EACH_STORED;

/*
 * insert_elsewhere returns the text for a table whose rows are elsewhere. A role that may only INSERT has
 * Citus send the rows instead of the statement, which takes more messages.
 */
static const char *
insert_elsewhere(const Store *store)
{
	static const char *const columns[] = {"id"};

	return may_use_columns(store->relation, ACL_SELECT, columns, lengthof(columns))
			   ? insert_sent_whole
			   : insert_sent_rows;
}

/*
 * insert_array stores events as they are, and returns how many it stored.
 */
uint64
insert_array(Store *store, ArrayType *events)
{
	Parameter parameter = {get_array_type(ARR_ELEMTYPE(events)), PointerGetDatum(events)};

	return insert_rows(store, store->is_distributed ? insert_elsewhere(store) : insert_text,
					   &parameter, 1);
}

/*
 * insert_events stores events and returns their number.
 */
static Datum
insert_events(FunctionCallInfo fcinfo, ArrayType *events)
{
	Store *store = store_open(fcinfo, 1, RowExclusiveLock);
	int	   count = prepare_batch(&events);

	if (count == 0)
	{
		store_leave(store);
		PG_RETURN_INT64(0);
	}
	require_insert(store);
	require_stored(store, insert_array(store, events), count);
	store_close(store);
	PG_RETURN_INT64(count);
}

/*
 * goes_insert_batch stores events.
 */
Datum
goes_insert_batch(PG_FUNCTION_ARGS)
{
	return insert_events(fcinfo, DatumGetArrayTypeP(required_argument(fcinfo, 0, "events")));
}

/*
 * goes_insert_json stores events that are JSON.
 */
Datum
goes_insert_json(PG_FUNCTION_ARGS)
{
	return insert_events(fcinfo, events_from_json(fcinfo, 0, event_type_beside(fcinfo)));
}
