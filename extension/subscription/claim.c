/*
 * claim.c
 *	  goes_claim: partitions for a worker, for a while, and their next events.
 *
 * A look comes first, which locks nothing and writes nothing: mostly there is nothing to do.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "read/read.h"
#include "subscription/claim.h"

PG_FUNCTION_INFO_V1(goes_claim);

/* The most events at once, since they stand in the partition's row. */
#define MOST_EVENTS 10000

enum LookColumn
{
	LOOK_FREE,
	LOOK_HIGHEST,
	LOOK_WORKERS,
	LOOK_COLUMNS
};

/* How many partitions can be claimed and have something to do, and who works on the others. */
static const char look_text[] =
	"SELECT pg_catalog.count(*) FILTER (WHERE NOT is_leased AND "
	"(\"position\" OPERATOR(pg_catalog.<) $3 OR look_at OPERATOR(pg_catalog.<=) $2 "
	"OR pg_catalog.cardinality(batch) OPERATOR(pg_catalog.>) 0)), "
	"pg_catalog.max(\"position\"), "
	"pg_catalog.count(DISTINCT worker) FILTER (WHERE is_leased) "
	"FROM (SELECT *, lease_until IS NOT NULL AND lease_until OPERATOR(pg_catalog.>) $2 "
	"AS is_leased FROM %s WHERE subscription OPERATOR(pg_catalog.=) $1) AS partitions";

/* What a look finds. */
typedef struct Look
{
	int64 free; /* partitions that can be claimed and have something to do */
	int64 workers;
} Look;

/*
 * look_once looks for free partitions.
 */
static Look
look_once(Claim *claim, int64 *highest)
{
	Parameter values[] = {{TEXTOID, claim->subscription->name},
						  {TIMESTAMPTZOID, TimestampTzGetDatum(claim->now)},
						  {INT8OID, Int64GetDatum(claim->settled)}};
	Statement statement = kept_statement(look_text, values, lengthof(values));
	Datum	  found[LOOK_COLUMNS];
	bool	  nulls[LOOK_COLUMNS];

	statement.is_fresh = true;
	(void) fetch_row(claim->subscription->partitions, &statement, SPI_OK_SELECT, found, nulls);
	*highest = nulls[LOOK_HIGHEST] ? 0 : DatumGetInt64(found[LOOK_HIGHEST]);
	return (Look){DatumGetInt64(found[LOOK_FREE]), DatumGetInt64(found[LOOK_WORKERS])};
}

/*
 * look finds out what there is to do. A checkpoint is settled in any case, since a claim
 * put it there; the feed tells if it cannot be one of this feed any more.
 */
static Look
look(Claim *claim)
{
	int64 highest;
	Look  result;

	claim->settled = feed_settled(claim->feed, 0);
	if (has_nothing_to_do(claim))
		return (Look){0};
	result = look_once(claim, &highest);
	if (highest <= claim->settled)
		return result;
	if (highest > last_drawn(claim->feed->sequence))
		report_passed(claim->subscription, claim->feed,
					  psprintf("Its checkpoint " INT64_FORMAT " is beyond the end.", highest));
	claim->settled = feed_settled(claim->feed, highest);
	return look_once(claim, &highest);
}

/*
 * share returns how many partitions one claim takes: its share among the workers, but not more than
 * half of those that are free, so that somebody else finds some, too.
 */
static int
share(const Claim *claim, const Look *look)
{
	const Subscription *subscription = claim->subscription;
	int64				waiting = count_waiters(subscription->events, waiting_group(subscription));
	int64				workers = look->workers + waiting + 1;
	int64				part = (subscription->partition_count + workers - 1) / workers;

	return (int) Max(1, Min(part, (look->free + 1) / 2));
}

/*
 * read_arguments returns a claim as the caller wants it.
 */
static Claim
read_arguments(FunctionCallInfo fcinfo)
{
	Claim claim = {.fcinfo = fcinfo};
	int64 most = DatumGetInt64(required_argument(fcinfo, CLAIM_MAX_EVENTS, "max_events"));

	claim.worker = name_argument(fcinfo, CLAIM_WORKER, "worker", "Give the worker a name.");
	claim.most = require_between("max_events", most, 1, MOST_EVENTS);
	claim.lease_ms = lease_argument(fcinfo, CLAIM_LEASE);
	return claim;
}

/*
 * try_claim takes what there is to do; false if there was nothing, and nothing was written. It goes
 * on to other partitions while those that it has taken turn out to have nothing.
 */
static bool
try_claim(Claim *claim)
{
	bool has_written = false;
	int	 count;
	Look found;

	open_claim(claim);
	do
	{
		found = look(claim);
		count = found.free > 0 ? take_partitions(claim, share(claim, &found)) : 0;
		has_written |= count > 0;
	} while (count > 0 && claim->delivered_count == 0 && claim->position_count < MOST_POSITIONS);
	feed_close(claim->feed);
	subscription_close(claim->subscription);
	return has_written;
}

/*
 * goes_claim returns the next events of partitions that the worker has from now on. A claim that
 * has written something is over, also if it has found no events: others must not wait for its
 * transaction while it waits for news.
 */
Datum
goes_claim(PG_FUNCTION_ARGS)
{
	Claim claim = read_arguments(fcinfo);
	int32 wait_ms = wait_argument(fcinfo, CLAIM_WAIT);
	Vigil vigil;

	PreventCommandIfReadOnly("goes_claim()");
	reject_fixed_snapshot();
	start_result(fcinfo, &claim_row);
	if (wait_ms == 0)
	{
		(void) try_claim(&claim);
		return (Datum) 0;
	}
	start_vigil(&vigil, &claim, wait_ms);
	while (wait_for_work(&vigil) && !try_claim(&claim))
		rest(&vigil);
	end_vigil(&vigil);
	return (Datum) 0;
}
