/*
 * wait.c
 *	  Waiting until there may be news in a feed.
 *
 * Nothing keeps the table locked meanwhile: whoever wants to alter it would have to wait, and all
 * writers behind him. A waiter only holds an advisory lock of our own, by which writers find it
 * (wake.c). It looks once more after it has taken that lock, and then sleeps until a writer sets
 * its latch. What fires no trigger is found by a look every now and then: COMMIT PREPARED, events
 * that a subscription applies, everything on a standby.
 *
 * Of a group one waiter is the sentinel, which writers find. When it has waited enough it wakes
 * another one, which takes its place and looks at once: so as many are woken as find something, and
 * one more.
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/xlog.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "utils/rel.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "feed/mark.h"

/* The longest wait, since the caller's snapshot keeps VACUUM and CREATE INDEX CONCURRENTLY back. */
#define LONGEST_WAIT 60000

/*
 * How long a waiter sleeps, in milliseconds. It looks ever more seldom, after a tenth of what it
 * has waited so far: if writers wake it, if they do not, and while positions are drawn but not
 * settled.
 */
#define SHARE_OF_WAIT 10
#define SHORTEST_WOKEN 100
#define LONGEST_WOKEN 600
#define UNWOKEN 20
#define SHORTEST_PENDING 1
#define LONGEST_PENDING UNWOKEN

/*
 * waiter_tag returns the tag of the lock that those hold who wait for events of a table: 0 for
 * those whom writers find, and another number for all of a group.
 */
LOCKTAG
waiter_tag(Oid events, uint32 group)
{
	LOCKTAG tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, events, group, LOCK_CLASS_WAIT);
	return tag;
}

/*
 * sentinel_tag returns the tag of the lock that the sentinel of a group holds.
 */
static LOCKTAG
sentinel_tag(Oid events, uint32 group)
{
	LOCKTAG tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, events, group, LOCK_CLASS_SENTINEL);
	return tag;
}

/*
 * start_wait prepares a wait of some milliseconds.
 */
FeedWait
start_wait(int32 wait_ms, uint32 group)
{
	TimestampTz now = GetCurrentTimestamp();

	return (FeedWait){
		.until = TimestampTzPlusMilliseconds(now, Min(wait_ms, LONGEST_WAIT)),
		.since = now,
		.look_at = DT_NOEND,
		.group = group,
	};
}

/*
 * hold holds a lock of a waiter's; release_lock gives it back.
 */
static void
hold(LOCKTAG tag)
{
	(void) LockAcquire(&tag, ShareLock, false, false);
}

static void
release_lock(LOCKTAG tag, LOCKMODE mode)
{
	(void) LockRelease(&tag, mode, false);
}

/*
 * become_sentinel makes the waiter the sentinel of its group, unless there is one.
 */
static void
become_sentinel(FeedWait *wait, Oid events)
{
	LOCKTAG tag = sentinel_tag(events, wait->group);

	if (LockAcquire(&tag, ExclusiveLock, false, true) == LOCKACQUIRE_NOT_AVAIL)
		return;
	hold(waiter_tag(events, 0));
	wait->is_sentinel = true;
	/* what was stored before writers could find it */
	wait->is_woken = true;
}

/*
 * enlist lets others find the waiter.
 */
static void
enlist(FeedWait *wait, Oid events)
{
	hold(waiter_tag(events, wait->group));
	wait->is_registered = true;
	wait->is_woken = true;
	if (wait->group != 0)
		become_sentinel(wait, events);
}

/*
 * count_waiters returns how many others of a group wait.
 */
int
count_waiters(Oid events, uint32 group)
{
	LOCKTAG tag = waiter_tag(events, group);
	int		count;

	pfree(GetLockConflicts(&tag, ExclusiveLock, &count));
	return count;
}

/*
 * some_waiter returns a process that waits in a group; NULL if there is none.
 */
PGPROC *
some_waiter(Oid events, uint32 group)
{
	LOCKTAG				  tag = waiter_tag(events, group);
	int					  count;
	VirtualTransactionId *found = GetLockConflicts(&tag, ExclusiveLock, &count);
	PGPROC				 *process = NULL;

	for (int i = 0; i < count && process == NULL; i++)
		process = transaction_process(found[i]);
	pfree(found);
	return process;
}

/*
 * end_wait ends a wait. Whoever has begun one has to call it.
 */
void
end_wait(FeedWait *wait, const Feed *feed)
{
	Oid		events = feed->store->oid;
	PGPROC *next;

	if (!wait->is_registered)
		return;
	release_lock(waiter_tag(events, wait->group), ShareLock);
	wait->is_registered = false;
	if (!wait->is_sentinel)
		return;
	release_lock(waiter_tag(events, 0), ShareLock);
	release_lock(sentinel_tag(events, wait->group), ExclusiveLock);
	wait->is_sentinel = false;
	next = some_waiter(events, wait->group);
	if (next != NULL)
		SetLatch(&next->procLatch);
}

/*
 * nap_length returns for how many milliseconds to sleep. Of a group only the sentinel looks often.
 */
static long
nap_length(const FeedWait *wait, const Feed *feed)
{
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz end = Min(wait->until, wait->look_at);
	long		waited = TimestampDifferenceMilliseconds(wait->since, now);
	long		share = waited / SHARE_OF_WAIT;
	long		nap = UNWOKEN;

	if (feed->is_behind && (wait->group == 0 || wait->is_sentinel))
		nap = Max(SHORTEST_PENDING, Min(share, LONGEST_PENDING));
	else if (feed->is_woken && !RecoveryInProgress())
		nap = Max(SHORTEST_WOKEN, Min(share, LONGEST_WOKEN));
	return Min(nap, TimestampDifferenceMilliseconds(now, end));
}

/*
 * take_nap sleeps, and notes when somebody has ended the nap: what a writer has stored may be
 * settled a moment later only, when its locks are gone.
 */
static void
take_nap(FeedWait *wait, long nap)
{
	int events =
		WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, nap, PG_WAIT_EXTENSION);

	wait->is_woken = (events & WL_LATCH_SET) != 0;
	if (wait->is_woken)
	{
		ResetLatch(MyLatch);
		wait->since = GetCurrentTimestamp();
	}
	CHECK_FOR_INTERRUPTS();
}

/*
 * feed_wait waits until there may be news behind a settled position: true, look again. If the
 * time is over: false. The table is unlocked meanwhile, and then the feed is opened anew.
 */
bool
feed_wait(FunctionCallInfo fcinfo, FeedWait *wait, Feed *feed)
{
	Oid	 events = feed->store->oid;
	long nap;

	if (GetCurrentTimestamp() >= wait->until)
		return false;
	if (!wait->is_registered)
	{
		enlist(wait, events);
		return true;
	}
	nap = nap_length(wait, feed);
	feed_unlock(feed);
	take_nap(wait, nap);
	feed_lock_again(fcinfo, feed);
	if (wait->group != 0 && !wait->is_sentinel)
		become_sentinel(wait, events);
	return true;
}
