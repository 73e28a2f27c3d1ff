/*
 * aggregate_version.c
 *	  The newest version of an aggregate.
 *
 * A query for it takes longer to start than to run. So the index is read directly wherever a
 * query could not give a different answer.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
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

	require_privileges(store, ACL_SELECT);
	statement.is_fresh = is_fresh;
	return fetch_version(store, &statement);
}

/*
 * read_newest looks up the newest version of an aggregate in the index.
 */
static Version
read_newest(VersionScan *scan, const Aggregate *aggregate)
{
	/* detoast the name now: it must not be fetched while a page of the index is locked */
	Aggregate	 plain = {PointerGetDatum(DatumGetTextPP(aggregate->name)), aggregate->id};
	VersionEntry entry = version_scan_look_up(scan, &plain, NULL, 0);

	return version_scan_newest(scan, &entry, &plain, NULL, 0);
}

/*
 * begin_reading prepares for looking up versions in the index.
 */
static VersionScan *
begin_reading(Store *store, bool is_fresh)
{
	if (is_fresh)
		CommandCounterIncrement();
	return version_scan_begin(store->relation, store->lock,
							  is_fresh ? GetTransactionSnapshot() : GetActiveSnapshot());
}

/*
 * is_index_enough tells whether the index alone gives the answer of a query.
 */
static bool
is_index_enough(const Store *store)
{
	const VersionKey *key = version_key(store->relation);

	return OidIsValid(key->index) && key->is_whole && can_read_directly(store, key->index);
}

/*
 * newest_version looks up the newest version of an aggregate. is_fresh: with a snapshot taken
 * now, not the caller's.
 */
Version
newest_version(Store *store, const Aggregate *aggregate, bool is_fresh)
{
	VersionScan *scan;
	Version		 newest;

	if (!is_index_enough(store))
		return query_newest(store, aggregate, is_fresh);
	scan = begin_reading(store, is_fresh);
	newest = read_newest(scan, aggregate);
	version_scan_end(scan);
	return newest;
}

/*
 * newest_versions looks up the newest versions of some aggregates, with a snapshot taken now.
 */
Version *
newest_versions(Store *store, const Aggregate *aggregates, int count)
{
	VersionScan *scan = is_index_enough(store) ? begin_reading(store, true) : NULL;
	Version		*newest = palloc(sizeof(Version) * count);

	for (int i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		newest[i] = scan != NULL ? read_newest(scan, &aggregates[i])
								 : query_newest(store, &aggregates[i], true);
	}
	if (scan != NULL)
		version_scan_end(scan);
	return newest;
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
