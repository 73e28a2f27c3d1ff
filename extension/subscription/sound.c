/*
 * sound.c
 *	  The rows of subscriptions are ordinary rows, which those can change who may. What none of our
 *	  functions has written is an error before any of it is used as a number of something.
 */
#include "postgres.h"

#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/rel.h"

#include "subscription/subscription.h"

/*
 * report_changed raises the error for a row that somebody has changed.
 */
pg_noreturn static void
report_changed(const Subscription *subscription, const Store *table, char *detail)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("table \"%s\" has a row of subscription \"%s\" that cannot be",
						   RelationGetRelationName(table->relation),
						   TextDatumGetCString(subscription->name)),
					errdetail_internal("%s", detail),
					errhint("Somebody has changed it: unsubscribe, and subscribe again."),
					errtable(table->relation)));
}

/*
 * require_sound_subscription raises an error unless a subscription can be one.
 */
void
require_sound_subscription(const Subscription *subscription)
{
	if (subscription->partition_count < 1 || subscription->partition_count > MOST_PARTITIONS)
		report_changed(subscription, subscription->store,
					   psprintf("It has %d partitions.", subscription->partition_count));
	if (subscription->max_attempts < 1 || subscription->backoff_ms < 0 ||
		subscription->backoff_max_ms < 0)
		report_changed(subscription, subscription->store,
					   psprintf("max_attempts is %d, backoff_ms %d, backoff_max_ms %d.",
								subscription->max_attempts, subscription->backoff_ms,
								subscription->backoff_max_ms));
}

/*
 * has_partition tells whether a subscription has a partition with a number.
 */
static bool
has_partition(const Subscription *subscription, int32 number)
{
	return number >= 0 && number < subscription->partition_count;
}

/*
 * require_sound_batch raises an error unless an array can be the batch of a partition.
 */
void
require_sound_batch(const Subscription *subscription, int32 number, ArrayType *batch)
{
	if (ARR_NDIM(batch) > 1 || array_contains_nulls(batch))
		report_changed(subscription, subscription->partitions,
					   psprintf("Partition %d has a batch that is not a list of numbers.", number));
}

/*
 * has_ascending_batch tells whether each position of a batch is above the one before.
 */
static bool
has_ascending_batch(const Partition *partition)
{
	for (int i = 1; i < partition->batch_count; i++)
	{
		if (partition->batch[i] <= partition->batch[i - 1])
			return false;
	}
	return true;
}

/*
 * require_sound_partition raises an error unless a partition can be one.
 */
void
require_sound_partition(const Subscription *subscription, const Partition *partition)
{
	if (!has_partition(subscription, partition->number))
		report_changed(subscription, subscription->partitions,
					   psprintf("There is a partition %d, and the last one should be %d.",
								partition->number, subscription->partition_count - 1));
	if (!is_sound_epoch(partition->epoch))
		report_changed(subscription, subscription->partitions,
					   psprintf("Partition %d has lease " INT64_FORMAT ".", partition->number,
								partition->epoch));
	if (partition->handed < 0 || partition->handed > partition->batch_count ||
		partition->deliveries < 0 || partition->position < 0 || !has_ascending_batch(partition))
		report_changed(subscription, subscription->partitions,
					   psprintf("Partition %d stands at " INT64_FORMAT
								", with a batch of %d, of which %d "
								"were handed out %d times.",
								partition->number, partition->position, partition->batch_count,
								partition->handed, partition->deliveries));
}

/*
 * require_sound_held raises an error unless a held event can be one.
 */
void
require_sound_held(const Subscription *subscription, const HeldEvent *event)
{
	if (!has_partition(subscription, event->partition) || event->attempts < 0)
		report_changed(subscription, subscription->retries,
					   psprintf("Position " INT64_FORMAT " is in partition %d, and has failed %d "
								"times.",
								event->position, event->partition, event->attempts));
}
