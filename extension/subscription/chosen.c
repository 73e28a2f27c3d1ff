/*
 * chosen.c
 *	  The partitions that some events are in, locked in their order.
 */
#include "postgres.h"

#include "subscription/chosen.h"

/*
 * compare_positions orders positions.
 */
static int
compare_positions(const void *left, const void *right)
{
	int64 a = *(const int64 *) left;
	int64 b = *(const int64 *) right;

	return a < b ? -1 : a > b;
}

/*
 * start_choice opens a subscription, and takes the events from the argument positions, in order.
 */
Chosen
start_choice(FunctionCallInfo fcinfo)
{
	ArrayType *list = array_argument(fcinfo, 1, "positions");
	Chosen	   chosen = {.now = GetCurrentTimestamp()};

	chosen.subscription = subscription_open(fcinfo, 0, 2, RowExclusiveLock);
	chosen.is_chosen = palloc0(sizeof(bool) * chosen.subscription->partition_count);
	chosen.partitions = palloc0(sizeof(Partition *) * chosen.subscription->partition_count);
	if (list != NULL)
		chosen.positions = list_values(list, &chosen.count);
	if (chosen.count > 0)
		qsort(chosen.positions, chosen.count, sizeof(int64), compare_positions);
	return chosen;
}

/*
 * choose_partitions chooses the partitions of events that are held.
 */
void
choose_partitions(Chosen *chosen, const HeldEvent *held, int count)
{
	for (int i = 0; i < count; i++)
		chosen->is_chosen[held[i].partition] = true;
}

/*
 * lock_chosen locks the partitions that were chosen.
 */
void
lock_chosen(Chosen *chosen)
{
	for (int i = 0; i < chosen->subscription->partition_count; i++)
	{
		if (chosen->is_chosen[i])
			chosen->partitions[i] = lock_partition(chosen->subscription, i);
	}
}

/*
 * end_choice writes the partitions back, whose held events have changed.
 */
void
end_choice(Chosen *chosen)
{
	for (int i = 0; i < chosen->subscription->partition_count; i++)
	{
		if (!chosen->is_chosen[i])
			continue;
		look_later(chosen->subscription, chosen->partitions[i], chosen->now);
		save_partition(chosen->subscription, chosen->partitions[i]);
	}
	wake_worker(chosen->subscription);
	subscription_close(chosen->subscription);
}
