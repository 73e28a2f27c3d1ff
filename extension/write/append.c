/*
 * append.c
 *	  goes_append: events become the next versions of an aggregate.
 *
 * Appends to one aggregate wait for each other on a lock, so an append that comes too late
 * finds out before it stores anything. Writers that do not take the lock, such as a goes
 * application, compete on the unique index, which gives a version to one transaction only:
 * the first event is stored before the others and waits for any transaction that is about to
 * take its version.
 */
#include "postgres.h"

#include "executor/spi.h"
#include "miscadmin.h"
#include "replication/message.h"
#include "replication/syncrep.h"
#include "replication/walsender.h"
#include "utils/datum.h"

#include "write/append.h"

#define EXPECT_ANY (-2)
#define EXPECT_EXISTS (-1)
#define EXPECT_NONE 0

/*
 * Losing a race this many times in a row means that a trigger stores something else in the
 * event's place.
 */
#define MOST_ATTEMPTS 1000

PG_FUNCTION_INFO_V1(goes_append);

/*
 * expectation reads the argument expected_version.
 */
static int
expectation(FunctionCallInfo fcinfo, int number)
{
	int expected;

	if (PG_ARGISNULL(number))
		return EXPECT_ANY;
	expected = PG_GETARG_INT32(number);
	if (expected < EXPECT_EXISTS)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"expected_version\" must not be %d", expected),
						errhint("Null accepts any version, 0 a new aggregate, -1 one that exists, "
								"and a positive number just that version.")));
	return expected;
}

/*
 * reject_other_aggregate raises an error for an event of another aggregate.
 */
static void
reject_other_aggregate(int element, const Datum *values, const bool *nulls,
					   const Aggregate *aggregate)
{
	const char *other = NULL;

	if (!nulls[EVENT_AGGREGATE_ID] &&
		!datum_image_eq(values[EVENT_AGGREGATE_ID], aggregate->id, false, UUID_LEN))
		other = "aggregate_id";
	if (!nulls[EVENT_AGGREGATE_NAME] &&
		!datum_image_eq(values[EVENT_AGGREGATE_NAME], aggregate->name, false, -1))
		other = "aggregate_name";
	if (other != NULL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("element %d of argument \"events\" has another %s than the append",
							   element, other),
						errhint("Leave it null, or append the event to its own aggregate.")));
}

/*
 * check_event raises an error for an event that does not agree with the append, or with
 * the versions of the events before it.
 */
static void
check_event(int element, const Datum *values, const bool *nulls, void *state)
{
	AppendCall *append = state;
	int32		version =
		  nulls[EVENT_AGGREGATE_VERSION] ? 0 : DatumGetInt32(values[EVENT_AGGREGATE_VERSION]);
	int64 base = (int64) version - element;

	if (element == 1)
		memcpy(append->first, values, sizeof(append->first));
	reject_other_aggregate(element, values, nulls, &append->aggregate);
	if (version == 0)
		return;
	if (!append->has_versions && append->expected >= EXPECT_NONE)
		append->base = append->expected;
	else if (!append->has_versions)
		append->base = base;
	append->has_versions = true;
	if (base != append->base)
		ereport(
			ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("element %d of argument \"events\" has version %d in place of " INT64_FORMAT,
					element, version, append->base + element),
			 errhint("Leave the versions of the events null: the append assigns them.")));
}

/*
 * is_expected tells whether an aggregate is at the version that the append expects.
 */
static bool
is_expected(const AppendCall *append, const Version *current)
{
	if (append->expected == EXPECT_EXISTS && !current->exists)
		return false;
	if (append->expected >= EXPECT_NONE && append->expected != current->number)
		return false;
	return !append->has_versions || append->base == current->number;
}

/*
 * report_unexpected raises VE001 for an aggregate that is at another version.
 */
static void
report_unexpected(const AppendCall *append, const Version *current)
{
	Conflict conflict = {append->store->relation, append->aggregate, *current, 1,
						 append->count > 0 ? 1 : 0};

	if (append->expected == EXPECT_EXISTS && !current->exists)
		report_conflict(&conflict, ", and was expected to have some");
	if (append->expected == EXPECT_NONE)
		report_conflict(&conflict, ", and was expected to be new");
	conflict.event_version =
		append->expected > EXPECT_NONE ? append->expected + INT64CONST(1) : append->base + 1;
	report_conflict(&conflict, ", and was expected to be at version " INT64_FORMAT,
					conflict.event_version - 1);
}

