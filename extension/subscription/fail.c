/*
 * fail.c
 *	  What becomes of an event that failed: it is tried again later, and in the end parked.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "subscription/subscription.h"

/*
 * next_attempt returns when an event is tried again that has failed some times.
 */
static TimestampTz
next_attempt(const Subscription *subscription, int32 attempts, TimestampTz now)
{
	int64 wait = subscription->backoff_ms;

	if (attempts >= subscription->max_attempts)
		return DT_NOEND;
	for (int i = 1; i < attempts && wait < subscription->backoff_max_ms; i++)
		wait *= 2;
	wait = Min(wait, subscription->backoff_max_ms);
	return TimestampTzPlusMilliseconds(now, wait);
}

/*
 * fail_event holds an event back that has failed, as often as attempts says.
 */
void
fail_event(const Subscription *subscription, const Partition *partition, const Member *event,
		   int32 attempts, Datum error, TimestampTz now)
{
	HeldEvent held = {
		.position = event->position,
		.aggregate = event->aggregate,
		.partition = partition->number,
		.attempts = attempts,
		.retry_at = next_attempt(subscription, attempts, now),
		.error = error,
	};

	hold_failed(subscription, &held, now);
}

/*
 * attempts_of returns how often an event has failed so far.
 */
static int32
attempts_of(const Subscription *subscription, int64 position)
{
	int		   count;
	HeldEvent *held = find_held(subscription, &position, 1, &count);

	return count == 0 ? 0 : held->attempts;
}

/*
 * park parks an event, as if it had failed as often as it may.
 */
static void
park(const Subscription *subscription, const Partition *partition, const Member *event,
	 TimestampTz now)
{
	int32 attempts = attempts_of(subscription, event->position) + partition->deliveries;
	Datum error = CStringGetTextDatum("worker died");

	fail_event(subscription, partition, event, attempts, error, now);
}

/*
 * park_first parks the first event of a batch, since workers died of it, and holds back what stands
 * behind it. If its row was deleted, it goes.
 */
void
park_first(const Subscription *subscription, const Feed *feed, Partition *partition,
		   TimestampTz now)
{
	Member	  *events = find_members(feed, partition->batch, partition->batch_count);
	HeldEvent *behind = palloc(sizeof(HeldEvent) * partition->batch_count);
	bool	  *is_kept = palloc(sizeof(bool) * partition->batch_count);
	int		   count = 0;

	is_kept[0] = false;
	for (int i = 1; i < partition->batch_count; i++)
	{
		is_kept[i] = !events[0].is_there || !events[i].is_there ||
					 events[i].aggregate != events[0].aggregate;
		if (!is_kept[i])
			behind[count++] = (HeldEvent){.position = events[i].position,
										  .aggregate = events[i].aggregate,
										  .partition = partition->number};
	}
	if (events[0].is_there)
	{
		park(subscription, partition, &events[0], now);
		partition->has_held = true;
	}
	else
		let_go(subscription, &events[0].position, 1, now);
	hold_behind(subscription, behind, count);
	keep_in_batch(partition, is_kept);
	partition->deliveries = 0;
}
