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
#include "catalog/pg_index.h"
#include "miscadmin.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "goes_store.h"

/* The columns of the index: those of the aggregate, in either order, and its version. */
#define VERSION_KEY 3

struct VersionScan
{
	Relation		index;
	IndexScanDesc	scan;
	Snapshot		snapshot;
	TupleTableSlot *slot;
	ScanDirection	newest_first;
	int				name_key; /* the place of the name among the first two keys */
	ScanKeyData		keys[VERSION_KEY];
};

/*
 * set_key says how a key of the index is compared with what is looked up.
 */
static void
set_key(VersionScan *scan, int key, StrategyNumber strategy)
{
	Relation index = scan->index;
	Oid		 type = index->rd_opcintype[key];
	Oid		 comparison = get_opfamily_member(index->rd_opfamily[key], type, type, strategy);

	ScanKeyEntryInitialize(&scan->keys[key], 0, key + 1, strategy, InvalidOid,
						   index->rd_indcollation[key], get_opcode(comparison), (Datum) 0);
}

/*
 * version_scan_begin prepares for looking up aggregates. What was committed by now is
 * seen, whatever the transaction's own snapshot.
 */
VersionScan *
version_scan_begin(Relation table)
{
	VersionScan *scan = palloc0(sizeof(VersionScan));
	Oid			 index = version_index(table);

	if (!OidIsValid(index))
		report_mismatch(table, version_index_problem(NIL, table), NULL);
	/* the lock that the statement has already, which costs least */
	scan->index = index_open(index, RowExclusiveLock);
	scan->name_key =
		scan->index->rd_index->indkey.values[0] == find_column(table, "aggregate_name")->attnum ? 0
																								: 1;
	scan->newest_first = (scan->index->rd_indoption[VERSION_KEY - 1] & INDOPTION_DESC) != 0
							 ? ForwardScanDirection
							 : BackwardScanDirection;
	set_key(scan, 0, BTEqualStrategyNumber);
	set_key(scan, 1, BTEqualStrategyNumber);
	set_key(scan, VERSION_KEY - 1, BTGreaterEqualStrategyNumber);
	scan->snapshot = RegisterSnapshot(GetLatestSnapshot());
	scan->slot = table_slot_create(table, NULL);
	scan->scan = begin_index_scan(table, scan->index, scan->snapshot, VERSION_KEY);
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

	scan->keys[scan->name_key].sk_argument = aggregate->name;
	scan->keys[1 - scan->name_key].sk_argument = aggregate->id;
	scan->keys[VERSION_KEY - 1].sk_argument = Int32GetDatum(floor);
	index_rescan(scan->scan, scan->keys, VERSION_KEY, NULL, 0);
	while (!newest.exists && index_getnext_tid(scan->scan, scan->newest_first) != NULL)
	{
		bool  is_null;
		int32 version = DatumGetInt32(
			index_getattr(scan->scan->xs_itup, VERSION_KEY, scan->scan->xs_itupdesc, &is_null));

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
