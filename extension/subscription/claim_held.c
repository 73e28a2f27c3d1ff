/*
 * claim_held.c
 *	  Held events whose turn has come: the first ones of their aggregates, with those behind them.
 */
#include "postgres.h"

#include "subscription/claim.h"

/*
 * find_looks returns the numbers of the partitions whose held events have to be looked at, and
 * whether any of them has new events, too.
 */
static int32 *
find_looks(const Claim *claim, int *count, bool *has_new)
{
	int32 *numbers = palloc(sizeof(int32) * claim->partition_count);

	*count = 0;
	*has_new = false;
	for (int i = 0; i < claim->partition_count; i++)
	{
		const Partition *partition = &claim->partitions[i];

		if (partition->was_open)
			continue;
		*has_new |= partition->position < claim->settled;
		if (partition->has_held && partition->look_at <= claim->now)
			numbers[(*count)++] = partition->number;
	}
	return numbers;
}

/*
 * partition_with returns the locked partition with a number.
 */
static Partition *
partition_with(const Claim *claim, int32 number)
{
	for (int i = 0; i < claim->partition_count; i++)
	{
		if (claim->partitions[i].number == number)
			return &claim->partitions[i];
	}
	return NULL;
}

/*
 * forget_deleted holds parked events back no more whose rows were deleted.
 */
static void
forget_deleted(const Claim *claim, const int32 *numbers, int number_count)
{
	int		   count;
	HeldEvent *parked = find_parked(claim->subscription, numbers, number_count, &count);
	int64	  *positions = palloc(sizeof(int64) * Max(count, 1));
	Member	  *members;
	int		   gone = 0;

	for (int i = 0; i < count; i++)
		positions[i] = parked[i].position;
	members = find_members(claim->feed, positions, count);
	for (int i = 0; i < count; i++)
	{
		if (!members[i].is_there)
			positions[gone++] = members[i].position;
	}
	let_go(claim->subscription, positions, gone, claim->now);
}

/*
 * take_due takes held events whose turn has come. Where there are new ones as well, they get half
 * of what the worker wants, so that a long chain does not keep the others waiting.
 */
void
take_due(Claim *claim)
{
	bool	   has_new;
	int		   count;
	int32	  *numbers = find_looks(claim, &count, &has_new);
	int64	   most = claim->most - claim->taken_count;
	HeldEvent *due;
	int		   due_count;

	if (count == 0 || most == 0)
		return;
	due = find_due(claim->subscription, numbers, count, claim->now, has_new ? (most + 1) / 2 : most,
				   &due_count);
	for (int i = 0; i < due_count; i++)
		take_event(claim, partition_with(claim, due[i].partition), due[i].position,
				   due[i].attempts);
	if (due_count == 0)
		forget_deleted(claim, numbers, count);
}
