/*
 * lag.c
 *	  goes_subscription_lag and goes_parked: how far subscriptions are, and what they could not do.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "read/read.h"
#include "subscription/subscription.h"

PG_FUNCTION_INFO_V1(goes_subscription_lag);
PG_FUNCTION_INFO_V1(goes_parked);

static const char lag_text[] =
	"SELECT partitions.subscription, partitions.\"partition\", partitions.\"position\", "
	"CASE WHEN known.settled IS NOT NULL THEN "
	"GREATEST(known.settled OPERATOR(pg_catalog.-) partitions.\"position\", 0) "
	"OPERATOR(pg_catalog.+) pg_catalog.cardinality(partitions.batch) END, "
	"partitions.worker, partitions.lease_until, "
	"COALESCE(held.retrying, 0), COALESCE(held.parked, 0), COALESCE(held.waiting, 0) "
	"FROM %s AS partitions "
	"LEFT JOIN ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS known(name, settled) "
	"ON known.name OPERATOR(pg_catalog.=) partitions.subscription "
	"LEFT JOIN (SELECT subscription, \"partition\", "
	"pg_catalog.count(*) FILTER (WHERE retry_at OPERATOR(pg_catalog.<) 'infinity') AS retrying, "
	"pg_catalog.count(*) FILTER (WHERE retry_at OPERATOR(pg_catalog.=) 'infinity') AS parked, "
	"pg_catalog.count(*) FILTER (WHERE retry_at IS NULL) AS waiting "
	"FROM %o GROUP BY subscription, \"partition\") AS held "
	"ON held.subscription OPERATOR(pg_catalog.=) partitions.subscription "
	"AND held.\"partition\" OPERATOR(pg_catalog.=) partitions.\"partition\" "
	"ORDER BY partitions.subscription, partitions.\"partition\"";

static const char parked_text[] =
	"SELECT held.\"partition\", held.\"position\", held.attempts, held.failed_at, held.error, "
	"(SELECT pg_catalog.count(*) FROM %s AS behind "
	"WHERE behind.subscription OPERATOR(pg_catalog.=) $1 "
	"AND behind.aggregate OPERATOR(pg_catalog.=) held.aggregate AND behind.retry_at IS NULL), "
	"event.id, event.name, event.aggregate_name, event.aggregate_id "
	"FROM %s AS held LEFT JOIN %o AS event "
	"ON event.\"position\" OPERATOR(pg_catalog.=) held.\"position\" "
	"WHERE held.subscription OPERATOR(pg_catalog.=) $1 "
	"AND held.retry_at OPERATOR(pg_catalog.=) 'infinity' ORDER BY held.\"position\"";

/* A subscription, and up to where its feed is settled. */
typedef struct Known
{
	Subscription subscription;
	int64		 settled;
	bool		 is_known;
} Known;

typedef struct KnownList
{
	Known *known;
	int	   count;
	int	   room;
} KnownList;

/*
 * note_subscription takes a row of the table of subscriptions.
 */
static bool
note_subscription(TupleTableSlot *row, void *state)
{
	KnownList *list = state;
	Known	  *known;

	if (list->count == list->room)
	{
		list->room *= 2;
		list->known = repalloc(list->known, sizeof(Known) * list->room);
	}
	known = &list->known[list->count++];
	memset(known, 0, sizeof(Known));
	known->subscription.name = PointerGetDatum(DatumGetTextPCopy(row->tts_values[0]));
	known->subscription.events = DatumGetObjectId(row->tts_values[1]);
	known->subscription.feed = *DatumGetUUIDP(row->tts_values[2]);
	return true;
}

/*
 * settle finds out up to where the feed of a subscription is settled. Of a feed that was rewound
 * that is not known, and the others are to be shown all the same.
 */
static void
settle(FunctionCallInfo fcinfo, Known *known)
{
	Feed *feed = feed_open_oid(fcinfo, known->subscription.events);

	if (feed == NULL)
		return;
	known->is_known =
		!feed->is_rewound && memcmp(&feed->id, &known->subscription.feed, sizeof(pg_uuid_t)) == 0;
	if (known->is_known)
		known->settled = feed_settled(feed, 0);
	feed_close(feed);
}

/*
 * settle_all does so for all of them. Neighbours mostly follow the same store.
 */
static void
settle_all(FunctionCallInfo fcinfo, KnownList *list)
{
	for (int i = 0; i < list->count; i++)
	{
		Known *known = &list->known[i];

		if (i > 0 && known[-1].is_known &&
			known->subscription.events == known[-1].subscription.events &&
			memcmp(&known->subscription.feed, &known[-1].subscription.feed, sizeof(pg_uuid_t)) == 0)
		{
			known->settled = known[-1].settled;
			known->is_known = true;
		}
		else
			settle(fcinfo, known);
	}
}

/*
 * add_lags adds the rows of all partitions to the result.
 */
static void
add_lags(FunctionCallInfo fcinfo, const Subscription *tables, const KnownList *list)
{
	Datum	 *names = palloc(sizeof(Datum) * Max(list->count, 1));
	int64	 *settled = palloc(sizeof(int64) * Max(list->count, 1));
	int		  count = 0;
	Statement statement = {.text = lag_text, .other = tables->retries, .is_fresh = true};

	for (int i = 0; i < list->count; i++)
	{
		if (!list->known[i].is_known)
			continue;
		names[count] = list->known[i].subscription.name;
		settled[count++] = list->known[i].settled;
	}
	{
		Parameter values[] = {{TEXTARRAYOID, PointerGetDatum(construct_array(
												 names, count, TEXTOID, -1, false, TYPALIGN_INT))},
							  {INT8ARRAYOID, int8_list(settled, count)}};

		statement.parameters = values;
		statement.parameter_count = lengthof(values);
		add_rows(fcinfo, tables->partitions, &statement);
	}
}

/*
 * goes_subscription_lag returns how far each partition of each subscription is.
 */
Datum
goes_subscription_lag(PG_FUNCTION_ARGS)
{
	Subscription *tables = open_subscription_store(fcinfo, 0, AccessShareLock);
	Statement statement = {.text = "SELECT name, events, feed FROM %s ORDER BY events, feed, name",
						   .is_fresh = true};
	KnownList list = {.room = 16};

	start_result(fcinfo, &lag_row);
	list.known = palloc(sizeof(Known) * list.room);
	each_row(tables->store, &statement, SPI_OK_SELECT, note_subscription, &list);
	settle_all(fcinfo, &list);
	add_lags(fcinfo, tables, &list);
	subscription_close(tables);
	return (Datum) 0;
}

/*
 * goes_parked returns the parked events of a subscription, and how many wait behind each.
 */
Datum
goes_parked(PG_FUNCTION_ARGS)
{
	Subscription *subscription = subscription_open(fcinfo, 0, 1, AccessShareLock);
	Feed		 *feed = subscription_events(fcinfo, subscription);
	Parameter	  name = {TEXTOID, subscription->name};
	Statement	  statement = {.text = parked_text,
							   .other = feed->store,
							   .parameters = &name,
							   .parameter_count = 1,
							   .is_fresh = true};

	start_result(fcinfo, &parked_row);
	add_rows(fcinfo, subscription->retries, &statement);
	feed_close(feed);
	subscription_close(subscription);
	return (Datum) 0;
}
