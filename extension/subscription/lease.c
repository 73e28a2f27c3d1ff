/*
 * lease.c
 *	  goes_renew and goes_release: a worker that needs more time, and one that gives up early.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/timestamp.h"

#include "subscription/subscription.h"

PG_FUNCTION_INFO_V1(goes_renew);
PG_FUNCTION_INFO_V1(goes_release);

/* The longest lease, in milliseconds: for so long a worker that died is not missed. */
#define LONGEST_LEASE 3600000

static const char renew_text[] =
	"UPDATE %s SET lease_until = $3 WHERE subscription OPERATOR(pg_catalog.=) $1 "
	"AND \"partition\" OPERATOR(pg_catalog.=) $2";

/*
 * lease_argument returns the length of a lease in milliseconds.
 */
int32
lease_argument(FunctionCallInfo fcinfo, int number)
{
	int32 lease = DatumGetInt32(required_argument(fcinfo, number, "lease_ms"));

	return (int32) require_between("lease_ms", lease, 1, LONGEST_LEASE);
}

/*
 * goes_renew begins a worker's time anew.
 */
Datum
goes_renew(PG_FUNCTION_ARGS)
{
	int32		  lease = lease_argument(fcinfo, 3);
	Subscription *subscription;
	Partition	 *partition;

	PreventCommandIfReadOnly("goes_renew()");
	subscription = subscription_open(fcinfo, 0, 4, RowExclusiveLock);
	partition = lock_leased(subscription, fcinfo);
	{
		TimestampTz until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), lease);
		Parameter	values[] = {{TEXTOID, subscription->name},
								{INT4OID, Int32GetDatum(partition->number)},
								{TIMESTAMPTZOID, TimestampTzGetDatum(until)}};
		Statement	statement = kept_statement(renew_text, values, lengthof(values));

		(void) execute_statement(subscription->partitions, &statement, SPI_OK_UPDATE, NULL);
	}
	subscription_close(subscription);
	PG_RETURN_VOID();
}

/*
 * goes_release gives a partition back. What is not done comes again at once, and this was no
 * attempt.
 */
Datum
goes_release(PG_FUNCTION_ARGS)
{
	Subscription *subscription;
	Partition	 *partition;

	PreventCommandIfReadOnly("goes_release()");
	subscription = subscription_open(fcinfo, 0, 3, RowExclusiveLock);
	partition = lock_leased(subscription, fcinfo);
	partition->deliveries = Max(partition->deliveries - 1, 0);
	end_lease(partition);
	save_partition(subscription, partition);
	wake_worker(subscription);
	subscription_close(subscription);
	PG_RETURN_VOID();
}
