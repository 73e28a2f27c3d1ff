/*
 * rewind.c
 *	  goes_rewind: a subscription goes on from another position, also in a feed that began anew.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"

#include "subscription/subscription.h"

PG_FUNCTION_INFO_V1(goes_rewind);

static const char partitions_text[] =
	"UPDATE %s SET \"position\" = $2, position_id = $3, epoch = epoch OPERATOR(pg_catalog.+) 1, "
	"worker = NULL, lease_until = NULL, batch = '{}', handed = 0, alone = false, deliveries = 0, "
	"look_at = NULL WHERE subscription OPERATOR(pg_catalog.=) $1";

static const char retries_text[] = "DELETE FROM %s WHERE subscription OPERATOR(pg_catalog.=) $1";

static const char feed_text[] = "UPDATE %s SET feed = $2 WHERE name OPERATOR(pg_catalog.=) $1";

/*
 * move_partitions puts all partitions behind a position, and ends all leases.
 */
static void
move_partitions(const Subscription *subscription, int64 position, const Cursor *last)
{
	Parameter values[] = {{TEXTOID, subscription->name},
						  {INT8OID, Int64GetDatum(position)},
						  {UUIDOID, UUIDPGetDatum(&last->id)}};
	bool	  nulls[lengthof(values)] = {[2] = !last->has_id};
	Statement statement = kept_statement(partitions_text, values, lengthof(values));

	statement.nulls = nulls;
	(void) execute_statement(subscription->partitions, &statement, SPI_OK_UPDATE, NULL);
}

/*
 * forget_held removes what is held: it comes again, or not.
 */
static void
forget_held(const Subscription *subscription)
{
	Parameter name = {TEXTOID, subscription->name};
	Statement statement = kept_statement(retries_text, &name, 1);

	(void) execute_statement(subscription->retries, &statement, SPI_OK_DELETE, NULL);
}

/*
 * follow_feed makes the positions of a subscription those of the feed of today.
 */
static void
follow_feed(const Subscription *subscription, const Feed *feed)
{
	Parameter values[] = {{TEXTOID, subscription->name}, {UUIDOID, UUIDPGetDatum(&feed->id)}};
	Statement statement = kept_statement(feed_text, values, lengthof(values));

	(void) execute_statement(subscription->store, &statement, SPI_OK_UPDATE, NULL);
}

/*
 * goes_rewind lets a subscription go on behind a position.
 */
Datum
goes_rewind(PG_FUNCTION_ARGS)
{
	int64		  after = DatumGetInt64(required_argument(fcinfo, 1, "after"));
	int64		  settled;
	int			  count;
	Subscription *subscription;
	Feed		 *feed;
	Cursor		  last;

	after = require_between("after", after, FROM_NOW, PG_INT64_MAX);
	PreventCommandIfReadOnly("goes_rewind()");
	reject_fixed_snapshot();
	subscription = subscription_open(fcinfo, 0, 2, RowExclusiveLock);
	(void) lock_all_partitions(subscription, &count);
	feed = subscription_events(fcinfo, subscription);
	settled = feed_settled(feed, Max(after, 0));
	if (after == FROM_NOW)
		after = settled;
	last = last_event(feed, after);
	move_partitions(subscription, after, &last);
	forget_held(subscription);
	follow_feed(subscription, feed);
	wake_worker(subscription);
	feed_close(feed);
	subscription_close(subscription);
	PG_RETURN_VOID();
}
