/*
 * append_call.c
 *	  What an append is asked to do: its arguments, its events, and whether its caller may.
 */
#include "postgres.h"

#include "utils/datum.h"

#include "write/append.h"

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
 * require_reading raises an error for a role that may not read the aggregate's versions: the
 * next version follows from the newest.
 */
static void
require_reading(Relation table, const char *function)
{
	static const char *const columns[] = {"aggregate_name", "aggregate_id", "aggregate_version"};

	if (may_use_columns(table, ACL_SELECT, columns, lengthof(columns)))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("%s may not read table \"%s\"", function, RelationGetRelationName(table)),
			 errdetail("It must read the aggregate's newest version and the ids of events."),
			 errhint("GRANT SELECT on the table, or give the events their versions and use "
					 "goes_insert_batch()."),
			 errtable(table)));
}

/*
 * require_append raises the error for an append that PostgreSQL would refuse later, before the
 * append makes others wait. An append of no events only reads.
 */
void
require_append(const Store *store, const char *function, bool has_events)
{
	require_reading(store->relation, function);
	if (has_events)
		require_insert(store);
	reject_hidden_rows(store->relation);
}

/*
 * read_append reads what an append is about from the arguments of its function, which begin with the
 * aggregate's name, its id, the events and the expected version.
 */
AppendCall
read_append(FunctionCallInfo fcinfo, const char *function)
{
	return (AppendCall){.function = function,
						.aggregate = aggregate_argument(fcinfo, 0),
						.expected = expectation(fcinfo, 3)};
}

/*
 * take_events gives an append its events.
 */
void
take_events(AppendCall *append, ArrayType *events)
{
	append->events = events;
	append->count = ArrayGetNItems(ARR_NDIM(events), ARR_DIMS(events));
}

/*
 * prepare_append raises an error unless the events can be stored and agree with the append.
 */
void
prepare_append(AppendCall *append)
{
	append->count = prepare_events(&append->events, &append->elements, check_event, append);
}
