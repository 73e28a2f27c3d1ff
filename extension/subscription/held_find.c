/*
 * held_find.c
 *	  Which events are held back.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "utils/timestamp.h"

#include "subscription/subscription.h"

enum HeldColumn
{
	HELD_POSITION,
	HELD_AGGREGATE,
	HELD_PARTITION,
	HELD_ATTEMPTS,
	HELD_RETRY_AT,
	HELD_COLUMNS
};

#define HELD_LIST "\"position\", aggregate, \"partition\", attempts, retry_at"

static const char held_text[] =
	"SELECT " HELD_LIST " FROM %s WHERE subscription OPERATOR(pg_catalog.=) $1 "
	"AND \"position\" OPERATOR(pg_catalog.=) ANY ($2) ORDER BY \"position\"";

static const char parked_text[] =
	"SELECT " HELD_LIST " FROM %s WHERE subscription OPERATOR(pg_catalog.=) $1 "
	"AND \"partition\" OPERATOR(pg_catalog.=) ANY ($2) AND retry_at OPERATOR(pg_catalog.=) $3 "
	"ORDER BY \"position\"";

/* The first events that are due, each with those behind it, and of all of them the first again. */
static const char due_text[] =
	"SELECT held.\"position\", held.aggregate, held.\"partition\", held.attempts, held.retry_at "
	"FROM (SELECT aggregate FROM %s WHERE subscription OPERATOR(pg_catalog.=) $1 "
	"AND \"partition\" OPERATOR(pg_catalog.=) ANY ($2) AND retry_at OPERATOR(pg_catalog.<=) $3 "
	"LIMIT $4) AS due, "
	"LATERAL (SELECT " HELD_LIST " FROM %s WHERE subscription OPERATOR(pg_catalog.=) $1 "
	"AND aggregate OPERATOR(pg_catalog.=) due.aggregate "
	"AND \"partition\" OPERATOR(pg_catalog.=) ANY ($2) ORDER BY \"position\" LIMIT $4) AS held "
	"ORDER BY held.\"position\" LIMIT $4";

static const char aggregates_text[] =
	"SELECT wanted.aggregate FROM pg_catalog.unnest($2) AS wanted(aggregate) "
	"WHERE EXISTS (SELECT FROM %s AS held WHERE held.subscription OPERATOR(pg_catalog.=) $1 "
	"AND held.aggregate OPERATOR(pg_catalog.=) wanted.aggregate) ORDER BY 1";

typedef struct HeldList
{
	const Subscription *subscription;
	HeldEvent		   *events;
	int					count;
	int					room;
} HeldList;

/*
 * note_held takes a row of HELD_LIST apart.
 */
static bool
note_held(TupleTableSlot *row, void *state)
{
	HeldList *list = state;
	Datum	 *values = row->tts_values;

	if (list->count == list->room)
	{
		list->room *= 2;
		list->events = repalloc_huge(list->events, sizeof(HeldEvent) * list->room);
	}
	list->events[list->count++] = (HeldEvent){
		.position = DatumGetInt64(values[HELD_POSITION]),
		.aggregate = DatumGetInt64(values[HELD_AGGREGATE]),
		.partition = DatumGetInt32(values[HELD_PARTITION]),
		.attempts = DatumGetInt32(values[HELD_ATTEMPTS]),
		.waits = row->tts_isnull[HELD_RETRY_AT],
	};
	require_sound_held(list->subscription, &list->events[list->count - 1]);
	return true;
}

/*
 * find_events returns the held events that a query finds.
 */
static HeldEvent *
find_events(const Subscription *subscription, const char *text, Parameter *values, int value_count,
			int *count)
{
	Statement statement = kept_statement(text, values, value_count);
	HeldList  list = {.subscription = subscription, .room = 16};

	list.events = palloc(sizeof(HeldEvent) * list.room);
	statement.is_fresh = true;
	each_row(subscription->retries, &statement, SPI_OK_SELECT, note_held, &list);
	*count = list.count;
	return list.events;
}

/*
 * find_held returns those events at some positions that are held, in order.
 */
HeldEvent *
find_held(const Subscription *subscription, const int64 *positions, int position_count, int *count)
{
	Parameter values[] = {{TEXTOID, subscription->name},
						  {INT8ARRAYOID, int8_list(positions, position_count)}};

	return find_events(subscription, held_text, values, lengthof(values), count);
}

/*
 * find_due returns events of some partitions whose turn has come, and those that wait behind them,
 * in order, and no more than a number.
 */
HeldEvent *
find_due(const Subscription *subscription, const int32 *partitions, int partition_count,
		 TimestampTz now, int64 most, int *count)
{
	Parameter values[] = {{TEXTOID, subscription->name},
						  {INT4ARRAYOID, int4_list(partitions, partition_count)},
						  {TIMESTAMPTZOID, TimestampTzGetDatum(now)},
						  {INT8OID, Int64GetDatum(most)}};

	return find_events(subscription, due_text, values, lengthof(values), count);
}

/*
 * find_parked returns the parked events of some partitions.
 */
HeldEvent *
find_parked(const Subscription *subscription, const int32 *partitions, int partition_count,
			int *count)
{
	Parameter values[] = {{TEXTOID, subscription->name},
						  {INT4ARRAYOID, int4_list(partitions, partition_count)},
						  {TIMESTAMPTZOID, TimestampTzGetDatum(DT_NOEND)}};

	return find_events(subscription, parked_text, values, lengthof(values), count);
}

/*
 * note_number notes the number in a row of one.
 */
static bool
note_number(TupleTableSlot *row, void *state)
{
	int64 **next = state;

	*(*next)++ = DatumGetInt64(row->tts_values[0]);
	return true;
}

/*
 * find_held_aggregates returns those of some aggregates that have held events, in order, as often
 * as they were given.
 */
int64 *
find_held_aggregates(const Subscription *subscription, const int64 *aggregates, int aggregate_count,
					 int *count)
{
	Parameter values[] = {{TEXTOID, subscription->name},
						  {INT8ARRAYOID, int8_list(aggregates, aggregate_count)}};
	Statement statement = kept_statement(aggregates_text, values, lengthof(values));
	int64	 *found = palloc(sizeof(int64) * Max(aggregate_count, 1));
	int64	 *next = found;

	statement.is_fresh = true;
	if (aggregate_count > 0)
		each_row(subscription->retries, &statement, SPI_OK_SELECT, note_number, &next);
	*count = (int) (next - found);
	return found;
}
