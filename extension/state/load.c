/*
 * load.c
 *	  Loading an aggregate: its newest snapshot, and the events since.
 *
 * Both are read with the caller's snapshot of the database, so that no event is missing between
 * them. Snapshots are optional: without their table, all events of the aggregate are returned.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"

#include "read/read.h"
#include "version/version.h"

PG_FUNCTION_INFO_V1(goes_load);

#define OF_AGGREGATE                                          \
	"FROM %s WHERE aggregate_name OPERATOR(pg_catalog.=) $1 " \
	"AND aggregate_id OPERATOR(pg_catalog.=) $2 "

static const char snapshot_text[] =
	"SELECT aggregate_version, \"time\", state, NULL::pg_catalog.uuid, NULL::pg_catalog.text, "
	"NULL::pg_catalog.jsonb " OF_AGGREGATE "ORDER BY aggregate_version DESC LIMIT 1";

static const char events_text[] =
	"SELECT aggregate_version, \"time\", NULL::pg_catalog.bytea, id, name, data " OF_AGGREGATE
	"AND aggregate_version OPERATOR(pg_catalog.>) $3 ORDER BY aggregate_version";

/* The columns of what goes_load returns. */
enum LoadColumn
{
	LOAD_AGGREGATE_VERSION,
	LOAD_TIME,
	LOAD_STATE,
	LOAD_ID,
	LOAD_NAME,
	LOAD_DATA,
	LOAD_COLUMNS
};

/*
 * add_snapshot adds the newest snapshot of an aggregate to the result. It returns the version
 * after which events are needed.
 */
static int64
add_snapshot(FunctionCallInfo fcinfo, Parameter *aggregate)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Statement	   statement = kept_statement(snapshot_text, aggregate, 2);
	Store		  *store = store_find(fcinfo, 2, "snapshots", &snapshot_store, AccessShareLock);
	Datum		   values[LOAD_COLUMNS];
	bool		   nulls[LOAD_COLUMNS];
	int64		   version = (int64) PG_INT32_MIN - 1;

	if (store == NULL)
		return version;
	require_privileges(store, ACL_SELECT);
	if (fetch_row(store, &statement, SPI_OK_SELECT, values, nulls))
	{
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
		version = DatumGetInt32(values[LOAD_AGGREGATE_VERSION]);
	}
	store_close(store);
	return version;
}

/*
 * goes_load returns the newest snapshot of an aggregate, if it has one, and every later
 * event by version.
 */
Datum
goes_load(PG_FUNCTION_ARGS)
{
	Parameter parameters[] = {{TEXTOID, required_argument(fcinfo, 0, "aggregate_name")},
							  {UUIDOID, required_argument(fcinfo, 1, "aggregate_id")},
							  {INT8OID, (Datum) 0}};
	Statement statement = kept_statement(events_text, parameters, lengthof(parameters));
	Store	 *store = store_open(fcinfo, 3, AccessShareLock);

	start_result(fcinfo, &load_row);
	parameters[2].value = Int64GetDatum(add_snapshot(fcinfo, parameters));
	add_rows(fcinfo, store, &statement);
	store_close(store);
	return (Datum) 0;
}