/*
 * versions_fit tells whether the column can hold the versions of the append.
 */
static bool
versions_fit(const AppendCall *append, int32 current)
{
	return (int64) current + append->count <= PG_INT32_MAX;
}

/*
 * report_no_room raises an error for versions beyond what the column can hold.
 */
pg_noreturn static void
report_no_room(const AppendCall *append, int32 current)
{
	ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					errmsg("aggregate %s is at version %d, and has no room for %d more",
						   describe_aggregate(&append->aggregate), current, append->count),
					errhint("Versions end at %d: go on with a new aggregate.", PG_INT32_MAX)));
}

/*
 * find_left_out returns the place, from 1, of the first event that was not stored, or 0 if all
 * were. *is_taken tells whether another append has taken that event's id.
 */
static int64
find_left_out(const AppendCall *append, int64 base, bool *is_taken)
{
	Parameter parameters[APPEND_PARAMETERS];
	Statement statement = {
		.text = "SELECT sent.place, stored.id IS NOT NULL AND NOT EXISTS "
				"(SELECT FROM pg_catalog.unnest($1) WITH ORDINALITY AS earlier " PLACED_COLUMNS
				"WHERE earlier.id OPERATOR(pg_catalog.=) sent.id "
				"AND earlier.place OPERATOR(pg_catalog.<) sent.place) "
				"FROM pg_catalog.unnest($1) WITH ORDINALITY AS sent " PLACED_COLUMNS
				"LEFT JOIN %s AS stored ON stored.id "
				"OPERATOR(pg_catalog.=) sent.id "
				"WHERE (stored.aggregate_name OPERATOR(pg_catalog.=) $2 "
				"AND stored.aggregate_id OPERATOR(pg_catalog.=) $3 "
				"AND stored.aggregate_version OPERATOR(pg_catalog.=) "
				"(sent.place OPERATOR(pg_catalog.+) $4)) IS NOT TRUE "
				"ORDER BY sent.place LIMIT 1",
		.parameters = parameters,
		.parameter_count = APPEND_PARAMETERS,
		.is_fresh = true};
	Datum values[2];
	bool  nulls[2];

	append_parameters(append, append->events, base, parameters);
	if (!fetch_row(append->store, &statement, SPI_OK_SELECT, values, nulls))
		return 0;
	*is_taken = DatumGetBool(values[1]);
	return DatumGetInt64(values[0]);
}

/*
 * newest_of_others looks up the aggregate's newest version, the append's own events left out.
 */
static Version
newest_of_others(const AppendCall *append)
{
	Parameter parameters[APPEND_PARAMETERS];
	Statement statement = {.text = "SELECT stored.aggregate_version FROM %s AS stored "
								   "WHERE stored.aggregate_name OPERATOR(pg_catalog.=) $2 "
								   "AND stored.aggregate_id OPERATOR(pg_catalog.=) $3 "
								   "AND stored.aggregate_version IS NOT NULL AND NOT EXISTS "
								   "(SELECT FROM pg_catalog.unnest($1) AS sent WHERE sent.id "
								   "OPERATOR(pg_catalog.=) stored.id) "
								   "ORDER BY stored.aggregate_version DESC LIMIT 1",
						   .parameters = parameters,
						   .parameter_count = AGGREGATE_PARAMETERS,
						   .is_fresh = true};

	append_parameters(append, append->events, 0, parameters);
	return fetch_version(append->store, &statement);
}

/*
 * report_left_out raises the error for events after the first that were not stored. The error
 * also undoes the events that were stored.
 */
static void
report_left_out(const AppendCall *append, const Version *base, uint64 stored)
{
	bool	 is_taken = false;
	int64	 place = find_left_out(append, base->number, &is_taken);
	Conflict conflict = {append->store->relation, append->aggregate, newest_of_others(append),
						 base->number + place, place};

	if (is_taken)
		report_taken_id(append, place);
	if (conflict.current.number != base->number)
		report_conflict(&conflict, ", and event " INT64_FORMAT " was to be version " INT64_FORMAT,
						place, conflict.event_version);
	if (place > 0)
		stored += insert_or_fail(append, (int) place - 1, 1, base->number + place - 1);
	require_stored(append->store, stored, append->count);
}

