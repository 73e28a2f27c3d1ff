/*
 * subscription.c
 *	  From the name of a subscription to its row, its tables and its feed.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/rls.h"

#include "errors.h"
#include "subscription/named.h"

/* The columns of a subscription that are read. */
enum SubscriptionColumn
{
	SUBSCRIPTION_EVENTS,
	SUBSCRIPTION_FEED,
	SUBSCRIPTION_PARTITIONS,
	SUBSCRIPTION_FILTERS,
	SUBSCRIPTION_MAX_ATTEMPTS,
	SUBSCRIPTION_BACKOFF,
	SUBSCRIPTION_BACKOFF_MAX,
	SUBSCRIPTION_COLUMNS
};

static const char *const columns[SUBSCRIPTION_COLUMNS] = {
	"events", "feed", "partitions", "filters", "max_attempts", "backoff_ms", "backoff_max_ms"};

/* The same columns, for those who have to ask by a statement. */
static const char find_text[] =
	"SELECT events, feed, partitions, filters, max_attempts, backoff_ms, backoff_max_ms "
	"FROM %s WHERE name OPERATOR(pg_catalog.=) $1";

/*
 * subscription_argument returns the name of a subscription.
 */
Datum
subscription_argument(FunctionCallInfo fcinfo, int number)
{
	return name_argument(fcinfo, number, "subscription", "Give the subscription a name.");
}

/*
 * open_subscription_store opens the three tables of a store.
 */
Subscription *
open_subscription_store(FunctionCallInfo fcinfo, int store, LOCKMODE mode)
{
	Subscription *subscription = palloc0(sizeof(Subscription));

	subscription->store = store_open_kind(fcinfo, store, &subscription_store, mode);
	subscription->partitions = store_open_companion(subscription->store, &partition_store, mode);
	subscription->retries = store_open_companion(subscription->store, &retry_store, mode);
	return subscription;
}

/*
 * take_row takes what is read of a subscription.
 */
static void
take_row(Subscription *subscription, const Datum *values)
{
	subscription->events = DatumGetObjectId(values[SUBSCRIPTION_EVENTS]);
	subscription->feed = *DatumGetUUIDP(values[SUBSCRIPTION_FEED]);
	subscription->partition_count = DatumGetInt32(values[SUBSCRIPTION_PARTITIONS]);
	subscription->filters = PointerGetDatum(PG_DETOAST_DATUM_COPY(values[SUBSCRIPTION_FILTERS]));
	subscription->max_attempts = DatumGetInt32(values[SUBSCRIPTION_MAX_ATTEMPTS]);
	subscription->backoff_ms = DatumGetInt32(values[SUBSCRIPTION_BACKOFF]);
	subscription->backoff_max_ms = DatumGetInt32(values[SUBSCRIPTION_BACKOFF_MAX]);
}

/*
 * find_by_key does what find_subscription does, for a caller who may read the key itself.
 */
static bool
find_by_key(Subscription *subscription, NamedScan *scan)
{
	TupleTableSlot *row = next_named(scan);
	Datum			values[SUBSCRIPTION_COLUMNS];
	bool			is_null;

	for (int i = 0; row != NULL && i < SUBSCRIPTION_COLUMNS; i++)
		values[i] = slot_getattr(row, column_place(subscription->store, columns[i]), &is_null);
	if (row != NULL)
		take_row(subscription, values);
	end_named(scan);
	return row != NULL;
}

/*
 * find_by_statement does what find_subscription does, for everybody.
 */
static bool
find_by_statement(Subscription *subscription)
{
	Parameter name = {TEXTOID, subscription->name};
	Statement statement = kept_statement(find_text, &name, 1);
	Datum	  values[SUBSCRIPTION_COLUMNS];
	bool	  nulls[SUBSCRIPTION_COLUMNS];

	statement.is_fresh = true;
	if (!fetch_row(subscription->store, &statement, SPI_OK_SELECT, values, nulls))
		return false;
	take_row(subscription, values);
	return true;
}

/*
 * find_subscription reads the row of the subscription with the name; false if there is none.
 */
bool
find_subscription(Subscription *subscription)
{
	NamedScan *scan = begin_named(subscription->store, "name", subscription->name);

	return scan != NULL ? find_by_key(subscription, scan) : find_by_statement(subscription);
}

/*
 * store_argument returns the argument "store" for calls that a hint shows.
 */
char *
store_argument(const Subscription *subscription)
{
	return psprintf("store => %s",
					quote_literal_cstr(qualified_name(subscription->store->relation)));
}

/*
 * report_missing raises the error for a subscription that does not exist.
 */
void
report_missing(const Subscription *subscription)
{
	char *name = TextDatumGetCString(subscription->name);

	ereport(
		ERROR,
		(errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("subscription \"%s\" does not exist", name),
		 errhint("Table %s has the names of those that exist; SELECT goes_subscribe(%s, %s) makes "
				 "this one.",
				 qualified_name(subscription->store->relation), quote_literal_cstr(name),
				 store_argument(subscription))));
}

/*
 * subscription_open opens the subscription that an argument names.
 */
