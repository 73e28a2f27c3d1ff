/*
 * aggregate_version.c
 *	  The newest version of an aggregate.
 *
 * A query for it takes longer to start than to run. So the index is read directly wherever a
 * query could not give a different answer.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/index.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"

#include "version/lookup.h"

PG_FUNCTION_INFO_V1(goes_aggregate_version);

/*
 * fetch_version returns the version that a query finds; it does not exist if there is no row.
 */
Version
fetch_version(Store *store, const Statement *statement)
{
	Version version = {0};
	Datum	number;
	bool	is_null;

	version.exists = fetch_row(store, statement, SPI_OK_SELECT, &number, &is_null);
	if (version.exists)
		version.number = DatumGetInt32(number);
	return version;
}

/*
 * query_newest looks up the newest version with a query.
 */
static Version
query_newest(Store *store, const Aggregate *aggregate, bool is_fresh)
{
	Parameter parameters[] = {{TEXTOID, aggregate->name}, {UUIDOID, aggregate->id}};
	Statement statement =
		kept_statement("SELECT aggregate_version FROM %s "
					   "WHERE aggregate_name OPERATOR(pg_catalog.=) $1 "
					   "AND aggregate_id OPERATOR(pg_catalog.=) $2 "
					   "AND aggregate_version IS NOT NULL ORDER BY aggregate_version DESC LIMIT 1",
					   parameters, lengthof(parameters));

	statement.is_fresh = is_fresh;
	return fetch_version(store, &statement);
}

/*
 * read_newest looks up the newest version in the index.
 */
static Version
read_newest(Store *store, const Aggregate *aggregate, bool is_fresh)
{
	/* detoast the name now: it must not be fetched while a page of the index is locked */
	Aggregate	 plain = {PointerGetDatum(DatumGetTextPP(aggregate->name)), aggregate->id};
	VersionScan *scan;
	VersionEntry entry;
	Version		 newest;

	if (is_fresh)
		CommandCounterIncrement();
	scan = version_scan_begin(store->relation, store->lock,
							  is_fresh ? GetTransactionSnapshot() : GetActiveSnapshot());
	entry = version_scan_look_up(scan, &plain, NULL, 0);
	newest = version_scan_newest(scan, &entry, &plain, NULL, 0);
	version_scan_end(scan);
	return newest;
}

/*
 * is_readable tells whether an index can be read directly at this moment. If not, a query raises
 * the proper error. A standby does not have the pages of an unlogged table. While a table is
 * rewritten, a function in another index's expression may be called and get here, when this
 * index still points to the old rows.
 */
static bool
is_readable(const Store *store, Oid index)
{
	return (RelationIsPermanent(store->relation) || !RecoveryInProgress()) &&
		   !ReindexIsProcessingIndex(index);
}

/*
 * is_index_enough tells whether the index alone gives the answer of a query: the caller may read
 * every row, no other module checks privileges, and no rows are in child tables.
 */
static bool
is_index_enough(const Store *store)
{
	const VersionKey *key = version_key(store->relation);

	return OidIsValid(key->index) && key->is_whole && is_readable(store, key->index) &&
		   !has_heirs(store->relation) && ExecutorCheckPerms_hook == NULL &&
		   pg_class_aclcheck(store->oid, GetUserId(), ACL_SELECT) == ACLCHECK_OK &&
		   check_enable_rls(store->oid, InvalidOid, true) != RLS_ENABLED;
}

/*
 * newest_version looks up the newest version of an aggregate. is_fresh: with a snapshot taken
 * now, not the caller's.
 */
Version
newest_version(Store *store, const Aggregate *aggregate, bool is_fresh)
{
	if (is_index_enough(store))
		return read_newest(store, aggregate, is_fresh);
	return query_newest(store, aggregate, is_fresh);
}

/*
 * goes_aggregate_version returns the newest version of an aggregate, 0 if it has no
 * events.
 */
Datum
goes_aggregate_version(PG_FUNCTION_ARGS)
{
	Store	 *store = store_open(fcinfo, 2, AccessShareLock);
	Aggregate aggregate = {required_argument(fcinfo, 0, "aggregate_name"),
						   required_argument(fcinfo, 1, "aggregate_id")};
	Version	  version = newest_version(store, &aggregate, false);

	store_close(store);
	PG_RETURN_INT32(version.number);
}