/*
 * is_done tells whether the append is already stored. The original may have been committed
 * locally only, if its synchronous standby was lost. So this writes WAL, which makes this
 * transaction's commit wait for the standby, too.
 */
static bool
is_done(const AppendCall *append, int32 *last)
{
	if (!is_repeat(append, last))
		return false;
	if (SyncRepRequested() && SyncRepStandbyNames != NULL && *SyncRepStandbyNames != '\0')
		write_wal_message("goes_store");
	return true;
}

/*
 * try_append stores the events after the current version, or finds that they are already
 * stored; *last is then the last version. It returns false if another writer took the version
 * of the first event.
 */
static bool
try_append(const AppendCall *append, const Version *current, int32 *last)
{
	uint64 stored;

	if (!is_expected(append, current))
	{
		if (append->count == 0 || !is_done(append, last))
			report_unexpected(append, current);
		return true;
	}
	if (!versions_fit(append, current->number))
	{
		if (!is_done(append, last))
			report_no_room(append, current->number);
		return true;
	}
	*last = current->number + append->count;
	if (append->count == 0)
		return true;
	stored = append->count == 1 ? insert_single(append, current->number)
								: insert_batch(append, current->number);
	if (stored > 0 && stored < (uint64) append->count)
		report_left_out(append, current, stored);
	return stored > 0 || is_done(append, last);
}

/*
 * append_events stores the events as the next versions and returns the last one.
 */
static int32
append_events(const AppendCall *append)
{
	Version current;
	Version newer;
	int32	last;

	/* without the lock the unique index decides, as it does for writers that never take it */
	if (append->count > 0 && may_lock_aggregates(LOCK_CLASS_APPEND, 1))
		lock_in_store(append->store->oid, aggregate_lock(&append->aggregate), LOCK_CLASS_APPEND,
					  ExclusiveLock);
	current = newest_version(append->store, &append->aggregate, true);
	for (int attempt = 1; !try_append(append, &current, &last); attempt++)
	{
		CHECK_FOR_INTERRUPTS();
		newer = newest_version(append->store, &append->aggregate, true);
		if (newer.number == current.number || attempt == MOST_ATTEMPTS)
		{
			/* nothing visible is in the way: a plain INSERT makes PostgreSQL report what is */
			require_stored(append->store, insert_or_fail(append, 0, append->count, current.number),
						   append->count);
			return current.number + append->count;
		}
		current = newer;
	}
	return last;
}

/*
 * require_reading raises an error for a role that may not read the aggregate's versions: the
 * next version follows from the newest.
 */
static void
require_reading(const Store *store)
{
	static const char *const columns[] = {"aggregate_name", "aggregate_id", "aggregate_version"};

	if (may_use_columns(store->relation, ACL_SELECT, columns, lengthof(columns)))
		return;
	ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					errmsg("goes_append() may not read table \"%s\"",
						   RelationGetRelationName(store->relation)),
					errdetail("It must read the aggregate's newest version and the ids of events."),
					errhint("GRANT SELECT on the table, or give the events their versions and use "
							"goes_insert_batch()."),
					errtable(store->relation)));
}

/*
 * require_privileges raises the error for an append that PostgreSQL would refuse later, before
 * the append makes others wait.
 */
static void
require_privileges(const AppendCall *append)
{
	require_reading(append->store);
	if (append->count > 0)
		require_insert(append->store);
	reject_hidden_rows(append->store->relation);
}

/*
 * goes_append gives events the next versions of an aggregate, stores them and returns
 * the last version.
 */
Datum
goes_append(PG_FUNCTION_ARGS)
{
	AppendCall append = {.aggregate = aggregate_argument(fcinfo, 0),
						 .expected = expectation(fcinfo, 3)};
	int32	   last;

	append.events = DatumGetArrayTypeP(required_argument(fcinfo, 2, "events"));
	append.count = ArrayGetNItems(ARR_NDIM(append.events), ARR_DIMS(append.events));
	PreventCommandIfReadOnly("goes_append()");
	append.store = store_open(fcinfo, 4, append.count > 0 ? RowExclusiveLock : AccessShareLock);
	require_privileges(&append);
	append.count = prepare_events(&append.events, &append.elements, check_event, &append);
	last = append_events(&append);
	store_close(append.store);
	PG_RETURN_INT32(last);
}
