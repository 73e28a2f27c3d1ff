/*
 * claim_wait.c
 *	  A worker waits until there is something to do.
 *
 * It looks in a subtransaction that is rolled back: nothing stays locked, neither tables nor rows,
 * and nothing is written. What its looks have seen it remembers, so that events which pass no
 * filter are read once. The claim at the end of the wait moves the checkpoints past them.
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/timestamp.h"

#include "subscription/claim.h"

/*
 * How long to wait, in milliseconds, for another claim that has taken what there was, but is not
 * committed.
 */
#define REST 10

/*
 * How often to look, in milliseconds, for what nobody tells: COMMIT PREPARED of a call of
 * goes_done.
 */
#define LOOK_EVERY 2000

/*
 * has_open_work tells whether a free partition has something to do that does not depend on new
 * events. It notes when the next one will be free, or have some.
 */
static bool
has_open_work(const Partition *partition, TimestampTz now, TimestampTz *look_at)
{
	if (partition->batch_count > 0 || (partition->has_held && partition->look_at <= now))
		return true;
	if (partition->has_held)
		*look_at = Min(*look_at, partition->look_at);
	return false;
}

/*
 * skip_seen lets a partition begin behind what was seen to be nothing new. If its checkpoint was set
 * back meanwhile, there may be something before that.
 */
static void
skip_seen(Vigil *vigil, Partition *partition)
{
	int64 *from = &vigil->from[partition->number];
	int64 *seen = &vigil->seen[partition->number];

	if (partition->position < *from)
		*seen = 0;
	if (*seen <= partition->position)
	{
		*from = partition->position;
		return;
	}
	partition->position = *seen;
	partition->has_id = false;
}

/*
 * find_readers leaves those partitions in a claim that may have new events, from where they were
 * not seen yet; true if any has something to do anyway.
 */
static bool
find_readers(Vigil *vigil, Claim *claim)
{
	int count = 0;

	vigil->wait.look_at = TimestampTzPlusMilliseconds(claim->now, LOOK_EVERY);
	for (int i = 0; i < claim->partition_count; i++)
	{
		Partition *partition = &claim->partitions[i];

		if (partition->is_leased && partition->lease_until > claim->now)
		{
			vigil->wait.look_at = Min(vigil->wait.look_at, partition->lease_until);
			continue;
		}
		if (has_open_work(partition, claim->now, &vigil->wait.look_at))
			return true;
		skip_seen(vigil, partition);
		if (partition->position < claim->settled)
			claim->partitions[count++] = *partition;
	}
	claim->partition_count = count;
	return false;
}

/*
 * note_seen notes that the partitions of a claim have nothing new up to a position.
 */
static void
note_seen(Vigil *vigil, const Claim *claim, int64 end)
{
	for (int i = 0; i < claim->partition_count; i++)
		vigil->seen[claim->partitions[i].number] = end;
	vigil->has_moved |= claim->partition_count > 0;
}

/*
 * look_for_work finds out whether there is something to do. If the events that pass no filter are
 * very many, it is time for a claim that moves the checkpoints.
 */
static void
look_for_work(Vigil *vigil, Claim *claim)
{
	int64 end;

	claim->settled = feed_settled(claim->feed, 0);
	claim->partitions = list_partitions(claim->subscription, &claim->partition_count);
	vigil->settled = claim->settled;
	vigil->has_work = find_readers(vigil, claim) || has_new(claim, &end);
	if (vigil->has_work)
		return;
	note_seen(vigil, claim, end);
	vigil->has_work = end < claim->settled && claim->partition_count > 0;
}

/*
 * leave_subtransaction ends a look.
 */
static void
leave_subtransaction(MemoryContext caller, ResourceOwner owner)
{
	RollbackAndReleaseCurrentSubTransaction();
	MemoryContextSwitchTo(caller);
	CurrentResourceOwner = owner;
}

/*
 * look_aside looks for something to do, and leaves no trace.
 */
static void
look_aside(Vigil *vigil)
{
	MemoryContext caller = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	Claim		  claim = *vigil->claim;

	BeginInternalSubTransaction(NULL);
	PG_TRY();
	{
		open_claim(&claim);
		vigil->events = claim.subscription->events;
		vigil->wait.group = waiting_group(claim.subscription);
		look_for_work(vigil, &claim);
	}
	PG_CATCH();
	{
		ErrorData *error;

		MemoryContextSwitchTo(caller);
		error = CopyErrorData();
		FlushErrorState();
		leave_subtransaction(caller, owner);
		ReThrowError(error);
	}
	PG_END_TRY();
	leave_subtransaction(caller, owner);
}

/*
 * start_vigil begins a wait with a look.
 */
void
start_vigil(Vigil *vigil, const Claim *claim, int32 wait_ms)
{
	*vigil = (Vigil){
		.claim = claim,
		.wait = start_wait(wait_ms, 0),
		.from = palloc0(sizeof(int64) * MOST_PARTITIONS),
		.seen = palloc0(sizeof(int64) * MOST_PARTITIONS),
	};
	look_aside(vigil);
}

/*
 * may_have_work tells whether it is time for a look.
 */
static bool
may_have_work(const Vigil *vigil)
{
	return feed_settled(vigil->feed, 0) > vigil->settled || vigil->wait.is_woken ||
		   GetCurrentTimestamp() >= vigil->wait.look_at;
}

/*
 * wait_for_work waits until there may be something to do. When the time is over, a last claim has
 * to move the checkpoints if events were seen that pass no filter: true then, and false the next
 * time.
 */
bool
wait_for_work(Vigil *vigil)
{
	FunctionCallInfo fcinfo = vigil->claim->fcinfo;
	bool			 has_moved;

	if (!vigil->has_work && vigil->feed == NULL)
		vigil->feed = feed_open_oid(fcinfo, vigil->events);
	while (!vigil->has_work && vigil->feed != NULL)
	{
		/* the caller's own events are not settled before its transaction ends */
		if (vigil->feed->is_held_by_caller || !feed_wait(fcinfo, &vigil->wait, vigil->feed))
		{
			has_moved = vigil->has_moved;
			vigil->has_moved = false;
			return has_moved;
		}
		if (may_have_work(vigil))
			look_aside(vigil);
	}
	return vigil->has_work;
}

/*
 * rest lets some time pass before the next look, since another claim has taken what there was.
 */
void
rest(Vigil *vigil)
{
	vigil->has_work = false;
	vigil->wait.look_at = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), REST);
}

/*
 * end_vigil ends a wait. Another worker takes this one's place among those who wait.
 */
void
end_vigil(Vigil *vigil)
{
	if (vigil->feed == NULL)
		return;
	end_wait(&vigil->wait, vigil->feed);
	feed_close(vigil->feed);
}
