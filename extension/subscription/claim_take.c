/*
 * claim_take.c
 *	  What one claim takes: partitions, and their next events.
 *
 * Whatever is handed out stands in the batches of the partitions until it is done, so it comes
 * again if the worker dies.
 */
#include "postgres.h"

#include "access/xact.h"

#include "subscription/claim.h"

/* A batch that was handed out so often without a success is then handed out one event at a time. */
#define MOST_TOGETHER 2

/*
 * find_suspect sees to a batch that workers seem to die of: first its events go out one at a time,
 * and then the one that they die of is parked.
 */
static void
find_suspect(const Claim *claim, Partition *partition)
{
	if (!partition->is_alone && partition->deliveries >= MOST_TOGETHER)
	{
		partition->is_alone = true;
		partition->deliveries = 0;
	}
	while (partition->is_alone && partition->batch_count > 0 &&
		   partition->deliveries >= claim->subscription->max_attempts)
		park_first(claim->subscription, claim->feed, partition, claim->now);
}

/*
 * take_again takes the first events of a batch that was handed out before.
 */
static void
take_again(Claim *claim, Partition *partition)
{
	int32	   deaths = partition->deliveries + (partition->is_alone ? MOST_TOGETHER : 0);
	HeldEvent *held = NULL;
	int		   held_count = 0;

	partition->handed = Min(claim->most - claim->taken_count, partition->batch_count);
	if (partition->is_alone)
		partition->handed = Min(partition->handed, 1);
	if (partition->has_held)
		held = find_held(claim->subscription, partition->batch, partition->handed, &held_count);
	for (int i = 0, next = 0; i < partition->handed; i++)
	{
		bool  is_held = next < held_count && held[next].position == partition->batch[i];
		int32 attempts = is_held ? held[next].attempts : 0;

		take_event(claim, partition, partition->batch[i], attempts + deaths);
		next += is_held;
	}
	if (partition->handed > 0)
		partition->deliveries++;
}

/*
 * take_open takes what was handed out before and is not done.
 */
static void
take_open(Claim *claim)
{
	for (int i = 0; i < claim->partition_count; i++)
	{
		Partition *partition = &claim->partitions[i];

		partition->was_open = partition->batch_count > 0;
		end_lease(partition);
		if (!partition->was_open)
			continue;
		find_suspect(claim, partition);
		take_again(claim, partition);
	}
}

/*
 * compare_taken orders events by position.
 */
static int
compare_taken(const void *left, const void *right)
{
	int64 a = ((const Taken *) left)->position;
	int64 b = ((const Taken *) right)->position;

	return a < b ? -1 : a > b;
}

/*
 * fill_batches puts the events that were taken into the batches of their partitions.
 */
static void
fill_batches(Claim *claim)
{
	for (int i = 0; i < claim->partition_count; i++)
	{
		if (!claim->partitions[i].was_open)
			claim->partitions[i].batch = palloc(sizeof(int64) * Max(claim->taken_count, 1));
	}
	for (int i = 0; i < claim->taken_count; i++)
	{
		Partition *partition = claim->taken[i].partition;

		if (partition->was_open)
			continue;
		partition->batch[partition->batch_count++] = claim->taken[i].position;
		partition->handed = partition->batch_count;
		partition->deliveries = 1;
	}
}

/*
 * begin_leases gives the worker the partitions of which it gets events.
 */
static void
begin_leases(Claim *claim)
{
	for (int i = 0; i < claim->partition_count; i++)
	{
		Partition *partition = &claim->partitions[i];

		if (partition->handed == 0)
			continue;
		partition->epoch = next_epoch(partition->epoch);
		partition->worker = claim->worker;
		partition->is_leased = true;
		partition->lease_until = TimestampTzPlusMilliseconds(claim->now, claim->lease_ms);
	}
}

/*
 * drop_deleted takes events whose rows were deleted out of a partition's batch.
 */
static void
drop_deleted(const Claim *claim, Partition *partition)
{
	bool  *is_kept = palloc(sizeof(bool) * Max(partition->batch_count, 1));
	int64 *positions = palloc(sizeof(int64) * Max(partition->batch_count, 1));
	int	   gone = 0;

	memset(is_kept, true, sizeof(bool) * partition->batch_count);
	for (int i = 0; i < claim->taken_count; i++)
	{
		const Taken *taken = &claim->taken[i];

		if (taken->partition != partition || taken->is_there)
			continue;
		is_kept[batch_place(partition, taken->position)] = false;
		positions[gone++] = taken->position;
	}
	if (gone == 0)
		return;
	if (partition->has_held)
		let_go(claim->subscription, positions, gone, claim->now);
	keep_in_batch(partition, is_kept);
	if (partition->handed == 0)
		partition->deliveries = 0;
}

/*
 * save_all writes the partitions back. One with a batch for which the worker had no room stays as
 * it is, and waits on.
 */
static void
save_all(const Claim *claim)
{
	for (int i = 0; i < claim->partition_count; i++)
	{
		Partition *partition = &claim->partitions[i];

		drop_deleted(claim, partition);
		if (partition->has_held)
			look_later(claim->subscription, partition, claim->now);
		if (!partition->was_open || partition->is_leased || partition->batch_count == 0)
			partition->served = claim->now;
		save_partition(claim->subscription, partition);
	}
}

/*
 * take_partitions takes free partitions, at most so many, and their next events. It returns how
 * many partitions it has written.
 */
int
take_partitions(Claim *claim, int most)
{
	claim->partitions = lock_free_partitions(claim->subscription, claim->now, claim->settled, most,
											 &claim->partition_count);
	if (claim->partition_count == 0)
		return 0;
	require_unchanged(claim->subscription);
	claim->taken = palloc(sizeof(Taken) * claim->most);
	claim->taken_count = 0;
	take_open(claim);
	take_due(claim);
	take_new(claim);
	qsort(claim->taken, claim->taken_count, sizeof(Taken), compare_taken);
	fill_batches(claim);
	begin_leases(claim);
	if (claim->taken_count > 0)
	{
		/* a worker acts on its lease, so no crash may take it back */
		ForceSyncCommit();
		deliver(claim);
	}
	save_all(claim);
	return claim->partition_count;
}
