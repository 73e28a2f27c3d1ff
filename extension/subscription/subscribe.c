/*
 * subscribe.c
 *	  goes_subscribe, goes_unsubscribe: making subscriptions and removing them.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/rel.h"

#include "read/filter.h"
#include "read/read.h"
#include "subscription/subscription.h"

PG_FUNCTION_INFO_V1(goes_subscribe);
PG_FUNCTION_INFO_V1(goes_unsubscribe);

enum SubscribeArgument
{
	SUBSCRIBE_SUBSCRIPTION,
	SUBSCRIBE_PARTITIONS,
	SUBSCRIBE_START,
	SUBSCRIBE_FILTERS,
	SUBSCRIBE_MAX_ATTEMPTS = SUBSCRIBE_FILTERS + FILTER_ARGUMENTS,
	SUBSCRIBE_BACKOFF,
	SUBSCRIBE_BACKOFF_MAX,
	SUBSCRIBE_EVENTS,
	SUBSCRIBE_STORE
};

#define MOST_ATTEMPTS 1000000

/* The columns of a subscription, all but its feed those that a repeated call must give again. */
enum Field
{
	FIELD_NAME,
	FIELD_EVENTS,
	FIELD_PARTITIONS,
	FIELD_START,
	FIELD_FILTERS,
	FIELD_MAX_ATTEMPTS,
	FIELD_BACKOFF,
	FIELD_BACKOFF_MAX,
	FIELD_FEED,
	FIELDS
};

static const char subscribe_text[] =
	"INSERT INTO %s (name, events, partitions, start, filters, max_attempts, backoff_ms, "
	"backoff_max_ms, feed) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) "
	"ON CONFLICT (name) DO NOTHING";

/* The arguments of a subscription that differ from those given. */
static const char differences_text[] =
	"SELECT pg_catalog.concat_ws(', ', "
	"CASE WHEN events OPERATOR(pg_catalog.<>) $2 THEN 'events' END, "
	"CASE WHEN partitions OPERATOR(pg_catalog.<>) $3 THEN 'partitions' END, "
	"CASE WHEN start OPERATOR(pg_catalog.<>) $4 THEN 'start' END, "
	"CASE WHEN filters OPERATOR(pg_catalog.<>) $5 THEN 'the filters' END, "
	"CASE WHEN max_attempts OPERATOR(pg_catalog.<>) $6 THEN 'max_attempts' END, "
	"CASE WHEN backoff_ms OPERATOR(pg_catalog.<>) $7 THEN 'backoff_ms' END, "
	"CASE WHEN backoff_max_ms OPERATOR(pg_catalog.<>) $8 THEN 'backoff_max_ms' END) "
	"FROM %s WHERE name OPERATOR(pg_catalog.=) $1";

static const char partitions_text[] =
	"INSERT INTO %s (subscription, \"partition\", \"position\", position_id, epoch, batch, handed, "
	"alone, deliveries, served) SELECT $1, number, $3, $4, $5, '{}', 0, false, 0, '-infinity' "
	"FROM pg_catalog.generate_series(0, $2 OPERATOR(pg_catalog.-) 1) AS number";

static const char delete_text[] = "DELETE FROM %s WHERE name OPERATOR(pg_catalog.=) $1";

static const char delete_partitions_text[] =
	"DELETE FROM %s WHERE subscription OPERATOR(pg_catalog.=) $1 RETURNING epoch";

static const char delete_retries_text[] =
	"DELETE FROM %s WHERE subscription OPERATOR(pg_catalog.=) $1";

/*
 * number_argument returns an argument that has to be between two numbers.
 */
static int32
number_argument(FunctionCallInfo fcinfo, int number, const char *name, int32 least, int32 most)
{
	return (int32) require_between(name, DatumGetInt32(required_argument(fcinfo, number, name)),
								   least, most);
}

/*
 * read_fields reads the arguments of goes_subscribe.
 */
