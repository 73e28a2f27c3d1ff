/*
 * append.c
 *	  goes_append and goes_append_json: events become the next versions of an aggregate.
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

#include "write/append.h"

/*
 * Losing a race this many times in a row means that a trigger stores something else in the
 * event's place.
 */
#define MOST_ATTEMPTS 1000

PG_FUNCTION_INFO_V1(goes_append);
PG_FUNCTION_INFO_V1(goes_append_json);

/*
 * is_expected tells whether an aggregate is at the version that the append expects.
 */
bool
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
bool
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
		stored += store_or_fail(append, (int) place - 1, 1, base->number + place - 1);
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
	stored = store_or_skip(append, current->number);
	if (stored > 0 && stored < (uint64) append->count)
		report_left_out(append, current, stored);
	return stored > 0 || is_done(append, last);
}

/*
 * append_events stores the events as the next versions and returns the last one.
 */
int32
append_events(AppendCall *append)
{
	Version current;
	Version newer;
	int32	last;

	/* without the lock the unique index decides, as it does for writers that never take it */
	append->is_locked = append->count > 0 && may_lock_aggregates(LOCK_CLASS_APPEND, 1);
	if (append->is_locked)
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
			require_stored(append->store, store_or_fail(append, 0, append->count, current.number),
						   append->count);
			return current.number + append->count;
		}
		current = newer;
	}
	return last;
}

/*
 * finish_append gives the events the next versions of the aggregate, stores them and returns the
 * last version.
 */
static Datum
finish_append(FunctionCallInfo fcinfo, AppendCall *append)
{
	int32 last;

	PreventCommandIfReadOnly(append->function);
	append->store = store_open(fcinfo, 4, append->count > 0 ? RowExclusiveLock : AccessShareLock);
	require_append(append->store, append->function, append->count > 0);
	prepare_append(append);
	last = append_events(append);
	store_close(append->store);
	PG_RETURN_INT32(last);
}

/*
 * goes_append appends events.
 */
Datum
goes_append(PG_FUNCTION_ARGS)
{
	AppendCall append = read_append(fcinfo, "goes_append()");

	take_events(&append, DatumGetArrayTypeP(required_argument(fcinfo, 2, "events")));
	return finish_append(fcinfo, &append);
}

/*
 * goes_append_json appends events that are JSON.
 */
Datum
goes_append_json(PG_FUNCTION_ARGS)
{
	AppendCall append = read_append(fcinfo, "goes_append_json()");

	take_events(&append, events_from_json(fcinfo, 2, event_type_beside(fcinfo)));
	return finish_append(fcinfo, &append);
}
