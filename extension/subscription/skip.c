/*
 * skip.c
 *	  goes_skip: events that no worker will get any more.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"

#include "subscription/chosen.h"

PG_FUNCTION_INFO_V1(goes_skip);

/*
 * choose_open chooses the partitions of the events that are not held, but perhaps claimed and not
 * done.
 */
static void
choose_open(FunctionCallInfo fcinfo, Chosen *chosen)
{
	Feed   *feed = subscription_events(fcinfo, chosen->subscription);
	Member *members = find_members(feed, chosen->positions, chosen->count);

	for (int i = 0; i < chosen->count; i++)
	{
		if (members[i].is_there)
			chosen->is_chosen[partition_of(members[i].aggregate,
										   chosen->subscription->partition_count)] = true;
	}
	feed_close(feed);
}

/*
 * place_in returns where a position stands in a partition's batch; -1 if it does not.
 */
static int
place_in(const Partition *partition, int64 position)
{
	for (int i = 0; i < partition->batch_count; i++)
	{
		if (partition->batch[i] == position)
			return i;
	}
	return -1;
}

/*
 * reject_handed_out raises an error for an event that a worker has right now.
 */
static void
reject_handed_out(const Chosen *chosen, const Partition *partition, int place)
{
	if (place >= partition->handed || !partition->is_leased ||
		partition->lease_until <= chosen->now)
		return;
	ereport(ERROR, (errcode(ERRCODE_OBJECT_IN_USE),
					errmsg("worker \"%s\" has the event at position " INT64_FORMAT,
						   TextDatumGetCString(partition->worker), partition->batch[place]),
					errhint("Try again when it is done, or when the lease is over.")));
}

/*
 * skip_open takes an event out of its batch, if it is in one.
 */
static bool
skip_open(const Chosen *chosen, int64 position)
{
	for (int i = 0; i < chosen->subscription->partition_count; i++)
	{
		Partition *partition = chosen->partitions[i];
		int		   place = partition == NULL ? -1 : place_in(partition, position);
		bool	  *is_kept;

		if (place < 0)
			continue;
		reject_handed_out(chosen, partition, place);
		is_kept = palloc(sizeof(bool) * partition->batch_count);
		memset(is_kept, true, sizeof(bool) * partition->batch_count);
		is_kept[place] = false;
		keep_in_batch(partition, is_kept);
		if (place == 0)
			partition->deliveries = 0;
		return true;
	}
	return false;
}

/*
 * skip_all takes the events out of their batches, and raises an error for one that is in none and
 * not held.
 */
static void
skip_all(const Chosen *chosen)
{
	int		   count;
	HeldEvent *held = find_held(chosen->subscription, chosen->positions, chosen->count, &count);

	for (int i = 0, next = 0; i < chosen->count; i++)
	{
		bool is_held = next < count && held[next].position == chosen->positions[i];

		if (!skip_open(chosen, chosen->positions[i]) && !is_held)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("the event at position " INT64_FORMAT " is neither held nor claimed",
							chosen->positions[i]),
					 errhint("It is done, does not pass the filters, or its turn has not come.")));
		next += is_held;
	}
	let_go(chosen->subscription, chosen->positions, chosen->count, chosen->now);
}

/*
 * goes_skip gives events up that are held, or claimed and not done, and returns how many.
 */
Datum
goes_skip(PG_FUNCTION_ARGS)
{
	Chosen	   chosen;
	HeldEvent *held;
	int		   count;

	(void) required_argument(fcinfo, 1, "positions");
	PreventCommandIfReadOnly("goes_skip()");
	chosen = start_choice(fcinfo);
	held = find_held(chosen.subscription, chosen.positions, chosen.count, &count);
	choose_partitions(&chosen, held, count);
	choose_open(fcinfo, &chosen);
	lock_chosen(&chosen);
	skip_all(&chosen);
	end_choice(&chosen);
	PG_RETURN_INT64(chosen.count);
}
