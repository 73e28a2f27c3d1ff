/*
 * save.c
 *	  Storing one row: a snapshot or a model.
 */
#include "postgres.h"

#include "executor/spi.h"

#include "goes_store.h"

/*
 * reject_lost_row raises an error for a row that was not stored: what is acknowledged
 * must be there.
 */
void
reject_lost_row(Store *store)
{
	ereport(ERROR,
			(errcode(ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION),
			 errmsg("nothing was stored in table \"%s\"", RelationGetRelationName(store->relation)),
			 errdetail("A trigger on the table kept the row out."),
			 errhint("Have the trigger raise an error, or disable it.")));
}

/*
 * save_row runs a statement that stores a row or replaces the one with its key.
 */
void
save_row(Store *store, const Statement *statement)
{
	store_require_key(store);
	if (execute_statement(store, statement, SPI_OK_INSERT, NULL) != 1)
		reject_lost_row(store);
}
