/*
 * history.c
 *	  The events of one aggregate, by version.
 *
 * An event without a version has no place in it.
 */
#include "postgres.h"

#include "catalog/pg_type.h"

#include "read/filter.h"
#include "read/read.h"

PG_FUNCTION_INFO_V1(goes_history);

#define EVENTS_OF_AGGREGATE                                                         \
	"SELECT " EVENT_LIST " FROM %s WHERE aggregate_name OPERATOR(pg_catalog.=) $1 " \
	"AND aggregate_id OPERATOR(pg_catalog.=) $2 "                                   \
	"AND aggregate_version OPERATOR(pg_catalog.>=) $3 "                             \
	"AND aggregate_version OPERATOR(pg_catalog.<=) $4 ORDER BY aggregate_version"

static const char history_text[] = EVENTS_OF_AGGREGATE;
static const char limited_text[] = EVENTS_OF_AGGREGATE " LIMIT $5";

/*
 * version_bound returns an argument that bounds the versions; a null one bounds nothing.
 */
static Datum
version_bound(FunctionCallInfo fcinfo, int number, int32 unbounded)
{
	return PG_ARGISNULL(number) ? Int32GetDatum(unbounded) : PG_GETARG_DATUM(number);
}

/*
 * goes_history returns the events of an aggregate.
 */
Datum
goes_history(PG_FUNCTION_ARGS)
{
	bool	  is_limited = !PG_ARGISNULL(HISTORY_MAX_EVENTS);
	Parameter parameters[] = {{TEXTOID, required_argument(fcinfo, HISTORY_NAME, "aggregate_name")},
							  {UUIDOID, required_argument(fcinfo, HISTORY_ID, "aggregate_id")},
							  {INT4OID, version_bound(fcinfo, HISTORY_FROM, PG_INT32_MIN)},
							  {INT4OID, version_bound(fcinfo, HISTORY_TO, PG_INT32_MAX)},
							  {INT8OID, PG_GETARG_DATUM(HISTORY_MAX_EVENTS)}};
	Statement statement =
		kept_statement(is_limited ? limited_text : history_text, parameters,
					   is_limited ? lengthof(parameters) : lengthof(parameters) - 1);
	Store *store;

	if (is_limited)
		reject_negative_limit("max_events", PG_GETARG_INT64(HISTORY_MAX_EVENTS));
	store = store_open(fcinfo, HISTORY_STORE, AccessShareLock);
	return return_rows(fcinfo, store, &statement);
}