Subscription *
subscription_open(FunctionCallInfo fcinfo, int name, int store, LOCKMODE mode)
{
	Datum		  wanted = subscription_argument(fcinfo, name);
	Subscription *subscription = open_subscription_store(fcinfo, store, mode);

	subscription->name = wanted;
	if (!find_subscription(subscription))
		report_missing(subscription);
	require_sound_subscription(subscription);
	return subscription;
}

/*
 * has_same_definition tells whether two subscriptions of one name have the same events in the same partitions.
 */
static bool
has_same_definition(const Subscription *left, const Subscription *right)
{
	return left->events == right->events && left->partition_count == right->partition_count &&
		   memcmp(&left->feed, &right->feed, sizeof(pg_uuid_t)) == 0 &&
		   DatumGetBool(DirectFunctionCall2(jsonb_eq, left->filters, right->filters));
}

/*
 * report_anew raises the error for a subscription that was made anew since it was opened.
 */
pg_noreturn static void
report_anew(const Subscription *subscription)
{
	ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
					errmsg("subscription \"%s\" was made anew while it was being used",
						   TextDatumGetCString(subscription->name)),
					errhint("Try again.")));
}

/*
 * report_removed raises the error for a subscription that was removed since it was opened, and
 * perhaps made anew.
 */
void
report_removed(const Subscription *subscription)
{
	Subscription now = *subscription;

	if (find_subscription(&now))
		report_anew(subscription);
	report_missing(subscription);
}

/*
 * require_unchanged raises an error if a subscription was made anew since it was opened. Called with
 * partitions locked, it sees the one that they belong to: another one would wait for them.
 */
void
require_unchanged(const Subscription *subscription)
{
	Subscription now = *subscription;

	if (!find_subscription(&now) || !has_same_definition(&now, subscription))
		report_anew(subscription);
}

/*
 * subscription_close closes the tables and keeps their locks.
 */
void
subscription_close(Subscription *subscription)
{
	store_close(subscription->retries);
	store_close(subscription->partitions);
	store_close(subscription->store);
	pfree(subscription);
}

/*
 * waiting_group returns the number of the group of workers that wait for events of a subscription.
 * If two subscriptions happen to have the same, their workers wake each other in vain.
 */
uint32
waiting_group(const Subscription *subscription)
{
	text  *name = DatumGetTextPP(subscription->name);
	uint32 hash = hash_bytes((unsigned char *) VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name));

	return Max(1, hash_combine(hash, hash_bytes_uint32(subscription->store->oid)));
}

/*
 * wake_worker lets a worker look that waits for something to do, once the transaction is over.
 */
void
wake_worker(const Subscription *subscription)
{
	wake_one(subscription->events, waiting_group(subscription));
}

/*
 * reject_hidden_events raises an error if row security hides events from the caller: a checkpoint
 * would pass them, for everybody.
 */
static void
reject_hidden_events(const Subscription *subscription, const Feed *feed)
{
	Relation events = feed->store->relation;

	if (check_enable_rls(RelationGetRelid(events), InvalidOid, true) != RLS_ENABLED)
		return;
	ereport(
		ERROR,
		(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
		 errmsg("row security hides events of table \"%s\" from role \"%s\"",
				RelationGetRelationName(events), GetUserNameFromId(GetUserId(), false)),
		 errdetail("Subscription \"%s\" would pass them, and no worker would ever get them.",
				   TextDatumGetCString(subscription->name)),
		 errhint("Let workers have a role with BYPASSRLS, and give the subscription filters.")));
}

/*
 * subscription_events opens the feed that a subscription follows, even if it is not the one any
 * more that the positions of the subscription belong to.
 */
Feed *
subscription_events(FunctionCallInfo fcinfo, const Subscription *subscription)
{
	Feed *feed = feed_open_oid(fcinfo, subscription->events);

	if (feed == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
						errmsg("the event store of subscription \"%s\" does not exist any more",
							   TextDatumGetCString(subscription->name)),
						errhint("Run SELECT goes_unsubscribe(%s, %s).",
								quote_literal_cstr(TextDatumGetCString(subscription->name)),
								store_argument(subscription))));
	reject_hidden_events(subscription, feed);
	return feed;
}

/*
 * report_passed raises the error for a feed that is not the one that a subscription has passed.
 */
void
report_passed(const Subscription *subscription, const Feed *feed, char *detail)
{
	char *name = TextDatumGetCString(subscription->name);

	ereport(ERROR,
			(errcode(ERRCODE_GOES_FEED_REWOUND),
			 errmsg("the events of table \"%s\" are not those that subscription \"%s\" has passed",
					RelationGetRelationName(feed->store->relation), name),
			 errdetail_internal("%s", detail),
			 errhint("The store was rewound or restored. Decide where to go on, and run "
					 "SELECT goes_rewind(%s, 0, %s), where 0 stands for the beginning.",
					 quote_literal_cstr(name), store_argument(subscription))));
}

/*
 * subscription_feed opens the feed whose positions the subscription has.
 */
Feed *
subscription_feed(FunctionCallInfo fcinfo, const Subscription *subscription)
{
	Feed *feed = subscription_events(fcinfo, subscription);

	if (memcmp(&feed->id, &subscription->feed, sizeof(pg_uuid_t)) != 0)
		report_passed(subscription, feed, "Its feed began anew.");
	return feed;
}
