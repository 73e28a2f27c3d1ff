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

#include "version.h"

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
 * compare_versions orders a version and a new row for bsearch.
 */
static int
compare_versions(const void *left, const void *right)
{
	int32 a = *(const int32 *) left;
	int32 b = ((const NewVersion *) right)->version;

	return (a > b) - (a < b);
}

/*
 * version_of reads the version of the entry where the scan is. It stands behind a UUID
 * and a text, neither of them null, and only the text's length is not known beforehand.
 */
static int32
version_of(const VersionScan *scan)
{
	IndexTuple	entry = scan->scan->xs_itup;
	const char *keys = (const char *) entry + IndexInfoFindDataOffset(entry->t_info);
	const char *name = keys + (scan->key->name_key == 0 ? 0 : UUID_LEN);

	return *(const int32 *) (keys + INTALIGN(UUID_LEN + VARSIZE_ANY(name)));
}

/*
 * next_entry goes on to the next older version of the aggregate in the index, apart from
 * the new ones.
 */
static VersionEntry
next_entry(VersionScan *scan, const NewVersion *own, int own_count)
{
	ItemPointer row;

	while ((row = index_getnext_tid(scan->scan, scan->key->newest_first)) != NULL)
	{
		int32 version = version_of(scan);

		CHECK_FOR_INTERRUPTS();
		if (bsearch(&version, own, own_count, sizeof(NewVersion), compare_versions) == NULL)
			return (VersionEntry){true, version, *row};
	}
	return (VersionEntry){0};
}

/*
 * version_scan_entry returns the newest version in the index, from the floor on, of the
 * aggregate that these new rows are of, apart from theirs. A floor saves reading what
 * lies below it: an index scan takes in a whole page of an aggregate at once.
 */
VersionEntry
version_scan_entry(VersionScan *scan, NewVersion *own, int own_count, int32 floor)
{
	Aggregate aggregate = aggregate_of(own);

	scan->keys[scan->key->name_key].sk_argument = aggregate.name;
	scan->keys[1 - scan->key->name_key].sk_argument = aggregate.id;
	scan->keys[VERSION_KEYS - 1].sk_argument = Int32GetDatum(floor);
	index_rescan(scan->scan, scan->keys, VERSION_KEYS, NULL, 0);
	return next_entry(scan, own, own_count);
}

/*
 * version_scan_sees tells whether the row of an entry is there. Asked about rows that
 * stand together one after the other, it stays on their page.
 */
bool
version_scan_sees(VersionScan *scan, const VersionEntry *entry)
{
	ItemPointerData row = entry->row;
	bool			has_more = false;

	return table_index_fetch_tuple(scan->scan->xs_heapfetch, &row, scan->snapshot, scan->slot,
								   &has_more, NULL);
}

/*
 * version_scan_newest returns the newest version that is there of the aggregate that
 * these new rows are of, apart from theirs.
 */
Version
version_scan_newest(VersionScan *scan, NewVersion *own, int own_count)
{
	VersionEntry entry = version_scan_entry(scan, own, own_count, PG_INT32_MIN);

	while (entry.exists && !version_scan_sees(scan, &entry))
		entry = next_entry(scan, own, own_count);
	return (Version){entry.exists, entry.number};
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
