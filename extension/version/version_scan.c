/*
 * version_scan.c
 *	  The newest version of an aggregate, read from the index itself.
 *
 * This is the only place that bypasses SPI and the caller's privileges: a guard has to hold for
 * a role that may only INSERT, and row security must not hide rows from it. It reveals nothing
 * but the number. Any caller other than a guard must check privileges first.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/tableam.h"
#include "miscadmin.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "version/lookup.h"

struct VersionScan
{
	const VersionKey	*key;
	Relation			 table;
	Relation			 index;
	Snapshot			 snapshot;
	VersionLeaf			*leaf; /* NULL: this index does not allow it */
	IndexFetchTableData *rows;
	TupleTableSlot		*slot;
	IndexScanDesc		 scan; /* NULL until the leaf gives no answer for the first time */
};

/*
 * version_scan_begin prepares for looking up aggregates in a snapshot. The lock is the one that
 * the caller already holds on the table.
 */
VersionScan *
version_scan_begin(Relation table, LOCKMODE lock, Snapshot snapshot)
{
	VersionScan *scan = palloc0(sizeof(VersionScan));

	scan->key = version_key(table);
	if (!OidIsValid(scan->key->index))
		report_mismatch(table, version_index_problem(NIL, table), NULL);
	scan->table = table;
	scan->index = index_open(scan->key->index, lock);
	scan->snapshot = RegisterSnapshot(snapshot);
	scan->leaf = version_leaf_begin(scan->index, scan->key, scan->snapshot);
	scan->rows = table_index_fetch_begin(table);
	scan->slot = table_slot_create(table, NULL);
	return scan;
}

/*
 * version_scan_look_up returns the newest version of an aggregate in the index, ignoring the
 * versions of the new rows, if one page of the index has the answer.
 */
VersionEntry
version_scan_look_up(VersionScan *scan, const Aggregate *aggregate, const NewVersion *own,
					 int own_count)
{
	if (scan->leaf == NULL)
		return (VersionEntry){0};
	return version_leaf_entry(scan->leaf, aggregate, own, own_count);
}

/*
 * sees tells whether the snapshot sees a row, and whether the row is dead to everybody. Calls
 * for neighbouring rows keep their page pinned, which makes them cheap.
 */
static bool
sees(VersionScan *scan, const ItemPointerData *row, bool *is_gone)
{
	ItemPointerData place = *row;
	bool			has_more = false;

	return table_index_fetch_tuple(scan->rows, &place, scan->snapshot, scan->slot, &has_more,
								   is_gone);
}

/*
 * begin_scan goes to the entries of an aggregate.
 */
static void
begin_scan(VersionScan *scan, const Aggregate *aggregate)
{
	ScanKeyData keys[VERSION_KEYS];

	memcpy(keys, scan->key->keys, sizeof(keys));
	keys[scan->key->name_key].sk_argument = aggregate->name;
	keys[1 - scan->key->name_key].sk_argument = aggregate->id;
	if (scan->scan == NULL)
	{
		scan->scan = begin_index_scan(scan->table, scan->index, scan->snapshot, VERSION_KEYS);
		scan->scan->xs_want_itup = true;
	}
	index_rescan(scan->scan, keys, VERSION_KEYS, NULL, 0);
}

/*
 * scan_newest returns the newest visible version of an aggregate, ignoring the versions of the
 * new rows.
 */
static Version
scan_newest(VersionScan *scan, const Aggregate *aggregate, const NewVersion *own, int own_count)
{
	ItemPointer row;

	begin_scan(scan, aggregate);
	while ((row = index_getnext_tid(scan->scan, scan->key->newest_first)) != NULL)
	{
		int32 version = version_of_entry(scan->scan->xs_itup, scan->key->name_key);
		bool  is_gone = false;

		CHECK_FOR_INTERRUPTS();
		if (!has_version(own, own_count, version) && sees(scan, row, &is_gone))
			return (Version){true, version};
		/* mark a dead entry, so that later scans skip it; a standby must leave that to its primary */
		scan->scan->kill_prior_tuple = is_gone && !scan->scan->xactStartedInRecovery;
	}
	return (Version){0};
}

/*
 * version_scan_newest returns the newest visible version of an aggregate, ignoring the versions
 * of the new rows: the one that was looked up, if its row is visible.
 */
Version
version_scan_newest(VersionScan *scan, const VersionEntry *entry, const Aggregate *aggregate,
					const NewVersion *own, int own_count)
{
	if (entry->is_known && !entry->exists)
		return (Version){0};
	if (entry->is_known && sees(scan, &entry->row, NULL))
		return (Version){true, entry->number};
	return scan_newest(scan, aggregate, own, own_count);
}

/*
 * version_scan_end gives back what version_scan_begin took.
 */
void
version_scan_end(VersionScan *scan)
{
	if (scan->scan != NULL)
		index_endscan(scan->scan);
	if (scan->leaf != NULL)
		version_leaf_end(scan->leaf);
	ExecDropSingleTupleTableSlot(scan->slot);
	table_index_fetch_end(scan->rows);
	UnregisterSnapshot(scan->snapshot);
	index_close(scan->index, NoLock); /* the lock lasts until the transaction ends */
	pfree(scan);
}
