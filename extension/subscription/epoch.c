/*
 * epoch.c
 *	  The numbers of leases: none comes again, whoever has held a lease and whatever has become of it.
 *
 * A partition counts its leases. When a subscription is removed, its table's sequence keeps the
 * highest number of all that were removed, and what is subscribed later begins behind that. A server
 * that has lost claims, a standby that took over or a backup that was restored to a moment, is on
 * another timeline, and each timeline has numbers of its own. pg_upgrade begins with the first
 * timeline again: numbers of a later one tell that, and an era begins, which has timelines of its
 * own.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "catalog/dependency.h"
#include "utils/rel.h"

#include "compat.h"
#include "subscription/subscription.h"

/* So many numbers has a timeline: more than are ever used, and easily told apart by people. */
#define EPOCHS_OF_TIMELINE INT64CONST(1000000000000)

/* So many timelines has an era. Behind the last of them the next era begins, too. */
#define TIMELINES_OF_ERA 1000
#define EPOCHS_OF_ERA (TIMELINES_OF_ERA * EPOCHS_OF_TIMELINE)

/* Beyond are numbers that none of our functions gives. */
#define HIGHEST_EPOCH (PG_INT64_MAX / 2)

/*
 * next_epoch returns the number of the lease behind another one of the same partition.
 */
int64
next_epoch(int64 epoch)
{
	int64 timeline = (GetWALInsertionTimeLine() - 1) % TIMELINES_OF_ERA;
	int64 era = epoch / EPOCHS_OF_ERA;

	if (epoch % EPOCHS_OF_ERA / EPOCHS_OF_TIMELINE > timeline)
		era++;
	return Max(epoch, era * EPOCHS_OF_ERA + timeline * EPOCHS_OF_TIMELINE) + 1;
}

/*
 * is_sound_epoch tells whether a number can be that of a lease.
 */
bool
is_sound_epoch(int64 epoch)
{
	return epoch >= 0 && epoch <= HIGHEST_EPOCH;
}

/*
 * epoch_sequence returns the sequence of a store that keeps the highest number.
 */
static Oid
epoch_sequence(const Subscription *subscription)
{
	Relation partitions = subscription->partitions->relation;

	return get_identity_sequence(partitions, find_column(partitions, "epoch")->attnum);
}

/*
 * last_epoch returns the highest number that a subscription of the store had which was removed.
 */
int64
last_epoch(const Subscription *subscription)
{
	return last_drawn(epoch_sequence(subscription));
}

/*
 * keep_epoch keeps the highest number of a subscription that is being removed.
 */
void
keep_epoch(const Subscription *subscription, int64 epoch)
{
	raise_last(epoch_sequence(subscription), epoch);
}
