/*
 * stored.c
 *	  Acknowledged rows are stored: a row that a trigger kept out is an error.
 */
#include "postgres.h"

#include "executor/spi.h"

#include "write/write.h"

/*
 * insert_rows stores the rows of an INSERT … SELECT and returns their number. Where the rows are
 * elsewhere, the text returns a row for each.
 */
uint64
insert_rows(Store *store, const char *text, Parameter *parameters, int count)
{
	Statement statement = kept_statement(text, parameters, count);

	if (store->is_distributed)
		return store_elsewhere(store, &statement, SPI_OK_INSERT_RETURNING);
	return execute_statement(store, &statement, SPI_OK_INSERT, NULL);
}

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
 * reject_lost_row raises an error for a snapshot or a model that was not stored.
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
	require_privileges(store, ACL_SELECT | ACL_INSERT | ACL_UPDATE);
	if (execute_statement(store, statement, SPI_OK_INSERT, NULL) != 1)
		reject_lost_row(store);
}
