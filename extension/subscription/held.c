/*
 * held.c
 *	  Events that failed, and those of their aggregates that wait behind them.
 *
 * Of each aggregate the first held event has the time of its next attempt, and the others have
 * none. So what is due, what is parked and what waits is told apart without reading what waits.
 * Whatever takes a first one away gives the next one its turn at once.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "utils/builtins.h"

#include "subscription/subscription.h"

/* How long parked events are left alone, in milliseconds: somebody may have deleted their rows. */
#define PARKED_LOOK 60000

static const char failed_text[] =
	"INSERT INTO %s AS held (subscription, \"partition\", \"position\", aggregate, attempts, "
	"retry_at, failed_at, error) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) "
	"ON CONFLICT (subscription, \"position\") DO UPDATE SET attempts = EXCLUDED.attempts, "
	"retry_at = EXCLUDED.retry_at, failed_at = EXCLUDED.failed_at, error = EXCLUDED.error";

static const char behind_text[] =
	"INSERT INTO %s (subscription, \"partition\", \"position\", aggregate, attempts) "
	"SELECT $1, event.\"partition\", event.\"position\", event.aggregate, 0 "
	"FROM ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4)) "
	"AS event(\"partition\", \"position\", aggregate) "
	"ON CONFLICT (subscription, \"position\") DO NOTHING";

static const char let_go_text[] =
	"DELETE FROM %s WHERE subscription OPERATOR(pg_catalog.=) $1 "
	"AND \"position\" OPERATOR(pg_catalog.=) ANY ($2) RETURNING aggregate";

static const char next_text[] =
	"UPDATE %s SET retry_at = $3 WHERE subscription OPERATOR(pg_catalog.=) $1 "
	"AND retry_at IS NULL AND \"position\" OPERATOR(pg_catalog.=) ANY (ARRAY("
	"SELECT (SELECT held.\"position\" FROM %s AS held "
	"WHERE held.subscription OPERATOR(pg_catalog.=) $1 "
	"AND held.aggregate OPERATOR(pg_catalog.=) gone.aggregate ORDER BY held.\"position\" LIMIT 1) "
	"FROM pg_catalog.unnest($2) AS gone(aggregate)))";

static const char look_text[] =
	"SELECT retry_at FROM %s WHERE subscription OPERATOR(pg_catalog.=) $1 "
	"AND \"partition\" OPERATOR(pg_catalog.=) $2 AND retry_at IS NOT NULL "
	"ORDER BY retry_at LIMIT 1";

typedef struct Aggregates
{
	int64 *values;
	int	   count;
} Aggregates;

/*
 * hold_failed holds an event back until its next attempt.
 */
void
hold_failed(const Subscription *subscription, const HeldEvent *event, TimestampTz now)
{
	Parameter values[] = {
		{TEXTOID, subscription->name},
		{INT4OID, Int32GetDatum(event->partition)},
		{INT8OID, Int64GetDatum(event->position)},
		{INT8OID, Int64GetDatum(event->aggregate)},
		{INT4OID, Int32GetDatum(event->attempts)},
		{TIMESTAMPTZOID, TimestampTzGetDatum(event->retry_at)},
		{TIMESTAMPTZOID, TimestampTzGetDatum(now)},
		{TEXTOID, event->error},
	};
	bool	  nulls[lengthof(values)] = {[7] = event->error == (Datum) 0};
	Statement statement = kept_statement(failed_text, values, lengthof(values));

	statement.nulls = nulls;
	(void) execute_statement(subscription->retries, &statement, SPI_OK_INSERT, NULL);
}

/*
 * hold_behind holds events back that stand behind a held one of their aggregate.
 */
void
hold_behind(const Subscription *subscription, const HeldEvent *events, int count)
{
	int32 *partitions = palloc(sizeof(int32) * Max(count, 1));
	int64 *positions = palloc(sizeof(int64) * Max(count, 1));
	int64 *aggregates = palloc(sizeof(int64) * Max(count, 1));

	if (count == 0)
		return;
	for (int i = 0; i < count; i++)
	{
		partitions[i] = events[i].partition;
		positions[i] = events[i].position;
		aggregates[i] = events[i].aggregate;
	}
	{
		Parameter values[] = {
			{TEXTOID, subscription->name},
			{INT4ARRAYOID, int4_list(partitions, count)},
			{INT8ARRAYOID, int8_list(positions, count)},
			{INT8ARRAYOID, int8_list(aggregates, count)},
		};
		Statement statement = kept_statement(behind_text, values, lengthof(values));

		(void) execute_statement(subscription->retries, &statement, SPI_OK_INSERT, NULL);
	}
}

/*
 * note_aggregate notes the aggregate of an event that is not held any more.
 */
static bool
note_aggregate(TupleTableSlot *row, void *state)
{
	Aggregates *aggregates = state;

	aggregates->values[aggregates->count++] = DatumGetInt64(row->tts_values[0]);
	return true;
}

/*
 * let_next gives the events that are now the first of their aggregates their turn.
 */
static void
let_next(const Subscription *subscription, const Aggregates *aggregates, TimestampTz now)
{
	Parameter values[] = {{TEXTOID, subscription->name},
						  {INT8ARRAYOID, int8_list(aggregates->values, aggregates->count)},
						  {TIMESTAMPTZOID, TimestampTzGetDatum(now)}};
	Statement statement = kept_statement(next_text, values, lengthof(values));

	if (aggregates->count > 0)
		(void) execute_statement(subscription->retries, &statement, SPI_OK_UPDATE, NULL);
}

/*
 * let_go holds events back no more, since they are done, skipped or gone. Events that are not held
 * are no error.
 */
void
let_go(const Subscription *subscription, const int64 *positions, int count, TimestampTz now)
{
	Parameter  values[] = {{TEXTOID, subscription->name},
						   {INT8ARRAYOID, int8_list(positions, count)}};
	Statement  statement = kept_statement(let_go_text, values, lengthof(values));
	Aggregates aggregates = {palloc(sizeof(int64) * Max(count, 1)), 0};

	if (count == 0)
		return;
	each_row(subscription->retries, &statement, SPI_OK_DELETE_RETURNING, note_aggregate,
			 &aggregates);
	let_next(subscription, &aggregates, now);
}

/*
 * look_later notes in a partition when its held events have to be looked at. It is called after all
 * changes to them.
 */
void
look_later(const Subscription *subscription, Partition *partition, TimestampTz now)
{
	Parameter key[] = {{TEXTOID, subscription->name}, {INT4OID, Int32GetDatum(partition->number)}};
	Statement statement = kept_statement(look_text, key, lengthof(key));
	Datum	  retry_at;
	bool	  is_null;

	statement.is_fresh = true;
	partition->has_held =
		fetch_row(subscription->retries, &statement, SPI_OK_SELECT, &retry_at, &is_null);
	if (!partition->has_held)
		return;
	partition->look_at = DatumGetTimestampTz(retry_at);
	if (TIMESTAMP_IS_NOEND(partition->look_at))
		partition->look_at = TimestampTzPlusMilliseconds(now, PARKED_LOOK);
}
