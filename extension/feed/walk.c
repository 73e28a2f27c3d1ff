/*
 * walk.c
 *	  The settled events behind the mark.
 *
 * While a long transaction holds the mark at the bound that is known for it, others have stored
 * events right behind. If the positions from the mark on are there without a gap, and each is
 * committed, nobody can store an event among them any more, since a position is drawn once.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "utils/snapmgr.h"

#include "feed/mark.h"
#include "feed/scan.h"

/* How many positions a call looks at. */
#define LONGEST_WALK 10000

/*
 * is_committed tells whether another transaction stored the row and has committed. A dirty
 * snapshot shows uncommitted rows too, and those of the caller as if they were committed.
 */
static bool
is_committed(const TupleTableSlot *slot, const SnapshotData *dirty)
{
	HeapTupleHeader row = ((const BufferHeapTupleTableSlot *) slot)->base.tuple->t_data;

	return !TransactionIdIsValid(dirty->xmin) &&
		   !TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetRawXmin(row));
}

/*
 * walk_committed returns up to where all positions behind a settled one are committed. Rows at
 * one position are versions of one event.
 */
int64
walk_committed(const Feed *feed, int64 settled, int64 last)
{
	int64		  end = last - settled > LONGEST_WALK ? settled + LONGEST_WALK : last;
	SnapshotData  dirty;
	PositionScan *scan;
	int64		  position;

	InitDirtySnapshot(dirty);
	scan = begin_positions(feed, &dirty, ForwardScanDirection, settled, end);
	while (next_position(scan, &position) && position <= settled + 1)
	{
		if (position == settled + 1 && is_committed(scan->slot, &dirty))
			settled++;
	}
	end_positions(scan);
	return settled;
}
