/*
 * claim_open.c
 *	  A claim when it begins, and the events that it takes one after the other.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "subscription/claim.h"

/*
 * open_claim opens what a claim needs, and takes its time.
 */
void
open_claim(Claim *claim)
{
	claim->now = GetCurrentTimestamp();
	claim->subscription =
		subscription_open(claim->fcinfo, CLAIM_SUBSCRIPTION, CLAIM_STORE, RowExclusiveLock);
	claim->feed = subscription_feed(claim->fcinfo, claim->subscription);
}

/*
 * take_event takes an event for the worker.
 */
void
take_event(Claim *claim, Partition *partition, int64 position, int32 attempts)
{
	Assert(claim->taken_count < claim->most);
	claim->taken[claim->taken_count++] =
		(Taken){.position = position, .partition = partition, .attempts = attempts};
}
