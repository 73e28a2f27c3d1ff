/*
 * append.c
 *	  goes_append: events become the next versions of an aggregate.
 *
 * Appends to one aggregate wait for each other on a lock, so that one that comes too
 * late learns it before it stores anything. Writers that do not take the lock, a goes
 * application for one, are met on the unique index, where a version belongs to one
 * transaction at a time: the first event goes in alone, waiting for whoever is about to
 * take its version.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "append.h"

#define EXPECT_ANY (-2)
#define EXPECT_EXISTS (-1)
#define EXPECT_NONE 0

PG_FUNCTION_INFO_V1(goes_append);

#define INSERT_FIRST                                                               \
	"INSERT INTO %s "                                                              \
	"(id, name, \"time\", aggregate_id, aggregate_name, aggregate_version, data) " \
	"VALUES ($1, $2, $3, $4, $5, $6, $7)"

#define INSERT_EVENTS                                                                      \
	"INSERT INTO %s "                                                                      \
	"(id, name, \"time\", aggregate_id, aggregate_name, aggregate_version, data) "         \
	"SELECT id, name, \"time\", $3, $2, (place OPERATOR(pg_catalog.+) $4)::integer, data " \
	"FROM pg_catalog.unnest($1) WITH ORDINALITY AS sent "                                  \
	"(id, name, \"time\", aggregate_id, aggregate_name, aggregate_version, data, place)"

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
 * reject_other_aggregate raises an error for an event that is of another aggregate.
 */