static void
read_fields(FunctionCallInfo fcinfo, Parameter *fields)
{
	int64 start = DatumGetInt64(required_argument(fcinfo, SUBSCRIBE_START, "start"));
	int32 partitions =
		number_argument(fcinfo, SUBSCRIBE_PARTITIONS, "partitions", 1, MOST_PARTITIONS);
	int32 attempts =
		number_argument(fcinfo, SUBSCRIBE_MAX_ATTEMPTS, "max_attempts", 1, MOST_ATTEMPTS);
	int32 backoff = number_argument(fcinfo, SUBSCRIBE_BACKOFF, "backoff_ms", 0, PG_INT32_MAX);
	int32 longest =
		number_argument(fcinfo, SUBSCRIBE_BACKOFF_MAX, "backoff_max_ms", backoff, PG_INT32_MAX);

	start = require_between("start", start, FROM_NOW, PG_INT64_MAX);
	fields[FIELD_NAME] =
		(Parameter){TEXTOID, subscription_argument(fcinfo, SUBSCRIBE_SUBSCRIPTION)};
	fields[FIELD_PARTITIONS] = (Parameter){INT4OID, Int32GetDatum(partitions)};
	fields[FIELD_START] = (Parameter){INT8OID, Int64GetDatum(start)};
	fields[FIELD_FILTERS] = (Parameter){JSONBOID, keep_filters(fcinfo, SUBSCRIBE_FILTERS)};
	fields[FIELD_MAX_ATTEMPTS] = (Parameter){INT4OID, Int32GetDatum(attempts)};
	fields[FIELD_BACKOFF] = (Parameter){INT4OID, Int32GetDatum(backoff)};
	fields[FIELD_BACKOFF_MAX] = (Parameter){INT4OID, Int32GetDatum(longest)};
}

/*
 * require_filters raises the error that a claim would raise for the filters.
 */
static void
require_filters(FunctionCallInfo fcinfo, const Parameter *fields)
{
	Subscription subscription = {.name = fields[FIELD_NAME].value,
								 .filters = fields[FIELD_FILTERS].value};

	(void) filter_members(kept_filters(fcinfo, &subscription), 0, 0, 1);
}

/*
 * add_partitions makes the partitions of a new subscription, which begin behind a position.
 */
static void
add_partitions(const Subscription *subscription, const Parameter *fields, int64 position,
			   const Cursor *last)
{
	Parameter values[] = {fields[FIELD_NAME],
						  fields[FIELD_PARTITIONS],
						  {INT8OID, Int64GetDatum(position)},
						  {UUIDOID, UUIDPGetDatum(&last->id)},
						  {INT8OID, Int64GetDatum(last_epoch(subscription))}};
	bool	  nulls[lengthof(values)] = {[3] = !last->has_id};
	Statement statement = kept_statement(partitions_text, values, lengthof(values));

	statement.nulls = nulls;
	(void) execute_statement(subscription->partitions, &statement, SPI_OK_INSERT, NULL);
}

/*
 * is_there tells whether there is such a subscription. Other arguments than it was made with are an error.
 */
static bool
is_there(const Subscription *subscription, Parameter *fields)
{
	Statement statement = kept_statement(differences_text, fields, FIELD_FEED);
	Datum	  differences;
	bool	  is_null;
	char	 *name = TextDatumGetCString(fields[FIELD_NAME].value);

	statement.is_fresh = true;
	if (!fetch_row(subscription->store, &statement, SPI_OK_SELECT, &differences, &is_null))
		return false;
	if (VARSIZE_ANY_EXHDR(DatumGetTextPP(differences)) == 0)
		return true;
	ereport(
		ERROR,
		(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
		 errmsg("subscription \"%s\" exists with other arguments", name),
		 errdetail("There are differences in: %s.", TextDatumGetCString(differences)),
		 errhint("Choose another name, or change it: UPDATE %s sets max_attempts, backoff_ms "
				 "and backoff_max_ms; for all others run SELECT goes_unsubscribe(%s, %s) first.",
				 qualified_name(subscription->store->relation), quote_literal_cstr(name),
				 store_argument(subscription))));
}

