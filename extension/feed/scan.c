/*
 * scan.c
 *	  The events at positions, read from the index itself: a page of the feed comes from the
 *	  executor, but one event is found here in a fraction of the time that a statement needs.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/stratnum.h"
#include "access/tableam.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"

#include "feed/scan.h"

#define RANGE_KEYS 2

/*
 * begin_positions prepares for reading the events at the positions behind after, up to last.
 */
PositionScan *
begin_positions(const Feed *feed, Snapshot snapshot, ScanDirection direction, int64 after,
				int64 last)
{
	PositionScan *scan = palloc(sizeof(PositionScan));
	Relation	  table = feed->store->relation;
	ScanKeyData	  range[RANGE_KEYS];

	ScanKeyInit(&range[0], 1, BTGreaterStrategyNumber, F_INT8GT, Int64GetDatum(after));
	ScanKeyInit(&range[1], 1, BTLessEqualStrategyNumber, F_INT8LE, Int64GetDatum(last));
	scan->direction = direction;
	scan->index = index_open(feed->index, AccessShareLock);
	scan->slot = table_slot_create(table, NULL);
	scan->entries = begin_index_scan(table, scan->index, snapshot, RANGE_KEYS);
	scan->entries->xs_want_itup = true;
	index_rescan(scan->entries, range, RANGE_KEYS, NULL, 0);
	return scan;
}

/*
 * next_position goes to the next event that the snapshot shows; false if there is none.
 */
bool
next_position(PositionScan *scan, int64 *position)
{
	bool is_null;

	CHECK_FOR_INTERRUPTS();
	if (!index_getnext_slot(scan->entries, scan->direction, scan->slot))
		return false;
	*position = DatumGetInt64(
		index_getattr(scan->entries->xs_itup, 1, scan->entries->xs_itupdesc, &is_null));
	return true;
}

/*
 * highest_position returns the highest position of an event, 0 if there are no events.
 */
int64
highest_position(const Feed *feed)
{
	Snapshot	  snapshot = RegisterSnapshot(GetLatestSnapshot());
	PositionScan *scan =
		begin_positions(feed, snapshot, BackwardScanDirection, PG_INT64_MIN, PG_INT64_MAX);
	int64 position;

	if (!next_position(scan, &position))
		position = 0;
	end_positions(scan);
	UnregisterSnapshot(snapshot);
	return position;
}

/*
 * end_positions gives back what begin_positions took.
 */
void
end_positions(PositionScan *scan)
{
	index_endscan(scan->entries);
	ExecDropSingleTupleTableSlot(scan->slot);
	index_close(scan->index, AccessShareLock);
	pfree(scan);
}
