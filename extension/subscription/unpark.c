/*
 * unpark.c
 *	  goes_unpark: parked events are tried again.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"

#include "subscription/chosen.h"

PG_FUNCTION_INFO_V1(goes_unpark);

static const char unpark_text[] =
	"UPDATE %s SET retry_at = $3, attempts = 0 WHERE subscription OPERATOR(pg_catalog.=) $1 "
	"AND \"position\" OPERATOR(pg_catalog.=) ANY ($2)";

/*
 * find_all returns all parked events of a subscription.
 */
static HeldEvent *
find_all(const Subscription *subscription, int *count)
{
	int32 *numbers = palloc(sizeof(int32) * subscription->partition_count);

	for (int i = 0; i < subscription->partition_count; i++)
		numbers[i] = i;
	return find_parked(subscription, numbers, subscription->partition_count, count);
}

/*
 * require_first raises an error unless each of the chosen events is held, and the first one of its
 * aggregate.
 */
static void
require_first(const Chosen *chosen, const HeldEvent *held, int count)
{
	for (int i = 0; i < chosen->count; i++)
	{
		if (i >= count || held[i].position != chosen->positions[i])
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("no event is held at position " INT64_FORMAT, chosen->positions[i]),
					 errhint("goes_parked lists those that are parked.")));
		if (held[i].waits)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("the event at position " INT64_FORMAT
							" waits behind an earlier one of its aggregate",
							held[i].position),
					 errhint("Unpark or skip that one: goes_parked lists those that are parked.")));
	}
}

/*
 * find_chosen returns the chosen events, all parked ones if none was named.
 */
static HeldEvent *
find_chosen(const Chosen *chosen, int *count)
{
	HeldEvent *held;

	if (chosen->count == 0)
		return find_all(chosen->subscription, count);
	held = find_held(chosen->subscription, chosen->positions, chosen->count, count);
	require_first(chosen, held, *count);
	return held;
}

/*
 * unpark makes events due, as if they had not failed yet.
 */
static void
unpark(const Chosen *chosen, const HeldEvent *held, int count)
{
	int64 *positions = palloc(sizeof(int64) * Max(count, 1));

	for (int i = 0; i < count; i++)
		positions[i] = held[i].position;
	{
		Parameter values[] = {{TEXTOID, chosen->subscription->name},
							  {INT8ARRAYOID, int8_list(positions, count)},
							  {TIMESTAMPTZOID, TimestampTzGetDatum(chosen->now)}};
		Statement statement = kept_statement(unpark_text, values, lengthof(values));

		(void) execute_statement(chosen->subscription->retries, &statement, SPI_OK_UPDATE, NULL);
	}
}

/*
 * goes_unpark makes parked events due, and returns how many. Once their partitions are locked, they
 * are looked up again.
 */
Datum
goes_unpark(PG_FUNCTION_ARGS)
{
	Chosen	   chosen;
	HeldEvent *held;
	int		   count;

	PreventCommandIfReadOnly("goes_unpark()");
	chosen = start_choice(fcinfo);
	held = find_chosen(&chosen, &count);
	choose_partitions(&chosen, held, count);
	lock_chosen(&chosen);
	held = find_chosen(&chosen, &count);
	if (count > 0)
		unpark(&chosen, held, count);
	end_choice(&chosen);
	PG_RETURN_INT64(count);
}