/*
 * begin_subscription makes the partitions of a subscription that was made just now.
 */
static void
begin_subscription(const Subscription *subscription, Feed *feed, const Parameter *fields)
{
	int64  start = DatumGetInt64(fields[FIELD_START].value);
	int64  settled = feed_settled(feed, Max(start, 0));
	Cursor last;

	if (start == FROM_NOW)
		start = settled;
	last = last_event(feed, start);
	add_partitions(subscription, fields, start, &last);
}

/*
 * goes_subscribe makes a subscription, unless it is there.
 */
Datum
goes_subscribe(PG_FUNCTION_ARGS)
{
	Parameter	  fields[FIELDS];
	Statement	  statement = kept_statement(subscribe_text, fields, FIELDS);
	Subscription *subscription;
	Feed		 *feed;

	read_fields(fcinfo, fields);
	require_filters(fcinfo, fields);
	PreventCommandIfReadOnly("goes_subscribe()");
	reject_fixed_snapshot();
	subscription = open_subscription_store(fcinfo, SUBSCRIBE_STORE, RowExclusiveLock);
	store_require_key(subscription->store);
	feed = feed_open(fcinfo, SUBSCRIBE_EVENTS);
	fields[FIELD_EVENTS] = (Parameter){REGCLASSOID, ObjectIdGetDatum(feed->store->oid)};
	fields[FIELD_FEED] = (Parameter){UUIDOID, UUIDPGetDatum(&feed->id)};
	if (!is_there(subscription,
				  fields)) /* if it is, a worker's role needs no privilege to make it */
	{
		if (execute_statement(subscription->store, &statement, SPI_OK_INSERT, NULL) == 0)
			(void) is_there(subscription, fields); /* somebody else was faster */
		else
			begin_subscription(subscription, feed, fields);
	}
	/* the lock stays: nobody can switch the feed off before this is committed */
	store_close(feed->store);
	subscription_close(subscription);
	PG_RETURN_VOID();
}

/*
 * delete_rows removes the rows of a subscription from one of its tables, and returns how many.
 */
static uint64
delete_rows(const Subscription *subscription, Store *store, const char *text)
{
	Parameter name = {TEXTOID, subscription->name};
	Statement statement = kept_statement(text, &name, 1);

	return execute_statement(store, &statement, SPI_OK_DELETE, NULL);
}

/*
 * note_epoch notes the epoch of a partition that was removed, if it is the highest.
 */
static bool
note_epoch(TupleTableSlot *row, void *highest)
{
	int64 epoch = DatumGetInt64(row->tts_values[0]);

	if (is_sound_epoch(epoch))
		*(int64 *) highest = Max(*(int64 *) highest, epoch);
	return true;
}

/*
 * delete_partitions removes the partitions of a subscription. If there is one of its name again, its
 * leases have other numbers, so that no worker of this one is taken for one of those.
 */
static void
delete_partitions(const Subscription *subscription)
{
	Parameter name = {TEXTOID, subscription->name};
	Statement statement = kept_statement(delete_partitions_text, &name, 1);
	int64	  highest = 0;

	each_row(subscription->partitions, &statement, SPI_OK_DELETE_RETURNING, note_epoch, &highest);
	keep_epoch(subscription, highest);
}

/*
 * goes_unsubscribe removes a subscription, also one whose rows somebody has changed. A claim that is
 * under way holds its partitions; it has written its held events when the partitions can be removed.
 */
Datum
goes_unsubscribe(PG_FUNCTION_ARGS)
{
	Datum		  name;
	Subscription *subscription;

	PreventCommandIfReadOnly("goes_unsubscribe()");
	name = subscription_argument(fcinfo, 0);
	subscription = open_subscription_store(fcinfo, 1, RowExclusiveLock);
	subscription->name = name;
	if (delete_rows(subscription, subscription->store, delete_text) == 0)
		report_missing(subscription);
	delete_partitions(subscription);
	(void) delete_rows(subscription, subscription->retries, delete_retries_text);
	subscription_close(subscription);
	PG_RETURN_VOID();
}
