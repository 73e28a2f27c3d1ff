/*
 * snapshot.c
 *	  Saving, finding and removing snapshots.
 *
 * The key begins with the aggregate and ends with the version, so a backward scan of its index
 * finds the newest snapshot, or the newest up to a version, as its first row.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "nodes/parsenodes.h"

#include "read/filter.h"
#include "write/write.h"
#include "version/version.h"

PG_FUNCTION_INFO_V1(goes_snapshot_save);
PG_FUNCTION_INFO_V1(goes_snapshot_latest);
PG_FUNCTION_INFO_V1(goes_snapshot_version);
PG_FUNCTION_INFO_V1(goes_snapshot_limit);
PG_FUNCTION_INFO_V1(goes_snapshot_query);
PG_FUNCTION_INFO_V1(goes_snapshot_delete);

/* The argument store of goes_snapshot_query. */
#define SNAPSHOT_QUERY_STORE (QUERY_ARGUMENTS - FILTER_TIMES)

#define OF_AGGREGATE                                  \
	"WHERE aggregate_name OPERATOR(pg_catalog.=) $1 " \
	"AND aggregate_id OPERATOR(pg_catalog.=) $2"

static const char aggregate_hint[] =
	"A snapshot is the state of an aggregate: give its name and id.";

static const char save_text[] =
	"INSERT INTO %s (aggregate_name, aggregate_id, aggregate_version, \"time\", state) "
	"VALUES ($1, $2, $3, $4, $5) "
	"ON CONFLICT (aggregate_name, aggregate_id, aggregate_version) "
	"DO UPDATE SET \"time\" = EXCLUDED.\"time\", state = EXCLUDED.state";

static const char latest_text[] =
	"SELECT " SNAPSHOT_LIST " FROM %s " OF_AGGREGATE " ORDER BY aggregate_version DESC LIMIT 1";

static const char version_text[] = "SELECT " SNAPSHOT_LIST " FROM %s " OF_AGGREGATE
								   " AND aggregate_version OPERATOR(pg_catalog.=) $3";

static const char limit_text[] = "SELECT " SNAPSHOT_LIST " FROM %s " OF_AGGREGATE
								 " AND aggregate_version OPERATOR(pg_catalog.<=) $3"
								 " ORDER BY aggregate_version DESC LIMIT 1";

static const char delete_text[] =
	"DELETE FROM %s " OF_AGGREGATE " AND aggregate_version OPERATOR(pg_catalog.=) $3";

/*
 * goes_snapshot_save stores a snapshot, or replaces the one of that version.
 */
Datum
goes_snapshot_save(PG_FUNCTION_ARGS)
{
	Parameter fields[] = {{TEXTOID, name_argument(fcinfo, 0, "aggregate_name", aggregate_hint)},
						  {UUIDOID, id_argument(fcinfo, 1, "aggregate_id", aggregate_hint)},
						  {INT4OID, required_argument(fcinfo, 2, "aggregate_version")},
						  {INT8OID, PG_GETARG_DATUM(4)},
						  {BYTEAOID, required_argument(fcinfo, 3, "state")}};
	Store	 *store = store_open_kind(fcinfo, 5, &snapshot_store, RowExclusiveLock);
	Statement statement = kept_statement(save_text, fields, lengthof(fields));

	if (PG_ARGISNULL(4))
		fields[3].value = Int64GetDatum(nanoseconds_now());
	save_row(store, &statement);
	store_close(store);
	PG_RETURN_VOID();
}

/*
 * find_snapshot returns the snapshot that a query finds by the function's first arguments: the
 * aggregate and, for some queries, a version.
 */
static Datum
find_snapshot(FunctionCallInfo fcinfo, const char *text, int key_count)
{
	Parameter key[3] = {{TEXTOID, required_argument(fcinfo, 0, "aggregate_name")},
						{UUIDOID, required_argument(fcinfo, 1, "aggregate_id")}};
	Statement statement = kept_statement(text, key, key_count);

	if (key_count == lengthof(key))
		key[2] = (Parameter){INT4OID, required_argument(fcinfo, 2, "version")};
	return return_rows(fcinfo, store_open_kind(fcinfo, key_count, &snapshot_store, AccessShareLock),
					   &statement);
}

/*
 * goes_snapshot_latest returns the newest snapshot of an aggregate, if it has one.
 */
Datum
goes_snapshot_latest(PG_FUNCTION_ARGS)
{
	return find_snapshot(fcinfo, latest_text, 2);
}

/*
 * goes_snapshot_version returns the snapshot of that version, if there is one.
 */
Datum
goes_snapshot_version(PG_FUNCTION_ARGS)
{
	return find_snapshot(fcinfo, version_text, 3);
}

/*
 * goes_snapshot_limit returns the newest snapshot up to that version, if there is one.
 */
Datum
goes_snapshot_limit(PG_FUNCTION_ARGS)
{
	return find_snapshot(fcinfo, limit_text, 3);
}

/*
 * goes_snapshot_query returns the snapshots that its filters leave.
 */
Datum
goes_snapshot_query(PG_FUNCTION_ARGS)
{
	Store *store = store_open_kind(fcinfo, SNAPSHOT_QUERY_STORE, &snapshot_store, AccessShareLock);
	Statement statement = filter_snapshots(fcinfo);

	statement.cursor_options |= CURSOR_OPT_PARALLEL_OK;
	return return_rows(fcinfo, store, &statement);
}

/*
 * goes_snapshot_delete removes a snapshot and tells whether there was one.
 */
Datum
goes_snapshot_delete(PG_FUNCTION_ARGS)
{
	Parameter key[] = {{TEXTOID, required_argument(fcinfo, 0, "aggregate_name")},
					   {UUIDOID, required_argument(fcinfo, 1, "aggregate_id")},
					   {INT4OID, required_argument(fcinfo, 2, "aggregate_version")}};
	Store	 *store = store_open_kind(fcinfo, 3, &snapshot_store, RowExclusiveLock);
	Statement statement = kept_statement(delete_text, key, lengthof(key));
	uint64	  deleted;

	require_privileges(store, ACL_SELECT | ACL_DELETE);
	deleted = execute_statement(store, &statement, SPI_OK_DELETE, NULL);
	store_close(store);
	PG_RETURN_BOOL(deleted > 0);
}
