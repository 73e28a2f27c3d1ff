/*
 * scan.h
 *	  The events at positions, read from the index itself.
 */
#ifndef GOES_FEED_SCAN_H
#define GOES_FEED_SCAN_H

#include "access/genam.h"
#include "access/relscan.h"
#include "access/sdir.h"
#include "executor/tuptable.h"
#include "utils/snapshot.h"

#include "feed/feed.h"

#pragma GCC visibility push(hidden)

/* A scan, and the event that it is at. */
typedef struct PositionScan
{
	Relation		index;
	IndexScanDesc	entries;
	ScanDirection	direction;
	TupleTableSlot *slot;
} PositionScan;

/* scan.c */
extern PositionScan *begin_positions(const Feed *feed, Snapshot snapshot, ScanDirection direction,
									 int64 after, int64 last);
extern bool			 next_position(PositionScan *scan, int64 *position);
extern int64		 highest_position(const Feed *feed);
extern void			 end_positions(PositionScan *scan);

#pragma GCC visibility pop

#endif
