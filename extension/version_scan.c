/*
 * version_scan.c
 *	  The newest version of an aggregate, read from the index itself.
 *
 * This is the one place that leaves SPI and the caller's rights: a guard has to hold for
 * a role that may only INSERT, and must not be fooled by row security. It tells no more
 * than the number.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/tableam.h"
#include "miscadmin.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "goes_store.h"

struct VersionScan
{
	const VersionKey *key;
	Relation		  index;
	IndexScanDesc	  scan;
	Snapshot		  snapshot;
	TupleTableSlot	 *slot;
	ScanKeyData		  keys[VERSION_KEYS];
};

/*
 * version_scan_begin prepares for looking up aggregates. What was committed by now is
 * seen, whatever the transaction's own snapshot.
 */
VersionScan *
version_scan_begin(Relation table)
{
	VersionScan *scan = palloc(sizeof(VersionScan));

	scan->key = version_key(table);
	if (!OidIsValid(scan->key->index))
		report_mismatch(table, version_index_problem(NIL, table), NULL);
	memcpy(scan->keys, scan->key->keys, sizeof(scan->keys));
	/* the lock that the statement has already, which costs least */
	scan->index = index_open(scan->key->index, RowExclusiveLock);
	scan->snapshot = RegisterSnapshot(GetLatestSnapshot());
	scan->slot = table_slot_create(table, NULL);
	scan->scan = begin_index_scan(table, scan->index, scan->snapshot, VERSION_KEYS);
	scan->scan->xs_want_itup = true;
	return scan;
}

/*
 * compare_versions orders versions for bsearch.
 */
static int
compare_versions(const void *left, const void *right)
{
	int32 a = *(const int32 *) left;
	int32 b = *(const int32 *) right;

	return (a > b) - (a < b);
}

/*
 * version_scan_newest returns an aggregate's newest version from the floor on, apart from
 * some, in order, that the caller knows of. A floor saves reading what lies below it: an
 * index scan takes in a whole page of an aggregate at once.
 */
Version
version_scan_newest(VersionScan *scan, const Aggregate *aggregate, int32 floor, const int32 *own,
					int own_count)
{
	Version newest = {0};

	scan->keys[scan->key->name_key].sk_argument = aggregate->name;
	scan->keys[1 - scan->key->name_key].sk_argument = aggregate->id;
	scan->keys[VERSION_KEYS - 1].sk_argument = Int32GetDatum(floor);
	index_rescan(scan->scan, scan->keys, VERSION_KEYS, NULL, 0);
	while (!newest.exists && index_getnext_tid(scan->scan, scan->key->newest_first) != NULL)
	{
		bool  is_null;
		int32 version = DatumGetInt32(
			index_getattr(scan->scan->xs_itup, VERSION_KEYS, scan->scan->xs_itupdesc, &is_null));

		CHECK_FOR_INTERRUPTS();
		if (bsearch(&version, own, own_count, sizeof(int32), compare_versions) != NULL)
			continue;
		newest.exists = index_fetch_heap(scan->scan, scan->slot);
		if (newest.exists)
			newest.number = version;
	}
	return newest;
}

/*
 * version_scan_end gives back what version_scan_begin took.
 */
void
version_scan_end(VersionScan *scan)
{
	index_endscan(scan->scan);
	ExecDropSingleTupleTableSlot(scan->slot);
	UnregisterSnapshot(scan->snapshot);
	index_close(scan->index, RowExclusiveLock);
	pfree(scan);
}
