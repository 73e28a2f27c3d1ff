/*
 * replicated.c
 *	  What a reader has been given outlives a failover to a synchronous standby.
 *
 * Events become visible when the standby has them, and so has the sequence up to them. But a
 * transaction that is rolled back waits for nobody: the numbers that it has drawn may not be there
 * yet. After a failover they would be drawn again, below a cursor that has passed them. So a cursor
 * goes no further than the newest event until the standby has the sequence.
 */
#include "postgres.h"

#include "replication/syncrep.h"
#include "replication/walsender.h"
#include "replication/walsender_private.h"
#include "storage/lwlock.h"
#include "utils/snapmgr.h"

#include "feed/mark.h"
#include "feed/scan.h"

/*
 * has_synchronous_standby tells whether commits wait for a standby. The caller's own
 * synchronous_commit does not matter: others would draw the numbers again.
 */
static bool
has_synchronous_standby(void)
{
	return max_wal_senders > 0 && SyncRepStandbyNames != NULL && SyncRepStandbyNames[0] != '\0';
}

/*
 * is_on_standby tells whether the standbys that commits wait for have flushed WAL up to there.
 */
static bool
is_on_standby(XLogRecPtr until)
{
	XLogRecPtr flushed;

	LWLockAcquire(SyncRepLock, LW_SHARED);
	flushed = WalSndCtl->lsn[SYNC_REP_WAIT_FLUSH];
	LWLockRelease(SyncRepLock);
	return until <= flushed;
}

/*
 * newest_position returns the position of the newest event behind a cursor, up to last; the cursor's
 * own if there is none.
 */
static int64
newest_position(const Feed *feed, int64 after, int64 last)
{
	Snapshot	  snapshot = RegisterSnapshot(GetTransactionSnapshot());
	PositionScan *scan = begin_positions(feed, snapshot, BackwardScanDirection, after, last);
	int64		  position;
	bool		  has_event = next_position(scan, &position);

	end_positions(scan);
	UnregisterSnapshot(snapshot);
	return has_event ? position : after;
}

/*
 * replicated_position returns up to where a reader may go on, who is at after: to the settled position, or
 * to the newest event at or below it while a synchronous standby lacks the sequence as it was read.
 */
int64
replicated_position(Feed *feed, const SequencePage *drawn, int64 after, int64 settled)
{
	if (!has_synchronous_standby() || is_on_standby(drawn->lsn))
		return settled;
	feed->is_behind = true;
	return newest_position(feed, after, settled);
}