static void
reject_other_aggregate(int element, const Datum *values, const bool *nulls,
					   const Aggregate *aggregate)
{
	const char *other = NULL;

	if (!nulls[EVENT_AGGREGATE_ID] && memcmp(DatumGetUUIDP(values[EVENT_AGGREGATE_ID])->data,
											 DatumGetUUIDP(aggregate->id)->data, UUID_LEN) != 0)
		other = "aggregate_id";
	if (!nulls[EVENT_AGGREGATE_NAME] && strcmp(TextDatumGetCString(values[EVENT_AGGREGATE_NAME]),
											   TextDatumGetCString(aggregate->name)) != 0)
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
 * is_expected tells whether an aggregate is where the append wants it.
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
 * report_unexpected raises VE001 for an aggregate that is somewhere else.
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
 * has_room tells whether the versions end before the column does.
 */
static bool
has_room(const AppendCall *append, int32 current)
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
 * insert_first stores the first event with the version after base, alone and without
 * taking it out of an array, since most appends are of one event. It returns how many it
 * stored; unless it may skip what is taken, that is an error.
 */
static uint64
insert_first(const AppendCall *append, int32 base, bool may_skip)
{
	const Datum *event = append->first;
	Parameter	 parameters[] = {{UUIDOID, event[EVENT_ID]},		{TEXTOID, event[EVENT_NAME]},
								 {INT8OID, event[EVENT_TIME]},		{UUIDOID, append->aggregate.id},
								 {TEXTOID, append->aggregate.name}, {INT4OID, Int32GetDatum(base + 1)},
								 {JSONBOID, event[EVENT_DATA]}};
	Statement statement = {.text = may_skip ? INSERT_FIRST " ON CONFLICT DO NOTHING" : INSERT_FIRST,
						   .parameters = parameters,
						   .parameter_count = lengthof(parameters),
						   .cursor_options = CURSOR_OPT_GENERIC_PLAN,
						   .is_kept = true};

	return execute_statement(append->store, &statement, SPI_OK_INSERT, NULL);
}

/*
 * insert_events stores some of the events, the first of them with the version after
 * base, and returns how many it stored. Unless it may skip what is taken, that is an error.
 */
static uint64
insert_events(const AppendCall *append, int first, int count, int64 base, bool may_skip)
{
	Oid		   type = ARR_ELEMTYPE(append->events);
	ArrayType *events = append->events;
	Parameter  parameters[] = {{get_array_type(type), 0},
							   {TEXTOID, append->aggregate.name},
							   {UUIDOID, append->aggregate.id},
							   {INT8OID, Int64GetDatum(base)}};
	Statement  statement = {.text =
								may_skip ? INSERT_EVENTS " ON CONFLICT DO NOTHING" : INSERT_EVENTS,
							.parameters = parameters,
							.parameter_count = 4,
							.cursor_options = CURSOR_OPT_GENERIC_PLAN,
							.is_kept = true};

	if (count < append->count)
		events = event_array(type, append->elements + first, count);
	parameters[0].value = PointerGetDatum(events);
	return execute_statement(append->store, &statement, SPI_OK_INSERT, NULL);
}

/*
 * begin_append stores the first event as the next version. If the append is stored
 * already it returns false, and *last is what the append returned then.
 */
static bool
begin_append(const AppendCall *append, Version *current, int32 *last)
{
	Version newer;

	for (;; *current = newer)
	{
		CHECK_FOR_INTERRUPTS();
		if (!is_expected(append, current))
		{
			if (append->count > 0 && is_replay(append, last))
				return false;
			report_unexpected(append, current);
		}
		if (append->count == 0)
			return true;
		if (has_room(append, current->number) && insert_first(append, current->number, true) == 1)
			return true;
		if (is_replay(append, last))
			return false;
		if (!has_room(append, current->number))
			report_no_room(append, current->number);
		newer = newest_version(append->store, &append->aggregate, true);
		if (newer.number == current->number)
		{
			/* nothing that can be seen is in the way: have PostgreSQL say what is */
			require_stored(append->store, insert_first(append, current->number, false), 1);
			return true;
		}
	}
}

/*
 * find_left_out returns the place, from 1, of the first event that was not stored, and
 * tells whether its id is taken; 0 if all are there.
 */
static int64
find_left_out(const AppendCall *append, int64 base, bool *is_taken)
{
	Parameter parameters[] = {
		{get_array_type(ARR_ELEMTYPE(append->events)), PointerGetDatum(append->events)},
		{TEXTOID, append->aggregate.name},
		{UUIDOID, append->aggregate.id},
		{INT8OID, Int64GetDatum(base)}};
	Statement statement = {
		.text =
			"SELECT sent.place, stored.id IS NOT NULL "
			"FROM pg_catalog.unnest($1) WITH ORDINALITY AS sent "
			"(id, name, \"time\", aggregate_id, aggregate_name, aggregate_version, data, place) "
			"LEFT JOIN %s AS stored ON stored.id OPERATOR(pg_catalog.=) sent.id "
			"WHERE (stored.aggregate_name OPERATOR(pg_catalog.=) $2 "
			"AND stored.aggregate_id OPERATOR(pg_catalog.=) $3 "
			"AND stored.aggregate_version OPERATOR(pg_catalog.=) "
			"(sent.place OPERATOR(pg_catalog.+) $4)) IS NOT TRUE "
			"ORDER BY sent.place LIMIT 1",
		.parameters = parameters,
		.parameter_count = 4,
		.is_fresh = true};
	Datum values[2];
	bool  nulls[2];

	if (!fetch_row(append->store, &statement, values, nulls, 2))
		return 0;
	*is_taken = DatumGetBool(values[1]);
	return DatumGetInt64(values[0]);
}

/*
 * newest_of_others looks up the newest version that is not one of the append's own.
 */
static Version
newest_of_others(const AppendCall *append)
{
	Parameter parameters[] = {
		{get_array_type(ARR_ELEMTYPE(append->events)), PointerGetDatum(append->events)},
		{TEXTOID, append->aggregate.name},
		{UUIDOID, append->aggregate.id}};
	Statement statement = {.text = "SELECT stored.aggregate_version FROM %s AS stored "
								   "WHERE stored.aggregate_name OPERATOR(pg_catalog.=) $2 "
								   "AND stored.aggregate_id OPERATOR(pg_catalog.=) $3 "
								   "AND stored.aggregate_version IS NOT NULL AND NOT EXISTS "
								   "(SELECT FROM pg_catalog.unnest($1) AS sent WHERE sent.id "
								   "OPERATOR(pg_catalog.=) stored.id) "
								   "ORDER BY stored.aggregate_version DESC LIMIT 1",
						   .parameters = parameters,
						   .parameter_count = 3,
						   .is_fresh = true};
	Version	  version = {0};
	Datum	  number;
	bool	  is_null;

	version.exists = fetch_row(append->store, &statement, &number, &is_null, 1);
	if (version.exists)
		version.number = DatumGetInt32(number);
	return version;
}

/*
 * report_left_out raises the error for events after the first that were not stored. It
 * undoes the ones that were.
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
		stored += insert_events(append, (int) place - 1, 1, base->number + place - 1, false);
	require_stored(append->store, stored, append->count);
}

/*
 * append_events stores the events as the next versions and returns the last one.
 */
static int32
append_events(const AppendCall *append)
{
	Version current;
	uint64	stored;
	int32	last;

	lock_in_store(append->store->oid, aggregate_lock(&append->aggregate), LOCK_CLASS_APPEND,
				  ExclusiveLock);
	current = newest_version(append->store, &append->aggregate, true);
	if (!begin_append(append, &current, &last))
		return last;
	if (append->count > 1)
	{
		stored =
			1 + insert_events(append, 1, append->count - 1, current.number + INT64CONST(1), true);
		if (stored != (uint64) append->count)
			report_left_out(append, &current, stored);
	}
	return current.number + append->count;
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
	PreventCommandIfReadOnly("goes_append()");
	append.store = store_open(fcinfo, 4, RowExclusiveLock);
	append.count = prepare_events(&append.events, &append.elements, check_event, &append);
	last = append_events(&append);
	store_close(append.store);
	PG_RETURN_INT32(last);
}
