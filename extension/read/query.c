/*
 * query.c
 *	  Reading events. A cursor is a portal that outlives the call and is read by FETCH.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "nodes/parsenodes.h"
#include "utils/builtins.h"

#include "read/filter.h"
#include "read/read.h"

PG_FUNCTION_INFO_V1(goes_find);
PG_FUNCTION_INFO_V1(goes_query);
PG_FUNCTION_INFO_V1(goes_query_cursor);
PG_FUNCTION_INFO_V1(goes_count);

/*
 * goes_find returns the event with the id, if there is one. No event has a null id.
 */
Datum
goes_find(PG_FUNCTION_ARGS)
{
	Store	 *store = store_open(fcinfo, 1, AccessShareLock);
	Parameter id = {UUIDOID, PG_GETARG_DATUM(0)};
	Statement statement =
		kept_statement("SELECT " EVENT_LIST " FROM %s WHERE id OPERATOR(pg_catalog.=) $1", &id, 1);

	if (PG_ARGISNULL(0))
		return return_nothing(fcinfo, store);
	return return_rows(fcinfo, store, &statement);
}

/*
 * goes_query returns the events that its filters leave.
 */
Datum
goes_query(PG_FUNCTION_ARGS)
{
	Store	 *store = store_open(fcinfo, QUERY_ARGUMENTS, AccessShareLock);
	Statement statement = filter_select(fcinfo);

	statement.cursor_options |= CURSOR_OPT_PARALLEL_OK;
	return return_rows(fcinfo, store, &statement);
}

/*
 * portal_argument returns the name of a cursor; NULL stands for an unused name. PostgreSQL would
 * truncate a long name, and two cursors could then have the same one.
 */
static char *
portal_argument(FunctionCallInfo fcinfo, int number)
{
	char *name;

	if (PG_ARGISNULL(number))
		return NULL;
	name = TextDatumGetCString(PG_GETARG_DATUM(number));
	if (strlen(name) >= NAMEDATALEN)
		reject_cut_name("portal", name);
	return name;
}

/*
 * goes_query_cursor opens a cursor on the events that its filters leave.
 */
Datum
goes_query_cursor(PG_FUNCTION_ARGS)
{
	Store	 *store = store_open(fcinfo, QUERY_ARGUMENTS + 1, AccessShareLock);
	Statement statement = filter_select(fcinfo);
	char	 *name = portal_argument(fcinfo, QUERY_ARGUMENTS);

	require_transaction_block(fcinfo, "goes_query_cursor()",
							  "Begin a transaction, call it, FETCH from the cursor, and end the "
							  "transaction then.");
	require_privileges(store, ACL_SELECT);
	statement.cursor_options |= CURSOR_OPT_NO_SCROLL;
	name = open_portal(store, &statement, name);
	store_close(store);
	PG_RETURN_TEXT_P(cstring_to_text(name));
}

/*
 * goes_count returns how many events the filters leave.
 */
Datum
goes_count(PG_FUNCTION_ARGS)
{
	Store	 *store = store_open(fcinfo, FILTER_ARGUMENTS, AccessShareLock);
	Statement statement = filter_count(fcinfo);
	Datum	  count;

	require_privileges(store, ACL_SELECT);
	statement.cursor_options |= CURSOR_OPT_PARALLEL_OK;
	count = fetch_value(store, &statement);
	store_close(store);
	PG_RETURN_DATUM(count);
}
