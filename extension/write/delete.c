/*
 * delete.c
 *	  Removing events by id.
 *
 * A delete is all or nothing. Ids of events that are already gone are ignored.
 */
#include "postgres.h"

#include "executor/spi.h"

#include "read/read.h"
#include "write/write.h"

PG_FUNCTION_INFO_V1(goes_delete);

/*
 * goes_delete removes the events with the given ids and returns how many there were.
 */
Datum
goes_delete(PG_FUNCTION_ARGS)
{
	ArrayType *ids;
	Store	  *store;
	Statement  statement;
	uint64	   deleted;

	(void) required_argument(fcinfo, 0, "ids");
	ids = array_argument(fcinfo, 0, "ids");
	store = store_open(fcinfo, 1, RowExclusiveLock);
	if (ids == NULL)
	{
		store_leave(store);
		PG_RETURN_INT64(0);
	}
	require_privileges(store, ACL_SELECT | ACL_DELETE);
	statement = filter_delete(fcinfo, ids);
	deleted = execute_statement(store, &statement, SPI_OK_DELETE, NULL);
	store_close(store);
	PG_RETURN_INT64((int64) deleted);
}
